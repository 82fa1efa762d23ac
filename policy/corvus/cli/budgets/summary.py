"""The budget summary for a person: a table that fits the terminal, and what to know with it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from corvus.answers.amounts import part_words
from corvus.answers.steering import mission_state
from corvus.base.money import usd_short
from corvus.cli.budgets import cells
from corvus.cli.output import (
    GAP_CELLS,
    console,
    natural_width,
    print_rows,
    shown,
    words,
)
from corvus.diagnostics.plain import escape
from corvus.governor.rules import budgets_to_register
from corvus.model.decision import BudgetStatus
from corvus.runtime import Runtime

if TYPE_CHECKING:
    from rich.console import Console

    from corvus.model.budget import Measure
    from corvus.model.error_bar import ErrorBar
    from corvus.model.refusals import Refusals
    from corvus.model.status_report import StatusReport
    from corvus.model.steering import MissionRecord
    from corvus.runtime import Runtime
    from corvus.wording.words import Words


_RIGHT = {"used", "warns", "spent", "held", "limit", "left", "calls"}
BRIEF = ("budget", "state", "used", "spent", "held", "limit", "calls", "resets")
"""Columns of a summary."""
ROOMY = ("budget", "state", "used", "warns", "spent", "held", "limit", "left")
"""Columns where a second table has the rest."""


def print_table(
    runtime: Runtime,
    status: StatusReport,
    accuracy: ErrorBar | None = None,
    *,
    stderr: bool = False,
) -> None:
    """Print a row for each budget, with a bar where there is room, and remarks below."""
    out = console(stderr=stderr)
    say = words()
    now, title = f"{status.now:%Y-%m-%d %H:%M} UTC", f"[bold]{say('summary.title')}[/]"
    heading = say("summary.heading", title=title, config=shown(runtime.config_shown), now=now)
    out.print(heading, soft_wrap=True)
    print_budgets(out, in_order(runtime, status), status, BRIEF)
    for line in [*_remarks(runtime, status), *_inexact(accuracy)]:
        out.print(line)


def _inexact(accuracy: ErrorBar | None) -> list[str]:
    """Return what makes the cost of the month inexact, and by how much, if anything does."""
    if accuracy is None or not accuracy.calls:
        return []
    say, remarks = words(), list[str]()
    if not accuracy.is_exact:
        counts = {
            "unknown": accuracy.unknown_calls,
            "at_least": accuracy.at_least_calls,
            "estimated": accuracy.estimated_calls,
        }
        parts = [say(f"summary.inexact_{name}", number=n) for name, n in counts.items() if n]
        bounds = (
            f"≥ {usd_short(accuracy.low_nano_usd)}"
            if accuracy.high_nano_usd is None
            else f"{usd_short(accuracy.low_nano_usd)}..{usd_short(accuracy.high_nano_usd)}"
        )
        text = say("summary.inexact", bounds=bounds, calls=accuracy.calls, why=", ".join(parts))
        remarks.append(f"[yellow]{escape(text)}[/]")
    for one in accuracy.reconciliations:
        if one.gap_nano_usd is not None and not one.is_within:
            gap = usd_short(one.gap_nano_usd)
            days = f"{one.first_day}..{one.last_day}"
            text = say("summary.gap", provider=one.provider, gap=gap, days=days)
            remarks.append(f"[yellow]{escape(text)}[/]")
    return remarks


def print_budgets(
    out: Console,
    items: list[BudgetStatus],
    status: StatusReport,
    wanted: Collection[str],
) -> None:
    """Print a row for each budget, with a bar where there is room.

    Args:
        out: Where to print.
        items: The budgets, in order.
        status: Of which they are a part.
        wanted: Which columns: ``BRIEF`` or ``ROOMY``.
    """
    columns = {name: texts for name, texts in _columns(items, status).items() if name in wanted}
    print_standings(out, items, columns, [status.is_blocking(each.budget.name) for each in items])


def print_standings(
    out: Console,
    items: Sequence[BudgetStatus],
    columns: Mapping[str, Sequence[str]],
    blocking: Sequence[bool],
) -> None:
    """Print a row for each budget or part, with a bar where there is room.

    Args:
        out: Where to print.
        items: What is printed.
        columns: The texts of each column; its heading is in the catalogue.
        blocking: Whether each refuses calls at present.
    """
    from rich.text import Text

    say = words()
    headings = [say(f"summary.column.{name}") for name in columns]
    styles = [
        cells.style_of(item, is_blocking=refuses)
        for item, refuses in zip(items, blocking, strict=True)
    ]
    rows = [
        [
            Text(escape(texts[place]), style if name == "state" else "")
            for name, texts in columns.items()
        ]
        for place, style in enumerate(styles)
    ]
    fewest, most = cells.BAR_CELLS
    room = min(out.width - natural_width(headings, rows) - GAP_CELLS, most)
    if room >= fewest:
        headings.append("")
        for row, item, style in zip(rows, items, styles, strict=True):
            row.append(Text(cells.bar(item, room), style))
    right = [place for place, name in enumerate(columns) if name in _RIGHT]
    print_rows(out, headings, rows, right=right)


def _columns(items: list[BudgetStatus], status: StatusReport) -> dict[str, list[str]]:
    known = [status.spends.get(item.budget.name) is not None for item in items]
    blocking = [status.is_blocking(item.budget.name) for item in items]
    columns = {
        "budget": [*map(cells.name_cell, items)],
        "state": [
            cells.state_cell(item, is_blocking=refuses)
            for item, refuses in zip(items, blocking, strict=True)
        ],
        "used": [*map(cells.percent_cell, items)],
        "warns": [cells.thresholds_cell(item.budget) for item in items],
        "spent": cells.spent_cells(items, known),
        "held": [*map(cells.held_cell, items)],
        "limit": [*map(cells.limit_cell, items)],
        "left": [*map(cells.left_cell, items)],
        "calls": [_calls(item, status) for item in items],
        "resets": [cells.resets(item, status.now) for item in items],
    }
    if not any(item.held for item in items):
        del columns["held"]
    return columns


def _calls(item: BudgetStatus, status: StatusReport) -> str:
    spend = status.spends.get(item.budget.name)
    return cells.NONE if spend is None else f"{spend.calls:,}"


def _under_way(status: StatusReport) -> list[str]:
    say, remarks = words(), list[str]()
    if status.session is not None:
        outcome = say(f"outcome.{status.session.outcome.value}")
        remarks.append(say("summary.session", outcome=outcome))
    if status.mission is not None:
        mission = status.mission
        steps = (
            say("summary.steps_of", steps=mission.steps, most=mission.max_steps)
            if mission.max_steps
            else say.count("missions.steps", mission.steps)
        )
        name = f"[bold]{shown(mission.id)}[/]"
        remarks.append(
            say("summary.mission", mission=name, state=_mission(mission, say))
            + (f", {steps}" if mission.steps or mission.max_steps else "")
        )
    for override in status.overrides:
        whose = (
            say("summary.one_session", session=shown(override.session_id))
            if override.session_id
            else say("summary.any_session")
        )
        left = cells.span(override.expires_at - status.now)
        remarks.append(
            _coloured("yellow", say("summary.override", id=override.id, whose=whose, left=left))
        )
    return remarks


def _divided(status: StatusReport) -> list[str]:
    """Say of each budget with ``per`` how many parts it has, and how many of them are refused."""
    say = words()
    by_name = {item.budget.name: item.budget for item in status.decision.statuses}
    return [
        say(
            "summary.parts",
            budget=f"[bold]{shown(name)}[/]",
            per=", ".join(by_name[name].per),
            parts=say.count("summary.part", counts.parts, number=f"{counts.parts:,}"),
            blocking=f"{counts.blocking:,}",
            name=shown(name),
        )
        for name, counts in status.parts.items()
    ]


def _refused(status: StatusReport) -> list[str]:
    """Say of each budget what it refused: how often, when last, what was needed and left."""
    lines: list[str] = []
    for item in status.decision.statuses:
        refusals = status.refusals.get(item.budget.name)
        if refusals is None:
            continue
        name = item.budget.name
        if name in status.parts:
            name = f"{name} ({part_words(status.parts[name].last_refused)})"
        text = refusal_words(name, refusals, item.budget.measure)
        lines.append(f"[red]{text}[/]" if refusals.is_blocking else text)
    return lines


def refusal_words(name: str, refusals: Refusals, measure: Measure) -> str:
    """Return what a budget or a part refused: how often, when last, what was needed and left."""
    say, needed = words(), refusals.needed
    return say(
        "summary.refused",
        budget=shown(name),
        refusals=say.count("refusals", refusals.count),
        at=f"{refusals.last_at:%Y-%m-%d %H:%M}",
        model=shown(refusals.model),
        needed=say("figure.unknown") if needed is None else cells.amount(needed, measure),
        left=cells.amount(refusals.left, measure),
    )


def _mission(mission: MissionRecord, say: Words) -> str:
    state = mission_state(mission)
    return say(
        {"running": "state.running", "ended": "summary.ended"}.get(state, f"outcome.{state}")
    )


def _coloured(colour: str, text: str) -> str:
    """Colour the first word of a remark."""
    first, _, rest = text.partition(" ")
    return f"[{colour}]{first}[/] {rest}"


def _remarks(runtime: Runtime, status: StatusReport) -> list[str]:
    say, remarks = words(), list[str]()
    governing = status.decision.governing
    if not runtime.policy.enabled:
        remarks.append(_coloured("yellow", say("summary.disabled")))
    elif governing is not None and governing.budget.limit:
        key, name = shown(governing.budget.config_key), shown(governing.budget.name)
        remarks.append(say("summary.governed", budget=f"[bold]{name}[/]", key=key))
    remarks += _divided(status)
    remarks += _refused(status)
    remarks += _under_way(status)
    if status.session_id is None and status.latest_session_id is not None:
        latest = say("summary.latest", session=shown(status.latest_session_id))
        remarks.append(f"[dim]{latest}[/]")
    spends = [spend for spend in status.spends.values() if spend is not None]
    spend = max(spends, key=lambda spend: spend.unpriced_calls, default=None)
    if spend and spend.unpriced_calls:
        text = say("summary.unpriced", number=spend.unpriced_calls, calls=spend.calls)
        remarks.append(f"[yellow]{text}[/]")
    remarks += [
        _coloured("yellow", say("summary.deprecated", key=shown(path)))
        for path in runtime.policy.deprecated_fields
    ]
    return remarks


def in_order(runtime: Runtime, status: StatusReport) -> list[BudgetStatus]:
    """Return the statuses in the policy's own order, which is the one a person reads."""
    order = {budget.name: index for index, budget in enumerate(budgets_to_register(runtime.policy))}
    return sorted(status.decision.statuses, key=lambda item: order[item.budget.name])
