"""The policy in force, for every surface: the config echo of the admin API, the compiled policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import NamedTuple

from corvus.answers.amounts import in_unit, match_body
from corvus.answers.prices import PRICE
from corvus.answers.shape import (
    COUNT,
    Member,
    Schema,
    Shape,
    array,
    choice,
    closed,
    count,
    exact_words,
    flag,
    in_usd,
    listing,
    member,
    nested,
    nullable,
    text,
    texts,
    usd_number,
    word,
)
from corvus.base.money import NOTHING
from corvus.base.period import Period
from corvus.model.budget import Budget, Measure
from corvus.model.policy import Policy
from corvus.prices.lookup import PriceBooks

LEGACY = {"session": "session", "day": "daily", "month": "monthly"}
"""The budgets that the upstream has, with its words for them (UP-HTTP-10)."""


def _limit(policy: Policy, name: str) -> int:
    limits = {budget.name: budget.limit for budget in policy.budgets}
    return limits.get(name, NOTHING)


def _limits(name: str, prefix: str) -> tuple[Member[Policy], Member[Policy]]:
    """Return the limit of a budget of the upstream, for reading and exact."""
    whose = {"session": "each session", "day": "a day", "month": "a month"}[name]
    about = f"Limit of {whose}; 0 is off."
    return (
        member(
            f"{prefix}_limit_usd", usd_number(about), lambda policy: in_usd(_limit(policy, name))
        ),
        member(
            f"{prefix}_limit_nano_usd",
            exact_words(about),
            lambda policy: str(_limit(policy, name)),
        ),
    )


def _day_warns_at(policy: Policy) -> int:
    day = next((budget for budget in policy.budgets if budget.name == "day"), None)
    return 80 if day is None or day.warn_at_percent is None else day.warn_at_percent


_READABLE, _EXACT = zip(*(_limits(name, prefix) for name, prefix in LEGACY.items()), strict=True)
COST_CONFIG = Shape[Policy](
    flag("enabled", "Whether budgets are enforced."),
    *_READABLE,
    *_EXACT,
    count("warn_at_percent", "Percent of a limit that warns.", _day_warns_at),
    flag("allow_override", "Whether a block may be lifted."),
    text("unpriced_models", "What happens to calls of models without a price."),
    count("default_output_tokens", "Tokens of output assumed where a call names none."),
    count("reservation_ttl_seconds", "Seconds after which a hold expires."),
)
"""``[cost]`` with the upstream's names (UP-HTTP-10)."""
_AUTONOMY = Shape[Policy](
    texts("deprecated_fields", "Keys to migrate."),
    member("level", choice(("readonly", "supervised", "full"), "Of freedom."), "autonomy.level"),
    flag("workspace_only", "Whether the agent stays in its workspace.", "autonomy.workspace_only"),
    texts("allowed_commands", "Commands the agent may run.", "autonomy.allowed_commands"),
    texts("forbidden_paths", "Paths the agent may not touch.", "autonomy.forbidden_paths"),
    texts("auto_approve", "Tools that never need approval.", "autonomy.auto_approve"),
    texts("always_ask", "Tools that always need approval.", "autonomy.always_ask"),
    count(
        "max_actions_per_hour",
        "Actions in any 3600 s; 0 blocks every action.",
        "autonomy.max_actions_per_hour",
    ),
    flag(
        "require_approval_for_medium_risk",
        "At level supervised.",
        "autonomy.require_approval_for_medium_risk",
    ),
    flag(
        "block_high_risk_commands", "Whether they are refused.", "autonomy.block_high_risk_commands"
    ),
)
CONFIG = Shape[Policy](
    nested("cost", COST_CONFIG, lambda policy: policy),
    nested("autonomy", _AUTONOMY, lambda policy: policy),
    text("policy_hash", "Content hash of the policy that decided.", "content_hash"),
)
IN_FORCE: Schema = closed({"config": CONFIG.schema})
CHANGED: Schema = closed(
    {
        "updated": {"const": True},
        "config": CONFIG.schema,
        "warnings": array({"type": "string"}, "What was changed under a deprecated key."),
    }
)
WARNS: Schema = nullable({**COUNT, "description": "First percent that warns; null is never."})


class _OwnLimit(NamedTuple):
    glob: str
    limit: int
    measure: Measure


def _own(budget: Budget) -> list[_OwnLimit]:
    return [_OwnLimit(glob, limit, budget.measure) for glob, limit in budget.limits]


_OWN_LIMIT = Shape[_OwnLimit](
    text("glob", "Of the value."), *in_unit("limit", "Its limit; 0 is off.", "limit", "measure")
)
_BUDGET = Shape[Budget](
    text("name", "Name of the budget."),
    word("period", Period, "What its window is."),
    word("measure", Measure, "What it counts, and the unit of its amounts."),
    *in_unit("limit", "The hard ceiling; 0 is off.", "limit", "measure"),
    member("warn_at_percent", WARNS),
    member("thresholds", array(COUNT, "Percents of the limit that are reported."), "thresholds"),
    member("match", {"type": "object"}, match_body),
    texts("per", "Attributes that divide it."),
    listing(
        "limits", _OWN_LIMIT, "Exceptions by value of `per`; the first that fits counts.", _own
    ),
    text("timezone", "IANA zone in which its windows begin."),
    count("window_seconds", "Length of a window that opens with its first call; 0 without."),
    member("enforce", choice(("block", "warn"), "Whether it refuses calls.")),
    texts("on_exceeded", "What is tried before a call is refused, in order."),
    text("config_key", "The key that sets the limit."),
)


def config_body(policy: Policy) -> dict[str, object]:
    """Return the config in force."""
    return {"config": CONFIG.body(policy)}


def changed_body(policy: Policy, deprecated: Sequence[str] = ()) -> dict[str, object]:
    """Return the answer to a change of the config.

    Args:
        policy: In force now.
        deprecated: Dotted paths of the deprecated keys that the change named.
    """
    fields = tuple(dict.fromkeys((*policy.deprecated_fields, *deprecated)))
    shown = CONFIG.body(replace(policy, deprecated_fields=fields))
    warnings = [f"{field} is deprecated: the canonical key was changed" for field in deprecated]
    return {"updated": True, "config": shown, "warnings": warnings}


def policy_body(policy: Policy, config: str, books: PriceBooks) -> dict[str, object]:
    """Return the compiled policy as data (API-1).

    Args:
        policy: What is in force.
        config: Where it comes from, for a person.
        books: The prices that it is held against.
    """
    body: dict[str, object] = {
        "config": config,
        "policy_hash": policy.content_hash,
        "price_book": {"version": books.bundled_version, "sha256": books.bundled_sha256},
        **asdict(policy),
        "budgets": _BUDGET.bodies(policy.budgets),
        "prices": PRICE.bodies(policy.prices),
    }
    del body["content_hash"]
    return body
