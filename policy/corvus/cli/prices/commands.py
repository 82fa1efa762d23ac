"""``corvus prices``: the price books, looked at and added to (PRC-10)."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime
from typing import Annotated, Literal

import typer

from corvus.answers.denial import add_command
from corvus.answers.prices import SHOWN, PriceAnswer
from corvus.cli.exits import Exit
from corvus.cli.options import Config, Sets, opened
from corvus.cli.output import TextOrBody, emit, is_terminal
from corvus.cli.prices import add
from corvus.cli.prices.check import check
from corvus.cli.prices.completion import model_names, provider_names
from corvus.cli.prices.flat import lines_of
from corvus.cli.prices.show import describe
from corvus.cli.prices.update import update
from corvus.diagnostics.plain import escape
from corvus.model.decision import AmbiguousModel
from corvus.prices.lookup import PriceBooks
from corvus.prices.match import Match

app = typer.Typer(help="What models cost, and which entry says so.", no_args_is_help=True)

Provider = Annotated[
    str | None,
    typer.Option(
        "--provider",
        help="Who bills; then no other provider's price is taken.",
        autocompletion=provider_names,
    ),
]
On = Annotated[
    str | None,
    typer.Option("--on", metavar="DAY", help="Day of the call (UTC): 2026-11-23; default today."),
]


@app.callback()
def group() -> None:
    """What models cost, and which entry says so."""


@app.command("show")
def show(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="As a call, a log or a config names it.",
            autocompletion=model_names,
        ),
    ],
    *,
    provider: Provider = None,
    on: On = None,
    output: TextOrBody = None,
    config: Config = None,
    sets: Sets = None,
) -> None:
    """Show the price of a model: which entry answers and why, rates, tiers, variants and dates.

    Exits with 1 where nothing answers, and names what is close.

    Example: corvus prices show gpt-4o --on 2026-11-01
    """
    books = opened(config, None, sets).books
    answer = explained(books, model, provider, day_of(on))
    if answer.problem is not None and (output == "text" or (output is None and is_terminal())):
        print(f"error: {escape(answer.problem)}", file=sys.stderr)
        raise typer.Exit(Exit.FINDINGS)
    emit(
        output,
        lambda: SHOWN.body(answer),
        lambda: describe(answer),
        kv=lambda: lines_of(answer),
    )
    if answer.problem is not None:
        raise typer.Exit(Exit.FINDINGS)


def explained(books: PriceBooks, model: str, provider: str | None, on: date) -> PriceAnswer:
    """Return which price answers for a model, or why none does.

    Args:
        books: Both price books.
        model: The name to look up.
        provider: Who bills, if known.
        on: The day of the call, UTC.
    """
    try:
        match, problem = books.explain(model, provider=provider, on=on), None
    except AmbiguousModel as ambiguous:
        match = Match(None, None, nearest=books.resembling(model))
        problem = str(ambiguous)
    if match.price is None and problem is None:
        problem = _no_price(model, on, match)
    offers = (
        (name, books.find(f"{model}-{name}", provider=provider, on=on)) for name in match.variants
    )
    return PriceAnswer(
        model=model,
        provider=provider,
        on=on,
        match=match,
        variants={name: price for name, price in offers if price is not None},
        book_version=books.bundled_version,
        book_sha256=books.bundled_sha256,
        problem=problem,
    )


def _no_price(model: str, on: date, match: Match) -> str:
    when = f" on {on}, but on other days" if match.history else ""
    near = f"; close to it: {', '.join(match.nearest)}" if match.nearest else ""
    return (
        f"{model} has no price{when}{near}; state it with `{add_command(model)}`, in USD per "
        "million tokens"
    )


def day_of(text: str | None) -> date:
    """Return the day that an option names, today (UTC) without one.

    Raises:
        BadParameter: It is no day.
    """
    if text is None:
        return datetime.now(UTC).date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"write a day such as 2026-11-23, not {text!r}", param_hint="--on"
        ) from None


@app.command("search")
def search(
    text: Annotated[
        str, typer.Argument(metavar="TEXT", help="Parts of a name, all of which it must have.")
    ],
    *,
    provider: Provider = None,
    on: On = None,
    output: Annotated[
        Literal["table", "kv", "csv", "json", "jsonl", "markdown"] | None,
        typer.Option("--format", help="Default: table on a terminal, else kv."),
    ] = None,
    config: Config = None,
    sets: Sets = None,
) -> None:
    """List the prices whose model or provider has a text in its name, own prices first.

    Exits with 1 where there is none.

    Example: corvus prices search sonnet --provider anthropic
    """
    from corvus.cli.output import choose_format, give
    from corvus.cli.prices.found import found_table, print_found
    from corvus.reporting.formats import Format

    day = day_of(on)
    books = opened(config, None, sets).books
    table = found_table(books, text, provider, day)
    shape = choose_format(output, None)
    if shape is Format.TABLE:
        print_found(table, day)
    else:
        about = {"search": text, "on": day.isoformat()}
        give(table, shape, None, about=about, head=about)
    if not table.rows:
        raise typer.Exit(Exit.FINDINGS)


app.command("add")(add.command())
app.command("check")(check)
app.command("update")(update)
