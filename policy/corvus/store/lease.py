"""Leases: slices of budgets that a host far from the shared store may admit calls from (STO-3).

Both stores keep the same rows. In the shared one they are the truth; in a host's own store they
are what the host goes by until it asks again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from corvus.model.budget import Amounts, Measure

THE_STORE = ""
"""The id of the row of the shared store itself, which has the present epoch."""


class LeaseKey(NamedTuple):
    """Which slice: of which host, and of which sum.

    Attributes:
        host: Id of the host's own store.
        budget_id: As the store that keeps the row knows the budget.
        window_start_us: Microseconds since 1970; 0 without a window.
        part: Of a budget with ``per``; else empty.
        measure: The unit of its amounts (``corvus.model.budget.Measure``).
    """

    host: str
    budget_id: int
    window_start_us: int
    part: str
    measure: str


@dataclass(frozen=True, slots=True)
class Lease:
    """What a host was given of one sum, in the unit of its measure.

    In the shared store, what was given and not yet reported counts as held.

    Attributes:
        key: Which slice.
        granted: All that was given so far, less what was given back.
        reported: What the records of the host have used of it; the shared store counts these.
        base: What the host's own sum had used before the lease; kept by the host alone.
        revision: Grows whenever the shared store changes ``granted``.
        others_spent: What all other hosts had spent when the shared store was asked last, and …
        others_held: … what they held; kept by the host alone.
    """

    key: LeaseKey
    granted: int = 0
    reported: int = 0
    base: int = 0
    revision: int = 0
    others_spent: int = 0
    others_held: int = 0

    @property
    def outstanding(self) -> int:
        """What may still be used or was not reported yet, >= 0: it counts as held."""
        return max(0, self.granted - self.reported)

    @property
    def held(self) -> Amounts:
        """What counts as held, in its own measure alone."""
        return amounts_in(self.key.measure, self.outstanding)


def amounts_in(measure: str, amount: int) -> Amounts:
    """Return an amount in one measure, and nothing in the others."""
    match Measure(measure):
        case Measure.USD:
            return Amounts(nano_usd=amount)
        case Measure.TOKENS:
            return Amounts(tokens=amount)
        case Measure.CALLS:
            return Amounts(calls=amount)


class Turn(NamedTuple):
    """Which of its conversations with the shared store a host has had last, and begins now.

    Each has a name that nobody can guess, and both stores keep it: so a copy of a host's own store,
    or one that was set back, is known by the name of a conversation that is not the last.

    Attributes:
        last: The name of the last; empty before the first.
        begun: The name of the one that was begun and perhaps not heard out; empty where none is.
    """

    last: str = ""
    begun: str = ""

    @staticmethod
    def of(text: str) -> Turn:
        """Return a turn as a row of a host's own store keeps it."""
        last, _, begun = text.partition(" ")
        return Turn(last, begun)

    @property
    def text(self) -> str:
        """The same as the row keeps it."""
        return f"{self.last} {self.begun}"


@dataclass(frozen=True, slots=True)
class LeaseHost:
    """A host that has slices.

    Attributes:
        id: Id of the host's own store.
        name: What a person calls the host.
        epoch: The last in which it gave back what it did not need.
        reported_seq: The event of its own store up to which all are reported.
        seen_us: When it was heard of last, microseconds of the shared store's clock.
        until_us: Until when it may use its slices: by that clock in the shared store, in the
            host's own store by the time since its machine started.
        boot: Which start of the machine. In the shared store it is the turn of the host instead,
            and its own store keeps that in the row of the shared one (``Turn``).
        is_presumed: Whether what it had left is presumed to be spent: nobody heard of it for long.
    """

    id: str
    name: str = ""
    epoch: int = 0
    reported_seq: int = 0
    seen_us: int = 0
    until_us: int = 0
    boot: str = ""
    is_presumed: bool = False
