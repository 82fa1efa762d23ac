"""Routes that change things: reset, override, config. The actor is the token's holder (OVR-5)."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request

from corvus.base.money import usd_text
from corvus.gateway import answers
from corvus.gateway.api.bodies import ConfigPatch, GrantOverride, Reset
from corvus.gateway.api.cost import config_body
from corvus.gateway.guards import TOKEN
from corvus.gateway.service import Service
from corvus.governor.audit import audit_body
from corvus.model.policy import Policy
from corvus.model.request import Surface
from corvus.model.steering import OverrideRequest, ResetRequest

SURFACE = Surface.ADMIN


def routes(service: Service) -> APIRouter:
    """Return the routes over a service."""
    router = APIRouter(prefix="/admin", tags=["admin"])

    @router.post("/cost/reset", responses=answers.answers(answers.RESET, "The reset"))
    def reset(body: Reset, request: Request) -> dict[str, Any]:
        """Start a new baseline for one scope; nothing is deleted."""
        named = body.session_id, body.mission_id, body.project
        wish = ResetRequest(body.scope, actor_of(request), body.reason, *named)
        done = service.governor.reset(wish)
        return {
            "scope": done.scope,
            "removed_cost_usd": float(usd_text(done.removed_cost_nano_usd, 9)),
            "removed_cost_nano_usd": str(done.removed_cost_nano_usd),
            "removed_requests": done.removed_requests,
            "effective_at": done.effective_at.isoformat(),
            "audit_event": audit_body(done.audit_event),
        }

    @router.post("/cost/override", responses=answers.answers(answers.GRANTED, "The override"))
    def override(body: GrantOverride, request: Request) -> dict[str, Any]:
        """Let one call pass that its budgets would refuse."""
        granted = service.governor.override(_override_of(body, actor_of(request)))
        return {
            "id": granted.id,
            "actor": granted.actor,
            "scope": body.scope,
            "reason": granted.reason,
            "requested_at": granted.granted_at.isoformat(),
            "expires_at": granted.expires_at.isoformat(),
            "session_id": granted.session_id,
            "remaining_uses": 1,
        }

    @router.get("/config", responses=answers.answers(answers.CONFIG, "The config in force"))
    def config() -> dict[str, Any]:
        """Tell the config in force."""
        return _config(service.runtime.policy)

    @router.patch("/config", responses=answers.answers(answers.CHANGED, "The new config"))
    def change(body: ConfigPatch, request: Request) -> dict[str, Any]:
        """Change keys of [cost], named budgets, [autonomy]: file, policy and audit, or nothing."""
        runtime = service.change_config(body, actor_of(request))
        return {"updated": True, "config": _config(runtime.policy)}

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


def _config(policy: Policy) -> dict[str, Any]:
    return {
        "cost": config_body(policy),
        "autonomy": {
            "deprecated_fields": list(policy.deprecated_fields),
            **asdict(policy.autonomy),
        },
        "policy_hash": policy.content_hash,
    }
