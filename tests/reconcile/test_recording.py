"""Charges are kept once, however often and in whatever pieces a bill is read (REC-1)."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from corvus.base.errors import BillRefused
from corvus.ledger.ledger import Ledger, open_ledger
from corvus.model.usage import Usage
from corvus.reconcile.names import Names
from corvus.reconcile.reconcile import Choice, reconcile
from corvus.reconcile.result import Reconciliation
from corvus.reporting.catalog import load_catalog
from corvus.reporting.error_bar import error_bar
from corvus.reporting.run import run_report
from tests.books import books_at
from tests.reconcile.conftest import NOW
from tests.reconcile.months import (
    BOOKS,
    FIRST,
    Call,
    anthropic_cost,
    anthropic_usage,
    month,
    recorded,
)

TRUTH = month(11, days=3)


class Books:
    """A ledger with the calls of a month, and the bills that are read into it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / "l.duckdb"
        with open_ledger(self._path, write=True) as ledger:
            recorded(ledger, TRUTH)
        self._place = books_at(self._path)

    def read(self, *bills: str, keep: bool = True, **choice: object) -> Reconciliation:
        files: list[str] = []
        for number, text in enumerate(bills):
            file = self._folder / f"bill-{number}.json"
            file.write_text(text)
            files.append(str(file))
        return reconcile(
            files,
            BOOKS,
            Choice(NOW, **choice),  # pyright: ignore[reportArgumentType] - of a test
            read=self._place.ledger,
            write=self._place.billing if keep else None,
        )

    def ask(self, statement: str) -> list[tuple[object, ...]]:
        with open_ledger(self._path) as ledger:
            return ledger.connection.execute(statement).fetchall()

    @contextmanager
    def ledger(self) -> Generator[Ledger]:
        with open_ledger(self._path) as ledger:
            yield ledger

    def harm(self, statement: str) -> None:
        with open_ledger(self._path, write=True) as ledger:
            ledger.connection.execute(statement)

    def verify(self) -> list[tuple[str, str]]:
        return [*self._place.verify().findings]

    def billed(self) -> object:
        """Return the sum of all charges."""
        return self.ask("SELECT sum(amount_nano_usd)::BIGINT FROM provider_charge")[0][0]


@pytest.fixture
def books(tmp_path: Path) -> Books:
    return Books(tmp_path)


def spent() -> int:
    return sum(call.nano_usd for call in TRUTH)


def test_a_bill_is_kept_once_and_is_no_usage(books: Books) -> None:
    before = books.ask("SELECT count(*), sum(cost_nano_usd) FROM usage_record")
    for _ in range(3):
        assert books.read(anthropic_cost(TRUTH)).gap_nano_usd == 0
        assert books.billed() == spent()
    assert books.ask("SELECT count(*), sum(cost_nano_usd) FROM usage_record") == before


def test_a_grown_bill_stands_in_the_place_of_the_old_one(books: Books) -> None:
    books.read(anthropic_cost(TRUTH[:-2]))
    books.read(anthropic_cost(TRUTH))
    assert books.billed() == spent()


def test_an_older_export_does_not_come_back(books: Books) -> None:
    early = [call for call in TRUTH if call.day < FIRST + timedelta(days=2)][:-1]
    books.read(anthropic_cost(TRUTH))
    books.read(anthropic_cost(early))
    assert books.billed() == spent()


def test_overlapping_exports_count_each_day_once(books: Books) -> None:
    first = [call for call in TRUTH if call.day <= FIRST + timedelta(days=1)]
    second = [call for call in TRUTH if call.day >= FIRST + timedelta(days=1)]
    found = books.read(anthropic_cost(first), anthropic_cost(second))
    assert (found.gap_nano_usd, books.billed()) == (0, spent())


def test_two_pages_of_one_report_add_up(books: Books) -> None:
    document = json.loads(anthropic_cost(TRUTH))
    pages = [
        json.dumps({"data": document["data"][:1], "has_more": True, "next_page": "p2"}),
        json.dumps({"data": document["data"][1:], "has_more": False}),
    ]
    assert books.read(*pages).gap_nano_usd == 0
    assert not books.read(*pages).notes
    assert books.billed() == spent()
    alone = books.read(pages[0])
    assert any("more pages follow" in note for note in alone.notes)
    assert books.billed() == spent()


def test_hours_of_one_day_on_two_pages_add_up(books: Books) -> None:
    usage = {"uncached_input_tokens": 5, "output_tokens": 1, "model": "claude-opus-5"}
    pages = [
        json.dumps(
            {
                "data": [
                    {
                        "starting_at": f"2026-10-20T{hour:02}:00:00Z",
                        "ending_at": f"2026-10-20T{hour + 1:02}:00:00Z",
                        "results": [usage],
                    }
                    for hour in hours
                ],
                "has_more": has_more,
            }
        )
        for hours, has_more in ((range(12), True), (range(12, 23), False))
    ]
    found = books.read(*pages)
    (row,) = (one for one in found.rows if one.model == "claude-opus-5")
    assert row.billed_counts == {"input": 23 * 5, "output": 23}


def test_a_report_divided_otherwise_replaces_the_day(books: Books) -> None:
    books.read(anthropic_cost(TRUTH))
    document = json.loads(anthropic_cost(TRUTH))
    for one in document["data"]:
        for result in one["results"]:
            result["workspace_id"] = None
    books.read(json.dumps(document))
    assert books.billed() == spent()


def test_projects_that_are_exported_apart_add_up(books: Books) -> None:
    document = json.loads(anthropic_cost(TRUTH))
    for name in ("wrkspc_a", "wrkspc_b"):
        for one in document["data"]:
            for result in one["results"]:
                result["workspace_id"] = name
        books.read(json.dumps(document))
    assert books.billed() == 2 * spent()
    assert books.ask("SELECT DISTINCT project FROM provider_charge ORDER BY project") == [
        ("wrkspc_a",),
        ("wrkspc_b",),
    ]


def test_counts_are_kept_without_amounts(books: Books) -> None:
    books.read(anthropic_usage(TRUTH))
    (row,) = books.ask(
        "SELECT sum(quantity)::BIGINT, count(amount_nano_usd) FROM provider_charge "
        "WHERE kind = 'output'"
    )
    assert row == (sum(call.usage.output_tokens for call in TRUTH), 0)


def test_a_day_without_a_charge_is_covered_and_compared(books: Books) -> None:
    document = json.loads(anthropic_cost(TRUTH))
    document["data"][1]["results"] = []
    found = books.read(json.dumps(document))
    day = FIRST + timedelta(days=1)
    assert found.gap_nano_usd == -sum(call.nano_usd for call in TRUTH if call.day == day)
    assert set(found.causes) == {"not_billed"}
    assert books.ask("SELECT count(DISTINCT day) FROM provider_charge") == [(3,)]
    books.read(anthropic_cost(TRUTH))
    assert books.billed() == spent()
    assert books.ask("SELECT count(*) FROM provider_charge WHERE label = 'nothing billed'") == [
        (0,)
    ]


def test_a_dry_run_keeps_nothing(books: Books) -> None:
    books.read(anthropic_cost(TRUTH), keep=False)
    assert books.ask("SELECT count(*) FROM provider_charge") == [(0,)]
    assert books.ask("SELECT count(*) FROM reconciliation") == [(0,)]


def test_days_can_be_chosen(books: Books) -> None:
    found = books.read(anthropic_cost(TRUTH), since=FIRST + timedelta(days=2))
    assert found.days == (FIRST + timedelta(days=2),)
    with pytest.raises(BillRefused, match="the files cover 2026-10-20 to 2026-10-22"):
        books.read(anthropic_cost(TRUTH), since=FIRST + timedelta(days=9))


def test_parts_of_a_focus_delivery_add_up_and_newer_lines_replace_older(books: Books) -> None:
    head = (
        "BillingCurrency,ChargePeriodStart,EffectiveCost,ProviderName,SkuId,ResourceId,"
        "InvoiceIssuerName\n"
    )
    line = "USD,2026-10-20T00:00:00Z,{},Anthropic,claude-opus-4-6,{},Anthropic\n"
    parts = [head + line.format(1, "a"), head + line.format(2, "b")]
    for _ in range(2):
        assert books.read(*parts, provider="anthropic").billed_nano_usd == 3_000_000_000
        assert books.billed() == 3_000_000_000
    newer = head + line.format(1, "a") + line.format(2.5, "b")
    found = books.read(*parts, newer, provider="anthropic")
    assert found.billed_nano_usd == 3_500_000_000
    assert books.billed() == 3_500_000_000


def test_a_line_that_is_there_twice_is_found(books: Books) -> None:
    books.read(anthropic_cost(TRUTH))
    assert books.verify() == []
    books.harm("INSERT INTO provider_charge SELECT * FROM provider_charge LIMIT 1")
    (finding,) = books.verify()
    assert finding[0] == "charge-twice"
    assert "is there 2 times" in finding[1]


def test_the_error_bar_has_the_last_gap_of_each_provider(books: Books) -> None:
    books.read(anthropic_cost(TRUTH[1:]))
    books.read(anthropic_cost(TRUTH))
    with books.ledger() as ledger:
        bar = error_bar(ledger.connection)
        none = error_bar(ledger.connection, condition="provider = $who", parameters={"who": "x"})
    assert (bar.low_nano_usd, bar.high_nano_usd, bar.is_exact) == (spent(), spent(), True)
    assert [(one.provider, one.gap_nano_usd) for one in bar.reconciliations] == [("anthropic", 0)]
    assert (none.calls, none.recorded_nano_usd) == (0, 0)


def test_the_report_knows_the_names_of_both_sides(tmp_path: Path) -> None:
    """A dated id of the ledger and the plain one of the book are one row of the report, no gap."""
    call = Call(FIRST, "claude-sonnet-4-5-20250929", Usage(1_000_000, 1_000))
    bill = tmp_path / "bill.json"
    bill.write_text(anthropic_cost([replace(call, model="claude-sonnet-4-5")]))
    with open_ledger(tmp_path / "l.duckdb", write=True) as ledger:
        recorded(ledger, [call])
    place = books_at(tmp_path / "l.duckdb")
    reconcile([str(bill)], BOOKS, Choice(NOW), read=place.ledger, write=place.billing)
    with place.ledger() as ledger:
        table = run_report(ledger.connection, load_catalog().find("reconcile"), {}, now=NOW)
    assert table.values("gap_nano_usd") == (0,)


def test_a_dated_name_of_one_side_means_the_plain_one_of_the_other() -> None:
    """PRC-4: neither is in a book, and bills and ledger are introduced one after the other."""
    names = Names(BOOKS, "anthropic", {})
    names.introduce(["house-model-20260101"])
    names.introduce(["house-model"])
    assert names.canonical("house-model-20260101") == "house-model"
