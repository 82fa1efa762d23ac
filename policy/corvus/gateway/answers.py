"""What the admin API answers, as schemas of its OpenAPI (API-1, API-6).

Where a document of ``schemas/`` tells of an object, it is told by that one. These only describe:
no answer is checked against them while it is served, for that would slow every reservation; tests
hold real answers against them. Members with ``_usd`` are numbers for reading, those with
``_nano_usd`` exact strings; instants are UTC.
"""

from __future__ import annotations

from typing import Any

from corvus.config.model import schema_records as records

Schema = dict[str, Any]
Responses = dict[int | str, dict[str, Any]]

_BOOLEAN: Schema = {"type": "boolean"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_PERCENT: Schema = {"type": "number", "minimum": 0, "description": "Percent of the limit."}
_STATE: Schema = {"enum": ["allowed", "warning", "exceeded"], "description": "Of the budget."}
_PERIODS = ("session", "day", "week", "month", "mission", "total")


def answers(schema: Schema, description: str, *, status: int = 200) -> Responses:
    """Return the entry of a route for its JSON answer.

    Args:
        schema: Of the body.
        description: What the answer is, for a person.
        status: HTTP status, 2xx.
    """
    content = {"application/json": {"schema": {"title": description, **schema}}}
    return {status: {"description": description, "content": content}}


def text_answer(description: str) -> Responses:
    """Return the entry of a route that answers plain text with 200."""
    content = {"text/plain": {"schema": {"type": "string"}}}
    return {200: {"description": description, "content": content}}


def _closed(members: Schema) -> Schema:
    return {
        "type": "object",
        "properties": members,
        "required": [*members],
        "additionalProperties": False,
    }


def _list(items: Schema, description: str) -> Schema:
    return {"type": "array", "items": items, "description": description}


def _maybe(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _text(description: str) -> Schema:
    return {"type": "string", "description": description}


def _count(description: str) -> Schema:
    return {**_COUNT, "description": description}


def _flag(description: str) -> Schema:
    return {**_BOOLEAN, "description": description}


def _instant(description: str) -> Schema:
    return {"type": "string", "format": "date-time", "description": f"{description} UTC, ISO 8601."}


def _money(name: str, description: str, *, nullable: bool = False) -> Schema:
    readable = {"type": "number", "description": f"{description} USD, for reading."}
    told = f"{description} Exact nano-USD."
    exact = {"type": "string", "pattern": "^-?[0-9]+$", "description": told}
    wrap = _maybe if nullable else dict[str, Any]
    return {f"{name}_usd": wrap(readable), f"{name}_nano_usd": wrap(exact)}


def _embedded(document: Any) -> Schema:
    """Return a document of ``schemas/`` as a part of another."""
    return {key: one for key, one in document.items() if key not in ("$schema", "$id", "$defs")}


_POLICY_HASH = _text("Content hash of the policy that decided.")
_AUDIT_EVENT = _embedded(records.audit_event_document())
_STATUS: Schema = dict(records.denial_document()["$defs"]["status"])  # pyright: ignore
_BUDGET = _closed(
    {
        "name": _text("Name of the budget."),
        "period": {"enum": [*_PERIODS], "description": "What its window is."},
        "match": {"type": "object", "description": "Which calls count; empty is all."},
        "timezone": _text("IANA zone in which its windows begin."),
        "state": _STATE,
        **_money("spent", "Cost of settled calls."),
        **_money("held", "Sum of open reservations."),
        **_money("limit", "The hard ceiling; 0 is off."),
        **_money("headroom", "Dearest call that would still fit.", nullable=True),
        "percent_used": _PERCENT,
        "calls": _count("Settled calls in the window."),
        "unpriced_calls": _count("Calls among them whose cost is unknown."),
        "warn_at_percent": _count("Percent of the limit that warns."),
        "window_start": _maybe(_instant("Begin of the window, inclusive.")),
        "resets_at": _maybe(_instant("End of the window, exclusive.")),
        "config_key": _text("The key that sets the limit."),
        "blocking": _flag("Whether its last call was refused, and none was admitted since."),
        "refusals": _count("Calls that it refused in the window."),
        "last_refusal": _maybe(
            _closed(
                {
                    "at": _instant("When."),
                    "model": _text("The model that was asked for."),
                    **_money("needed", "Estimate of the call.", nullable=True),
                    **_money("left", "What the budget had left."),
                }
            )
        ),
    }
)
_MISSION = _closed(
    {
        "id": _text("Of the mission."),
        "state": _text("running, or how it ended."),
        "started_at": _instant("When it began."),
        "ended_at": _maybe(_instant("When it ended.")),
        "deadline_at": _maybe(_instant("When it is stopped.")),
        "steps": _count("Steps taken."),
        "max_steps": _maybe(_count("Steps it may take.")),
        "stopped_by": _maybe(_text("The limit that stopped it.")),
    }
)
_OVERRIDE = _closed(
    {
        "id": _text("Of the override."),
        "actor": _text("Who granted it."),
        "reason": _maybe(_text("Why, without secrets.")),
        "session_id": _maybe(_text("The only session that may use it.")),
        "requested_at": _instant("When it was granted."),
        "expires_at": _instant("When it lapses unused."),
    }
)
_COST_CONFIG = _closed(
    {
        "enabled": _flag("Whether budgets are enforced."),
        **_money("session_limit", "Limit of each session; 0 is off."),
        **_money("daily_limit", "Limit of a day; 0 is off."),
        **_money("monthly_limit", "Limit of a month; 0 is off."),
        "warn_at_percent": _count("Percent of a limit that warns."),
        "allow_override": _flag("Whether a block may be lifted."),
        "unpriced_models": _text("What happens to calls of models without a price."),
        "default_output_tokens": _count("Tokens of output assumed where a call names none."),
        "reservation_ttl_seconds": _count("Seconds after which a hold expires."),
    }
)
_AUTONOMY = _closed(
    {
        "deprecated_fields": _list({"type": "string"}, "Keys to migrate."),
        "level": {"enum": ["readonly", "supervised", "full"], "description": "Of freedom."},
        "workspace_only": _flag("Whether the agent stays in its workspace."),
        "allowed_commands": _list({"type": "string"}, "Commands the agent may run."),
        "forbidden_paths": _list({"type": "string"}, "Paths the agent may not touch."),
        "auto_approve": _list({"type": "string"}, "Tools that never need approval."),
        "always_ask": _list({"type": "string"}, "Tools that always need approval."),
        "max_actions_per_hour": _count("Actions in any 3600 s; 0 blocks every action."),
        "require_approval_for_medium_risk": _flag("At level supervised."),
        "block_high_risk_commands": _flag("Whether they are refused."),
    }
)
_CONFIG = _closed(
    {
        "cost": _COST_CONFIG,
        "autonomy": _AUTONOMY,
        "policy_hash": _POLICY_HASH,
    }
)
_RESERVATION = _closed(
    {
        "id": _text("UUIDv7."),
        "state": {
            "enum": ["held", "committed", "released", "expired"],
            "description": "Where it is in its life.",
        },
        "session_id": _text("Session of the call."),
        **_money("held", "Held in every matching budget."),
        "admitted_at": _instant("Decides the window."),
        "expires_at": _instant("Until when it must be settled."),
        **_money("cost", "What was recorded; null before, or unknown.", nullable=True),
        "policy_hash": _POLICY_HASH,
    }
)

SUMMARY = _closed(
    {
        "summary": _closed(
            {
                **{
                    name: member
                    for word in ("session", "daily", "monthly")
                    for name, member in (
                        (f"{word}_cost_usd", {"type": "number", "description": "Spent. USD."}),
                        (f"percent_used_{word}", _PERCENT),
                    )
                },
                "period": _maybe({"enum": [*_PERIODS], "description": "Of the governing budget."}),
                "session_id": _maybe(_text("The session asked for.")),
                "as_of": _instant("Of which this is true."),
                "policy_hash": _POLICY_HASH,
                "enabled": _flag("Whether budgets are enforced."),
                "budget_state": _STATE,
                "governing": _maybe(_text("Name of the governing budget.")),
                "blocking": _list({"type": "string"}, "Names of budgets that refuse calls now."),
                "request_count": _count("Calls of the session, else of the month."),
                "total_tokens": _count("Tokens of these calls."),
                "unpriced_calls": _count("Calls among them whose cost is unknown."),
                "deprecated_fields": _list({"type": "string"}, "Keys to migrate."),
                "source": {"enum": ["store", "ledger"], "description": "Where it comes from."},
                "session_outcome": _maybe(_text("What became of the session.")),
                "mission": _maybe(_MISSION),
                "overrides": _list(_OVERRIDE, "Those that a call of the session could use."),
                "budgets": _list(_BUDGET, "By precedence, the governing one first."),
            }
        ),
        "config": _COST_CONFIG,
    }
)
BUDGETS = _closed(
    {
        "enabled": _flag("Whether budgets are enforced."),
        "as_of": _instant("Of which this is true."),
        "budgets": _list(_BUDGET, "By precedence, the governing one first."),
    }
)
_POINT: Schema = {
    "type": "object",
    "properties": {
        "bucket": _maybe(
            _text("First day, or the id of its session or mission; null without one.")
        ),
        "session_id": _maybe(_text("Session of a mission.")),
        "project": _maybe(_text("Project of a session or mission.")),
        **_money("cost", "Known cost.", nullable=True),
        "tokens": _count("Tokens of all kinds."),
        "requests": _count("Calls."),
        "unpriced_calls": _count("Calls whose cost is unknown."),
    },
    "required": ["bucket", "cost_usd", "cost_nano_usd", "tokens", "requests", "unpriced_calls"],
    "additionalProperties": False,
}
HISTORY = _closed(
    {
        "period": {"enum": ["day", "week", "month", "session", "mission"]},
        **_money("total_cost", "Known cost of all points.", nullable=True),
        "total_tokens": _count("Tokens of all points."),
        "total_requests": _count("Calls of all points."),
        "total_unpriced_calls": _count("Calls whose cost is unknown."),
        "points": _list(_POINT, "Oldest first, zero-filled."),
        "totals": _closed(
            {
                "cost_usd": _maybe({"type": "number", "description": "USD, for reading."}),
                "tokens": _count("Tokens of all points."),
                "requests": _count("Calls of all points."),
            }
        ),
    }
)
AUDIT = _closed({"events": _list(_AUDIT_EVENT, "The newest last.")})
RESET = _closed(
    {
        "scope": _text("The budget that was reset."),
        **_money("removed_cost", "What no longer counts."),
        "removed_requests": _count("Calls that no longer count."),
        "effective_at": _instant("Begin of the new baseline."),
        "audit_event": _AUDIT_EVENT,
    }
)
GRANTED = _closed(
    {
        "id": _text("Of the override."),
        "actor": _text("Who granted it: the token's holder."),
        "scope": {"const": "next_request"},
        "reason": _maybe(_text("Why, without secrets.")),
        "requested_at": _instant("When it was granted."),
        "expires_at": _instant("When it lapses unused."),
        "session_id": _maybe(_text("The only session that may use it.")),
        "remaining_uses": {"const": 1},
    }
)
CONFIG = _CONFIG
CHANGED = _closed({"updated": {"const": True}, "config": _CONFIG})
REPORTS = _closed(
    {
        "reports": _list(
            _closed(
                {
                    "report": _text("Name, as area/name."),
                    "summary": _text("What it tells."),
                    "parameters": _list({"type": "string"}, "Names of its parameters."),
                }
            ),
            "Every report there is.",
        )
    }
)
REPORT = _closed(
    {
        "report": _text("Name, as area/name."),
        "title": _text("For a person."),
        "columns": _list(
            _closed(
                {
                    "name": _text("Key of the column in each row."),
                    "type": _text("SQL type."),
                    "unit": _maybe(_text("Unit of its numbers.")),
                }
            ),
            "In the report's order.",
        ),
        "rows": _list({"type": "object"}, "One object for each row, keyed by column."),
    }
)
ADMITTED = _closed(
    {
        "allowed": {"const": True},
        "budget_state": _STATE,
        "session_id": _maybe(_text("Session of the call; made up where none was named.")),
        "replayed": _flag("Whether the idempotency key had been admitted before."),
        "override_id": _maybe(_text("The override that lifted a block.")),
        "reservation": _maybe(_RESERVATION),
        "scopes": _list(_STATUS, "Every matching budget, the governing one first."),
    }
)
SETTLED = _closed(
    {
        "reservation": _RESERVATION,
        **_money("overrun", "Cost above what was held."),
        "replaced": _flag("Whether it replaced what was presumed of an expired hold."),
        "replayed": _flag("Whether the settlement key had been used before."),
    }
)
_SESSION = _closed(
    {
        "session_id": _text("Of the session, within its project."),
        "project": _maybe(_text("The project that it is of.")),
        "opened_at": _instant("When it was opened first."),
        "closed_at": _maybe(_instant("When it was closed; null while open.")),
        "outcome": {
            "enum": ["within_budget", "warned", "blocked"],
            "description": "The worst state that it met so far.",
        },
    }
)
SESSION = _closed({"session": _SESSION})
SESSIONS = _closed({"sessions": _list(_SESSION, "Those opened last first.")})
MISSION = _closed(
    {
        "mission": _closed(
            {
                "session_id": _text("Its session."),
                "mission_id": _text("Of the mission, within its session."),
                "project": _maybe(_text("The project of its session.")),
                "state": _text("running, or how it ended."),
                **_money("limit", "Its cost limit; 0 is none."),
                "steps": _count("Steps taken."),
                "max_steps": _count("Steps it may take; 0 is no limit."),
                "started_at": _instant("When it began."),
                "deadline_at": _maybe(_instant("When it is stopped.")),
                "ended_at": _maybe(_instant("When it ended.")),
                "stopped_by": _maybe(_text("The limit that stopped it.")),
            }
        )
    }
)
EXTENDED = _closed(
    {
        "budget_state": _STATE,
        "reservation": _RESERVATION,
        "scopes": _list(_STATUS, "Every matching budget as it is now, the governing one first."),
    }
)
ACTION = _embedded(records.action_document())
HEALTH = _closed({"status": {"const": "ok"}})
READY: Schema = {
    **_closed(
        {
            "status": {"const": "ready"},
            "config": {
                "const": "broken",
                "description": "Only when the edited config cannot be used: the one before holds.",
            },
        }
    ),
    "required": ["status"],
}
