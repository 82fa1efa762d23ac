"""Reads the limits of a run from its options, and refuses a run that nothing limits (CLI-4)."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, NoReturn

import typer

from corvus.base.errors import NoBudget
from corvus.base.money import MAX_LIMIT_USD, NanoUSD, nano_usd
from corvus.compile import RunLimits

if TYPE_CHECKING:
    from corvus.runtime import Runtime


def read_limits(limit: str | None, daily: str | None, session_limit: str | None) -> RunLimits:
    """Return the limits that options state.

    Raises:
        BadParameter: One is no amount that could be enforced.
    """
    return RunLimits(
        daily_nano_usd=_amount(daily, "--daily"),
        session_nano_usd=_amount(session_limit, "--session-limit"),
        run_nano_usd=_amount(limit, "--limit"),
    )


def refuse_without_budget(runtime: Runtime, surface: str) -> NoReturn:
    """Refuse a run that no enforced budget limits, and say what to do.

    Raises:
        NoBudget: Always.
    """
    if not runtime.policy.enabled:
        why = (
            f"{runtime.governing} does not set cost.enabled = true"
            if runtime.config_paths
            else "cost.enabled is not true, and there is no config: "
            + runtime.governing.removeprefix("defaults ").strip("()")
        )
    elif not any(budget.limit_nano_usd for budget in runtime.policy.budgets):
        why = f"every limit of {runtime.governing} is 0, which switches it off"
    else:
        why = f"no budget of {runtime.governing} can match calls of {surface}"
    raise NoBudget(
        f"no budget is in force, so nothing was run: {why}. State one: --daily 5, --session-limit "
        "or --limit; or write a config with `corvus init`; or run without any limit: --ungoverned"
    )


def _amount(text: str | None, option: str) -> NanoUSD | None:
    """Read an amount; 0 is refused, for it would switch off what the option asks for."""
    if text is None:
        return None
    try:
        value = Decimal(text)
        amount = nano_usd(value) if 0 < value <= MAX_LIMIT_USD else None
    except (ValueError, InvalidOperation):
        amount = None
    if amount is None:
        raise typer.BadParameter(
            f"{text!r} is no limit: state USD above 0, such as 2.50, with at most 9 decimals",
            param_hint=option,
        )
    return amount
