"""What may be changed of a policy so that it counts a call against less (PLN-2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from enum import StrEnum
from typing import NamedTuple

from corvus.base.period import Period
from corvus.governor.rules import MISSION, matches, part_of_call
from corvus.model.budget import NONE, Budget, Measure
from corvus.model.policy import Policy
from corvus.model.request import Request

_GLOB = frozenset("*?[]\\%")


class Kind(StrEnum):
    """What is changed."""

    LIMIT = "limit"
    """The limit of a budget, or the exception that counts for the part of the call."""
    PART = "part"
    """The limit of one part of a budget: a new exception."""
    NEW = "new"
    """A budget that there was not."""


class Candidate(NamedTuple):
    """A limit that may be changed.

    Attributes:
        kind: What is changed.
        before: The budget as it is; ``None`` for a new one.
        make: Returns it with a limit, enforced and without rungs.
        part: That of the call, as it is kept; empty without.
        present: The limit that counts for the call now; 0 is off, ``None`` for a new budget.
    """

    kind: Kind
    before: Budget | None
    make: Callable[[int], Budget]
    part: str
    present: int | None


def candidates(policy: Policy, request: Request) -> Iterator[Candidate]:
    """Yield the limits that count a call, and some that might."""
    for budget in policy.budgets:
        if counts(budget, request):
            yield from _changes(budget, part_of_call(budget, request.attributes))
    for budget in _new_budgets(policy, request):
        part = part_of_call(budget, request.attributes)
        yield Candidate(Kind.NEW, None, _limited(budget), part, None)


def counts(budget: Budget, request: Request) -> bool:
    """Return whether a budget counts a call."""
    if budget.period is Period.MISSION and request.mission_id is None:
        return False
    return matches(budget, request.attributes)


def _changes(budget: Budget, part: str) -> Iterator[Candidate]:
    """Yield how the limit may be lowered that counts for a part of a budget."""
    blocking = replace(budget, enforce="block", on_exceeded=())
    present = budget.for_part(part).limit
    own = budget.for_part(part)
    if own is budget or own.config_key == budget.config_key:
        yield Candidate(Kind.LIMIT, budget, _limited(blocking), part, present)
        if len(budget.per) == 1 and part != NONE and not _GLOB & {*part}:
            limits = budget.limits

            def for_part(limit: int) -> Budget:
                return replace(blocking, limits=((part, limit), *limits))

            yield Candidate(Kind.PART, budget, for_part, part, present)
        return
    index = next(
        place
        for place, (glob, _) in enumerate(budget.limits)
        if own.config_key == replace(budget, limits=((glob, 1),)).for_part(part).config_key
    )

    def exception(limit: int) -> Budget:
        limits = [*budget.limits]
        limits[index] = (limits[index][0], limit)
        return replace(blocking, limits=tuple(limits))

    yield Candidate(Kind.LIMIT, budget, exception, part, present)


def _limited(budget: Budget) -> Callable[[int], Budget]:
    return lambda limit: replace(budget, limit=limit)


def _new_budgets(policy: Policy, request: Request) -> Iterator[Budget]:
    """Yield budgets that there are not yet: by session and day, for whoever made the call."""
    forms: list[tuple[str, Period, tuple[str, ...]]] = [
        ("per-session", Period.SESSION, ()),
        ("per-day", Period.DAY, ()),
    ]
    for attribute in ("user", "agent", "project"):
        if request.attributes.value(attribute) is not None:
            forms.append((f"per-day-and-{attribute}", Period.DAY, (attribute,)))
    taken = {budget.name for budget in policy.budgets} | {MISSION}
    have = {
        (budget.period, budget.per)
        for budget in policy.budgets
        if not budget.match and budget.measure is Measure.USD
    }
    for name, period, per in forms:
        if (period, per) in have:
            continue
        while name in taken:
            name = f"{name}-2"
        yield Budget(name, period, 0, (80,), f"cost.budgets.{name}", per=per)
