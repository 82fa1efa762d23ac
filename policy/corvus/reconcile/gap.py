"""One gap to be explained: both sides of a model on a day, and the amounts by cause (REC-1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction

from corvus.model.usage import TokenKind
from corvus.reconcile.charge import Offer

_ZERO = Fraction(0)


class Cause(StrEnum):
    """A reason for a gap; each amount is what the bill has more than the ledger."""

    NOT_SEEN = "not_seen"
    """Billed, and not in the ledger."""
    NOT_BILLED = "not_billed"
    """In the ledger, and not billed."""
    PRICED_OTHERWISE = "priced_otherwise"
    """The same use at another rate."""
    TIER = "tier"
    """The same use in another service tier."""
    DISCOUNT = "discount"
    """Below the list price of the provider."""
    CREDITS = "credits"
    """Credits, refunds and adjustments of the bill."""
    FEES = "fees"
    """Searches, containers, taxes and other services."""
    ESTIMATED = "estimated"
    """The ledger has an estimate, and the bill lies within its bounds."""
    UNKNOWN = "unknown"
    """The ledger has calls whose cost is unknown or a lower bound."""
    ROUNDING = "rounding"
    """Less than what the bill rounds."""
    UNEXPLAINED = "unexplained"


@dataclass(frozen=True, slots=True)
class BilledUse:
    """What a bill has of one model on one day, amounts in nano-USD before discounts.

    Attributes:
        total: All of it.
        amounts: By kind and offer, where it is divided so; with ``undivided`` they are the total.
        undivided: What it has for all kinds together.
        counts: Tokens and uses by kind and offer; empty where it states none.
        prompt: All tokens read, …
        completion: … all written, …
        tokens: … and both; ``None`` where it does not say.
        requests: Calls.
        bounds: How far rounding may have moved the amount of each kind.
        bound: How far the total.
    """

    total: Fraction
    amounts: Mapping[tuple[TokenKind, Offer], Fraction]
    undivided: Fraction | None
    counts: Mapping[tuple[TokenKind, Offer], int]
    prompt: int | None
    completion: int | None
    tokens: int | None
    requests: int | None
    bounds: Mapping[TokenKind, Fraction]
    bound: Fraction


@dataclass(frozen=True, slots=True)
class RecordedUse:
    """What the ledger has of one model on one day, in nano-USD.

    Attributes:
        certain: Cost without estimates.
        estimated: Estimates.
        doubtful_calls: Those whose cost is unknown or a lower bound.
        counts: Tokens and uses by kind and offer.
        by_kind: Cost by kind; ``None`` where it cannot be divided.
    """

    calls: int
    certain: Fraction
    estimated: Fraction
    doubtful_calls: int
    counts: Mapping[tuple[TokenKind, Offer], int]
    by_kind: Mapping[TokenKind, Fraction] | None


Rate = Callable[[TokenKind, Offer], Fraction | None]
"""The rate of the books for one token or use, in nano-USD."""


@dataclass(slots=True)
class Explanation:
    """A gap by cause.

    Attributes:
        causes: Nano-USD by cause; they add up to the gap.
        unseen: By kind, how many more the bill has than the ledger.
        notes: What was found, in words.
    """

    causes: dict[Cause, Fraction] = field(default_factory=dict[Cause, Fraction])
    unseen: dict[str, int] = field(default_factory=dict[str, int])
    notes: list[str] = field(default_factory=list[str])

    def put(self, cause: Cause, amount: Fraction, note: str = "") -> None:
        """Add an amount to a cause."""
        if amount:
            self.causes[cause] = self.causes.get(cause, _ZERO) + amount
            if note and note not in self.notes:
                self.notes.append(note)

    def take(self, other: Explanation) -> None:
        """Add another explanation of a part of the gap."""
        for cause, amount in other.causes.items():
            self.put(cause, amount)
        self.unseen.update(other.unseen)
        self.notes += [note for note in other.notes if note not in self.notes]


@dataclass(frozen=True, slots=True)
class Case:
    """One gap to be explained."""

    billed: BilledUse
    ours: RecordedUse
    rate: Rate
    steady: Mapping[TokenKind | None, Fraction]
    gap: Fraction


def by_kind(counts: Mapping[tuple[TokenKind, Offer], int]) -> dict[TokenKind, int]:
    """Sum counts over offers."""
    found: dict[TokenKind, int] = {}
    for (kind, _), number in counts.items():
        found[kind] = found.get(kind, 0) + number
    return found


def amounts_by_kind(billed: BilledUse) -> dict[TokenKind, Fraction]:
    """Sum the amounts of a bill over offers."""
    found: dict[TokenKind, Fraction] = {}
    for (kind, _), amount in billed.amounts.items():
        found[kind] = found.get(kind, _ZERO) + amount
    return found


def rounding(case: Case) -> Fraction:
    """Return how far rounding may move the total: that of the bill, and half a nano-USD a call."""
    return case.billed.bound + Fraction(case.ours.calls, 2)


def put_rest(
    case: Case, explanation: Explanation, rest: Fraction, cause: Cause, note: str = ""
) -> None:
    """Put what is left of a gap: less than the rounding of the bill goes to the main cause."""
    if abs(rest) <= rounding(case):
        main = max(
            explanation.causes, key=lambda one: abs(explanation.causes[one]), default=Cause.ROUNDING
        )
        explanation.put(main, rest)
        return
    if case.ours.doubtful_calls and rest > 0:
        cause, note = Cause.UNKNOWN, _doubtful(case)
    explanation.put(cause, rest, note)


def _doubtful(case: Case) -> str:
    calls = case.ours.doubtful_calls
    return f"{calls:,} {'call' if calls == 1 else 'calls'} of unknown cost or of at least a cost"
