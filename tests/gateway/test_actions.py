"""``POST …/actions`` (ACT-3)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.answers.test_schema import complaints
from tests.gateway.conftest import Served

PROBLEM = {"type", "title", "status", "detail"}


def answered(body: dict[str, Any]) -> dict[str, Any]:
    """Return the answer that a problem carries."""
    return {name: value for name, value in body.items() if name not in PROBLEM}


@pytest.mark.parametrize("prefix", ["/web", "/api/web"])
def test_an_action_is_let_through_and_counted(served: Served, prefix: str) -> None:
    with served.client("proxy") as client:
        answers = [client.post(f"{prefix}/actions", json={"command": "ls"}) for _ in range(2)]
        looked = client.post(f"{prefix}/actions", json={"command": "ls", "record": False})
    assert [one.status_code for one in answers] == [200, 200]
    assert [one.json()["actions_in_last_hour"] for one in (*answers, looked)] == [1, 2, 2]
    assert (answers[1].json()["counted"], looked.json()["counted"]) == (True, False)
    assert complaints("action-decision", answers[0].json()) == []


@pytest.mark.parametrize(
    ("body", "code", "rule"),
    [
        ({"command": "git push"}, "approval_needed", "risk"),
        ({"command": "ls; rm x"}, "action_denied", "command"),
        ({"command": "ls > x"}, "action_denied", "redirect"),
        ({"tool": "mcp_x"}, "approval_needed", "tool"),
        ({"tool": "file_read", "paths": ["/etc/x"]}, "action_denied", "path"),
        ({"command": "rm x", "approved": True}, "action_denied", "command"),
    ],
)
def test_a_refused_action_is_403_and_not_counted(
    served: Served, body: dict[str, Any], code: str, rule: str
) -> None:
    with served.client("proxy") as client:
        refused = client.post("/web/actions", json=body)
        after = client.post("/web/actions", json={"command": "ls"}).json()
    assert refused.status_code == 403
    assert refused.headers["content-type"] == "application/problem+json"
    told = refused.json()
    assert (told["code"], told["rule"], told["governance_domain"]) == (code, rule, "action_rate")
    assert complaints("action-decision", answered(told)) == []
    assert after["actions_in_last_hour"] == 1


def test_what_a_person_approved_passes(served: Served) -> None:
    body = {"command": "git push", "approved": True}
    with served.client("proxy") as client:
        assert client.post("/web/actions", json=body).json()["counted"] is True


def test_a_full_hour_is_429_and_calls_of_models_go_on(served: Served) -> None:
    """ACT-2: neither domain touches the other."""
    with served.client("reserve") as client:
        for _ in range(20):
            assert client.post("/web/actions", json={"command": "ls"}).status_code == 200
        full = client.post("/web/actions", json={"command": "ls"})
        assert full.status_code == 429
        told = full.json()
        assert (told["code"], told["actions_in_last_hour"]) == ("action_rate_exceeded", 20)
        assert told["resets_at"] is not None
        left = datetime.fromisoformat(told["resets_at"]) - datetime.now(UTC)
        assert 0 <= int(full.headers["retry-after"]) - left.total_seconds() < 5
        assert complaints("action-decision", answered(told)) == []
        estimate = {"model": "m", "session_id": "s", "estimate_usd": 1}
        assert client.post("/web/reservations", json=estimate).status_code == 201
        dear = client.post("/web/reservations", json={**estimate, "estimate_usd": 3})
        assert dear.status_code == 402
        read = {"tool": "file_read", "reads_only": True}
        assert client.post("/web/actions", json=read).status_code == 200


def test_a_rate_of_0_names_no_time_to_come_back(served: Served) -> None:
    """CFG-7: waiting changes nothing."""
    with served.client() as admin, served.client("proxy") as client:
        none = {"autonomy": {"max_actions_per_hour": 0}}
        assert admin.patch("/web/admin/config", json=none).status_code == 200
        refused = client.post("/web/actions", json={"command": "ls"})
    assert refused.status_code == 429
    assert "retry-after" not in refused.headers


def test_who_acts_is_the_holder_of_the_token(served: Served) -> None:
    """OVR-5, API-5."""
    with served.client("proxy") as client:
        named = client.post("/web/actions", json={"command": "ls", "principal": "root"})
        assert named.status_code == 422
        client.post("/web/actions", json={"command": "ls"})
    with served.place.runtime.bookkeeping.store() as store:
        counts = store.run(lambda unit: {who: len(unit.actions(who, 3_600_000_000)) for who in WHO})
    assert counts == {"token:proxy": 1, "token:admin": 0, "root": 0}
    with served.client("read") as client:
        assert client.post("/web/actions", json={"command": "ls"}).status_code == 403


WHO = ("token:proxy", "token:admin", "root")


@pytest.mark.parametrize(
    "body",
    [
        *({}, {"command": ""}, {"command": "ls", "tool": "x"}, {"tool": " "}, {"tool": "shell"}),
        *({"command": "ls", "workspace": "relative"}, {"command": "ls", "record": 1}),
    ],
)
def test_a_body_that_names_no_action_is_422(standing: Served, body: dict[str, Any]) -> None:
    with standing.client("proxy") as client:
        answer = client.post("/web/actions", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "request-invalid")


def test_a_workspace_is_taken_from_the_body(served: Served) -> None:
    body = {"command": "cat /srv/agent/x", "workspace": "/srv/agent"}
    with served.client("proxy") as client:
        assert client.post("/web/actions", json=body).status_code == 200
        assert client.post("/web/actions", json={"command": "cat /srv/agent/x"}).status_code == 403


def test_actions_are_counted_by_decision_and_rule(served: Served) -> None:
    """OBS-2; what was only looked at is no action."""
    bodies: list[dict[str, Any]] = [
        *({"command": "ls"}, {"command": "ls", "record": False}),
        *({"command": "git push"}, {"command": "ls; rm x"}, {"command": "ls > x"}),
    ]
    with served.client("proxy") as client, served.client("read") as reader:
        for body in bodies:
            client.post("/web/actions", json=body)
        text = reader.get("/metrics").text
    (family,) = [
        one for one in text_string_to_metric_families(text) if one.name == "corvus_actions"
    ]
    counts = {
        (one.labels["governance_domain"], one.labels["decision"], one.labels["rule"]): one.value
        for one in family.samples
        if one.name == "corvus_actions_total"
    }
    assert counts == {
        ("action_rate", "allow", "risk"): 1,
        ("action_rate", "needs_approval", "risk"): 1,
        ("action_rate", "deny", "command"): 1,
        ("action_rate", "deny", "redirect"): 1,
    }
