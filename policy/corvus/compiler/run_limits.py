"""Limits that a command line states for one run, laid over a compiled policy (CLI-4)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from corvus.base.money import NOTHING, NanoUSD
from corvus.base.period import Period
from corvus.compiler.policy import content_hash
from corvus.config.model.defaults import LIMITS_USD
from corvus.model.budget import Budget
from corvus.model.policy import Policy

_WITH_DEFAULT = frozenset(f"cost.{name}" for name in LIMITS_USD)
_OPTIONS = {Period.DAY: "--daily", Period.SESSION: "--session-limit"}


@dataclass(frozen=True, slots=True)
class RunLimits:
    """What a run may spend by its command line, nano-USD, > 0; ``None`` states nothing.

    Attributes:
        daily_nano_usd: All calls of a day (UTC), of this run and of all others in the same store.
        session_nano_usd: All calls of the run's session.
        run_nano_usd: The calls of this run alone; it is enforced as the limit of its mission.
    """

    daily_nano_usd: NanoUSD | None = None
    session_nano_usd: NanoUSD | None = None
    run_nano_usd: NanoUSD | None = None

    @property
    def options(self) -> tuple[str, ...]:
        """The options that state something, as the user writes them."""
        stated = (
            ("--daily", self.daily_nano_usd),
            ("--session-limit", self.session_nano_usd),
            ("--limit", self.run_nano_usd),
        )
        return tuple(option for option, amount in stated if amount is not None)


def lay_over(policy: Policy, limits: RunLimits, stated: Collection[str]) -> Policy:
    """Return the policy with the limits of a run in force.

    An explicit wish for enforcement is enforced: governance is on whatever the config says, and a
    model without a price is refused, for nothing could be held for it. Where the config has a limit
    for the same period both hold, so the lower one binds. Defaults of a config that is not enabled
    are nobody's wish, and are left out.

    Args:
        policy: What the config says.
        limits: What the command line says; when it says nothing, the policy stays as it is.
        stated: Keys that the config states, such as ``cost.daily_limit_usd``.
    """
    if not limits.options:
        return policy
    wanted = {Period.DAY: limits.daily_nano_usd, Period.SESSION: limits.session_nano_usd}
    kept = policy if policy.enabled else _without_defaults(policy, stated)
    budgets = tuple(_lowered(budget, wanted.get(budget.period)) for budget in kept.budgets)
    changed = replace(kept, enabled=True, unpriced_models="deny", budgets=budgets)
    return replace(changed, content_hash=content_hash(changed))


def _without_defaults(policy: Policy, stated: Collection[str]) -> Policy:
    budgets = (
        replace(one, limit_nano_usd=NOTHING)
        if one.config_key in _WITH_DEFAULT and one.config_key not in stated
        else one
        for one in policy.budgets
    )
    return replace(policy, budgets=tuple(budgets))


def _lowered(budget: Budget, limit: NanoUSD | None) -> Budget:
    """Return one of the four scopes with the lower of its limit and that of an option."""
    if limit is None or budget.name != budget.period.value:
        return budget
    if 0 < budget.limit_nano_usd <= limit:
        return budget
    return replace(budget, limit_nano_usd=limit, config_key=_OPTIONS[budget.period])
