"""The published schema of ``corvus plan --format json`` (PLN-1, SCH-1)."""

from __future__ import annotations

from corvus.answers.shape import (
    COUNT,
    Schema,
    array,
    choice,
    closed,
    document,
    exact_words,
    instant_words,
    nullable,
    usd_number,
    words,
)

EFFECTS = ("tightens", "loosens", "depends", "none")
FATES = ("added", "removed", "changed", "same")


def _money(name: str, description: str) -> dict[str, Schema]:
    exact = exact_words(f"{description} Exact, in nano-USD.")
    return {f"{name}_usd": usd_number(description), f"{name}_nano_usd": exact}


_COUNT = closed(
    {
        "calls": COUNT,
        **_money("cost", "What those cost whose cost is known."),
        **_money("expected", "What the others could cost at most."),
    }
)
_CALL = closed(
    {
        "id": words("Its reservation, or its event or record."),
        "requested_at": instant_words("When it was asked for."),
        "denial": nullable(words("Why it is refused; null: it passes in another form.")),
        "rungs": array({"type": "string"}, "What lets it pass in place of a refusal, in order."),
        "session_id": words("Its session."),
        "model": words("The model that was asked for."),
        **{
            name: nullable({"type": "string"})
            for name in ("mission_id", "project", "user", "agent", "subagent", "branch")
        },
    }
)
_EFFECTS = closed(
    {
        "binding_windows": {**COUNT, "description": "Sums that had no room for a call."},
        "refused": _COUNT,
        "capped": _COUNT,
        "waited": _COUNT,
        "downgraded": _COUNT,
        "asked": _COUNT,
        "lifted": _COUNT,
        "first": nullable(_CALL),
        "denials": {
            "type": "object",
            "additionalProperties": COUNT,
            "description": "Calls refused, by why.",
        },
        "users": {
            "type": "object",
            "additionalProperties": COUNT,
            "description": "Calls refused, by user; those without one are under (none).",
        },
    }
)
_CHANGE = closed(
    {
        "key": words("What differs."),
        "before": nullable(words("As it was, as a person reads it.")),
        "after": nullable(words("As it is, likewise.")),
        "effect": choice(EFFECTS, "What the change does to calls."),
    }
)
_BUDGET = closed(
    {
        "budget": words("Its name."),
        "config_key": words("The key that sets its limit."),
        "fate": choice(FATES, "What became of it."),
        "effect": choice(EFFECTS, "What its changes do to calls together."),
        "changes": array(_CHANGE, "What differs of one that both policies have."),
        "measure": choice(("usd", "tokens", "calls")),
        "calls": {**COUNT, "description": "Calls that it judges."},
        "windows": {**COUNT, "description": "Sums that they fall into, each part apart."},
        "limit": nullable(words("Exact, in the unit of `measure`; null: it has none.")),
        "least_limit": words("The least that refuses nothing, likewise."),
        "limit_for_99_percent": nullable(words("With this, at least 99 of 100 calls pass.")),
        "before": nullable(_EFFECTS),
        "after": nullable(_EFFECTS),
    }
)
_POLICY = closed(
    {"shown": words("Where it comes from."), "policy_hash": words("Its content hash.")}
)
_INTERVAL = {
    **_money("cost", "What they cost, of those that both sides price."),
    **_money("low", "What they would have cost at least."),
    **_money("high", "What they would have cost at most."),
}
_SWITCHED = closed(
    {
        "prices_of": words("UTC day whose prices hold."),
        "switches": array(
            closed(
                {
                    "models": words("Glob of the models that called."),
                    "model": words("The model that would have answered."),
                    "calls": COUNT,
                    "unpriced_calls": {**COUNT, "description": "One of the two has no price."},
                    **_INTERVAL,
                }
            ),
            "A call belongs to the first that matches it.",
        ),
        "budgets": array(
            closed({"budget": words("Its name."), **_INTERVAL}),
            "Budgets of money whose calls would have cost another amount.",
        ),
        "reasons": array({"type": "string"}, "Why it is an interval."),
    }
)
PLAN = closed(
    {
        "before": nullable(_POLICY),
        "after": _POLICY,
        "since": instant_words("The first instant, inclusive."),
        "until": instant_words("The last instant, exclusive."),
        "tightens": {"type": "boolean", "description": "Whether a change may tighten the policy."},
        "changes": array(_CHANGE, "What differs and is no budget."),
        "calls": closed(
            {
                "made": COUNT,
                **_money("cost", "What they cost, as far as it is known."),
                "unknown_cost": {**COUNT, "description": "Of unknown cost."},
                "not_held": {**COUNT, "description": "Imported or reported: judged by their cost."},
                "refused_then": {**COUNT, "description": "Refused when they were asked for."},
                **_money("refused_then_expected", "What those could have cost at most."),
                "evaluated": {
                    **COUNT,
                    "description": "Decided one by one; the others are near no limit.",
                },
            }
        ),
        "budgets": array(_BUDGET, "In the order of the policy; removed ones last."),
        "total": closed(
            {
                "before": nullable(_EFFECTS),
                "after": _EFFECTS,
                "newly_refused": _COUNT,
                "newly_passed": _COUNT,
                "passes_now": {
                    **COUNT,
                    "description": "Refused when they were asked for, and would pass now.",
                },
            }
        ),
        "not_known": array({"type": "string"}, "What a replay cannot know."),
        "switched": nullable(_SWITCHED),
    }
)


def plan_document() -> Schema:
    """Return the schema of ``corvus plan --format json``."""
    return document("plan", PLAN, title="What a change of policy would have done")
