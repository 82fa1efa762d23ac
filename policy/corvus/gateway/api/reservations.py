"""Routes that govern the calls of programs in any language: reserve, then settle once (RES-2)."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response

from corvus.answers.denial import denial_error
from corvus.answers.reservation import ADMITTED, EXTENDED, SETTLED
from corvus.base.ids import new_id
from corvus.base.money import nano_usd
from corvus.base.time import microseconds
from corvus.gateway.api.bodies import Commit, Extend, Release, Reserve
from corvus.gateway.api.responses import json_response
from corvus.gateway.guards import TOKEN
from corvus.gateway.presence import while_there
from corvus.gateway.service import Service
from corvus.governor.governor import Governor
from corvus.governor.options import CallOptions, CallReport
from corvus.model.budget import Rung
from corvus.model.request import Surface
from corvus.model.reservation import Outcome, Reservation
from corvus.model.token import Claims, Token
from corvus.model.usage import Usage

SURFACE = Surface.API
"""Surface of the reservations that are made here."""
Id = Annotated[str, Path(min_length=1, max_length=100)]
_CLIENT_GONE = 499
_COUNTS = tuple(Usage.__dataclass_fields__)
_ADMITTED = {
    **json_response(ADMITTED.schema, "Admitted and held", status=201),
    **json_response(ADMITTED.schema, "Not governed: nothing is held"),
}
_SETTLED = json_response(SETTLED.schema, "The settled reservation")
_EXTENDED = json_response(EXTENDED.schema, "The reservation")


def routes(service: Service) -> APIRouter:
    """Return the routes over a service."""
    router = APIRouter(prefix="/reservations", tags=["reservations"])

    @router.post("", status_code=201, responses=_ADMITTED)
    async def reserve(body: Reserve, request: Request, response: Response) -> Any:
        """Admit a call and hold its estimate; a refusal is 402 with all that a program needs.

        It may wait for other calls, or for a person; a client that leaves frees its place.
        """
        governor = service.governor
        token: Token = request.scope[TOKEN]
        options = _options(service, body, token)
        admission = governor.areserve(governor.request(body.model, **options))
        decision = await while_there(admission, request.receive)
        if decision is None:
            return Response(status_code=_CLIENT_GONE)
        if not decision.allowed:
            raise denial_error(decision, body.model)
        if decision.reservation is None:
            response.status_code = 200  # governance is disabled: nothing is held (EVA-11)
        return ADMITTED.body(decision)

    @router.post("/{reservation_id}/commit", responses=_SETTLED)
    def commit(reservation_id: Id, body: Commit, request: Request) -> dict[str, Any]:
        """Record what a call used and cost, and free its hold."""
        governor = service.governor
        held = _own(governor, request, reservation_id)
        return SETTLED.body(governor.commit(held, _usage(body), **_report(body)))

    @router.post("/{reservation_id}/release", responses=_SETTLED)
    def release(
        reservation_id: Id, request: Request, body: Release | None = None
    ) -> dict[str, Any]:
        """Free a hold of which nothing was spent."""
        governor = service.governor
        key = body.settlement_key if body else None
        held = _own(governor, request, reservation_id)
        return SETTLED.body(governor.release(held, settlement_key=key))

    @router.post("/{reservation_id}/extend", responses=_EXTENDED)
    def extend(reservation_id: Id, body: Extend, request: Request) -> dict[str, Any]:
        """Let a long call live longer, or hold more for it."""
        governor = service.governor
        held = _own(governor, request, reservation_id)
        return EXTENDED.body(
            governor.extend(held, ttl_seconds=body.ttl_seconds, hold_usd=body.hold_usd)
        )

    return router


def _usage(body: Commit) -> Usage | None:
    counts = {name: getattr(body, name) for name in _COUNTS}
    known = {name: count for name, count in counts.items() if count is not None}
    return Usage(**known) if known else None


def _report(body: Commit) -> CallReport:
    return {
        "outcome": Outcome(body.outcome),
        "answering_model": body.answering_model,
        "provider_request_id": body.provider_request_id,
        "settlement_key": body.settlement_key,
        "cost_nano_usd": None if body.cost_usd is None else nano_usd(body.cost_usd),
    }


def _own(governor: Governor, request: Request, reservation_id: str) -> Reservation:
    """Return a reservation that the token of a request made here (RES-8).

    Raises:
        ReservationNotFound: There is none, or it is somebody else's.
    """
    token: Token = request.scope[TOKEN]
    return governor.reservation_of(token.id, SURFACE, reservation_id)


def _options(service: Service, body: Reserve, token: Token) -> CallOptions:
    named = token.bind(
        Claims(body.project, body.user, body.agent, body.session_id, body.mission_id)
    )
    options: CallOptions = {
        "session_id": named.session,
        "made_session_id": new_id(microseconds(service.store.clock.now())),
        "mission_id": named.mission,
        "resumes_mission": body.resume_mission,
        "provider": body.provider,
        "surface": SURFACE,
        "principal": token.id,
        "project": named.project,
        "user": named.user,
        "agent": named.agent,
        "subagent": body.subagent,
        "parent_subagent": body.parent_subagent,
        "token": token.name,
        "branch": body.branch,
        "tags": body.tags,
        "idempotency_key": body.idempotency_key,
        "ttl_seconds": body.ttl_seconds,
        "input_tokens": body.input_tokens,
        "max_output_tokens": body.max_output_tokens,
        "dispatched": body.dispatched,
    }
    if body.estimate_usd is not None:
        options["estimate_usd"] = body.estimate_usd
    if body.rungs is not None:
        options["rungs"] = [Rung(rung) for rung in body.rungs]
    return options
