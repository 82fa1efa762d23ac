"""The budget summary for a person: a table that fits the terminal, and what to know with it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from corvus.answers.amounts import amount_words
from corvus.answers.steering import mission_state
from corvus.base.money import usd
from corvus.cli.output import (
    GAP_CELLS,
    console,
    is_unicode,
    natural_width,
    print_rows,
    shown,
    words,
)
from corvus.governor.rules import budgets_to_register
from corvus.model.budget import Measure
from corvus.model.decision import BudgetState, BudgetStatus
from corvus.runtime import Runtime

if TYPE_CHECKING:
    from rich.console import Console

    from corvus.model.status_report import StatusReport
    from corvus.model.steering import MissionRecord
    from corvus.runtime import Runtime
    from corvus.wording.words import Words


_GLYPHS = {BudgetState.ALLOWED: "●", BudgetState.WARNING: "▲", BudgetState.EXCEEDED: "■"}
_ASCII = {BudgetState.ALLOWED: "o", BudgetState.WARNING: "!", BudgetState.EXCEEDED: "X"}
_COLOURS = {
    BudgetState.ALLOWED: "green",
    BudgetState.WARNING: "yellow",
    BudgetState.EXCEEDED: "red",
}
_BLOCKING = "■", "X", "red"
"""Glyph, the same in ASCII, and colour of a budget that refuses calls at present."""
_BAR_CELLS = (4, 20)
"""Fewest and most cells of a bar; with less room there is none."""
_RIGHT = {"used", "warns", "spent", "held", "limit", "left", "calls"}
BRIEF = ("budget", "state", "used", "spent", "held", "limit", "calls", "resets")
"""Columns of a summary."""
ROOMY = ("budget", "state", "used", "warns", "spent", "held", "limit", "left")
"""Columns where a second table has the rest."""
_NONE = "-"


def print_table(runtime: Runtime, status: StatusReport, *, stderr: bool = False) -> None:
    """Print a row for each budget, with a bar where there is room, and remarks below."""
    out = console(stderr=stderr)
    say = words()
    now, title = f"{status.now:%Y-%m-%d %H:%M} UTC", f"[bold]{say('summary.title')}[/]"
    heading = say("summary.heading", title=title, config=shown(runtime.config_shown), now=now)
    out.print(heading, soft_wrap=True)
    print_budgets(out, in_order(runtime, status), status, BRIEF)
    for line in _remarks(runtime, status):
        out.print(line)


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
    from rich.text import Text

    columns = {name: texts for name, texts in _columns(items, status).items() if name in wanted}
    say = words()
    headings = [say(f"summary.column.{name}") for name in columns]
    rows = [
        [
            Text(texts[place], _style(item, status) if name == "state" else "")
            for name, texts in columns.items()
        ]
        for place, item in enumerate(items)
    ]
    room = min(out.width - natural_width(headings, rows) - GAP_CELLS, _BAR_CELLS[1])
    if room >= _BAR_CELLS[0]:
        headings.append("")
        for row, item in zip(rows, items, strict=True):
            row.append(Text(_bar(item, room), _style(item, status)))
    right = [place for place, name in enumerate(columns) if name in _RIGHT]
    print_rows(out, headings, rows, right=right)


def _columns(items: list[BudgetStatus], status: StatusReport) -> dict[str, list[str]]:
    columns = {
        "budget": [item.budget.name for item in items],
        "state": [_state(item, status) for item in items],
        "used": [_percent(item) for item in items],
        "warns": [_warns(item) for item in items],
        "spent": _amounts(items, status),
        "held": [amount_words(item.held, item.budget.measure) for item in items],
        "limit": [_limit(item) for item in items],
        "left": [_left(item) for item in items],
        "calls": [_calls(item, status) for item in items],
        "resets": [resets(item, status.now) for item in items],
    }
    if not any(item.held for item in items):
        del columns["held"]
    return columns


def _style(item: BudgetStatus, status: StatusReport) -> str:
    if status.is_blocking(item.budget.name):
        return _BLOCKING[2]
    return _COLOURS[item.state] if item.budget.limit else "dim"


def _state(item: BudgetStatus, status: StatusReport) -> str:
    if status.is_blocking(item.budget.name):
        return f"{_BLOCKING[0] if is_unicode() else _BLOCKING[1]} {words()('state.blocking')}"
    if not item.budget.limit:
        return f"  {words()('state.off')}"
    glyph = (_GLYPHS if is_unicode() else _ASCII)[item.state]
    return f"{glyph} {words()(f'state.{item.state.word}')}"


def _percent(item: BudgetStatus) -> str:
    return f"{float(item.percent_used):,.1f} %" if item.budget.limit else _NONE


def _warns(item: BudgetStatus) -> str:
    is_silent = not item.budget.limit or item.budget.warn_at_percent is None
    return _NONE if is_silent else f"{item.budget.warn_at_percent} %"


def _limit(item: BudgetStatus) -> str:
    limit = item.budget.limit
    return amount_words(limit, item.budget.measure) if limit else _NONE


def _left(item: BudgetStatus) -> str:
    left = item.headroom
    return _NONE if left is None else amount_words(left, item.budget.measure)


def _amounts(items: Sequence[BudgetStatus], status: StatusReport) -> list[str]:
    """Write the spends with as many decimals as the smallest of them needs."""
    from corvus.reporting.formats import usd_places

    known = [item for item in items if status.spends.get(item.budget.name) is not None]
    in_usd = [item.spent for item in known if item.budget.measure is Measure.USD]
    places = usd_places(in_usd)

    def written(item: BudgetStatus) -> str:
        if item not in known:
            return _NONE
        if item.budget.measure is Measure.USD:
            return f"${usd(item.spent):,.{places}f}"
        return amount_words(item.spent, item.budget.measure)

    return [*map(written, items)]


def _calls(item: BudgetStatus, status: StatusReport) -> str:
    spend = status.spends.get(item.budget.name)
    return _NONE if spend is None else f"{spend.calls:,}"


def resets(item: BudgetStatus, now: datetime) -> str:
    """Return in how long a budget starts again; ``-`` where it never does."""
    if item.resets_at is None:
        return _NONE
    return words()("summary.until", span=_span(item.resets_at - now))


def _span(left: timedelta) -> str:
    """Write a span in the largest unit of which it holds two: ``10 days``, ``6 h``, ``59 min``."""
    minutes = -(-int(left.total_seconds()) // 60)
    if minutes >= 2 * 24 * 60:
        return words()("summary.days", number=minutes // (24 * 60))
    return f"{minutes // 60} h" if minutes >= 2 * 60 else f"{minutes} min"


def _bar(item: BudgetStatus, cells: int) -> str:
    if not item.budget.limit:
        return ""
    filled = min(cells, round(item.percent_used * cells / 100))
    full, empty = "█░" if is_unicode() else "#."
    return full * filled + empty * (cells - filled)


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
            say("summary.mission", mission=name, state=_mission(mission, say), steps=steps)
        )
    for override in status.overrides:
        whose = (
            say("summary.one_session", session=shown(override.session_id))
            if override.session_id
            else say("summary.any_session")
        )
        left = _span(override.expires_at - status.now)
        remarks.append(
            _coloured("yellow", say("summary.override", id=override.id, whose=whose, left=left))
        )
    return remarks


def _refused(status: StatusReport) -> list[str]:
    """Say of each budget what it refused: how often, when last, what was needed and left."""
    say, lines = words(), list[str]()
    for item in status.decision.statuses:
        refusals = status.refusals.get(item.budget.name)
        if refusals is None:
            continue
        needed, measure = refusals.needed, item.budget.measure
        text = say(
            "summary.refused",
            budget=shown(item.budget.name),
            refusals=say.count("refusals", refusals.count),
            at=f"{refusals.last_at:%Y-%m-%d %H:%M}",
            model=shown(refusals.model),
            needed=say("figure.unknown") if needed is None else amount_words(needed, measure),
            left=amount_words(refusals.left, measure),
        )
        lines.append(f"[red]{text}[/]" if refusals.is_blocking else text)
    return lines


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
