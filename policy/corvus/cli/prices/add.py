"""``corvus prices add``: writes a price into the config (PRC-10).

Its options are the kinds of ``TokenKind``, each described as the settings describe its key.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from shlex import quote
from typing import Annotated

import typer

from corvus.base.errors import EditRefused
from corvus.cli.check import PRICE_FACTS
from corvus.cli.config_edit import apply_change, file_to_change
from corvus.config.check.documents import load_documents
from corvus.config.edit.change import Change, set_keys
from corvus.config.model.keys import node
from corvus.config.toml.document import read_document
from corvus.config.toml.values import Route, shown, written
from corvus.diagnostics.model import ConfigError
from corvus.model.usage import TokenKind

_PRICES: Route = ("cost", "prices")
_REQUIRED = (TokenKind.INPUT, TokenKind.OUTPUT)
_OPTIONS = {
    "tier": typer.Option(
        "--tier",
        metavar="ABOVE:KEY=USD,…",
        help="Rates beyond a length of context, as 200000:input=2,output=4; repeatable.",
    ),
    "alias": typer.Option("--alias", metavar="NAME", help="Another whole name; repeatable."),
    "since": typer.Option("--from", metavar="DAY", help="First day in force (UTC): 2026-11-01."),
    "source": typer.Option("--source", metavar="TEXT", help="Where the price was found."),
}
_REPEATABLE = ("tier", "alias")
_FILE = typer.Option("--config", "-c", help="The file to change; default: the one that is read.")
_DRY_RUN = typer.Option("--dry-run", help="Print the diff and write nothing.")


def command() -> Callable[..., None]:
    """Return the command with an option for every kind that can have a price."""

    def add(
        model: str,
        *,
        tier: list[str] | None,
        alias: list[str] | None,
        since: str | None,
        source: str | None,
        config: Path | None,
        dry_run: bool,
        **rates: str | None,
    ) -> None:
        """Write the price of a model into the config; comments and layout stay.

        A model that has a price in the file already is refused.

        Example: corvus prices add acme/house-1 --input 0.4 --output 1.6 --cache-read 0.04
        """
        entry: dict[str, object] = {
            kind: _usd(usd, _option(kind)) for kind, usd in rates.items() if usd is not None
        }
        stated = {
            "tiers": [_tier(text) for text in tier or ()],
            "aliases": alias,
            "effective_from": _day(since) if since else None,
            "source": source,
        }
        entry |= {key: value for key, value in stated.items() if value}
        path = file_to_change(config, os.environ)
        apply_change(
            path, lambda raw: _added(raw, str(path), model, written(entry)), dry_run=dry_run
        )

    vars(add)["__signature__"] = inspect.Signature([*_parameters()])
    add.__annotations__ = {}
    return add


def _added(raw: bytes, file: str, model: str, entry: str) -> Change:
    """Plan to add a price that the file does not have, and that clashes with none it has.

    Raises:
        ConfigError: As ``set_keys``, or the price would clash with another.
        EditRefused: As ``set_keys``, or the model has a price.
    """
    document, _ = read_document(raw, file)
    route: Route = (*_PRICES, model)
    if document is not None and document.has(route):
        raise EditRefused(
            f"{shown(route)} is there already: `corvus config set {quote(shown(route))}.input USD` "
            "changes it, `corvus config unset` takes it out"
        )
    change = set_keys(raw, file, {shown(route): entry})
    changed, _ = read_document(change.after, file)
    found = load_documents((changed,), facts=PRICE_FACTS).diagnostics if changed else ()
    clashes = [one for one in found if one.code == "ambiguous-price"]
    if clashes:
        raise ConfigError(f"nothing is written: {file} would have a new error", clashes)
    return change


def _parameters() -> Iterator[inspect.Parameter]:
    model = typer.Argument(metavar="MODEL", help="The id as calls name it, or provider/id.")
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    yield inspect.Parameter("model", kind, annotation=Annotated[str, model])
    for rate in TokenKind:
        meaning = str(node((*_PRICES, "*", rate.value))["description"])
        option = typer.Option(_option(rate.value), metavar="USD", help=meaning)
        if rate in _REQUIRED:
            yield _parameter(rate.value, Annotated[str, option], inspect.Parameter.empty)
        else:
            yield _parameter(rate.value, Annotated[str | None, option])
    for name, option in _OPTIONS.items():
        held = list[str] | None if name in _REPEATABLE else str | None
        yield _parameter(name, Annotated[held, option])
    yield _parameter("config", Annotated[Path | None, _FILE])
    yield _parameter("dry_run", Annotated[bool, _DRY_RUN], default=False)


def _parameter(name: str, annotation: object, default: object = None) -> inspect.Parameter:
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, kind, default=default, annotation=annotation)


def _option(kind: str) -> str:
    return f"--{kind.replace('_', '-')}"


def _usd(text: str, option: str) -> Decimal:
    """Return an amount; whether it is in bounds is for the settings to say.

    Raises:
        BadParameter: It is no decimal number.
    """
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        raise typer.BadParameter(f"write USD such as 0.4, not {text!r}", param_hint=option)
    return amount


def _tier(text: str) -> dict[str, object]:
    """Return a tier; which keys it may have is for the settings to say.

    Raises:
        BadParameter: It is not of the form ``ABOVE:KEY=USD,…``.
    """
    above, _, rates = text.partition(":")
    pairs = [pair.partition("=") for pair in rates.split(",")]
    if not (above.isascii() and above.isdigit() and all(sign for _, sign, _ in pairs)):
        raise typer.BadParameter(
            f"write it as 200000:input=2,output=4, not {text!r}", param_hint="--tier"
        )
    return {
        "above_tokens": int(above),
        **{key.strip(): _usd(usd.strip(), "--tier") for key, _, usd in pairs},
    }


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"write a day such as 2026-11-23, not {text!r}", param_hint="--from"
        ) from None
