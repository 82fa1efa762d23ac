"""``corvus reconcile``: hold the ledger against the bill of a provider (REC-1)."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated

import typer

from corvus.base.errors import ReportParameterInvalid
from corvus.cli.bills.output import give_json, say, show, table_of, totals_of
from corvus.cli.exits import Exit
from corvus.cli.options import AsOf, Config, LedgerPath, Sets, Since, Until, opened
from corvus.cli.output import Output, OutputFile, choose_format, give

if TYPE_CHECKING:
    from corvus.reconcile.reconcile import Choice

_ALL = 100
_INSTANT = timedelta(microseconds=1)


def reconcile(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="Bills: files, folders or globs.")
    ],
    *,
    provider: Annotated[
        str | None,
        typer.Option("--provider", help="Whose bill it is; default: whoever the files name."),
    ] = None,
    tolerance: Annotated[
        str, typer.Option("--tolerance", help="The gap that is accepted, in percent of the bill.")
    ] = "1%",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Compare only; keep nothing of the bill.")
    ] = False,
    since: Since = None,
    until: Until = None,
    output: Output = None,
    file: OutputFile = None,
    config: Config = None,
    sets: Sets = None,
    ledger: LedgerPath = None,
    as_of: AsOf = None,
) -> None:
    """Compare the ledger with the bill of a provider, by day and model, and say why they differ.

    Reads cost and usage reports of Anthropic, costs of OpenAI, activity of OpenRouter, and FOCUS.
    Only days that the files cover are compared. Charges are kept in the table provider_charge, each
    once, and never count as usage.

    Exit: 0 within the tolerance, 1 above, 2 where a file cannot be used.

    Example: corvus reconcile --provider anthropic november.json --format json
    """
    from corvus.reconcile.reconcile import reconcile as compared
    from corvus.reporting.formats import Format

    shape = choose_format("table" if output == "text" else output, file)
    runtime = opened(config, ledger, sets, as_of=as_of)
    choice = _choice(provider, tolerance, since, until, runtime.clock.now())
    keeping = None if dry_run else runtime.bookkeeping.billing
    found = compared(files, runtime.books, choice, read=runtime.bookkeeping.ledger, write=keeping)
    if shape is Format.TABLE:
        show(found)
    elif shape is Format.JSON:
        give_json(found, file)
    else:
        give(table_of(found), shape, file, about={}, head=totals_of(found))
    if shape is not Format.JSON:
        say(found)
    if not found.is_within:
        raise typer.Exit(Exit.FINDINGS)


def _choice(
    provider: str | None, tolerance: str, since: str | None, until: str | None, now: datetime
) -> Choice:
    from corvus.cli.times import parse_bounds
    from corvus.reconcile.reconcile import Choice

    bounds = parse_bounds(since, until, now)
    first, after = bounds.get("since"), bounds.get("until")
    return Choice(
        now=now,
        provider=provider,
        since=first.date() if first else None,
        until=(after - _INSTANT).date() if after else None,
        tolerance=_part(tolerance),
    )


def _part(text: str) -> Fraction:
    """Read a percentage, with its sign or without, as a part of 1.

    Raises:
        ReportParameterInvalid: It is none from 0 to 100.
    """
    try:
        percent = Decimal(text.strip().removesuffix("%").strip())
    except InvalidOperation:
        percent = Decimal("NaN")
    if not (percent.is_finite() and 0 <= percent <= _ALL):
        raise ReportParameterInvalid(f"--tolerance is a percentage from 0 to 100, got {text!r}")
    return Fraction(percent) / _ALL
