"""One table of all that is told: name, level and fields of each event, for every sink (OBS-1).

Names of OpenTelemetry's GenAI conventions are kept here and not imported: the conventions are in
development, and their Python package still has older words.

Source:
    https://github.com/open-telemetry/semantic-conventions-genai, "Semantic conventions for
    generative AI", read 2026-11-23.
"""

from __future__ import annotations

import logging
from typing import NamedTuple

from corvus import events

OTHER = "other"
"""Stands for whatever is in no config, price book or closed set."""

SURFACES = frozenset(
    {
        "api",
        "proxy",
        "cli",
        "cli-agent",
        "cli-code",
        "python",
        "gateway_admin",
        "dashboard",
        "store",  # what happens by itself, such as an override that expires
    }
)

_THRESHOLD = (
    "budget_state",
    "period",
    "budget",
    "current_usd",
    "projected_usd",
    "limit_usd",
    "percent_used",
    "session",
    "mission",
    "surface",
)


class EventName(NamedTuple):
    """How one kind of event is told.

    Attributes:
        name: Of the line in the log and of the span.
        level: Of the line in the log.
        fields: What it has, in order; a field without a value is left out.
    """

    name: str
    level: int
    fields: tuple[str, ...]


EVENTS: dict[type[events.Event], EventName] = {
    events.BudgetWarning: EventName("budget.warning", logging.WARNING, _THRESHOLD),
    events.BudgetExceeded: EventName("budget.exceeded", logging.WARNING, _THRESHOLD),
    events.LimitPassed: EventName("budget.limit_passed", logging.WARNING, _THRESHOLD),
    events.BudgetOverride: EventName(
        "budget.override",
        logging.WARNING,
        ("action", "scope", "previous_state", "period", "override_id", "session", "surface"),
    ),
    events.ResetApplied: EventName(
        "budget.reset", logging.WARNING, ("budget", "period", "removed_usd", "removed_requests")
    ),
    events.LimitsChanged: EventName("limits.changed", logging.WARNING, ("policy_hash",)),
    events.ReservationExpired: EventName(
        "reservation.expired",
        logging.WARNING,
        ("reservation_id", "presumed_usd", "session", "surface"),
    ),
    events.SettlementCorrected: EventName(
        "settlement.corrected",
        logging.WARNING,
        ("reservation_id", "was", "recorded_usd", "measured_usd", "session", "surface"),
    ),
    events.UnpricedCall: EventName(
        "call.unpriced", logging.WARNING, ("provider", "model", "refused", "surface")
    ),
    events.Overrun: EventName(
        "call.overrun", logging.WARNING, ("reservation_id", "overrun_usd", "surface")
    ),
    events.CallDenied: EventName("call.denied", logging.INFO, ("denial", "surface")),
    events.CallSettled: EventName(
        "call.settled",
        logging.INFO,
        (
            "reservation_id",
            "provider",
            "model",
            "session",
            "mission",
            "surface",
            "outcome",
            "source",
            "cost_usd",
            "input_tokens",
            "output_tokens",
            "duration_seconds",
        ),
    ),
}


class GenAI:
    """Names of the GenAI conventions that are used."""

    OPERATION = "gen_ai.operation.name"
    PROVIDER = "gen_ai.provider.name"
    REQUEST_MODEL = "gen_ai.request.model"
    RESPONSE_MODEL = "gen_ai.response.model"
    TOKEN_TYPE = "gen_ai.token.type"
    INPUT = "gen_ai.usage.input_tokens"
    OUTPUT = "gen_ai.usage.output_tokens"
    CACHE_READ = "gen_ai.usage.cache_read.input_tokens"
    CACHE_WRITE = "gen_ai.usage.cache_write.input_tokens"
    REASONING = "gen_ai.usage.reasoning.output_tokens"
    ERROR_TYPE = "error.type"
    TOKEN_USAGE = "gen_ai.client.token.usage"
    DURATION = "gen_ai.client.operation.duration"
    FIRST_CHUNK = "gen_ai.client.operation.time_to_first_chunk"


class Own:
    """Names of corvus' own instruments in OpenTelemetry."""

    WARNINGS = "corvus.budget.warnings"
    EXCEEDED = "corvus.budget.exceeded"
    LIMIT_PASSED = "corvus.budget.limit_passed"
    OVERRIDES = "corvus.budget.overrides"
    COST = "corvus.cost.usd"
    SOURCE = "corvus.cost.source"
    ESTIMATED = "corvus.tokens.estimated"
