"""A call that was admitted, and what became of it, as the admin API gives them (RES-2)."""

from __future__ import annotations

from corvus.answers.denial import STATES, STATUS
from corvus.answers.shape import (
    COUNT,
    Shape,
    flag,
    instant,
    listing,
    member,
    money,
    nested,
    nullable,
    optional_money,
    optional_nested,
    optional_text,
    text,
    texts,
    word,
)
from corvus.model.decision import Decision
from corvus.model.reservation import Reservation, ReservationState, Settled

_OF_BUDGET = {**STATES, "description": "Of the budget."}

RESERVATION = Shape[Reservation](
    text("id", "UUIDv7."),
    word("state", ReservationState, "Where it is in its life."),
    text("session_id", "Session of the call.", "request.session_id"),
    money("held", "Held in every matching budget.", "hold_nano_usd"),
    instant("admitted_at", "Decides the window."),
    instant("expires_at", "Until when it must be settled."),
    optional_money("cost", "What was recorded; null before, or unknown.", "known_cost_nano_usd"),
    text("policy_hash", "Content hash of the policy that decided."),
)
ADMITTED = Shape[Decision](
    member("allowed", {"const": True}),
    member("budget_state", _OF_BUDGET, "state.word"),
    optional_text("session_id", "Session of the call; made up where none was named."),
    flag("replayed", "Whether the idempotency key had been admitted before."),
    optional_text("override_id", "The override that lifted a block."),
    optional_text("model", "The model to call: the one that was named, or a cheaper one."),
    optional_text("downgraded_from", "The model that was named, where another is to be called."),
    member(
        "output_cap_tokens",
        {
            **nullable(COUNT),
            "description": "The maximum of output that the call must state; null for its own.",
        },
    ),
    member(
        "waited_seconds",
        {"type": "number", "minimum": 0, "description": "For other calls, or for a person."},
    ),
    optional_text("approval_id", "The approval that let the call pass."),
    texts("rungs", "What was done in place of a refusal: cap, wait, downgrade, ask."),
    optional_nested("reservation", RESERVATION),
    listing("scopes", STATUS, "Every matching budget, the governing one first.", "statuses"),
)
EXTENDED = Shape[Decision](
    member("budget_state", _OF_BUDGET, "state.word"),
    nested("reservation", RESERVATION, lambda decision: _held(decision)),
    listing(
        "scopes", STATUS, "Every matching budget as it is now, the governing one first.", "statuses"
    ),
)
SETTLED = Shape[Settled](
    nested("reservation", RESERVATION),
    money("overrun", "Cost above what was held.", "overrun_nano_usd"),
    flag("replaced", "Whether it replaced what was presumed of an expired hold."),
    flag("replayed", "Whether the settlement key had been used before."),
)


def _held(decision: Decision) -> Reservation:
    assert decision.reservation is not None, "what was extended is held"
    return decision.reservation
