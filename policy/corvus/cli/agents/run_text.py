"""What a governed run says on standard error: what governs it, what is left, what was withheld."""

from __future__ import annotations

import sys
from collections.abc import Collection
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, NoReturn

import typer

from corvus.answers.amounts import amount_words, limit_words, match_words
from corvus.base.errors import NoBudget
from corvus.base.money import MAX_LIMIT_USD, NanoUSD, nano_usd
from corvus.cli.agents.hidden import password_layer
from corvus.cli.agents.run_budgets import is_partial
from corvus.compile import RunLimits
from corvus.config.layers.order import Layer
from corvus.diagnostics.plain import escape
from corvus.governor.rules import MISSION
from corvus.metering.providers import PROVIDERS

if TYPE_CHECKING:
    from corvus.model.budget import Budget
    from corvus.model.decision import BudgetStatus
    from corvus.model.status_report import StatusReport
    from corvus.runtime import Runtime


def say(text: str) -> None:
    """Print a line at once; standard output is the command's alone."""
    print(escape(text), file=sys.stderr, flush=True)


def no_call(refused: str | None, ungoverned: int = 0) -> str:
    """Return the end of a run in which no call was decided on.

    Args:
        refused: Why the last call was refused before its budgets were asked; ``None`` if none came.
        ungoverned: Calls that passed while governance was off.
    """
    if ungoverned:
        calls = f"{ungoverned} call{'s' * (ungoverned != 1)}"
        return f"corvus: {calls} passed ungoverned, and nothing of it is recorded"
    if refused is not None:
        return f"corvus: no call was made; the last one was refused: {refused}"
    bases = (name for provider in PROVIDERS.values() for name in provider.base_variables[:1])
    return (
        "corvus: 0 calls went through the proxy, so nothing was governed; does the command use "
        f"{', '.join(bases)}?"
    )


def source_of(runtime: Runtime, options: Collection[str]) -> str:
    """Return what the budgets of a run come from: files, options, or both."""
    files = runtime.governing if runtime.config_paths else ""
    stated = " ".join(options)
    if files and stated:
        return f"{files} and {stated}"
    if stated:
        return f"{stated} (no config)"
    return files or "CORVUS_ variables and --set (no config)"


def started(
    source: str,
    status: StatusReport,
    budgets: Collection[Budget],
    session: str,
    project: str | None = None,
) -> str:
    """Return the first line of a governed run.

    Args:
        source: What the budgets come from.
        status: Where they stand.
        budgets: Those that limit the run.
        session: Its id.
        project: Of the session.
    """
    by_name = {item.budget.name: item for item in status.decision.statuses}
    names = [budget.name for budget in budgets]
    mission = by_name.get(MISSION)
    if mission is not None and mission.budget.limit and MISSION not in names:
        names.append(MISSION)
    divided = {budget.name: _for_each(budget) for budget in budgets if budget.per}
    left = ", ".join(divided.get(name) or _left(by_name[name]) for name in names if name in by_name)
    whose = f" of project {project}" if project else ""
    return f"corvus: governed by {source}: {left} left; session {session}{whose} starts"


def ungoverned(runtime: Runtime, session: str) -> str:
    """Return the first line of a run that no budget limits, as the user asked for."""
    return (
        f"corvus: UNGOVERNED, by --ungoverned: no budget limits this run "
        f"({runtime.governing.removeprefix('defaults ').strip('()')}); session {session} starts"
    )


def cautions(
    runtime: Runtime, budgets: Collection[Budget], *, has_own_limit: bool, keeps_log_in: bool
) -> list[str]:
    """Return what passes the budgets of a run although it is governed.

    Args:
        runtime: What is in force.
        budgets: Those that limit the run, but for its own limit.
        has_own_limit: Whether ``--limit`` limits all of its calls.
        keeps_log_in: Whether the command has credentials of its own.
    """
    found: list[str] = []
    if keeps_log_in:
        found.append(
            "corvus: warning: the command keeps its own log-in; what it asks for past the proxy "
            "is not governed"
        )
    if runtime.policy.enabled and budgets and not has_own_limit and all(map(is_partial, budgets)):
        found.append(
            "corvus: warning: every budget of this run is for some models or providers only; "
            "calls of others have no limit"
        )
    if runtime.policy.enabled and runtime.policy.unpriced_models == "warn":
        found.append(
            "corvus: warning: calls of models without a price pass without a limit "
            '(cost.unpriced_models = "warn")'
        )
    if password_layer(runtime) is Layer.FILE:
        found.append(
            "corvus: warning: the config has the password of the store, and the command can read "
            "it: put it into CORVUS_GOVERNANCE__LEDGER__URL, which the command does not get whole"
        )
    return found


def withheld(names: Collection[str]) -> str:
    """Return the line about variables that the command does not get."""
    return f"corvus: withheld from the command: {', '.join(names)} (--pass-env NAME hands one over)"


def _for_each(budget: Budget) -> str:
    """Return what each part of a budget has; whose part a call is of, the call says."""
    return f"{budget.name} {limit_words(budget)} for each {', '.join(budget.per)}"


def _left(status: BudgetStatus) -> str:
    budget = status.budget
    only, left = match_words(budget), amount_words(status.headroom or 0, budget.measure)
    limit = amount_words(budget.limit, budget.measure)
    if budget.per and not status.part:
        return f"{budget.name} {limit} for each {' and '.join(budget.per)}"
    return f"{budget.name}{f' ({only})' if only else ''} {left} of {limit}"


def read_project(project: str | None) -> str | None:
    """Return the project that an option names; an empty one is refused, for it might be a mistake.

    Raises:
        BadParameter: It is no name that calls could have.
    """
    if project is None:
        return None
    from corvus.gateway.proxy.clients import ID_CHARACTERS_MAX, is_id  # loaded only where needed

    if not is_id(project.strip()):
        raise typer.BadParameter(
            f"a project is a text of 1 to {ID_CHARACTERS_MAX} characters: leave the option out "
            "for none",
            param_hint="--project",
        )
    return project.strip()


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
    elif not any(budget.limit for budget in runtime.policy.budgets):
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
