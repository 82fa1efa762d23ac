"""``corvus report reprice``: what a period would have cost with the prices of another day."""

from __future__ import annotations

from typing import Annotated

import typer

from corvus.cli.common import console, warn_unused
from corvus.cli.options import AsOf, Config, LedgerPath, Since, Until
from corvus.cli.output import Output, OutputFile, choose_format, give


def reprice(
    *,
    book: Annotated[
        str,
        typer.Option(
            "--book",
            metavar="DATE",
            help="Day whose prices hold (UTC): 2026-11-23, 2026-11, today.",
        ),
    ],
    since: Since = None,
    until: Until = None,
    output: Output = None,
    file: OutputFile = None,
    config: Config = None,
    ledger: LedgerPath = None,
    as_of: AsOf = None,
) -> None:
    """Price a period anew with the book of another day, beside the recorded cost.

    Prices are those of [cost.prices] and of the bundled book that were in force on the day. Nothing
    is overwritten. The difference is of the calls that both sides price.

    Example: corvus report reprice --book 2026-01-01 --since 2026-11
    """
    from corvus.base.time import naive_utc
    from corvus.cli.report_view import print_table
    from corvus.cli.times import clock_at, parse_bounds, parse_since
    from corvus.reporting.formats import Format
    from corvus.reporting.reprice import reprice as priced_anew
    from corvus.runtime import open_runtime

    shape = choose_format(output, file)
    now = clock_at(as_of).now()
    on = parse_since(book, now).date()
    bounds = parse_bounds(since, until, now)
    runtime = open_runtime(config or (), ledger=ledger)
    warn_unused(runtime)
    with runtime.bookkeeping.ledger() as opened:
        table = priced_anew(opened.connection, runtime.books, on, **bounds)
    if shape is Format.TABLE:
        print_table(console(), table, f"Recorded cost, and cost at the prices of {on}")
        return
    parameters = {name: naive_utc(bound) for name, bound in bounds.items()}
    told = {"report": "reprice", "book": on.isoformat()}
    give(table, shape, file, about=told | {"parameters": parameters}, head=told)
