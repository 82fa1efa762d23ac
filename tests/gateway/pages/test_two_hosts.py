"""Two gateways that share a store show the same, whichever of them the calls came through."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.places import Place
from tests.gateway.conftest import Served
from tests.gateway.pages.visiting import Visitor

PAGES = ("", "/history", "/sessions", "/audit")
_OF_THE_HOST = re.compile(r"\S*l\.duckdb\S*|\d+ (?:ms|s|seconds?) ago|\d\d:\d\d(?::\d\d)?")


@pytest.fixture
def gateways(tmp_path: Path, postgres_url: str) -> Iterator[list[Served]]:
    served: list[Served] = []
    for name in ("ash", "oak"):
        (tmp_path / name).mkdir()
        others = served[0].secrets if served else None
        served.append(Served(Place(tmp_path / name, url=postgres_url), others))
    yield served
    Visitor.close_all()
    for one in served:
        one.stop()


def test_the_dashboards_of_two_gateways_on_one_store_are_equal(gateways: list[Served]) -> None:
    for number, served in enumerate(gateways):
        with served.client("reserve") as caller:
            for call in range(number + 2):
                held = caller.post(
                    "/web/reservations",
                    json={"model": "m", "estimate_usd": 0.05, "session_id": f"s{number}"},
                )
                assert held.status_code == 201, held.text
                if call:
                    done = caller.post(
                        f"/web/reservations/{held.json()['reservation']['id']}/commit",
                        json={"cost_usd": 0.03, "output_tokens": 7},
                    )
                    assert done.status_code == 200, done.text
    seen = [
        {page: _OF_THE_HOST.sub("…", Visitor(served).text(page)) for page in PAGES}
        for served in gateways
    ]
    assert seen[0] == seen[1]
    assert "s0" in seen[0]["/sessions"]
    assert "s1" in seen[0]["/sessions"]
    summaries: list[Any] = []
    for served in gateways:
        with served.client() as admin:
            summaries.append(admin.get("/web/cost/summary").json()["summary"])
    assert summaries[0]["budgets"] == summaries[1]["budgets"]
    (day,) = [budget for budget in summaries[0]["budgets"] if budget["name"] == "day"]
    assert (day["spent_usd"], day["held_usd"], day["calls"]) == (0.09, 0.10, 3)
