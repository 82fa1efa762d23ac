"""The first page reads the ledger again when something was recorded, and else lets it be."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from corvus.base.errors import LedgerLocked
from corvus.gateway.pages import summary
from corvus.gateway.pages.live import UNCHANGED_SECONDS
from corvus.gateway.pages.summary import OLD_SECONDS, show_change, summary_of
from corvus.gateway.service import Service
from corvus.model.steering import ResetRequest
from corvus.reporting.catalog import Report
from corvus.reporting.table import Table
from tests.cli.places import Place


class Counting(Service):
    """Counts the reports that are run."""

    reports = 0
    is_locked = False

    def run_report(self, report: Report, given: Mapping[str, object]) -> Table:
        self.reports += 1
        if self.is_locked:
            raise LedgerLocked("the ledger is locked")
        return super().run_report(report, given)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def service(place: Place) -> Iterator[Counting]:
    place.spend(1)
    runtime = place.runtime
    with closing(runtime.open_stores()) as stores:
        yield Counting(runtime, stores)


class Hand:
    """A clock that is set by hand."""

    now = 1000.0


@pytest.fixture
def hand(monkeypatch: pytest.MonkeyPatch) -> Hand:
    hand = Hand()
    monkeypatch.setattr(summary, "monotonic", lambda: hand.now)
    return hand


def test_an_unchanged_ledger_is_not_read_again(service: Counting, hand: Hand) -> None:
    summary_of(service, 20)
    first = service.reports
    hand.now += OLD_SECONDS + 1
    summary_of(service, 20)
    assert first > 0
    assert service.reports == first


def test_a_changed_ledger_is_read_again_when_it_is_old(
    service: Counting, place: Place, hand: Hand
) -> None:
    before = summary_of(service, 20)
    place.spend(1)
    assert summary_of(service, 20) == before
    hand.now += OLD_SECONDS + 1
    after = summary_of(service, 20)
    assert after.days.rows is not None
    assert after.days != before.days


def test_what_could_not_be_read_is_tried_again(service: Counting, hand: Hand) -> None:
    service.is_locked = True
    assert summary_of(service, 20).is_faulty
    service.is_locked = False
    hand.now += OLD_SECONDS + 1
    assert not summary_of(service, 20).is_faulty


def test_an_unchanged_ledger_is_read_again_in_time(service: Counting, hand: Hand) -> None:
    summary_of(service, 20)
    first = service.reports
    hand.now += UNCHANGED_SECONDS + 1
    summary_of(service, 20)
    assert service.reports > first


def test_the_mark_of_a_service_changes_with_a_call_and_else_stays(
    service: Counting, place: Place
) -> None:
    before = service.mark()
    assert service.mark() == before
    place.spend(1)
    assert service.mark() != before


def test_a_change_is_shown_though_a_reading_began_before_it_and_ends_after_it(
    service: Counting, hand: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary_of(service, 20)
    has_read, goes_on = threading.Event(), threading.Event()
    audit = service.audit

    def slow(count: int, kinds: list[str]) -> list[dict[str, object]]:
        found = audit(count, kinds)
        has_read.set()
        assert goes_on.wait(20)
        return found

    monkeypatch.setattr(service, "audit", slow)
    hand.now += UNCHANGED_SECONDS + 1
    summary_of(service, 0)
    assert has_read.wait(20)
    monkeypatch.setattr(service, "audit", audit)
    service.governor.reset(ResetRequest("day", "ana", "just now"))
    show_change(service)
    (reading,) = [one for one in threading.enumerate() if one.name == "corvus-summary"]
    goes_on.set()
    reading.join(20)
    rows = summary_of(service, 20).audit.rows
    assert rows
    assert rows[0]["reason"] == "just now"
