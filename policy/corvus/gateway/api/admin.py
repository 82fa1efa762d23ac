"""Routes that change things: reset, override, config. The actor is the token's holder (OVR-5)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request

from corvus.answers.policy import CHANGED, CONFIG, changed_body
from corvus.answers.steering import GRANTED, RESET
from corvus.gateway.api.bodies import ConfigPatch, GrantOverride, Reset
from corvus.gateway.api.responses import json_response
from corvus.gateway.guards import TOKEN
from corvus.gateway.service import Service
from corvus.model.request import Surface
from corvus.model.steering import OverrideRequest, ResetRequest

SURFACE = Surface.ADMIN


def routes(service: Service) -> APIRouter:
    """Return the routes over a service."""
    router = APIRouter(prefix="/admin", tags=["admin"])

    @router.post("/cost/reset", responses=json_response(RESET.schema, "The reset"))
    def reset(body: Reset, request: Request) -> dict[str, Any]:
        """Start a new baseline for one scope, or one part of it; nothing is deleted."""
        named = body.session_id, body.mission_id, body.project, body.part
        change = ResetRequest(body.scope, actor_of(request), body.reason, *named)
        return RESET.body(service.governor.reset(change))

    @router.post("/cost/override", responses=json_response(GRANTED.schema, "The override"))
    def override(body: GrantOverride, request: Request) -> dict[str, Any]:
        """Let one call pass that its budgets would refuse."""
        return GRANTED.body(service.governor.override(_override_of(body, actor_of(request))))

    @router.get("/config", responses=json_response(CONFIG.schema, "The config in force"))
    def config() -> dict[str, Any]:
        """Return the config in force."""
        return CONFIG.body(service.runtime.policy)

    @router.patch("/config", responses=json_response(CHANGED, "The new config"))
    def change(body: ConfigPatch, request: Request) -> dict[str, Any]:
        """Change keys of [cost], named budgets, [autonomy]: file, policy and audit, or nothing."""
        runtime = service.change_config(body.model_dump(exclude_unset=True), actor_of(request))
        return changed_body(runtime.policy)

    return router


def _override_of(body: GrantOverride, actor: str) -> OverrideRequest:
    life = body.expires_in_seconds
    expires_in = None if life is None else timedelta(seconds=life)
    return OverrideRequest(
        actor, body.reason, body.session_id, expires_in, surface=SURFACE, project=body.project
    )


def actor_of(request: Request) -> str:
    """Return the principal of a request that the guards let through."""
    return request.scope[TOKEN].principal
