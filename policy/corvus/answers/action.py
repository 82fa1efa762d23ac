"""The answer about an action of an agent (ACT-3): no word here is about money."""

from __future__ import annotations

from corvus.answers.shape import (
    INSTANT,
    Schema,
    Shape,
    choice,
    count,
    document,
    flag,
    iso,
    member,
    nullable,
    text,
    word,
)
from corvus.autonomy.decide import CONFIG_KEY, ActionAnswer, Rule, Verdict
from corvus.autonomy.risk import Risk
from corvus.diagnostics.secrets import scrub

DOMAIN = "action_rate"
"""The governance domain of actions; token spend is the other (ACT-2)."""
_CODES = ("approval_needed", "action_rate_exceeded", "action_denied", None)

ACTION = Shape[ActionAnswer](
    word("decision", Verdict, None, "decision.verdict"),
    member("code", choice(_CODES)),
    member("governance_domain", {"const": DOMAIN}, lambda _: DOMAIN),
    word("rule", Rule, "Which rule decided.", "decision.rule"),
    member(
        "risk",
        choice((*Risk, None), "Of a command that could be judged."),
        lambda answer: answer.decision.risk.value if answer.decision.risk else None,
    ),
    text("reason", "Why, for a person.", lambda answer: scrub(answer.decision.reason)),
    flag("counted", "Whether it counts as an action now.", "is_counted"),
    count("actions_in_last_hour", "Admitted in the last 3600 s.", "admitted"),
    count("max_actions_per_hour", "0 blocks every action.", "limit"),
    member(
        "resets_at",
        nullable({**INSTANT, "description": "When the oldest falls out."}),
        lambda answer: iso(answer.resets_at),
    ),
    text("config_key", "The key that sets the limit.", lambda _: CONFIG_KEY),
    text("policy_hash", "Content hash of the policy that decided."),
    title="Whether an agent may act",
)


def action_document() -> Schema:
    """Return the published schema of the answer."""
    return document("action-decision", ACTION.schema)
