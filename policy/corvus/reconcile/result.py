"""What a reconciliation found: a row for each day and model, and the sums (REC-1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction

from corvus.reconcile.gap import Cause


@dataclass(frozen=True, slots=True)
class Row:
    """One day and model, or one fee of a day, in nano-USD.

    Attributes:
        model: The one name of the model; ``None`` for what belongs to none.
        what: The fee or other charge; empty for the use of a model.
        billed_nano_usd: What is to be paid; ``None`` where the bill states counts alone.
        list_nano_usd: The same before discounts.
        ours_nano_usd: What the ledger has.
        low_nano_usd: Of it what is no estimate.
        high_nano_usd: The most that it can be; ``None`` where the ledger has calls whose cost is
            unknown or a lower bound.
        calls: Calls in the ledger.
        requests: Calls on the bill; ``None`` where it does not say.
        causes: The gap by cause.
        unseen: By kind, how many more the bill has than the ledger.
        notes: What was found, in words.
    """

    day: date
    model: str | None
    what: str
    billed_nano_usd: int | None
    list_nano_usd: int | None
    ours_nano_usd: int
    low_nano_usd: int
    high_nano_usd: int | None
    calls: int
    requests: int | None
    causes: Mapping[Cause, int] = field(default_factory=dict[Cause, int])
    unseen: Mapping[str, int] = field(default_factory=dict[str, int])
    billed_counts: Mapping[str, int] = field(default_factory=dict[str, int])
    notes: tuple[str, ...] = ()

    @property
    def gap_nano_usd(self) -> int | None:
        """What the bill has more than the ledger; ``None`` where the bill has no amount."""
        return None if self.billed_nano_usd is None else self.billed_nano_usd - self.ours_nano_usd

    @property
    def key(self) -> tuple[str, str]:
        """What the row is about, whatever the day."""
        return self.model or "", self.what


@dataclass(frozen=True, slots=True)
class FileRead:
    """One file, and which days it covers."""

    file: str
    form: str
    days: tuple[date, ...]
    lines: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """A bill held against the ledger.

    Attributes:
        days: The days compared, ascending.
        rows: By day and model.
        left_out_nano_usd: What the ledger has on these days of models that a file which need not
            be whole does not name.
        left_out_calls: Their calls.
        notes: What a person should know: pages that are missing, lines that are left out.
        tolerance: The part of the bill that the gap may come to.
    """

    provider: str
    files: tuple[FileRead, ...]
    days: tuple[date, ...]
    rows: tuple[Row, ...]
    left_out_nano_usd: int
    left_out_calls: int
    notes: tuple[str, ...]
    tolerance: Fraction

    @property
    def has_amounts(self) -> bool:
        """Whether the bill has money, and not counts alone."""
        return any(row.billed_nano_usd is not None for row in self.rows)

    @property
    def billed_nano_usd(self) -> int:
        """All that is billed."""
        return sum(row.billed_nano_usd or 0 for row in self.rows)

    @property
    def list_nano_usd(self) -> int:
        """All that is billed, before discounts."""
        return sum(row.list_nano_usd or 0 for row in self.rows)

    @property
    def ours_nano_usd(self) -> int:
        """All that the ledger has."""
        return sum(row.ours_nano_usd for row in self.rows)

    @property
    def low_nano_usd(self) -> int:
        """Of it what is no estimate."""
        return sum(row.low_nano_usd for row in self.rows)

    @property
    def high_nano_usd(self) -> int | None:
        """The most that it can be; ``None`` where that is open."""
        highest = [row.high_nano_usd for row in self.rows]
        known = [high for high in highest if high is not None]
        return sum(known) if len(known) == len(highest) else None

    @property
    def gap_nano_usd(self) -> int:
        """What is billed less what the ledger has."""
        return self.billed_nano_usd - self.ours_nano_usd

    @property
    def causes(self) -> dict[Cause, int]:
        """The gap by cause, in the order of ``Cause``."""
        return {
            cause: amount
            for cause in Cause
            if (amount := sum(row.causes.get(cause, 0) for row in self.rows))
        }

    @property
    def unseen(self) -> dict[str, int]:
        """By kind, how many more the bill has."""
        return _sums(row.unseen for row in self.rows)

    @property
    def deviation(self) -> Fraction | None:
        """The gap as a part of the bill; ``None`` where nothing was billed and the ledger has some.

        The gaps of different models do not make up for each other. Those of one model do on days
        that follow each other, all with a gap: a call of midnight may be billed on the next day.
        What the bill rounds is none. Without amounts it is the largest gap of any count.
        """
        if not self.has_amounts:
            return _counted(self.rows)
        gaps: dict[tuple[str, str], dict[date, int]] = {}
        for row in self.rows:
            gap = (row.gap_nano_usd or 0) - row.causes.get(Cause.ROUNDING, 0)
            by_day = gaps.setdefault(row.key, {})
            by_day[row.day] = by_day.get(row.day, 0) + gap
        apart = sum(_apart(by_day) for by_day in gaps.values())
        if not apart:
            return Fraction(0)
        billed = abs(self.billed_nano_usd)
        return Fraction(apart, billed) if billed else None

    @property
    def is_within(self) -> bool:
        """Whether the gap is within the tolerance."""
        deviation = self.deviation
        return deviation is not None and deviation <= self.tolerance


def _apart(gaps: Mapping[date, int]) -> int:
    """Return what the gaps of one model come to; those of days in a row make up for each other."""
    apart = moved = 0
    last: date | None = None
    for day in sorted(gaps):
        if not gaps[day] or (last is not None and day - last > timedelta(days=1)):
            apart, moved = apart + abs(moved), 0
        moved, last = moved + gaps[day], day
    return apart + abs(moved)


def _counted(rows: Iterable[Row]) -> Fraction | None:
    worst = Fraction(0)
    unseen: dict[tuple[tuple[str, str], str], int] = {}
    billed: dict[tuple[tuple[str, str], str], int] = {}
    for row in rows:
        for kind in {**row.unseen, **row.billed_counts}:
            name = (row.key, kind)
            unseen[name] = unseen.get(name, 0) + row.unseen.get(kind, 0)
            billed[name] = billed.get(name, 0) + row.billed_counts.get(kind, 0)
    for name, more in unseen.items():
        if more and not billed[name]:
            return None
        if more:
            worst = max(worst, Fraction(abs(more), billed[name]))
    return worst


def _sums(all_counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for counts in all_counts:
        for kind, number in counts.items():
            found[kind] = found.get(kind, 0) + number
    return {kind: number for kind, number in found.items() if number}
