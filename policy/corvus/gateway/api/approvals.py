"""Routes of parked calls: which there are, and what is decided of them (EVA-14).

A link to decide by is in no answer: whoever is governed must not get one.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request

from corvus.answers.approval import APPROVAL, APPROVALS
from corvus.base.money import nano_usd
from corvus.gateway.api.admin import SURFACE
from corvus.gateway.api.bodies import Decide
from corvus.gateway.api.responses import json_response
from corvus.gateway.guards import TOKEN
from corvus.gateway.service import Service
from corvus.model.approval import ApprovalRequest
from corvus.model.token import Token

_Id = Annotated[str, Path(min_length=1, max_length=100)]


def routes(service: Service) -> APIRouter:
    """Return the routes over a service."""
    router = APIRouter(tags=["approvals"])

    @router.get("/approvals", responses=json_response(APPROVALS, "Parked calls"))
    def approvals() -> dict[str, Any]:
        """Return the calls that wait for a person, the oldest first."""
        return {"approvals": APPROVAL.bodies(service.governor.approvals())}

    @router.post(
        "/admin/approvals/{approval_id}",
        responses=json_response(APPROVAL.schema, "The parked call"),
    )
    def decide(approval_id: _Id, body: Decide, request: Request) -> dict[str, Any]:
        """Let a parked call pass once, or refuse it; not by the token whose call it is."""
        token: Token = request.scope[TOKEN]
        decision = ApprovalRequest(
            approval_id,
            token.principal,
            is_granted=body.decision == "approve",
            principal=token.id,
            amount_nano_usd=None if body.amount_usd is None else nano_usd(body.amount_usd),
            reason=body.reason,
            surface=SURFACE,
        )
        return APPROVAL.body(service.governor.decide_approval(decision))

    return router
