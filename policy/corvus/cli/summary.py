"""The budget summary for a person: a table that fits the terminal, and what to know with it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from corvus.answers.kv import kv_text, kv_value
from corvus.answers.policy import LEGACY
from corvus.answers.status import active, budget_state, counted, window_start
from corvus.answers.steering import mission_state
from corvus.base.money import usd, usd_exact, usd_short, usd_text
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
from corvus.model.decision import BudgetState, BudgetStatus
from corvus.runtime import Runtime

if TYPE_CHECKING:
    from rich.console import Console

    from corvus.model.budget import Budget
    from corvus.model.refusals import Refusals
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
        "held": [f"${usd_short(item.held_nano_usd)}" for item in items],
        "limit": [_limit(item) for item in items],
        "left": [_left(item) for item in items],
        "calls": [_calls(item, status) for item in items],
        "resets": [resets(item, status.now) for item in items],
    }
    if not any(item.held_nano_usd for item in items):
        del columns["held"]
    return columns


def _style(item: BudgetStatus, status: StatusReport) -> str:
    if status.is_blocking(item.budget.name):
        return _BLOCKING[2]
    return _COLOURS[item.state] if item.budget.limit_nano_usd else "dim"


def _state(item: BudgetStatus, status: StatusReport) -> str:
    if status.is_blocking(item.budget.name):
        return f"{_BLOCKING[0] if is_unicode() else _BLOCKING[1]} {words()('state.blocking')}"
    if not item.budget.limit_nano_usd:
        return f"  {words()('state.off')}"
    glyph = (_GLYPHS if is_unicode() else _ASCII)[item.state]
    return f"{glyph} {words()(f'state.{item.state.word}')}"


def _percent(item: BudgetStatus) -> str:
    return f"{float(item.percent_used):,.1f} %" if item.budget.limit_nano_usd else _NONE


def _warns(item: BudgetStatus) -> str:
    return f"{item.budget.warn_at_percent} %" if item.budget.limit_nano_usd else _NONE


def _limit(item: BudgetStatus) -> str:
    limit = item.budget.limit_nano_usd
    return f"${usd_short(limit)}" if limit else _NONE


def _left(item: BudgetStatus) -> str:
    left = item.headroom_nano_usd
    return _NONE if left is None else f"${usd_short(left)}"


def _amounts(items: Sequence[BudgetStatus], status: StatusReport) -> list[str]:
    """Write the spends with as many decimals as the smallest of them needs."""
    from corvus.reporting.formats import usd_places

    known = {
        item.budget.name: item.spent_nano_usd
        for item in items
        if status.spends.get(item.budget.name) is not None
    }
    places = usd_places([*known.values()])
    return [
        f"${usd(known[item.budget.name]):,.{places}f}" if item.budget.name in known else _NONE
        for item in items
    ]


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
    if not item.budget.limit_nano_usd:
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
        needed = refusals.needed_nano_usd
        text = say(
            "summary.refused",
            budget=shown(item.budget.name),
            refusals=say.count("refusals", refusals.count),
            at=f"{refusals.last_at:%Y-%m-%d %H:%M}",
            model=shown(refusals.model),
            needed=say("figure.unknown") if needed is None else f"${usd_short(needed)}",
            left=f"${usd_short(refusals.left_nano_usd)}",
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
    elif governing is not None and governing.budget.limit_nano_usd:
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


def kv(runtime: Runtime, status: StatusReport) -> list[str]:
    """Return the upstream's keys in its order, then what corvus adds (CLI-1)."""
    policy = runtime.policy
    named = {item.budget.name: item for item in status.decision.statuses}
    spend = counted(status)
    lines = [
        f"session_id={kv_text(status.session_id) if status.session_id else 'none'}",
        f"budget_state={budget_state(policy, status)}",
        f"active_period={active(policy, status, 'period') or 'none'}",
        f"active_scope={active(policy, status, 'name') or 'none'}",
        *(f"{LEGACY[name]}_cost_usd={usd_text(named[name].spent_nano_usd)}" for name in LEGACY),
        f"request_count={spend.calls if spend else 0}",
        f"total_tokens={spend.tokens if spend else 0}",
        *(f"percent_used_{LEGACY[name]}={_percent_number(named[name])}" for name in LEGACY),
        f"cost_enabled={str(policy.enabled).lower()}",
        *(
            f"{LEGACY[name]}_limit_usd={usd_text(named[name].budget.limit_nano_usd)}"
            for name in LEGACY
        ),
        f"warn_at_percent={named['day'].budget.warn_at_percent}",
        f"allow_override={str(policy.allow_override).lower()}",
        f"unpriced_calls={spend.unpriced_calls if spend else 0}",
        f"deprecated_fields={','.join(policy.deprecated_fields) or 'none'}",
        f"policy_hash={policy.content_hash}",
    ]
    lines += [] if status.is_recorded else _under_way_lines(status)
    return lines + [
        _budget_line(item, status) + _refused_words(item, status)
        for item in in_order(runtime, status)
    ]


def in_order(runtime: Runtime, status: StatusReport) -> list[BudgetStatus]:
    """Return the statuses in the policy's own order, which is the one a person reads."""
    order = {budget.name: index for index, budget in enumerate(budgets_to_register(runtime.policy))}
    return sorted(status.decision.statuses, key=lambda item: order[item.budget.name])


def _budget_line(item: BudgetStatus, status: StatusReport) -> str:
    spend = status.spends[item.budget.name]
    return (
        f"budget={item.budget.name} state={item.state.word} "
        f"spent_usd={usd_exact(item.spent_nano_usd)} held_usd={usd_exact(item.held_nano_usd)} "
        f"limit_usd={usd_exact(item.budget.limit_nano_usd)} "
        f"percent_used={_percent_number(item)} calls={spend.calls if spend else 0} "
        f"unpriced_calls={spend.unpriced_calls if spend else 0} "
        f"resets_at={item.resets_at.isoformat() if item.resets_at else 'none'}"
    )


def _refused_words(item: BudgetStatus, status: StatusReport) -> str:
    """Return what a budget refused, with a space before; a ledger alone says nothing of it."""
    if status.is_recorded:
        return ""
    blocking = str(status.is_blocking(item.budget.name)).lower()
    return f" blocking={blocking} {refusals_text(status.refusals.get(item.budget.name))}"


def refusals_text(refusals: Refusals | None) -> str:
    """Return what a budget refused as ``key=value`` words."""
    if refusals is None:
        return "refusals=0"
    needed = refusals.needed_nano_usd
    return (
        f"refusals={refusals.count} last_refused_at={refusals.last_at.isoformat()} "
        f"needed_usd={'none' if needed is None else usd_exact(needed)} "
        f"left_usd={usd_exact(refusals.left_nano_usd)} refused_model={kv_text(refusals.model)}"
    )


def budget_line_whole(item: BudgetStatus, status: StatusReport) -> str:
    """Return the line of a budget with all that is known of it."""
    budget, headroom = item.budget, item.headroom_nano_usd
    match = match_text(budget)
    more = {
        "period": budget.period.value,
        "match": kv_text(match) if match else "none",
        "timezone": budget.timezone,
        "warn_at_percent": budget.warn_at_percent,
        "headroom_usd": "none" if headroom is None else usd_exact(headroom),
        "window_start": window_start(item, status) or "none",
        "key": kv_text(budget.config_key),
    }
    words = (_budget_line(item, status), *(f"{name}={value}" for name, value in more.items()))
    return " ".join(words) + _refused_words(item, status)


def match_text(budget: Budget) -> str:
    """Return what a budget matches on: ``model:claude-*,project:search``; empty is every call."""
    return ",".join(f"{name}:{glob}" for name, glob in budget.match)


def _under_way_lines(status: StatusReport) -> list[str]:
    """Return what only a store knows: outcome, mission and override, each ``none`` without one."""
    mission = status.mission
    override = next(iter(status.overrides), None)
    facts: dict[str, object] = {
        "session_outcome": status.session.outcome.value if status.session else None,
        "mission_id": mission.id if mission else None,
        "mission_state": mission_state(mission) if mission else None,
        "mission_steps": mission.steps if mission else None,
        "override_id": override.id if override else None,
        "override_session_id": override.session_id if override else None,
        "override_expires_at": override.expires_at.isoformat() if override else None,
        "blocking": ",".join(status.blocking) or None,
    }
    return [f"{name}={kv_value(value)}" for name, value in facts.items()]


def _percent_number(item: BudgetStatus) -> str:
    return f"{float(item.percent_used):.2f}"
