"""The screen of ``corvus today``: what fits on one, in the reader's language."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from corvus.base.money import usd_text
from corvus.cli.budgets.summary import print_budgets
from corvus.cli.output import console, is_unicode, print_rows, shown, words
from corvus.diagnostics.plain import escape
from corvus.reporting.chart import bars
from corvus.reporting.today import Share, Spent, total

if TYPE_CHECKING:
    from rich.console import Console

    from corvus.cli.everyday.today import Answer
    from corvus.reporting.today import Today
    from corvus.runtime import Runtime

_ROWS = 5
"""Models, projects and sessions that are named; the rest is one row."""
_NAME_CELLS = 40
_BAR_CELLS = 12
_BUDGET = ("budget", "state", "used", "spent", "held", "limit", "left", "resets")


def show(runtime: Runtime, answer: Answer) -> None:
    """Print the screen.

    Args:
        runtime: The config in force.
        answer: What is shown.
    """
    out, say, spent = console(), words(), answer.today
    _print_sums(out, spent)
    parts = (
        ("model", spent.models),
        ("project", tuple(_shortened(row) for row in spent.projects)),
        ("session", spent.sessions),
    )
    for name, rows in parts:
        if rows and not (name != "model" and len(rows) == 1 and rows[0].name is None):
            out.print()
            _print_shares(out, say(f"today.{name}"), rows)
    out.print()
    if answer.status is not None and answer.budgets:
        print_budgets(out, answer.budgets, answer.status, _BUDGET)
    elif answer.fault:
        out.print(f"[red]{shown(answer.fault)}[/]")
    else:
        out.print(say("today.no_budget"), style="dim", markup=False)
    for line in _remarks(answer):
        out.print(line, style="yellow", markup=False, soft_wrap=True)


def _print_sums(out: Console, spent: Today) -> None:
    """Print the day in one line, and what it is compared with in another."""
    say, day = words(), spent.day
    calls = say.count("today.calls", day.calls, number=f"{day.calls:,}")
    head = say("today.head", date=spent.date.isoformat(), zone=spent.zone)
    detail = say("today.of", calls=calls, tokens=_rounded(day.tokens))
    out.print(f"[dim]{shown(head)}[/]  [bold]{shown(_usd(day))}[/]  {shown(detail)}")
    compared = say(
        "today.compared",
        yesterday=_usd(spent.yesterday),
        by_now=_usd(spent.yesterday_by_now),
        week=_usd(spent.week),
        month=_usd(spent.month),
    )
    out.print(compared, style="dim", markup=False)


def _print_shares(out: Console, title: str, rows: Sequence[Share]) -> None:
    from rich.text import Text

    say = words()
    named, rest = rows[:_ROWS], rows[_ROWS:]
    if len(rest) == 1:
        named, rest = rows, ()
    lines = [(_name(row.name), row.spent) for row in named]
    if rest:
        others = say("today.others", number=len(rest))
        lines.append((others, total(row.spent for row in rest)))
    drawn = bars(
        [spent.cost_nano_usd for _, spent in lines], width=_BAR_CELLS, unicode=is_unicode()
    )
    cells = [
        [
            escape(name),
            _usd(spent),
            f"{spent.calls:,}",
            _rounded(spent.tokens),
            Text(mark, "cyan"),
        ]
        for (name, spent), mark in zip(lines, drawn, strict=True)
    ]
    headings = [title, say("today.cost"), say("today.calls_column"), say("today.tokens"), ""]
    print_rows(out, headings, cells, right=(1, 2, 3))


def _remarks(answer: Answer) -> list[str]:
    say, imported, unpriced = words(), answer.imported, answer.today.day.unpriced_calls
    lines = [say("today.not_imported", reason=escape(fault)) for fault in imported.faults]
    if imported.left_out:
        lines.append(say("today.left_out", ledger=escape(imported.left_out)))
    if imported.bad:
        lines.append(say.count("today.bad", imported.bad, number=f"{imported.bad:,}"))
    if unpriced:
        lines.append(say.count("today.unpriced", unpriced, number=f"{unpriced:,}"))
    return lines


def _name(name: str | None) -> str:
    if name is None:
        return words()("figure.none")
    if len(name) <= _NAME_CELLS:
        return name
    mark = "…" if is_unicode() else "..."
    return mark + name[len(mark) - _NAME_CELLS :]


def _shortened(row: Share) -> Share:
    """Write the user's own folder as ``~``."""
    own = os.environ.get("HOME", "")
    if row.name is None or not own or not row.name.startswith(own + os.sep):
        return row
    return Share(f"~{row.name[len(own) :]}", row.spent, row.detail)


def _usd(spent: Spent) -> str:
    if spent.cost_nano_usd is None:
        return words()("figure.unknown")
    places = 2 if abs(spent.cost_nano_usd) >= 10**9 or not spent.cost_nano_usd else 4
    whole, _, decimals = usd_text(spent.cost_nano_usd, places).partition(".")
    return f"${int(whole):,}.{decimals}"


def _rounded(count: int) -> str:
    """Write a large count with one decimal and a letter."""
    for least, size, letter in ((10**9, 10**9, "G"), (10**6, 10**6, "M"), (10**4, 10**3, "k")):
        if count >= least:
            return f"{count / size:,.1f}{letter}"
    return f"{count:,}"
