"""``corvus status``: what is in force, whether store and ledger work, what is under way (CLI-6)."""

from __future__ import annotations

import os
from enum import StrEnum
from typing import Annotated

import typer

from corvus.cli.common import is_terminal, json_text, warn_unused
from corvus.cli.exits import Exit
from corvus.cli.options import Config, LedgerPath, Sets


class Format(StrEnum):
    """How the state is shown."""

    TEXT = "text"
    KV = "kv"
    JSON = "json"


def status(
    *,
    config: Config = None,
    sets: Sets = None,
    ledger: LedgerPath = None,
    output: Annotated[
        Format | None, typer.Option("--format", help="Default: text on a terminal, else kv.")
    ] = None,
) -> None:
    """Show the config in force, whether store and ledger work, and what is under way.

    It settles and changes nothing. The exit code is 30 when store or ledger cannot be used, else 0.

    Example: corvus status
    """
    from corvus.cli import status_text
    from corvus.config.layers.load import load_layers
    from corvus.runtime import open_runtime

    runtime = open_runtime(config or (), sets=sets or (), ledger=ledger)
    warn_unused(runtime)
    layered = load_layers(config or (), sets or (), os.environ)
    seen = status_text.Seen(runtime, layered, runtime.health(), runtime.clock.now())
    match output or (Format.TEXT if is_terminal() else Format.KV):
        case Format.JSON:
            print(json_text(status_text.as_json(seen)))
        case Format.KV:
            print("\n".join(status_text.as_lines(seen)))
        case Format.TEXT:
            status_text.print_page(seen)
    if not seen.health.is_usable:
        raise typer.Exit(Exit.LEDGER_UNAVAILABLE)
