"""Routes that change things: reset, override, config. The actor is the token's holder (OVR-5)."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request

from corvus.answers.policy import CHANGED, IN_FORCE, changed_body, config_body
from corvus.answers.steering import GRANTED, RESET, heard_elsewhere, with_elsewhere
from corvus.gateway.api.bodies import ConfigPatch, GrantOverride, Reset
from corvus.gateway.api.responses import json_response
from corvus.gateway.guards import TOKEN
from corvus.gateway.patch import with_canonical_keys
from corvus.gateway.service import Service
from corvus.model.request import Surface
from corvus.model.steering import OverrideRequest, ResetRequest
from corvus.model.token import Token

_EACH_SESSION = "session"
"""The budget of the upstream that counts each session apart."""
_log = logging.getLogger("corvus.gateway")
SURFACE = Surface.ADMIN


def routes(service: Service) -> APIRouter:
    """Return the routes over a service."""
    router = APIRouter(prefix="/admin", tags=["admin"])

    def elsewhere() -> dict[str, object]:
        return heard_elsewhere(service.governor.renewal_seconds)

    @router.post("/cost/reset", responses=json_response(with_elsewhere(RESET.schema), "The reset"))
    def reset(body: Reset, request: Request) -> dict[str, Any]:
        """Start a new baseline for one scope, or one part of it; nothing is deleted.

        `session` alone is the caller's own: the one that its token is bound to, else that of the
        calls which name none.
        """
        session, project = body.session_id, body.project
        if session is None and body.mission_id is None and body.scope == _EACH_SESSION:
            session, project = _own_session(service, request, project)
        named = session, body.mission_id, project, body.part
        change = ResetRequest(body.scope, actor_of(request), body.reason, *named)
        return RESET.body(service.governor.reset(change)) | elsewhere()

    @router.post(
        "/cost/override", responses=json_response(with_elsewhere(GRANTED.schema), "The override")
    )
    def override(body: GrantOverride, request: Request) -> dict[str, Any]:
        """Let one call pass that its budgets would refuse."""
        granted = service.governor.override(_override_of(body, actor_of(request)))
        return GRANTED.body(granted) | elsewhere()

    @router.get("/config", responses=json_response(IN_FORCE, "The config in force"))
    def config() -> dict[str, Any]:
        """Return the config in force."""
        return config_body(service.runtime.policy)

    @router.patch("/config", responses=json_response(with_elsewhere(CHANGED), "The new config"))
    def change(body: ConfigPatch, request: Request) -> dict[str, Any]:
        """Change keys of [cost], named budgets, [autonomy]: file, policy and audit, or nothing."""
        patch, deprecated = with_canonical_keys(body.model_dump(exclude_unset=True))
        runtime = service.change_config(patch, actor_of(request))
        for field in deprecated:
            _log.warning("PATCH admin/config named a deprecated key, %s", field)
        return changed_body(runtime.policy, deprecated) | elsewhere()

    return router


def _own_session(service: Service, request: Request, project: str | None) -> tuple[str, str | None]:
    """Return the session of the caller, and its project."""
    token: Token = request.scope[TOKEN]
    if token.session is not None:
        return token.session, token.project_of(project)
    return service.governor.session_id, project


def _override_of(body: GrantOverride, actor: str) -> OverrideRequest:
    life = body.expires_in_seconds
    expires_in = None if life is None else timedelta(seconds=life)
    return OverrideRequest(
        actor, body.reason, body.session_id, expires_in, surface=SURFACE, project=body.project
    )


def actor_of(request: Request) -> str:
    """Return the principal of a request that the guards let through."""
    return request.scope[TOKEN].principal
