"""Records calls that clients report, each once, and none that a meter of ours measured (PRX-9).

What is reported was never held: it is over when it becomes known. It is recorded like usage that is
imported, marked by its surface, and counts as spend of the budgets from then on; nothing of it was
refused. The client's own estimate of the cost stands next to ours.

A report is a claim. Its holder is the token's, whatever it says; what makes it known is keyed by
the token, so that no other token can take the place of a call by forging its ids. A call that we
measured wins, whichever comes first: it is known by the provider's own id of the answer, or, where
a client reports none, by user, session and equal counts within a minute; then one call takes one
report. All of it is decided in the one transaction that records it.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple
from uuid import UUID

from corvus.base.ids import new_id
from corvus.base.money import NOTHING, nano_usd
from corvus.base.time import microseconds
from corvus.events import Event
from corvus.governor.cost.recorded import settlement_of
from corvus.governor.endings.answers import (
    MARK_CHARACTERS,
    REPORT_KEY,
    answer_of,
    append_report,
    has_id,
    is_near,
    may_be_alike,
)
from corvus.governor.endings.over import record_over
from corvus.governor.engine import (
    Constant,
    Engine,
    Operation,
    Transaction,
    WithEvents,
)
from corvus.governor.pricing import UNKNOWN_PROVIDER
from corvus.governor.rules import InForce
from corvus.model.reported import ReportedCall, Reporter, ReportSummary
from corvus.model.request import Request, Surface
from corvus.model.reservation import (
    Outcome,
    Reservation,
    ReservationState,
    Settlement,
    Source,
)
from corvus.model.usage import Usage
from corvus.prices.belief import ALONE_MAX_NANO_USD
from corvus.prices.lookup import PriceBooks
from corvus.store.unit import Unit

CLIENT_TAG = "client"
"""The tag that names the client, as imports of logs have it, too."""
CLIENT_COST_TAG = "client.cost_usd"
"""The tag with what the client reckons that the call cost, in USD."""

REASONING_TAG = "client.reasoning_tokens"
"""The tag with the tokens inside the output that were reasoning, where the client says so."""

_SECRET = "reported-calls"


class Report(NamedTuple):
    """A reported call, priced, as it stands if nobody measured it."""

    reservation: Reservation
    settlement: Settlement
    call: ReportedCall


def report_of(
    books: PriceBooks, call: ReportedCall, reporter: Reporter, policy_hash: str
) -> Report:
    """Return a reported call with what it cost.

    Raises:
        ValueError: A text of it is too long to be kept.
    """
    tags = {**dict(reporter.tags), CLIENT_TAG: call.client}
    if call.usage.reasoning_tokens:
        tags[REASONING_TAG] = str(call.usage.reasoning_tokens)
    if call.client_cost_usd is not None:
        tags[CLIENT_COST_TAG] = f"{call.client_cost_usd:f}"
    request = Request(
        model=call.model,
        estimate_nano_usd=None,
        session_id=reporter.session_id or call.session_id,
        provider=call.provider or UNKNOWN_PROVIDER,
        mission_id=reporter.mission_id,
        surface=Surface.TELEMETRY,
        project=reporter.project,
        user=reporter.user,
        agent=reporter.agent or call.client,
        token=reporter.token,
        tags=tuple(sorted(tags.items())),
        principal=reporter.principal,
    )
    bare = Reservation(
        id=new_id(microseconds(call.at)),
        request=request,
        state=ReservationState.COMMITTED,
        hold_nano_usd=NOTHING,
        admitted_at=call.at,
        expires_at=call.at,
        policy_hash=policy_hash,
    )
    settlement = _settlement(books, bare, call)
    settlement = replace(settlement, usage=_undivided(call.usage))
    return Report(bare, settlement, call)


def _undivided(usage: Usage) -> Usage:
    """Return counts as the client states its output: what was reasoning stands inside."""
    output = usage.output_tokens + usage.reasoning_tokens
    return replace(usage, output_tokens=output, reasoning_tokens=0)


def _settlement(books: PriceBooks, bare: Reservation, call: ReportedCall) -> Settlement:
    """Price a call; what the client reckons serves only where no book has a price (PRC-9)."""
    settled = settlement_of(
        books,
        bare,
        call.usage,
        {
            "outcome": Outcome.COMPLETED,
            "service_tier": call.service_tier,
            "provider_request_id": call.request_id,
            "is_at_least": call.is_at_least,
        },
    )
    if settled.source is not Source.UNKNOWN:
        return replace(settled, source=Source.IMPORTED)
    if settled.computed_cost_nano_usd is None and call.client_cost_usd:
        cost = nano_usd(call.client_cost_usd)
        if cost <= ALONE_MAX_NANO_USD:
            return replace(settled, cost_nano_usd=cost, source=Source.ESTIMATED)
    return settled


def recording(
    engine: Engine, calls: Sequence[ReportedCall], reporter: Reporter
) -> Operation[ReportSummary]:
    """Return the operation that records reported calls; see ``Governor.record_reports``."""
    if not engine.policy.enabled:
        return Constant(ReportSummary())
    policy_hash = engine.policy.content_hash
    reports = [report_of(engine.books, call, reporter, policy_hash) for call in calls]
    return Transaction(lambda unit: record_reports(unit, engine.in_force, reports))


def naming(
    engine: Engine, calls: Sequence[ReportedCall], reporter: Reporter
) -> Operation[list[str]]:
    """Return the operation that names the records of calls; see ``Governor.report_keys``."""

    def step(unit: Unit) -> WithEvents[list[str]]:
        secret = unit.secret(_SECRET)
        return [str(UUID(hex=_key(secret, reporter.principal, call))) for call in calls], []

    return Transaction(step)


def record_reports(
    unit: Unit, in_force: InForce, reports: Sequence[Report]
) -> tuple[ReportSummary, list[Event]]:
    """Record those calls that are not known yet, and that no meter measured.

    Args:
        unit: The transaction under way.
        in_force: The policy.
        reports: The calls, priced.
    """
    secret = unit.secret(_SECRET)
    events: list[Event] = []
    recorded = known = measured = 0
    for report in reports:
        reservation = _keyed(secret, report)
        request = reservation.request
        assert request.idempotency_key is not None
        if unit.reservation_by_key(request.idempotency_key, request.project) is not None:
            known += 1
            continue
        if (twin := _measured(unit, reservation, report.settlement)) is not None:
            _note_measured(unit, reservation, twin)
            measured += 1
            continue
        events += record_over(unit, in_force, reservation, report.settlement, append_report)
        recorded += 1
    return ReportSummary(recorded, known, measured), events


def _keyed(secret: bytes, report: Report) -> Reservation:
    """Return a reservation with the key that makes it known."""
    bare = report.reservation
    key = f"{REPORT_KEY}{_key(secret, bare.request.principal, report.call)}"
    return replace(bare, request=replace(bare.request, idempotency_key=key))


def _key(secret: bytes, principal: str, call: ReportedCall) -> str:
    """Return what makes a report known: whose it is, and of which call of which session."""
    said = f"{principal}\0{call.session_id}\0{call.identity}".encode("utf-8", "surrogatepass")
    return hmac.new(secret, said, hashlib.sha256).hexdigest()[:MARK_CHARACTERS]


def _measured(unit: Unit, report: Reservation, settlement: Settlement) -> Reservation | None:
    """Return the call of a meter that a report is about, if there is one."""
    answer = answer_of(report.request, settlement)
    for call in unit.answered(answer, reported=False):
        if call.state not in (ReservationState.COMMITTED, ReservationState.EXPIRED):
            continue
        if has_id(answer, call.answer_id):
            return call
        if may_be_alike(answer, call) and is_near(call, report.admitted_at, unit.now):
            return call
    return None


def _note_measured(unit: Unit, report: Reservation, twin: Reservation) -> None:
    """Remember a report that makes no record, so that it is known when it is sent again."""
    unit.add_reservation(report.ended(ReservationState.RELEASED, unit.now))
    if twin.answer_mark is not None:
        unit.put_reservation(replace(twin, answer_mark=None))
