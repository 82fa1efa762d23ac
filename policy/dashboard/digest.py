"""What the ledger says on the first page, read beside it: a large ledger never delays the page.

One thread reads for all pages at once; pages show what was read last and are told when there is
more. Refuses to be older than it says.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import cast

from policy.dashboard.desk import Desk
from policy.dashboard.page import fault_kind
from policy.errors import PolicyError
from policy.reporting.table import Cell, Table

OLD_SECONDS = 10.0
"""How old the parts may get while somebody looks."""
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


@dataclass(slots=True)
class _Reader:
    digest: Digest = field(default_factory=Digest)
    read_at: float = float("-inf")
    reading: threading.Lock = field(default_factory=threading.Lock)

    def read(self, desk: Desk) -> None:
        try:
            self.digest = Digest(
                _part(lambda: _days(desk)),
                _part(lambda: _rows(_report(desk, "spend/by-model"))[:_MODELS]),
                _part(lambda: desk.audit(_AUDIT, [])[::-1]),
            )
            self.read_at = monotonic()
        finally:
            self.reading.release()


_readers: weakref.WeakKeyDictionary[Desk, _Reader] = weakref.WeakKeyDictionary()


def digest_of(desk: Desk, wait_seconds: float = 0.1) -> Digest:
    """Return what was read last, and read anew what is too old.

    Args:
        desk: Where it is read.
        wait_seconds: How long the first reading is waited for; a small ledger is read at once.
    """
    reader = _readers.setdefault(desk, _Reader())
    if monotonic() - reader.read_at > OLD_SECONDS and reader.reading.acquire(blocking=False):
        thread = threading.Thread(target=reader.read, args=(desk,), name="corvus-digest")
        thread.start()
        thread.join(wait_seconds)
    return reader.digest


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
    from policy.reporting.catalog import load_catalog

    return desk.run_report(load_catalog().find(name), given)


def _rows(table: Table) -> list[dict[str, object]]:
    names = [column.name for column in table.columns]
    return [cast("dict[str, object]", dict(zip(names, row, strict=True))) for row in table.rows]
