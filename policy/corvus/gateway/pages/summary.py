"""What the ledger says on the first page, read beside it: a large ledger never delays the page.

One thread reads for all pages at once; pages show what was read last and are told when there is
more. A large ledger is read less often, and one in which nothing is new not at all. Refuses to
wait for a reading that took long the last time.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import cast

from corvus.base.errors import PolicyError
from corvus.gateway.pages.desk import Desk
from corvus.gateway.pages.live import SHARE, UNCHANGED_SECONDS
from corvus.gateway.pages.page import fault_kind
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
class Digest:
    """What was read last: cost of the latest days, of each model, and the newest audit events."""

    days: Part = Part()
    models: Part = Part()
    audit: Part = Part()

    @property
    def is_faulty(self) -> bool:
        """Whether something could not be read, and may well be the next time."""
        return any(one.fault for one in (self.days, self.models, self.audit))


@dataclass(slots=True)
class _Reader:
    digest: Digest = field(default_factory=Digest)
    mark: object = None
    looked_at: float = float("-inf")
    read_at: float = float("-inf")
    took_seconds: float = 0.0
    reading: threading.Lock = field(default_factory=threading.Lock)

    @property
    def rest_seconds(self) -> float:
        return max(OLD_SECONDS, self.took_seconds / SHARE)

    def look(self, desk: Desk) -> None:
        try:
            mark = mark_of(desk)
            if mark != self.mark or monotonic() - self.read_at >= UNCHANGED_SECONDS:
                self.read(desk)
                self.mark = None if self.digest.is_faulty else mark
            self.looked_at = monotonic()
        finally:
            self.reading.release()

    def read(self, desk: Desk) -> None:
        began = monotonic()
        self.digest = Digest(
            _part(lambda: _days(desk)),
            _part(lambda: _rows(_report(desk, "spend/by-model"))[:_MODELS]),
            _part(lambda: desk.audit(_AUDIT, [])[::-1]),
        )
        self.read_at = monotonic()
        self.took_seconds = self.read_at - began


_readers: weakref.WeakKeyDictionary[Desk, _Reader] = weakref.WeakKeyDictionary()


def digest_of(desk: Desk, wait_seconds: float = 0.1) -> Digest:
    """Return what was read last, and read anew what is too old.

    Args:
        desk: Where it is read.
        wait_seconds: How long a reading is waited for, unless the last one took longer: a small
            ledger is read at once.
    """
    reader = _readers.setdefault(desk, _Reader())
    is_old = monotonic() - reader.looked_at > reader.rest_seconds
    if is_old and reader.reading.acquire(blocking=False):
        is_short = reader.took_seconds <= wait_seconds
        thread = threading.Thread(target=reader.look, args=(desk,), name="corvus-digest")
        thread.start()
        if is_short:
            thread.join(wait_seconds)
    return reader.digest


def mark_of(desk: Desk) -> object:
    """Return what is another one once there is something new, or a new one when none can tell."""
    try:
        return desk.mark()
    except PolicyError:
        return object()


def _part(read: Callable[[], Sequence[Mapping[str, object]]]) -> Part:
    try:
        return Part(read())
    except PolicyError as error:
        return Part(fault=fault_kind(error))


def _days(desk: Desk) -> list[dict[str, object]]:
    """Return each of the latest days; nothing where none of them has a call."""
    rows = _rows(_report(desk, "spend/history-by-day", days=_DAYS))
    return rows if any(row["calls"] for row in rows) else []


def _report(desk: Desk, name: str, **given: object) -> Table:
    from corvus.reporting.catalog import load_catalog

    return desk.run_report(load_catalog().find(name), given)


def _rows(table: Table) -> list[dict[str, object]]:
    names = [column.name for column in table.columns]
    return [cast("dict[str, object]", dict(zip(names, row, strict=True))) for row in table.rows]
