"""JSON Schema of what the governor says to programs: denials, audit events, usage records (SCH-1).

They describe our own output and nothing of the settings; tests hold real output against them.
"""

from __future__ import annotations

from corvus.config.toml.values import Table

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_INSTANT: Table = {"type": "string", "format": "date-time", "description": "UTC, ISO 8601."}
_EXACT = r"^-?[0-9]+$"
_OVERRIDE_SCOPE: Table = {"enum": ["next_request", None], "description": "Of override events."}
_AUDIT_KINDS = (
    "override_granted",
    "override_consumed",
    "override_restored",
    "override_replaced",
    "override_expired",
    "reset_applied",
    "limits_changed",
    "config_migrated",
    "token_created",
    "token_revoked",
    "reservation_expired",
    "settlement_corrected",
    "ledger_rebuilt",
)
_RULES = (
    *("character", "comment", "empty", "grouping", "operator", "quoting", "redirect"),
    *("substitution", "read_only", "assignment", "command", "argument", "path", "risk"),
    *("always_ask", "auto_approve", "level", "tool", "action_rate"),
)


def denial_document() -> Table:
    """Return the schema of a refused call."""
    status = {
        "scope": _text("Name of the budget."),
        "period": {"enum": ["session", "day", "week", "month", "mission", "total"]},
        "budget_state": {"enum": ["allowed", "warning", "exceeded"]},
        **_money("limit", "The hard ceiling; 0 is off."),
        **_money("spent", "Cost of settled calls."),
        **_money("held", "Sum of open reservations."),
        **_money("projected", "Spent, held and asked for."),
        "percent_used": {"type": "number", "minimum": 0, "description": "projected / limit * 100"},
        "resets_at": _nullable({**_INSTANT, "description": "End of the window; null without one."}),
        "config_key": _text("The key that sets the limit."),
    }
    about = {
        "code": {"enum": ["unpriced_model", "mission_ended", "already_settled", "budget_exceeded"]},
        "budget_exceeded": {"type": "boolean", "description": "Whether a budget is the reason."},
        "governance_domain": {"const": "token_spend"},
        "message": _text("Why, and what to do, for a person."),
        "session_id": _nullable(_text("Session of the call.")),
        "mission_id": _nullable(_text("Mission of the call.")),
        "model": _nullable(
            _text("Model that was asked for; the one without a price where that is the reason.")
        ),
        "add_line": _nullable(_text("Lines of corvus.toml that give the model a price.")),
        "policy_hash": _text("Content hash of the policy that decided."),
        "override_possible": {"type": "boolean", "description": "Whether a block may be lifted."},
        "max_affordable_output_tokens": _nullable(
            {"type": "integer", "minimum": 0, "description": "Longest output that would still fit."}
        ),
        **_optional_money("estimate", "Cost expected of the call; null without a price."),
        **_optional_money("headroom", "Dearest call that would still fit; null without a limit."),
        "scopes": {
            "type": "array",
            "items": {"$ref": "#/$defs/status"},
            "description": "Every matching budget by precedence, the governing one first.",
        },
    }
    settled = {
        "reservation": {
            **_closed(
                {
                    "id": _text("Of the call."),
                    "state": {"enum": ["committed", "expired"]},
                }
            ),
            "description": "The call that a key was used for; there when it is already settled.",
        },
        **_optional_money("cost", "What is recorded of that call; null when it is unknown."),
    }
    return {
        **_document("budget-exceeded", "A call that was refused", {**about, **status, **settled}),
        "required": [*about],  # the governing budget's own keys are there when one matches
        "$defs": {"status": _closed(status)},
    }


def action_document() -> Table:
    """Return the schema of the answer about an action."""
    count: Table = {"type": "integer", "minimum": 0}
    return _document(
        "action-decision",
        "Whether an agent may act",
        {
            "decision": {"enum": ["allow", "needs_approval", "deny"]},
            "code": {"enum": ["approval_needed", "action_rate_exceeded", "action_denied", None]},
            "governance_domain": {"const": "action_rate"},
            "rule": {"enum": [*_RULES], "description": "Which rule decided."},
            "risk": {
                "enum": ["low", "medium", "high", None],
                "description": "Of a command that could be judged.",
            },
            "reason": _text("Why, for a person."),
            "counted": {"type": "boolean", "description": "Whether it counts as an action now."},
            "actions_in_last_hour": {**count, "description": "Admitted in the last 3600 s."},
            "max_actions_per_hour": {**count, "description": "0 blocks every action."},
            "resets_at": _nullable({**_INSTANT, "description": "When the oldest falls out."}),
            "config_key": _text("The key that sets the limit."),
            "policy_hash": _text("Content hash of the policy that decided."),
        },
    )


def audit_event_document() -> Table:
    """Return the schema of an audit event."""
    return _document(
        "audit-event",
        "Who changed what, when and why: one link of a hash chain",
        {
            "position": {"type": "integer", "minimum": 1, "description": "Along the chain."},
            "id": _text("UUIDv7."),
            "kind": {"enum": [*_AUDIT_KINDS]},
            "recorded_at": _INSTANT,
            "actor": _text("The authenticated principal; corvus for what happens by itself."),
            "reason": _nullable(_text("In the principal's words, without secrets.")),
            "period": _nullable(_text("Period of the budget it is about.")),
            "override_scope": _OVERRIDE_SCOPE,
            "reset_scope": _nullable(_text("The budget that was reset.")),
            "budget": _nullable(_text("The budget it is about.")),
            "session_id": _nullable(_text("The session it is about.")),
            "mission_id": _nullable(_text("The mission it is about.")),
            "override_id": _nullable(_text("The override it is about.")),
            "reservation_id": _nullable(_text("The reservation it is about.")),
            "expires_at": _nullable(_INSTANT),
            "removed_cost_usd": _nullable({"type": "number", "description": "For reading."}),
            "removed_cost_nano_usd": _nullable(_exact("What a reset no longer counts.")),
            "removed_requests": _nullable({"type": "integer", "minimum": 0}),
            "details": {"description": "More of it, such as limits before and after; or null."},
            "previous_hash": _digest("Of the event before; of the first, zeros."),
            "hash": _digest("SHA-256 over everything above."),
        },
    )


def usage_record_document() -> Table:
    """Return the schema of a usage record, as a row of the ledger."""
    counts = (
        "input_tokens",
        "output_tokens",
        "cache_read_tokens",
        "cache_write_5m_tokens",
        "cache_write_1h_tokens",
        "reasoning_tokens",
        "web_search_requests",
    )
    return _document(
        "usage-record",
        "What one call used and what it cost",
        {
            "id": _text("UUIDv7, by time of admission."),
            "corrects_id": _nullable(_text("The record that this row takes back or replaces.")),
            "calls": {
                "type": "integer",
                "description": "1, or more for a sum; negative takes a record back.",
            },
            "import_key": _nullable(_text("Identity of the call at its origin.")),
            "requested_at": _INSTANT,
            "admitted_at": {**_INSTANT, "description": "Decides the window. UTC, ISO 8601."},
            "first_token_at": _nullable(_INSTANT),
            "settled_at": _INSTANT,
            "session_id": _nullable(_text("Session of the call.")),
            "mission_id": _nullable(_text("Mission of the call.")),
            "surface": _text("api, proxy, cli-agent, cli-code, python or import."),
            "provider": _text("Who bills."),
            "requested_model": _text("Model that was asked for."),
            "answering_model": _nullable(_text("Model that answered.")),
            "service_tier": _nullable(_text("Tier with prices of its own, such as batch.")),
            "project": _nullable(_text("Project of the call.")),
            "user_name": _nullable(_text("User of the call.")),
            "agent": _nullable(_text("Agent of the call.")),
            "tags": _nullable({"type": "object", "additionalProperties": {"type": "string"}}),
            **{name: {"type": "integer", "description": "Disjoint kinds."} for name in counts},
            "cost_nano_usd": _nullable(
                {"type": "integer", "description": "nano-USD; null is unknown, never 0."}
            ),
            "price_book": {"enum": ["user", "bundled", None]},
            "price_entry": _nullable(_text("The entry that priced the call.")),
            "source": {
                "enum": ["provider", "priced", "estimated", "presumed", "imported", "unknown"],
                "description": "How the cost is known.",
            },
            "outcome": {"enum": ["completed", "failed", "cancelled", "expired"]},
            "policy_hash": _nullable(_text("Content hash of the policy that admitted it.")),
            "reservation_id": _nullable(_text("The reservation that it settles.")),
            "provider_request_id": _nullable(_text("The provider's own id.")),
        },
    )


def _document(name: str, title: str, properties: Table) -> Table:
    return {
        "$schema": _DRAFT,
        "$id": f"urn:corvus-policy:schema:{name}/v1",
        "title": title,
        **_closed(properties),
    }


def _closed(properties: Table) -> Table:
    return {
        "type": "object",
        "properties": properties,
        "required": [*properties],
        "additionalProperties": False,
    }


def _text(description: str) -> Table:
    return {"type": "string", "description": description}


def _exact(description: str) -> Table:
    return {"type": "string", "pattern": _EXACT, "description": f"{description} Exact nano-USD."}


def _digest(description: str) -> Table:
    return {"type": "string", "pattern": "^[0-9a-f]{64}$", "description": description}


def _money(name: str, description: str) -> Table:
    readable: Table = {"type": "number", "description": f"{description} USD, for reading."}
    return {f"{name}_usd": readable, f"{name}_nano_usd": _exact(description)}


def _optional_money(name: str, description: str) -> Table:
    return {key: _nullable(value) for key, value in _money(name, description).items()}


def _nullable(schema: object) -> Table:
    return {"anyOf": [schema, {"type": "null"}]}
