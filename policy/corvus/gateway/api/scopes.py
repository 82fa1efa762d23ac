"""Routes of sessions and missions: list, close; start, step, end (API-7).

A token acts within its own project, session and mission (RES-8). Refuses a session that is not
named: unlike a call, what is closed or begun must be known.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request

from corvus.answers.steering import MISSION, ONE_MISSION, ONE_SESSION, SESSION, SESSIONS
from corvus.base.errors import SteeringRefused
from corvus.base.money import nano_usd
from corvus.gateway.api.bodies import EndMission, OfProject, OfSession, StartMission
from corvus.gateway.api.responses import json_response
from corvus.gateway.guards import TOKEN
from corvus.gateway.service import Service
from corvus.model.decision import MissionEnded
from corvus.model.steering import MissionOutcome, MissionRequest
from corvus.model.token import Claims, Token, TokenScope

Id = Annotated[str, Path(min_length=1, max_length=1000, pattern=r"^[^\x00-\x1f]*$")]
Project = Annotated[str | None, Query(min_length=1, max_length=1000)]
_SESSION = json_response(ONE_SESSION, "The session")
_MISSION = json_response(ONE_MISSION, "The mission")


def routes(service: Service) -> APIRouter:
    """Return the routes over a service."""
    router = APIRouter()
    _add_sessions(router, service)
    _add_missions(router, service)
    return router


def _add_sessions(router: APIRouter, service: Service) -> None:
    @router.get("/admin/sessions", tags=["admin"], responses=json_response(SESSIONS, "List"))
    @router.get("/sessions", tags=["sessions"], responses=json_response(SESSIONS, "List"))
    def sessions(
        request: Request,
        project: Project = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> dict[str, Any]:
        """List sessions, those opened last first; those of a project alone for who is of one."""
        token: Token = request.scope[TOKEN]
        own = token.project_of(project)
        sees_all = token.scope is not TokenScope.RESERVE and own is None
        governor = service.governor
        opened = (
            governor.sessions(limit=limit) if sees_all else governor.sessions_of(own, limit=limit)
        )
        visible = (session for session in opened if token.session in (None, session.id))
        return {"sessions": SESSION.bodies(visible)}

    @router.post("/sessions/{session_id}/close", tags=["sessions"], responses=_SESSION)
    def close(session_id: Id, request: Request, body: OfProject | None = None) -> dict[str, Any]:
        """Close a session, and return its outcome."""
        named = _named(request, session_id, None, body.project if body else None)
        closed = service.governor.close_session(session_id, named.project, must_exist=True)
        return {"session": SESSION.body(closed)}


def _add_missions(router: APIRouter, service: Service) -> None:
    @router.post("/missions", status_code=201, tags=["missions"], responses=_STARTED)
    def start(body: StartMission, request: Request) -> dict[str, Any]:
        """Begin a mission, or join or resume it."""
        named = _named(request, body.session_id, body.mission_id, body.project)
        mission = MissionRequest(
            named.session or "",
            body.mission_id,
            None if body.limit_usd is None else nano_usd(body.limit_usd),
            body.max_steps,
            body.max_runtime_seconds,
            named.project,
            body.resume,
            body.share_percent,
            None if body.share_usd is None else nano_usd(body.share_usd),
            body.parent_mission_id,
        )
        return {"mission": MISSION.body(service.governor.start_mission(mission))}

    @router.post("/missions/{mission_id}/step", tags=["missions"], responses=_MISSION)
    def step(mission_id: Id, body: OfSession, request: Request) -> dict[str, Any]:
        """Count a step; one beyond the limits of the mission ends it, and is refused with 402."""
        named = _named(request, body.session_id, mission_id, body.project)
        record = service.governor.step_mission(named.session or "", mission_id, named.project)
        if record.outcome is not None:
            raise MissionEnded(
                f"mission {mission_id!r} has ended with {record.outcome}", record.outcome.value
            )
        return {"mission": MISSION.body(record)}

    @router.post("/missions/{mission_id}/end", tags=["missions"], responses=_MISSION)
    def end(mission_id: Id, body: EndMission, request: Request) -> dict[str, Any]:
        """End a mission; may be repeated."""
        named = _named(request, body.session_id, mission_id, body.project)
        record = service.governor.end_mission(
            named.session or "", mission_id, MissionOutcome(body.outcome), named.project
        )
        return {"mission": MISSION.body(record)}


_STARTED = json_response(ONE_MISSION, "The mission", status=201)


def _named(
    request: Request, session_id: str | None, mission_id: str | None, project: str | None
) -> Claims:
    """Return what a request is about, within what its token is bound to.

    Raises:
        ProjectRefused: It is about another project.
        TokenBound: It is about another session or mission.
        SteeringRefused: It names no session.
    """
    token: Token = request.scope[TOKEN]
    named = token.bind(Claims(project, session=session_id, mission=mission_id))
    if named.session is None:
        raise SteeringRefused("name the session: session_id")
    return named
