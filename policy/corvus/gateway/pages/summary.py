"""What the ledger says on the first page, read apart from it: a large ledger never delays the page.

One thread reads for all pages at once; pages show what was read last and hear when there is
more. A large ledger is read less often, and one in which nothing is new not at all. Refuses to
wait for a reading that took long the last time.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from time import monotonic
from typing import cast

from corvus.base.errors import LedgerError, PolicyError
from corvus.gateway.pages.live import SHARE, UNCHANGED_SECONDS
from corvus.gateway.pages.page import PageRequest, fault_kind
from corvus.gateway.service import Service
from corvus.reporting.catalog import load_catalog
from corvus.reporting.table import Cell, Table

OLD_SECONDS = 10.0
"""How old the parts may get while somebody looks; older where reading takes long."""
_DAYS = 14
_MODELS = 5
_AUDIT = 5
Row = Mapping[str, Cell]


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that was read.

    Attributes:
        rows: What was read; ``None`` while it was not read yet.
        fault: Under which name the catalogue words why it could not be read.
    """

    rows: Sequence[Mapping[str, object]] | None = None
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class LedgerSummary:
    """What was read last: refusals of today, cost of days and models, and the newest changes."""

    refused: Part = Part()
    days: Part = Part()
    models: Part = Part()
    audit: Part = Part()

    @property
    def is_faulty(self) -> bool:
        """Whether something could not be read, and may well be the next time."""
        return any(one.fault for one in (self.refused, self.days, self.models, self.audit))


@dataclass(slots=True)
class _Reader:
    summary: LedgerSummary = field(default_factory=LedgerSummary)
    mark: object = None
    looked_at: float = float("-inf")
    read_at: float = float("-inf")
    took_seconds: float = 0.0
    reading: threading.Lock = field(default_factory=threading.Lock)
    changes: int = 0
    placing: threading.Lock = field(default_factory=threading.Lock)

    @property
    def rest_seconds(self) -> float:
        return max(OLD_SECONDS, self.took_seconds / SHARE)

    def look(self, service: Service) -> None:
        try:
            mark = mark_of(service)
            if mark != self.mark or monotonic() - self.read_at >= UNCHANGED_SECONDS:
                self.read(service)
                self.mark = None if self.summary.is_faulty else mark
            self.looked_at = monotonic()
        finally:
            self.reading.release()

    def read(self, service: Service) -> None:
        began, changes = monotonic(), self.changes
        summary = LedgerSummary(
            _part(lambda: _refused(service)),
            _part(lambda: _days(service)),
            _part(
                lambda: _rows(_report(service, "spend/by-model", since=_month(service)))[:_MODELS]
            ),
            _latest_changes(service),
        )
        with self.placing:
            is_newest = changes == self.changes
            self.summary = summary if is_newest else replace(summary, audit=self.summary.audit)
        self.read_at = monotonic()
        self.took_seconds = self.read_at - began


_readers: weakref.WeakKeyDictionary[Service, _Reader] = weakref.WeakKeyDictionary()


def summary_of(service: Service, wait_seconds: float = 0.1) -> LedgerSummary:
    """Return what was read last, and read again what is too old.

    Args:
        service: Where it is read.
        wait_seconds: How long a reading is waited for, unless the last one took longer: a small
            ledger is read at once.
    """
    reader = _readers.setdefault(service, _Reader())
    is_old = monotonic() - reader.looked_at > reader.rest_seconds
    if is_old and reader.reading.acquire(blocking=False):
        is_short = reader.took_seconds <= wait_seconds
        thread = threading.Thread(target=reader.look, args=(service,), name="corvus-summary")
        thread.start()
        if is_short:
            thread.join(wait_seconds)
    return reader.summary


def show_change(service: Service) -> None:
    """Let the next page show what was changed just now; the rest is read again soon after.

    It does not wait for a reading that is under way, which leaves what is shown here.
    """
    reader = _readers.setdefault(service, _Reader())
    with reader.placing:
        reader.changes += 1
        reader.summary = replace(reader.summary, audit=_latest_changes(service))
    reader.looked_at = float("-inf")


def mark_of(service: Service) -> object:
    """Return what is another one once there is something new, or a new one when none can tell."""
    try:
        return service.mark()
    except PolicyError:
        return object()


def _latest_changes(service: Service) -> Part:
    return _part(lambda: service.audit(_AUDIT, [])[::-1])


def _part(read: Callable[[], Sequence[Mapping[str, object]]]) -> Part:
    try:
        return Part(read())
    except PolicyError as error:
        return Part(fault=fault_kind(error))


def _days(service: Service) -> list[dict[str, object]]:
    """Return each of the latest days; nothing where none of them has a call."""
    rows = _rows(_report(service, "spend/history-by-day", days=_DAYS))
    return rows if any(row["calls"] for row in rows) else []


def _refused(service: Service) -> list[dict[str, object]]:
    """Return what was refused today, by budget, part and model, the latest first."""
    today = service.runtime.clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    rows = _rows(_report(service, "budgets/denied", since=today))
    return sorted(rows, key=lambda row: str(row["last_at"]), reverse=True)


def _month(service: Service) -> datetime:
    """Return the first instant of the present month, in UTC."""
    now = service.runtime.clock.now()
    return now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _report(service: Service, name: str, **given: object) -> Table:
    return service.run_report(load_catalog().find(name), given)


def _rows(table: Table) -> list[dict[str, object]]:
    names = [column.name for column in table.columns]
    return [cast("dict[str, object]", dict(zip(names, row, strict=True))) for row in table.rows]


def answer(request: PageRequest, name: str, **given: object) -> Table | None:
    """Run a report; parameters that are ``None`` are not given.

    Returns:
        Its answer; ``None`` while nothing was ever recorded and there is no ledger yet.

    Raises:
        ReportError: It cannot be run with these parameters.
        LedgerError: The ledger cannot be read.
    """
    report = load_catalog().find(name)
    known = {key: value for key, value in given.items() if value is not None}
    try:
        return request.service.run_report(report, known)
    except LedgerError:
        runtime = request.service.runtime
        if runtime.ledger_path.exists() or runtime.policy.enabled:
            raise
        return None
