"""What steers spend, as programs see it: sessions, missions, overrides, resets, tokens (API-7)."""

from __future__ import annotations

import math

from corvus.answers.amounts import amount_exact
from corvus.answers.audit import AUDIT_EVENT
from corvus.answers.shape import (
    Schema,
    Shape,
    array,
    closed,
    count,
    flag,
    instant,
    member,
    money,
    nested,
    optional_instant,
    optional_text,
    text,
    word,
)
from corvus.model.budget import Measure
from corvus.model.steering import (
    MissionRecord,
    Override,
    ResetResult,
    SessionOutcome,
    SessionRecord,
)
from corvus.model.token import Token, TokenScope


def mission_state(mission: MissionRecord) -> str:
    """Return ``running``, or how a mission ended."""
    if mission.ended_at is None:
        return "running"
    return mission.outcome.value if mission.outcome else "ended"


def heard_elsewhere(seconds: float | None) -> dict[str, object]:
    """Return within what time other hosts hear of a change, for the answer to it (STO-3).

    Args:
        seconds: ``None`` where all see one store, and nothing is said.
    """
    return {} if seconds is None else {_ELSEWHERE: math.ceil(seconds)}


def with_elsewhere(schema: Schema) -> Schema:
    """Return the schema of an answer that may say when other hosts hear of it."""
    about = "Within how many seconds other hosts hear of it; left out where they do at once."
    within = {"type": "integer", "minimum": 1, "description": about}
    return {**schema, "properties": {**schema["properties"], _ELSEWHERE: within}}


_ELSEWHERE = "other_hosts_within_seconds"
SESSION = Shape[SessionRecord](
    text("session_id", "Of the session, within its project.", "id"),
    optional_text("project", "The project that it is of."),
    instant("opened_at", "When it was opened first."),
    optional_instant("closed_at", "When it was closed; null while open."),
    word("outcome", SessionOutcome, "The worst state that it met so far."),
)
MISSION = Shape[MissionRecord](
    text("session_id", "Its session."),
    text("mission_id", "Of the mission, within its session.", "id"),
    optional_text("project", "The project of its session."),
    text("state", "running, or how it ended.", mission_state),
    money("limit", "Its cost limit; 0 is none.", "limit_nano_usd"),
    flag("is_share", "Whether its limit is a share that is kept free for it."),
    optional_text(
        "parent_mission_id", "The mission that gave the share; null is the session.", "parent_id"
    ),
    count("steps", "Steps taken."),
    count("max_steps", "Steps it may take; 0 is no limit."),
    instant("started_at", "When it began."),
    optional_instant("deadline_at", "When it is stopped."),
    optional_instant("ended_at", "When it ended."),
    optional_text("stopped_by", "The limit that stopped it."),
)
GRANTED = Shape[Override](
    text("id", "Of the override."),
    text("actor", "Who granted it: the token's holder."),
    member("scope", {"const": "next_request"}, lambda _: "next_request"),
    optional_text("reason", "Why, without secrets."),
    instant("requested_at", "When it was granted.", "granted_at"),
    instant("expires_at", "When it lapses unused."),
    optional_text("session_id", "The only session that may use it."),
    member("remaining_uses", {"const": 1}, lambda _: 1),
)
RESET = Shape[ResetResult](
    text("scope", "The budget that was reset."),
    optional_text(
        "part", "Which part of it; null without `per`.", lambda reset: reset.removed.part or None
    ),
    word("measure", Measure, "What it counts.", "removed.measure"),
    text(
        "removed",
        "What no longer counts. Exact, in the unit of `measure`.",
        lambda reset: amount_exact(reset.removed.amount, reset.removed.measure),
    ),
    money("removed_cost", "What no longer counts.", "removed_cost_nano_usd"),
    count("removed_requests", "Calls that no longer count."),
    instant("effective_at", "Start of the new baseline."),
    nested("audit_event", AUDIT_EVENT),
)
TOKEN = Shape[Token](
    text("token_id", "UUIDv7.", "id"),
    text("name", "What its owner calls it."),
    word("scope", TokenScope, "What it allows."),
    optional_text("project", "The project of its calls."),
    optional_text("user", "Who spends by it."),
    optional_text("agent", "The agent of its calls."),
    optional_text("session", "The session of its calls."),
    optional_text("mission", "The mission of its calls."),
    optional_text("upstream", "The upstream that its calls go to."),
    instant("created_at", "When it was made."),
    text("created_by", "Who made it."),
    optional_instant("revoked_at", "When it was revoked."),
)
ONE_SESSION: Schema = closed({"session": SESSION.schema})
SESSIONS: Schema = closed({"sessions": array(SESSION.schema, "Those opened last first.")})
ONE_MISSION: Schema = closed({"mission": MISSION.schema})
EVENTS: Schema = closed({"events": array(AUDIT_EVENT.schema, "The newest last.")})
