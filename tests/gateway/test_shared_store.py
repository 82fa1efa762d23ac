"""A gateway whose database goes away refuses, and goes on by itself once it is back (STO-1)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from tests.cli.places import Place
from tests.gateway.conftest import Served
from tests.gateway.test_metrics import OF_LEASES
from tests.postgres import PostgresServer, wait_until

RESERVATION = {"model": "m", "estimate_usd": 0.01, "session_id": "s"}


def test_without_its_database_a_gateway_answers_503_until_it_is_back(
    make_postgres_server: Callable[..., PostgresServer],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = make_postgres_server()
    served = Served(Place(tmp_path, url=server.url()))
    with served.client() as admin, served.client("reserve") as caller:

        def statuses() -> set[int]:
            answers = (
                admin.get("/readyz"),
                admin.get("/web/cost/summary"),
                caller.post("/web/reservations", json=RESERVATION),
            )
            return {200 if one.status_code == 201 else one.status_code for one in answers}

        assert statuses() == {200}
        server.kill()
        assert statuses() == {503}
        problem = caller.post("/web/reservations", json=RESERVATION).json()
        assert problem["code"] == "store-unavailable"
        assert str(server.port) not in problem["detail"], "the log says where, not the answer"
        assert f"127.0.0.1:{server.port}" in caplog.text
        assert admin.get("/metrics").status_code == 200, "it counts that the store is away"
        assert admin.get("/healthz").status_code == 200
        server.start()
        wait_until(lambda: statuses() == {200}, "the gateway answers again")
        held = admin.get("/web/cost/summary").json()["summary"]["budgets"]
    served.stop()
    (day,) = [budget["held_usd"] for budget in held if budget["name"] == "day"]
    assert day >= 0.02, "what was acknowledged before the kill is held"


def test_with_leases_a_gateway_goes_on_without_its_database_for_a_while(
    make_postgres_server: Callable[..., PostgresServer], tmp_path: Path
) -> None:
    """STO-3: it is ready as long as it admits calls, knows its tokens, and reports later."""
    server = make_postgres_server()
    place = Place(tmp_path, url=server.url())
    text = place.config.read_text()
    place.config.write_text(text.replace("url =", "leases = true\nlease_seconds = 10\nurl =", 1))
    served = Served(place)
    with served.client() as admin, served.client("reserve") as caller:

        def statuses() -> list[int]:
            answers = (
                caller.post("/web/reservations", json=RESERVATION),
                admin.get("/readyz"),
                admin.get("/web/cost/summary"),
                admin.get("/metrics"),
            )
            return [one.status_code for one in answers]

        assert statuses() == [201, 200, 200, 200]
        found = {line.partition("{")[0].partition(" ")[0] for line in _metrics(admin)}
        assert set(OF_LEASES) <= found
        assert (
            admin.post("/web/admin/cost/reset", json={"scope": "day"}).json()[
                "other_hosts_within_seconds"
            ]
            == 4
        )
        server.kill()
        assert statuses() == [201, 200, 200, 200]
        assert "corvus_store_up 1.0" in _metrics(admin), "it admits calls"
        wait_until(lambda: statuses()[:2] == [503, 503], "its time is over")
        server.start()
        wait_until(lambda: statuses() == [201, 200, 200, 200], "the gateway answers again")
    served.stop()
    held = place.runtime.health().store.holds.count
    assert held == 0, "the host holds its calls itself"


def _metrics(client: httpx2.Client) -> list[str]:
    return client.get("/metrics").text.splitlines()


def test_a_policy_that_was_read_again_is_the_one_that_others_see(
    postgres_url: str, tmp_path: Path
) -> None:
    """Else two hosts that have the same policy are said to differ, and the other way round."""
    served = Served(Place(tmp_path, url=postgres_url))
    with served.client() as admin, served.client("reserve") as caller:
        done = admin.patch("/web/admin/config", json={"cost": {"daily_limit_usd": 7}})
        assert done.status_code == 200, done.text
        assert caller.post("/web/reservations", json=RESERVATION).status_code == 201
    served.stop()
    place = served.place.runtime.bookkeeping.place
    standing = place.admin.server()
    place.admin.let_go()
    assert standing is not None
    newest = max(standing.hosts, key=lambda host: host.seen_at)
    assert newest.policy_hash == served.place.runtime.policy.content_hash
