"""``corvus cost history``: what each bucket of time, session or mission cost (CLI-2)."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from corvus.answers.history import HISTORY_WITH_BUCKETS
from corvus.base.money import usd_text
from corvus.base.period import CALENDAR_PERIODS, HISTORY_PERIODS, Period, listed
from corvus.cli.common import console, is_terminal, json_text
from corvus.cli.options import AsOf, Config, LedgerPath
from corvus.reporting.history import (
    DEFAULT_BUCKET,
    DEFAULT_WINDOW,
    Bucket,
    check_window,
    history_of,
)

if TYPE_CHECKING:
    from corvus.reporting.header import Chart
    from corvus.reporting.table import Table


class Format(StrEnum):
    """How a history is shown."""

    TABLE = "table"
    KV = "kv"
    JSON = "json"


_LARGEST = ", ".join(f"1..={period.buckets_max} {period}s" for period in CALENDAR_PERIODS)
HELP = f"""Show what each {listed(HISTORY_PERIODS, "or")} cost.

Example: corvus cost history --period month --window 6
"""


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
    as_of: AsOf = None,
    output: Annotated[
        Format | None, typer.Option("--format", help="Default: table on a terminal, else kv.")
    ] = None,
    chart: Annotated[bool, typer.Option(help="Draw a bar for each bucket of a table.")] = True,
    ledger: LedgerPath = None,
    config: Config = None,
) -> None:
    """Show a history of cost; ``HELP`` says it to users."""
    wanted = DEFAULT_WINDOW if window is None else window
    check_window(period, wanted)
    from corvus.bookkeeping import Bookkeeping
    from corvus.cli.report_view import ledger_path
    from corvus.cli.times import clock_at
    from corvus.reporting.catalog import load_catalog
    from corvus.reporting.run import run_report

    now = clock_at(as_of).now()
    report = load_catalog().find(f"spend/history-by-{period}")
    books = Bookkeeping(ledger_path(config, ledger))
    with books.ledger(may_be_missing=ledger is None) as opened:
        table = run_report(opened.connection, report, {f"{period}s": wanted}, now=now)
    match output or (Format.TABLE if is_terminal() else Format.KV):
        case Format.KV:
            print("\n".join(_kv(period, table)))
        case Format.JSON:
            print(json_text(HISTORY_WITH_BUCKETS.body(history_of(period, table))))
        case Format.TABLE:
            shown = _from_first_call(table) if window is None else table
            _print_table(period, shown, report.header.chart if chart else None)


def _from_first_call(table: Table) -> Table:
    """Drop the buckets before the first call; of a table without any call, keep the present one."""
    calls = table.counts("calls")
    first = next((place for place, count in enumerate(calls) if count), len(calls) - 1)
    return replace(table, rows=table.rows[max(first, 0) :])


def _kv(period: Bucket, table: Table) -> list[str]:
    """Return the upstream's lines in its order; ``unpriced_calls`` comes after its keys."""
    from corvus.answers.kv import kv_text

    lines = [
        f"period={period}",
        f"points={len(table.rows)}",
        f"total_cost_usd={usd_text(history_of(period, table).cost_nano_usd)}",
        f"total_tokens={sum(table.counts('tokens'))}",
        f"total_requests={sum(table.counts('calls'))}",
    ]
    sessions = table.values("session_id") if period == Period.MISSION else ()
    for place, (bucket, cost, tokens, calls, unpriced, *_) in enumerate(table.rows):
        name = kv_text(bucket) if isinstance(bucket, str) else "none"
        amount = usd_text(cost if isinstance(cost, int) else None)
        line = f"bucket={name} cost_usd={amount} tokens={tokens} requests={calls}"
        line += f" unpriced_calls={unpriced}"
        session = sessions[place] if sessions else None
        lines.append(f"{line} session_id={kv_text(session)}" if isinstance(session, str) else line)
    return lines


def _print_table(period: Bucket, table: Table, chart: Chart | None) -> None:
    from corvus.cli.report_view import print_table

    out = console()
    total = usd_text(history_of(period, table).cost_nano_usd)
    calls, unpriced = sum(table.counts("calls")), sum(table.counts("unpriced_calls"))
    print_table(out, table, f"Spend by {period}", chart=chart)
    out.print(f"total {total} USD, {calls:,} calls", style="bold")
    if unpriced:
        out.print(
            f"{_of_them(unpriced)} not in the sum: `corvus report unpriced`",
            style="yellow",
        )


def _of_them(unpriced: int) -> str:
    if unpriced == 1:
        return "1 of the calls has no price and is"
    return f"{unpriced:,} of the calls have no price and are"
