"""What people stumbled over on pages: order, dates, empty columns, stale changes (DSH-1)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from corvus.base.money import NanoUSD
from corvus.gateway.pages.figures import Figures
from corvus.gateway.pages.render import marked
from corvus.model.request import Request
from corvus.model.steering import MissionRequest
from corvus.wording.words import load_words
from tests.cli.places import CENT, Place
from tests.conftest import RecordCalls
from tests.gateway.conftest import Served
from tests.gateway.pages.browsing import serving
from tests.gateway.pages.visiting import Visitor, words

EN, ES = Figures(load_words("en")), Figures(load_words("es"))


@pytest.fixture(autouse=True)
def close() -> Iterator[None]:
    yield
    Visitor.close_all()


def headings(page: str) -> list[str]:
    return [words(one).strip() for one in re.findall(r"<th scope=\"col\".*?</th>", page)]


def test_what_one_has_just_changed_is_on_the_next_page(served: Served) -> None:
    visitor = Visitor(served)
    visitor.text()
    for number in range(3):
        assert visitor.send("/reset", budget="day", reason=f"try-{number}").status_code == 303
        latest = visitor.text().partition("Latest changes")[2]
        assert f"try-{number}" in latest


def test_budgets_that_are_equally_full_stand_in_the_order_of_the_config(served: Served) -> None:
    names = re.findall(r'<h3 id="budget-\d+">(\S+)', Visitor(served).get().text)
    order = [budget.name for budget in served.place.runtime.policy.budgets if budget.limit]
    assert names == order
    assert len(names) > 1


def test_calls_begin_with_when_what_and_how_much_and_have_no_empty_columns(
    tmp_path: Path, record_calls: RecordCalls
) -> None:
    place = Place(tmp_path)
    now = datetime.now(UTC).replace(tzinfo=None)
    record_calls(
        place.ledger,
        *({"admitted_at": now - timedelta(minutes=n), "session_id": "s"} for n in range(60)),
    )
    with serving(place) as served:
        visitor = Visitor(served)
        for path in ("/sessions/one?id=s", "/reports/spend/calls"):
            page = visitor.get(path).text
            table = page[page.rindex("<table") :]
            assert headings(table)[:3] == ["admitted", "model", "cost"]
            assert "mission" not in headings(table)
            assert "left out: " in words(page)
        assert 'rel="next"' in page
        last = visitor.get("/reports/spend/calls", page="2").text
        assert 'rel="prev"' in last
        assert 'rel="next"' not in last
        assert "51 to 60 of 60" in words(last)


def test_a_mission_without_a_limit_has_none_and_it_is_not_unknown(served: Served) -> None:
    with served.place.governor() as governor:
        governor.start_mission(MissionRequest("a", "free", None))
        decision = governor.reserve(Request("m", NanoUSD(CENT), "a", mission_id="free"))
        assert decision.reservation is not None
        governor.commit(decision.reservation, cost_nano_usd=NanoUSD(CENT))
    page = Visitor(served).text("/missions")
    assert "free" in page
    assert "unknown" not in page


def test_a_forecast_of_one_month_is_no_chart_and_has_no_backticks(served: Served) -> None:
    served.place.spend(10)
    page = Visitor(served).get("/reports/spend/forecast").text
    assert "<svg" not in page
    assert "`" not in words(page)


def test_history_is_one_click_away_and_its_table_begins_today(served: Served) -> None:
    served.place.spend(10)
    visitor = Visitor(served)
    page = visitor.get("/history", since="last-7-days").text
    (here,) = re.findall(r'<a class="button" href="[^"]*" aria-current="true">(.*?)</a>', page)
    assert here == "7 days"
    first = re.findall(r"<tbody>\s*<tr><td[^>]*>(.*?)</td>", page)[0]
    assert first == EN.day(datetime.now(UTC).date())
    assert 'class="scroll latest"' in page
    for by in ("user", "agent"):
        assert visitor.get("/history", by=by).status_code == 200


@pytest.mark.parametrize(
    ("period", "last", "unit"),
    [("day", 7, "days"), ("week", 3, "weeks"), ("quarter", 2, "months"), ("", 7, "days")],
)
def test_the_pieces_of_each_bar_are_what_the_bar_cost(
    tmp_path: Path, record_calls: RecordCalls, period: str, last: int, unit: str
) -> None:
    place = Place(tmp_path)
    now = datetime.now(UTC).replace(tzinfo=None)
    record_calls(
        place.ledger,
        *(
            {
                "admitted_at": now - timedelta(hours=5 * n),
                "requested_model": f"m{n % 8}",
                "cost_nano_usd": (n + 1) * CENT,
            }
            for n in range(60)
        ),
    )
    with serving(place) as served:
        visitor = Visitor(served)
        page = visitor.get("/history", period=period, since=f"last-{last}-{unit}").text
        headers = {"authorization": f"Bearer {served.secrets['read']}"}
        url = f"/web/reports/spend/history-by-{period or 'day'}?since=last-{last}-{unit}"
        rows = visitor.client.get(url, headers=headers).json()["rows"]
    pieces: dict[str, int] = {}
    for title in re.findall(r"<rect class=\"bar s[1-6]\".*?<title>(.*?)</title>", page):
        bucket, _, amount = title.rpartition(", ")
        pieces[bucket] = pieces.get(bucket, 0) + round(float(amount.split("$")[1]) * 100)
    costs = {EN.bucket(row["bucket"]): row["cost_nano_usd"] for row in rows}
    assert pieces == {name: int(cost) // CENT for name, cost in costs.items() if int(cost)}
    assert 'class="s6"' in page, "of eight models three are all others"
    assert "others" in words(page)


def test_words_of_time_are_taken_by_forms_and_by_the_api(served: Served) -> None:
    served.place.spend(10)
    visitor = Visitor(served)
    for since in ("7d", "last-month", "2026-11", "yesterday", "today"):
        assert visitor.get("/reports/spend/by-model", since=since).status_code == 200
    headers = {"authorization": f"Bearer {served.secrets['read']}"}
    url = "/web/reports/spend/by-model"
    for query, code in (("since=7d&until=today", 200), ("since=someday", 400)):
        assert visitor.client.get(f"{url}?{query}", headers=headers).status_code == code


@pytest.mark.parametrize(
    ("bucket", "english", "spanish"),
    [
        ("2026-11-09", "9 Nov 2026", "9 nov 2026"),
        ("2026-11", "Nov 2026", "nov 2026"),
        ("2026-W45", "2026-W45", "2026-W45"),
        ("2026", "2026", "2026"),
        ("9999-99", "9999-99", "9999-99"),
    ],
)
def test_a_bucket_is_written_as_every_other_date(bucket: str, english: str, spanish: str) -> None:
    assert EN.bucket(bucket) == english
    assert ES.bucket(bucket).replace(" de ", " ") == spanish
    assert EN.bucket("2026-11-09") == EN.day(date(2026, 11, 9))


def test_what_stands_in_backticks_is_code_and_nothing_else_is_markup() -> None:
    assert marked("`a<b>` & c") == "<code>a&lt;b&gt;</code> &amp; c"
    assert marked("an odd ` <i>") == "an odd ` &lt;i&gt;"
