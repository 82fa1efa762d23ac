"""The route that says whether an agent may act, and counts what it lets pass (ACT-3).

Who acts is the token's holder, never the body: each has an action rate of its own.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError

from corvus.answers.action import ACTION
from corvus.autonomy.decide import SHELL, Action, ActionRateExceeded, ActionRefused, Rule
from corvus.autonomy.paths import Surroundings
from corvus.gateway.api.admin import actor_of
from corvus.gateway.api.bodies import Act
from corvus.gateway.api.responses import json_response
from corvus.gateway.service import Service
from corvus.governor import actions


def routes(service: Service) -> APIRouter:
    """Return the route over a service."""
    router = APIRouter(prefix="/actions", tags=["actions"])

    @router.post("", responses=json_response(ACTION.schema, "It may be done"))
    def act(body: Act, request: Request) -> dict[str, Any]:
        """Let an agent act, or refuse: 403 by autonomy or until approved, 429 by the action rate.

        An action that is let through counts, unless it only reads or is not to be recorded.
        """
        action = _action(body)
        step = actions.step(
            service.runtime.policy,
            action,
            actor_of(request),
            approved=body.approved,
            record=body.record,
        )
        answer = service.stores.shared.run(step)
        if body.record:
            service.metrics.count_action(answer)
        if answer.decision.rule is Rule.ACTION_RATE:
            raise ActionRateExceeded(answer.decision.reason, answer)
        if not answer.allowed:
            raise ActionRefused(answer.decision.reason, answer)
        return ACTION.body(answer)

    return router


def _action(body: Act) -> Action:
    around = Surroundings(body.workspace, body.home)
    tool = body.tool or SHELL
    try:
        return Action(body.command, tool, tuple(body.paths), body.reads_only, around)
    except ValueError as mistake:
        about = {"type": "value_error", "loc": ("body",), "msg": str(mistake)}
        raise RequestValidationError([about]) from None
