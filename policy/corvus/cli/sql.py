"""``corvus sql``: read-only SQL on the ledger, once or at a prompt (REP-4)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from corvus.base.errors import ReportParameterInvalid
from corvus.cli.common import console, is_terminal
from corvus.cli.options import Config, LedgerPath
from corvus.cli.output import Output, OutputFile, choose_format, give

if TYPE_CHECKING:
    from corvus.reporting.sql import Answer

_TABLE_ROWS = 200
"""Rows of a table for a person, unless asked otherwise; other formats give all."""
_TIMEOUT_MAX_SECONDS = 86_400.0


Limit: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--limit", min=0, help=f"Rows at most, 0 for all; default: {_TABLE_ROWS} in a table."
    ),
]
Timeout: TypeAlias = Annotated[
    float | None, typer.Option("--timeout", metavar="SECONDS", help="Give up after this long.")
]


def sql(
    statement: Annotated[
        str | None,
        typer.Argument(
            metavar="[SELECT]", help="One SELECT; left out, a prompt opens, or stdin is read."
        ),
    ] = None,
    *,
    output: Output = None,
    file: OutputFile = None,
    limit: Limit = None,
    timeout: Timeout = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show DuckDB's plan instead of the rows.")
    ] = False,
    config: Config = None,
    ledger: LedgerPath = None,
) -> None:
    """Ask the ledger in SQL: one SELECT, which reads its tables and nothing else.

    The tables are usage_call (one row for each call) and those of `.tables` at the prompt. A column
    named …_nano_usd is shown as money, so write `SUM(cost_nano_usd) AS cost_nano_usd`.

    Example: corvus sql "SELECT requested_model, SUM(cost_nano_usd) AS cost_nano_usd FROM usage_call
    GROUP BY ALL" --format csv
    """
    from corvus.bookkeeping import Bookkeeping
    from corvus.cli.report_view import ledger_path
    from corvus.reporting.sql import run_sql

    if timeout is not None and not 0 < timeout <= _TIMEOUT_MAX_SECONDS:
        raise ReportParameterInvalid(
            f"--timeout must be above 0 and at most {_TIMEOUT_MAX_SECONDS:g} seconds, "
            f"got {timeout:g}"
        )
    books = Bookkeeping(ledger_path(config, ledger))
    if statement is None and sys.stdin.isatty() and is_terminal() and output is file is None:
        from corvus.cli.sql_prompt import Prompt

        Prompt(books, timeout_seconds=timeout, rows_max=_rows_max(limit, is_table=True)).run()
        return
    text = sys.stdin.read() if statement in {None, "-"} else str(statement)
    shape = choose_format(output, file)
    is_table = shape.value == "table"
    with books.ledger() as opened:
        answer = run_sql(
            opened.connection,
            text,
            rows_max=_rows_max(limit, is_table=is_table),
            timeout_seconds=timeout,
            explain=explain,
        )
    if is_table or (answer.plan is not None and output is file is None):
        print_answer(answer)
    else:
        give(answer.table, shape, file, about={"statement": text.strip()}, head={})
        _tell_more(answer)


def print_answer(answer: Answer) -> None:
    """Print an answer for a person: a table that fits the terminal, or a plan."""
    from corvus.cli.report_view import print_table

    if answer.plan is not None:
        print(answer.plan)
        return
    print_table(console(), answer.table, "")
    _tell_more(answer)


def _tell_more(answer: Answer) -> None:
    if answer.has_more:
        shown = len(answer.table.rows)
        print(f"only the first {shown:,} rows; --limit 0 gives all", file=sys.stderr)


def _rows_max(limit: int | None, *, is_table: bool) -> int | None:
    if limit is None:
        return _TABLE_ROWS if is_table else None
    return limit or None
