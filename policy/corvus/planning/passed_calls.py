"""Recorded calls as they passed, and which of them count in the sum of another (PLN-2)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from corvus.base.money import NanoUSD
from corvus.base.period import Period
from corvus.governor.rules import part_of_call
from corvus.model.budget import Amounts, Budget
from corvus.model.request import Request
from corvus.planning.candidates import counts
from corvus.planning.recorded import (
    CallTurn,
    RecordedCall,
    RecordedEvent,
    RecordedMission,
    RecordedReset,
)


def passed_events(events: Sequence[RecordedEvent]) -> Iterator[RecordedEvent]:
    """Yield what passed, each call in the form in which it did; overrides lift nothing.

    Also what no budget saw, such as imports.
    """
    for event in events:
        if isinstance(event, RecordedCall):
            decision = event.decision
            if decision is None:  # its cost stands for what would have been held
                yield replace(event, is_judged=event.is_judged or event.times == 1)
            elif decision.denial is None:
                request = replace(
                    event.request,
                    model=decision.model,
                    estimate_nano_usd=NanoUSD(decision.hold.nano_usd),
                    estimate_tokens=decision.hold.tokens,
                    rungs=(),
                )
                yield replace(event, request=request)
        elif isinstance(event, CallTurn | RecordedReset | RecordedMission):
            yield event


def counted_events(
    events: Sequence[RecordedEvent], budget: Budget, part: str | None = None
) -> Iterator[RecordedEvent]:
    """Yield what bears on a budget; no other call can be refused by it.

    Args:
        events: What passed.
        budget: The budget.
        part: Only one part of it, as it is kept; ``None`` is all.
    """
    ids: set[str] = set()
    for event in events:
        if isinstance(event, RecordedCall):
            request = event.request
            if not counts(budget, request):
                continue
            if part is None or part_of_call(budget, request.attributes) == part:
                ids.add(event.id)
                yield event
        elif not isinstance(event, CallTurn) or event.call_id in ids:
            yield event


def most_in_window(events: Sequence[RecordedEvent], budget: Budget, incident: RecordedCall) -> int:
    """Return the most that a call can come to in a window that opens with a call."""
    start_us = incident.requested_us - budget.window_seconds * 1_000_000
    most: dict[str, int] = {}
    for event in events:
        if isinstance(event, RecordedCall) and event.requested_us > start_us:
            most[event.id] = event.request.amounts.of(budget.measure) * event.times
        elif isinstance(event, CallTurn) and event.call_id in most:
            now = Amounts(event.counted_nano_usd or event.hold_nano_usd, event.tokens, 1)
            most[event.call_id] = max(most[event.call_id], now.of(budget.measure))
    return sum(most.values())


def shares_sum(budget: Budget, part: str, request: Request, of: Request) -> bool:
    """Return whether a call is counted in the sum of another one, or in an earlier one of it."""
    if not counts(budget, request) or part_of_call(budget, request.attributes) != part:
        return False
    if budget.period not in (Period.SESSION, Period.MISSION):
        return True
    is_same = request.session_id == of.session_id and request.project == of.project
    return is_same and (budget.period is Period.SESSION or request.mission_id == of.mission_id)
