"""``corvus cost``: spend against the limits, and over time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from corvus.answers.amounts import match_words
from corvus.answers.budgets import budget_bodies
from corvus.answers.history import HISTORY_WITH_BUCKETS
from corvus.answers.kv import kv_text
from corvus.answers.status import summary_body
from corvus.base.money import usd_text
from corvus.base.period import CALENDAR_PERIODS, HISTORY_PERIODS, Period, listed
from corvus.cli.audit import audit
from corvus.cli.budgets import cells, lines
from corvus.cli.budgets import summary as budgets_view
from corvus.cli.budgets.parts import is_divided, named, show_parts
from corvus.cli.budgets.tree import tree
from corvus.cli.options import (
    AsOf,
    Config,
    LedgerPath,
    Mission,
    Session,
    Sets,
    Zone,
    books_of,
    opened,
    require_session,
)
from corvus.cli.output import TableOrBody, console, emit, print_rows, shown, words
from corvus.cli.steering import budget_names, override, reset
from corvus.cli.tables import print_table
from corvus.diagnostics.plain import escape
from corvus.model.parts import OFFSET_MAX, PARTS_MAX, PartOrder, PartsQuery
from corvus.reporting.history import (
    DEFAULT_BUCKET,
    DEFAULT_WINDOW,
    Bucket,
    check_window,
    history_of,
)

if TYPE_CHECKING:
    from corvus.answers.history import History
    from corvus.model.decision import BudgetStatus
    from corvus.model.error_bar import ErrorBar
    from corvus.model.status_report import StatusReport
    from corvus.reporting.header import Chart
    from corvus.reporting.table import Table
    from corvus.runtime import Runtime

_LARGEST = ", ".join(f"1..={period.buckets_max} {period}s" for period in CALENDAR_PERIODS)
_HISTORY_HELP = f"""Show what each {listed(HISTORY_PERIODS, "or")} cost.

Example: corvus cost history --period month --window 6
"""

app = typer.Typer(help="Spend against the limits.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Spend against the limits."""


@app.command("summary")
def summary(
    *,
    session: Session = None,
    mission: Mission = None,
    config: Config = None,
    ledger: LedgerPath = None,
    as_of: AsOf = None,
    output: TableOrBody = None,
    sets: Sets = None,
) -> None:
    """Show where every budget stands: spend, limit, percent, and which one governs.

    Example: corvus cost summary --session 4c1e…
    """
    require_session(session, mission)
    runtime = opened(config, ledger, sets, as_of=as_of)
    status = runtime.status(session, mission, recorded=as_of is not None)
    accuracy = _accuracy(runtime, status.now)
    emit(
        output,
        lambda: summary_body(runtime.policy, runtime.config_shown, status, accuracy),
        lambda: budgets_view.print_table(runtime, status, accuracy),
        kv=lambda: lines.kv(runtime, status, accuracy),
    )


def _accuracy(runtime: Runtime, now: datetime) -> ErrorBar | None:
    """Return how exact the cost of the month is (UTC); nothing where no ledger can be read."""
    from corvus.base.errors import LedgerError, ReportError
    from corvus.base.extras import has_ledger

    if not has_ledger():
        return None
    from corvus.reporting.error_bar import error_bar

    month = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    try:
        with runtime.ledger() as opened:
            return error_bar(opened.connection, since=month, until=now + timedelta(microseconds=1))
    except (LedgerError, ReportError):
        return None


@app.command("history", help=_HISTORY_HELP)
def history(
    *,
    period: Annotated[Bucket, typer.Option(help="What one bucket is.")] = DEFAULT_BUCKET,
    window: Annotated[
        int | None,
        typer.Option(
            help=f"Buckets, the present one last: {_LARGEST}; default {DEFAULT_WINDOW}. "
            "Without it, a table starts at the first bucket with a call.",
            show_default=False,
        ),
    ] = None,
    zone: Zone = None,
    as_of: AsOf = None,
    output: TableOrBody = None,
    chart: Annotated[bool, typer.Option(help="Draw a bar for each bucket of a table.")] = True,
    ledger: LedgerPath = None,
    config: Config = None,
) -> None:
    """Show a history of cost; ``_HISTORY_HELP`` says it to users."""
    wanted = min(DEFAULT_WINDOW, Period(period).buckets_max) if window is None else window
    check_window(period, wanted)
    from corvus.cli.times import clock_at, parse_zone
    from corvus.reporting.catalog import load_catalog
    from corvus.reporting.run import run_report

    parse_zone(zone or "UTC")
    now = clock_at(as_of).now()
    report = load_catalog().find(f"spend/history-by-{period}")
    given = {f"{period}s": wanted} | ({"zone": zone} if zone else {})
    books = books_of(config, ledger)
    with books.ledger(may_be_missing=ledger is None) as open_ledger:
        table = run_report(open_ledger.connection, report, given, now=now)
    past = history_of(period, table)
    emit(
        output,
        lambda: HISTORY_WITH_BUCKETS.body(past),
        lambda: _print_history(
            period,
            _from_first_call(table) if window is None else table,
            report.header.chart if chart else None,
            zone,
        ),
        kv=lambda: _history_lines(past),
    )


@app.command("budgets")
def budgets(
    *,
    budget: Annotated[
        str | None,
        typer.Option(
            "--budget",
            help="Only this one; of a budget with `per`, its parts.",
            autocompletion=budget_names,
        ),
    ] = None,
    part: Annotated[
        str | None,
        typer.Option(help="Only this part: its value, or several with a comma between."),
    ] = None,
    search: Annotated[str | None, typer.Option(help="Only parts with this text.")] = None,
    sort: Annotated[PartOrder, typer.Option(help="By what parts are sorted.")] = PartOrder.USED,
    limit: Annotated[int, typer.Option(min=1, max=PARTS_MAX, help="How many parts.")] = 20,
    offset: Annotated[
        int, typer.Option(min=0, max=OFFSET_MAX, help="How many parts are passed over.")
    ] = 0,
    session: Session = None,
    mission: Mission = None,
    config: Config = None,
    ledger: LedgerPath = None,
    as_of: AsOf = None,
    output: TableOrBody = None,
    sets: Sets = None,
) -> None:
    """Show every budget: what it counts, its limit, and what is spent, held and left.

    Of a budget with `per`, --budget shows the parts that have a sum, those nearest their limit
    first.

    Example: corvus cost budgets --budget each-developer --search ana
    """
    require_session(session, mission)
    runtime = opened(config, ledger, sets, as_of=as_of)
    if is_divided(runtime, budget) or part or search:
        if budget is None:
            raise typer.BadParameter("name the budget whose parts are meant", param_hint="--budget")
        if as_of is not None:
            raise typer.BadParameter("parts are shown as they are now", param_hint="--as-of")
        name = named(runtime, budget, part)
        query = PartsQuery(budget, name, search or "", sort, offset, limit, session, mission)
        show_parts(runtime, query, output)
        return
    status = runtime.status(session, mission, recorded=as_of is not None)
    items = budgets_view.in_order(runtime, status)
    if budget is not None:
        items = [item for item in items if item.budget.name == budget]
        if not items:
            raise typer.BadParameter(f"there is no budget {budget!r}", param_hint="--budget")
    emit(
        output,
        lambda: {"budgets": budget_bodies(status, items)},
        lambda: _print_budgets(runtime, status, items),
        kv=lambda: (lines.budget_line_whole(item, status) for item in items),
    )


app.command("override")(override)
app.command("reset")(reset)
app.command("audit")(audit)
app.command("tree")(tree)


def _print_budgets(runtime: Runtime, status: StatusReport, items: list[BudgetStatus]) -> None:
    """Print all that is known of every budget: where it stands, and what it counts."""
    out, say = console(), words()
    now, title = f"{status.now:%Y-%m-%d %H:%M} UTC", f"[bold]{say('summary.title')}[/]"
    heading = say("summary.heading", title=title, config=shown(runtime.config_shown), now=now)
    out.print(heading, soft_wrap=True)
    budgets_view.print_budgets(out, items, status, budgets_view.ROOMY)
    out.print()
    rows = [
        [
            item.budget.name,
            cells.period_cell(item.budget),
            escape(match_words(item.budget)) or say("summary.every_call"),
            cells.resets(item, status.now),
            escape(item.budget.config_key),
        ]
        for item in items
    ]
    names = ("budget", "period", "counts", "resets", "set_by")
    print_rows(out, [say(f"summary.column.{name}") for name in names], rows)


def _from_first_call(table: Table) -> Table:
    """Drop the buckets before the first call; of a table without any call, keep the present one."""
    calls = table.counts("calls")
    first = next((place for place, count in enumerate(calls) if count), len(calls) - 1)
    return replace(table, rows=table.rows[max(first, 0) :])


def _history_lines(history: History) -> Iterator[str]:
    """Yield the upstream's lines in its order; ``unpriced_calls`` comes after its keys."""
    yield f"period={history.period}"
    yield f"points={len(history.rows)}"
    yield f"total_cost_usd={usd_text(history.cost_nano_usd)}"
    yield f"total_tokens={history.total('tokens')}"
    yield f"total_requests={history.total('calls')}"
    for row in history.rows:
        bucket, cost, session = row["bucket"], row["cost_nano_usd"], row.get("session_id")
        words = {
            "bucket": kv_text(bucket) if isinstance(bucket, str) else "none",
            "cost_usd": usd_text(cost if isinstance(cost, int) else None),
            "tokens": row["tokens"],
            "requests": row["calls"],
            "unpriced_calls": row["unpriced_calls"],
        }
        if Period(history.period) is Period.MISSION and isinstance(session, str):
            words["session_id"] = kv_text(session)
        yield " ".join(f"{name}={value}" for name, value in words.items())


def _print_history(period: Bucket, table: Table, chart: Chart | None, zone: str | None) -> None:
    out = console()
    past = history_of(period, table)
    unpriced = past.total("unpriced_calls")
    print_table(out, table, f"Spend by {period}" + (f" ({zone})" if zone else ""), chart=chart)
    out.print(
        f"total {usd_text(past.cost_nano_usd)} USD, {past.total('calls'):,} calls", style="bold"
    )
    if unpriced:
        out.print(
            f"{_of_them(unpriced)} not in the sum: `corvus report unpriced`",
            style="yellow",
        )


def _of_them(unpriced: int) -> str:
    if unpriced == 1:
        return "1 of the calls has no price and is"
    return f"{unpriced:,} of the calls have no price and are"
