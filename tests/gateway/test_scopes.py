"""Routes of sessions and missions (API-7)."""

from __future__ import annotations

import pytest

from tests.gateway.conftest import Served

_CALL = {"model": "opus-4", "session_id": "s", "estimate_usd": 0.5}


def test_a_session_that_was_never_heard_of_is_not_closed_but_refused(served: Served) -> None:
    """A name mistyped at night must not look closed, nor be listed from then on."""
    with served.client() as admin, served.client("reserve") as client:
        assert client.post("/web/reservations", json=_CALL).status_code == 201
        refused = admin.post("/web/sessions/S/close")
        done = admin.post("/web/sessions/s/close")
        again = admin.post("/web/sessions/s/close")
        listed = admin.get("/web/sessions").json()["sessions"]
    assert (refused.status_code, refused.json()["detail"]) == (409, "there is no session 'S'")
    assert (done.status_code, done.json()["session"]["outcome"]) == (200, "within_budget")
    assert (again.status_code, "closed already" in again.json()["detail"]) == (409, True)
    assert [one["session_id"] for one in listed] == ["s"]


def test_a_session_of_another_project_is_not_closed_by_its_name_alone(served: Served) -> None:
    call = _CALL | {"project": "shop"}
    with served.client() as admin, served.client("reserve") as client:
        assert client.post("/web/reservations", json=call).status_code == 201
        refused = admin.post("/web/sessions/s/close")
        done = admin.post("/web/sessions/s/close", json={"project": "shop"})
    assert refused.status_code == 409
    assert "belongs to project 'shop'" in refused.json()["detail"]
    assert done.json()["session"]["project"] == "shop"


@pytest.mark.parametrize("end", ["completed", "failed"])
def test_a_mission_is_begun_stepped_and_ended(served: Served, end: str) -> None:
    wanted = {"session_id": "s", "mission_id": "m", "limit_usd": 1, "max_steps": 2}
    where = {"session_id": "s"}
    with served.client("reserve") as client:
        begun = client.post("/web/missions", json=wanted)
        stepped = client.post("/web/missions/m/step", json=where)
        ended = client.post("/web/missions/m/end", json=where | {"outcome": end})
        refused = client.post("/web/reservations", json=_CALL | {"mission_id": "m"})
    assert (begun.status_code, begun.json()["mission"]["state"]) == (201, "running")
    assert stepped.json()["mission"]["steps"] == 1
    assert ended.json()["mission"]["state"] == end
    assert (refused.status_code, refused.json()["code"]) == (402, "mission_ended")
