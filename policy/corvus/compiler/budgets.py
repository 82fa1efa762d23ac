"""``[cost]`` limits, ``[mission]`` and ``[[cost.budgets]]`` to uniform budgets (CFG-10)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from corvus.base.globs import glob_fault
from corvus.base.money import NanoUSD, nano_usd
from corvus.base.period import Period
from corvus.config.model.settings import BudgetSettings, Settings
from corvus.diagnostics.model import ConfigError
from corvus.model.budget import Budget

_NANO_USD_PER_CENT = 10_000_000


def compile_budgets(settings: Settings) -> tuple[Budget, ...]:
    """Return every budget in the order of EVA-7: session, day, month, mission, then named ones.

    Raises:
        ConfigError: A glob of ``match`` is malformed; the budget would govern nothing.
    """
    cost = settings.cost
    if faults := [*_glob_faults(cost.budgets)]:
        raise ConfigError("; ".join(faults))
    limits = (
        (Period.SESSION, nano_usd(cost.session_limit_usd), "cost.session_limit_usd"),
        (Period.DAY, nano_usd(cost.daily_limit_usd), "cost.daily_limit_usd"),
        (Period.MONTH, nano_usd(cost.monthly_limit_usd), "cost.monthly_limit_usd"),
    )
    budgets = [
        Budget(period.value, period, limit, cost.warn_at_percent, key)
        for period, limit, key in limits
    ]
    mission = settings.mission
    if mission.enabled and mission.max_estimated_cost_cents > 0:
        limit = NanoUSD(mission.max_estimated_cost_cents * _NANO_USD_PER_CENT)
        key = "mission.max_estimated_cost_cents"
        budgets.append(Budget("mission", Period.MISSION, limit, cost.warn_at_percent, key))
    named = (
        _named(index, budget, cost.warn_at_percent) for index, budget in enumerate(cost.budgets)
    )
    return (*budgets, *named)


def _glob_faults(budgets: Sequence[BudgetSettings]) -> Iterator[str]:
    for index, budget in enumerate(budgets):
        for attribute, glob in budget.match.items():
            if fault := glob_fault(glob):
                yield f"cost.budgets[{index}].match.{attribute}: the glob {glob!r} {fault}"


def _named(index: int, budget: BudgetSettings, warn_at_percent: int) -> Budget:
    threshold = warn_at_percent if budget.warn_at_percent is None else budget.warn_at_percent
    return Budget(
        name=budget.name,
        period=Period(budget.period),
        limit_nano_usd=nano_usd(budget.limit_usd),
        warn_at_percent=threshold,
        config_key=f"cost.budgets[{index}].limit_usd",
        match=tuple(budget.match.items()),
        timezone=budget.timezone,
    )
