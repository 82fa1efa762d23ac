"""``corvus pr``: what the calls for one branch cost, for a person, a program or a comment.

It says names of models, counts and amounts, and nothing of what was asked or answered.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import typer

from corvus.answers.amounts import amount_exact, amount_words
from corvus.base.globs import glob_matches
from corvus.base.money import usd_exact, usd_short
from corvus.cli.agents.checkout import checkout_of
from corvus.cli.options import Config, LedgerPath, Sets, opened
from corvus.cli.output import console, shown
from corvus.diagnostics.formats.json import json_text
from corvus.model.budget import part_of
from corvus.model.parts import PartsQuery

if TYPE_CHECKING:
    from corvus.model.decision import BudgetStatus
    from corvus.runtime import Runtime

_MARKER = "<!-- corvus pr -->"
"""Begins a comment, by which the next one finds it."""
_BRANCHES = ("GITHUB_HEAD_REF", "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME")
_REQUESTS = ("CORVUS_PULL_REQUEST", "CI_MERGE_REQUEST_IID")
_MODELS_MAX = 10

_Format: TypeAlias = Annotated[
    Literal["text", "json", "markdown"],
    typer.Option("--format", help="markdown is the text of a comment."),
]


@dataclass(frozen=True, slots=True)
class BranchCost:
    """What a branch cost.

    Attributes:
        total: All models together, as ``spend/on-branch`` has it.
        models: By model, the most expensive first.
        budgets: Where the budgets that count this branch alone stand.
    """

    branch: str
    repository: str | None
    total: Mapping[str, Any]
    models: list[Mapping[str, Any]]
    budgets: list[BudgetStatus]


def pr(
    *,
    branch: Annotated[
        str | None,
        typer.Option(help="The branch. Default: that of the pull request or the checkout."),
    ] = None,
    base: Annotated[
        str, typer.Option(help="The branch that it goes into, which is no branch of its own.")
    ] = "main",
    pull_request: Annotated[
        str | None,
        typer.Option(help="Its number; calls with this tag git.pull_request count as well."),
    ] = None,
    since: Annotated[str | None, typer.Option(help="Only calls from then on, such as 7d.")] = None,
    output: _Format = "text",
    config: Config = None,
    sets: Sets = None,
    ledger: LedgerPath = None,
) -> None:
    """Show what the calls for a branch cost: sessions, models, cache, and what budgets have left.

    Calls belong to the branch of the checkout in which `corvus agent` and `corvus code` ran, and to
    the one that they name themselves. All repositories count whose address is not known.

    Example: corvus pr --base main --format markdown
    """
    from corvus.cli.times import parse_bounds

    here = checkout_of(Path(os.path.realpath(os.getcwd())), branch or _first(_BRANCHES))
    name = here.branch
    if not name:
        raise typer.BadParameter("no branch is checked out here: name one with --branch")
    if name == base.removeprefix("origin/"):
        raise typer.BadParameter(f"{name} is the base itself: name a branch with --branch")
    runtime = opened(config, ledger, sets)
    bounds = parse_bounds(since, None, runtime.clock.now()) if since else {}
    given: dict[str, object] = {"branch": name, **bounds}
    if here.repository is not None:
        given["repository"] = here.repository
    if (request := pull_request or _first(_REQUESTS)) is not None:
        given["pull_request"] = request
    cost = cost_of(runtime, name, here.repository, given)
    match output:
        case "json":
            print(json_text(body(cost)))
        case "markdown":
            print(markdown(cost))
        case _:
            _print(cost)


def cost_of(
    runtime: Runtime, branch: str, repository: str | None, given: Mapping[str, object]
) -> BranchCost:
    """Return what a branch cost, by the ledger and what it lacks so far.

    Raises:
        LedgerError: The ledger cannot be read.
        StoreError: The store is there and cannot be used.
    """
    from corvus.reporting.catalog import load_catalog
    from corvus.reporting.run import run_report

    report = load_catalog().find("spend/on-branch")
    with runtime.bookkeeping.ledger(may_be_missing=not runtime.is_ledger_named) as ledger:
        table = run_report(ledger.connection, report, given, now=runtime.clock.now())
    names = [column.name for column in table.columns]
    rows: list[Mapping[str, Any]] = [dict(zip(names, row, strict=True)) for row in table.rows]
    total, *models = rows
    return BranchCost(branch, repository, total, models, _budgets(runtime, branch))


def _budgets(runtime: Runtime, branch: str) -> list[BudgetStatus]:
    """Return where the budgets stand that count this branch, and not all calls."""
    found: list[BudgetStatus] = []
    policy = runtime.policy
    if not policy.enabled or not runtime.bookkeeping.place.exists:
        return found
    for budget in policy.budgets:
        if budget.per == ("branch",) and budget.period.value not in ("session", "mission"):
            page = runtime.parts(PartsQuery(budget.name, part=part_of((branch,))))
            found += [part.status for part in page.rows]
    globs = {budget.name: dict(budget.match).get("branch", ()) for budget in policy.budgets}
    if any(globs.values()):
        found += [
            status
            for status in runtime.status().decision.statuses
            if not status.budget.per
            and any(glob_matches(glob, branch) for glob in globs[status.budget.name])
        ]
    return [status for status in found if status.budget.limit]


def body(cost: BranchCost) -> dict[str, object]:
    """Return what a branch cost as data."""
    return {
        "branch": cost.branch,
        "repository": cost.repository,
        **_figures(cost.total),
        "models": [
            {"provider": row["provider"], "model": row["model"], **_figures(row)}
            for row in cost.models
        ],
        "budgets": [
            {
                "budget": status.budget.name,
                "measure": status.budget.measure.value,
                "spent": amount_exact(status.spent, status.budget.measure),
                "held": amount_exact(status.held, status.budget.measure),
                "limit": amount_exact(status.budget.limit, status.budget.measure),
                "left": amount_exact(status.headroom or 0, status.budget.measure),
            }
            for status in cost.budgets
        ],
    }


def _figures(row: Mapping[str, Any]) -> dict[str, object]:
    cost, percent = row["cost_nano_usd"], row["hit_percent"]
    return {
        "cost_usd": None if cost is None else usd_exact(cost),
        "calls": row["calls"],
        "unpriced_calls": row["unpriced_calls"],
        "sessions": row["sessions"],
        "tokens": row["tokens"],
        "cache_percent": None if percent is None else float(percent),
    }


def markdown(cost: BranchCost) -> str:
    """Return the text of a comment, which begins with the mark by which the next one finds it.

    What somebody chose, such as the name of a branch, stands as code: it mentions nobody.
    """
    lines = [_MARKER, "### What this branch cost", "", f"{sentence(cost, code)}"]
    if cost.models:
        lines += ["", "| model | cost | share | calls | from cache |", "|---|---:|---:|---:|---:|"]
        lines += [_row(cost, row) for row in cost.models[:_MODELS_MAX]]
        if len(cost.models) > _MODELS_MAX:
            lines.append(f"| and {len(cost.models) - _MODELS_MAX} more | | | | |")
    lines += [f"\nBudget {code(status.budget.name)}: {_left(status)}." for status in cost.budgets]
    return "\n".join(lines)


def sentence(cost: BranchCost, name: Any = str) -> str:
    """Return what a branch cost in a sentence or two."""
    total = cost.total
    calls = total["calls"]
    if not calls:
        return f"No call for {name(cost.branch)} is recorded here."
    what = [_many(calls, "call"), _many(total["sessions"], "session")]
    if total["hit_percent"] is not None:
        what.append(f"{total['hit_percent']:.0f} % of the input from cache")
    amount = _usd(total["cost_nano_usd"])
    text = f"**{amount}**" if name is code else amount
    said = f"{name(cost.branch)} cost {text} so far: {', '.join(what)}."
    if total["unpriced_calls"]:
        said += f" {_many(total['unpriced_calls'], 'call')} without a price not included."
    return said


def code(text: str) -> str:
    """Return a text as code in Markdown, in a cell of a table as well."""
    plain = " ".join(text.replace("|", "\u00a6").replace("`", "'").split())
    return f"`{plain}`"


def _row(cost: BranchCost, row: Mapping[str, Any]) -> str:
    total, amount = cost.total["cost_nano_usd"], row["cost_nano_usd"]
    share = "" if not total or amount is None else f"{100 * amount / total:.0f} %"
    percent = row["hit_percent"]
    cached = "" if percent is None else f"{percent:.0f} %"
    model = code(row["model"] or "unknown")
    return f"| {model} | {_usd(amount)} | {share} | {row['calls']:,} | {cached} |"


def _left(status: BudgetStatus) -> str:
    measure = status.budget.measure
    left, limit = (amount_words(n, measure) for n in (status.headroom or 0, status.budget.limit))
    return f"{left} left of {limit}"


def _usd(nano_usd: int | None) -> str:
    return "unknown" if nano_usd is None else f"${usd_short(nano_usd)}"


def _many(count: int, noun: str) -> str:
    return f"1 {noun}" if count == 1 else f"{count:,} {noun}s"


def _print(cost: BranchCost) -> None:
    out = console()
    out.print(shown(sentence(cost)))
    for row in cost.models:
        cached = row["hit_percent"]
        more = "" if cached is None else f", {cached:.0f} % from cache"
        amount, model = _usd(row["cost_nano_usd"]), row["model"] or "unknown"
        out.print(shown(f"  {amount:>10}  {model}  {_many(row['calls'], 'call')}{more}"))
    for status in cost.budgets:
        out.print(shown(f"budget {status.budget.name}: {_left(status)}"))


def _first(names: tuple[str, ...]) -> str | None:
    return next((value for name in names if (value := os.environ.get(name))), None)
