"""By what a client's report is known to be of a call that a meter of ours measured (PRX-9).

It is the provider's own id of the answer, or, where a client reports none, user, session and equal
counts within a minute. The measured call wins, whichever comes first: what was recorded of a report
is taken back, in the transaction that settles the call.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from corvus.base.time import microseconds
from corvus.governor.endings.sums import balances_at, count_call, counted_in
from corvus.governor.records import taken_back_row
from corvus.governor.rules import Register, SumPlace
from corvus.governor.scopes import STEPPED_SURFACES
from corvus.model.outbox import LedgerTable, Row
from corvus.model.request import Request, Surface
from corvus.model.reservation import (
    NO_ANSWER,
    AnswerKeys,
    Reservation,
    ReservationState,
    Settlement,
)
from corvus.model.usage import Usage
from corvus.store.unit import Unit

ALIKE_WITHIN = timedelta(minutes=1)
"""How far a report may lie from a measured call with equal counts to be of it."""
REPORT_KEY = "otlp:"
"""Begins the idempotency key of a report; behind it stands what makes its call known."""
MARK_CHARACTERS = 32
"""Hexadecimal digits of a mark, and of the key of a report."""

_METERED = frozenset(STEPPED_SURFACES)


def answer_of(request: Request, settlement: Settlement) -> AnswerKeys:
    """Return by what a report is known to be of a call; nothing where no client reports its calls.

    The mark is of user and session as well: who forges a session does it in his own name.
    """
    if request.surface not in _METERED and request.surface != Surface.TELEMETRY:
        return NO_ANSWER
    return AnswerKeys(settlement.provider_request_id, _mark(request, settlement.usage))


def drop_reports(unit: Unit, register: Register, measured: Reservation) -> tuple[int, Reservation]:
    """Take back what a client has reported of a call that was measured now.

    Args:
        unit: The transaction under way.
        register: The sums.
        measured: The call as its settlement leaves it.

    Returns:
        Nano-USD that were known of what is taken back, and the call: with a report taken for its
        mark, it takes no second one.
    """
    answer = AnswerKeys(measured.answer_id, measured.answer_mark)
    if answer == NO_ANSWER or measured.is_reported:
        return 0, measured
    found = [
        report
        for report in unit.answered(answer, reported=True)
        if report.state is ReservationState.COMMITTED
    ]
    if not found:
        return 0, measured
    named = [report for report in found if has_id(answer, report.answer_id)]
    near = [
        report
        for report in found
        if may_be_alike(answer, report) and is_near(measured, report.admitted_at, report.settled_at)
    ]
    near.sort(key=lambda report: abs(report.admitted_at - _end(measured)))
    dropped = [*named, *near[:1]]
    for report in dropped:
        _take_back(unit, register, report)
    if dropped:
        measured = replace(measured, answer_mark=None)
    return sum(report.known_cost_nano_usd or 0 for report in dropped), measured


def has_id(answer: AnswerKeys, answer_id: str | None) -> bool:
    """Return whether the provider's id says that an answer is the same."""
    return answer.answer_id is not None and answer.answer_id == answer_id


def may_be_alike(answer: AnswerKeys, other: Reservation) -> bool:
    """Return whether equal counts may make one call of two: not where both have an id."""
    is_equal = answer.answer_mark is not None and answer.answer_mark == other.answer_mark
    return is_equal and None in (answer.answer_id, other.answer_id)


def is_near(call: Reservation, reported_at: datetime, received_at: datetime | None) -> bool:
    """Return whether a report is of the time of a call, by the client's clock or by ours."""
    first, last = call.admitted_at - ALIKE_WITHIN, _end(call) + ALIKE_WITHIN
    received_at = received_at or reported_at
    return first <= reported_at <= last or first <= received_at <= last


def _end(call: Reservation) -> datetime:
    return call.settled_at or call.admitted_at


def _take_back(unit: Unit, register: Register, report: Reservation) -> None:
    """Take a record back whose call was measured: nothing stands for the report any more."""
    settled_at = report.settled_at or report.admitted_at
    places = present_places(unit, counted_in(unit, register, report))
    balances = balances_at(unit, places)
    usage = report.recorded[1] if report.recorded else Usage()
    for balance in balances:
        if microseconds(settled_at) >= balance.since_us:
            count_call(balance, report, -usage.total_tokens, -1)
    unit.put_balances(balances)
    append_report(unit, taken_back_row(report), report)
    unit.put_reservation(report.ended(ReservationState.RELEASED, settled_at))


def append_report(unit: Unit, row: Row, report: Reservation) -> None:
    """Hand a row to the ledger, with the identity of the call that it is about."""
    key = (report.request.idempotency_key or "").removeprefix(REPORT_KEY)
    unit.append(LedgerTable.USAGE_RECORD, row | {"import_key": str(UUID(hex=key))})


def present_places(unit: Unit, places: Sequence[SumPlace]) -> list[SumPlace]:
    """Return the sums that are not forgotten; those are counted from the ledger when needed."""
    budgets = unit.budgets()
    return [
        place
        for place in places
        if not (place.key.session_id and unit.is_forgotten(place.key.session_id))
        and not unit.is_window_forgotten(budgets[place.key.budget_id], place.key.window_start_us)
    ]


def _mark(request: Request, usage: Usage) -> str | None:
    if request.user is None or not usage.total_tokens:
        return None
    read = usage.context_tokens
    said = (request.user, request.session_id, str(read), str(usage.total_tokens - read))
    text = "\0".join(said).encode("utf-8", "surrogatepass")
    return hashlib.sha256(text).hexdigest()[:MARK_CHARACTERS]
