"""Parts of budgets over HTTP, in the metrics and in the dashboard (CFG-10, API-1, DSH-4)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.divided import Divided
from tests.gateway.conftest import Served
from tests.gateway.pages.visiting import Visitor

USERS = (("ana", 900), ("bea", 400), ("bot-7", 150), ("o'neil, <b>%", 100))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    place = Divided(tmp_path_factory.mktemp("parts"))
    for user, cents in USERS:
        assert place.use(user, cents, project="web").allowed
    assert not place.use("bea", 1700).allowed
    served = Served(place)
    yield served
    Visitor.close_all()
    served.stop()


def test_the_parts_of_a_named_budget_come_with_it(running: Served) -> None:
    with running.client("read") as client:
        answer = client.get("/web/cost/budgets", params={"budget": "each-developer", "limit": 2})
    (each,) = answer.json()["budgets"]
    page = answer.json()["parts"]
    assert (each["name"], each["part"], each["blocking"]) == ("each-developer", "bot-7", True)
    assert each["parts"] == {"count": 4, "blocking": 1, "refusals": 1, "last_refused": "bea"}
    assert (page["found"], [one["part"] for one in page["items"]]) == (4, ["bot-7", "bea"])
    bea = page["items"][1]
    assert (bea["blocking"], bea["refusals"]) == (True, 1)
    assert bea["last_refusal"]["needed"] == "17.0000"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"sort": "name"}, ["ana", "bea", "bot-7", "o'neil%2C <b>%25"]),
        ({"search": "<b>%"}, ["o'neil%2C <b>%25"]),
        ({"part": "o'neil, <b>%"}, ["o'neil%2C <b>%25"]),
        ({"part": "o'neil%2C <b>%25"}, ["o'neil%2C <b>%25"]),
        ({"sort": "refused", "limit": "1"}, ["bea"]),
        ({"offset": "3"}, ["o'neil%2C <b>%25"]),
        ({"search": "' OR 1=1 --"}, []),
    ],
)
def test_parts_are_searched_sorted_and_paged(
    running: Served, query: dict[str, str], found: list[str]
) -> None:
    with running.client("read") as client:
        answer = client.get("/web/cost/budgets", params={"budget": "each-developer", **query})
    assert answer.status_code == 200, answer.text
    assert [one["part"] for one in answer.json()["parts"]["items"]] == found


@pytest.mark.parametrize(
    "query", [{"limit": "0"}, {"limit": "1001"}, {"sort": "x"}, {"offset": "-1"}]
)
def test_what_no_page_has_is_refused(running: Served, query: dict[str, str]) -> None:
    with running.client("read") as client:
        answer = client.get("/web/cost/budgets", params={"budget": "each-developer", **query})
    assert answer.status_code == 422


def test_a_budget_without_parts_has_none(running: Served) -> None:
    with running.client("read") as client:
        one = client.get("/web/cost/budgets", params={"budget": "day"}).json()
        nothing = client.get("/web/cost/budgets", params={"budget": "x"}).json()
        everything = client.get("/web/cost/budgets").json()
    assert ([each["name"] for each in one["budgets"]], one["parts"]) == (["day"], None)
    assert (nothing["budgets"], nothing["parts"]) == ([], None)
    assert len(everything["budgets"]) == 6


def test_metrics_have_totals_and_no_names(running: Served) -> None:
    """OBS-2: who spends is no label."""
    with running.client("read") as client:
        text = client.get("/metrics").text
    assert 'corvus_budget_parts{budget="each-developer"} 4.0' in text
    assert 'corvus_budget_blocking_parts{budget="each-developer"} 1.0' in text
    assert 'corvus_budget_max_percent{budget="each-developer"} 75.0' in text
    assert 'corvus_budget_limit_tokens{budget="five-hours"} 200000.0' in text
    assert 'corvus_budget_used_tokens{budget="five-hours"} 400.0' in text
    assert 'corvus_budget_limit_usd{budget="day"} 900.0' in text
    assert 'corvus_budget_limit_usd{budget="each-developer"}' not in text
    assert not any(user in text for user, _ in USERS)


def test_the_overview_has_one_card_and_a_way_to_all_parts(running: Served) -> None:
    page = Visitor(running, "read")
    text = page.text()
    assert "4 parts, by user, 1 of them refuses calls" in text
    assert "Shown is the part nearest its limit: bot-7." in text
    assert "bea: refused 1 call" in text
    assert "A window opens with the first call and ends 5 h later." in text
    assert "400 tokens of 200,000 tokens" in text
    assert "It only warns, and refuses no call." in text
    assert "/dashboard/parts?budget=each-developer" in page.get().text


def test_the_table_of_parts_is_searched_and_sorted(running: Served) -> None:
    page = Visitor(running, "read")
    text = page.text("/parts", budget="each-developer")
    assert text.index("bot-7") < text.index("bea") < text.index("ana") < text.index("o'neil, <b>%")
    assert 'limits."bot-*"' in text
    found = page.text("/parts", budget="each-developer", search="bea")
    assert "1 to 1 of 1" in found
    assert "bot-7" not in found
    assert "No part has this text." in page.text("/parts", budget="each-developer", search="zz")
    assert "<b>%" not in page.get("/parts", budget="each-developer").text
    assert page.get("/parts", budget="nope").status_code == 404
    assert page.get("/parts", budget="day").status_code == 404
    assert page.get("/parts", budget="each-developer", page="-1").status_code == 200


def test_the_table_is_in_spanish_too(running: Served) -> None:
    text = Visitor(running, "read", language="es").text("/parts", budget="each-developer")
    assert "4 partes, por user" in text
    assert "Partes del presupuesto each-developer" in text


def test_one_part_is_reset_on_a_page_and_over_http(tmp_path: Path) -> None:
    place = Divided(tmp_path)
    for user, cents in USERS[:2]:
        assert place.use(user, cents).allowed
    served = Served(place)
    try:
        page = Visitor(served)
        asked = page.text("/reset", budget="each-developer", part="ana")
        assert "$9.00 of 1 call will no longer count." in asked
        assert "Only the part ana of it." in asked
        form = {"budget": "each-developer", "part": "ana"}
        assert page.send("/reset", **form).status_code == 303
        assert "Budget each-developer (ana) was reset: $9.00 of 1 call" in page.text()
        with served.client() as admin:
            whole = admin.post("/web/admin/cost/reset", json={"scope": "each-developer"})
            done = admin.post(
                "/web/admin/cost/reset", json={"scope": "each-developer", "part": "bea"}
            )
            left = admin.get("/web/cost/budgets", params={"budget": "each-developer"}).json()
    finally:
        Visitor.close_all()
        served.stop()
    assert whole.status_code == 409
    assert (done.json()["part"], done.json()["removed"]) == ("bea", "4.0000")
    assert [one["spent"] for one in left["parts"]["items"]] == ["0.0000", "0.0000"]
