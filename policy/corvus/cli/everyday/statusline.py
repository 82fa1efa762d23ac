"""The options of ``corvus statusline``; without any, ``corvus.cli.everyday.line`` answers alone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer


def statusline(
    *,
    install: Annotated[
        bool,
        typer.Option(
            "--install", help="Have Claude Code run it: put it into your settings, and end."
        ),
    ] = False,
    refresh: Annotated[
        Path | None,
        typer.Option(
            "--refresh",
            metavar="FOLDER",
            help="Find out which budgets are in force in a folder, and print nothing.",
        ),
    ] = None,
) -> None:
    """Print one line for the status line of Claude Code: session, day, what budgets have left.

    It reads the JSON that Claude Code gives it on standard input. It never waits: what takes time
    is found out by a process in the background, and stands in the line the next time.

    Example: corvus statusline < /dev/null
    """
    if install:
        from corvus.cli.everyday import claude_settings

        path = claude_settings.settings_path(os.environ)
        done = "is now" if claude_settings.install(path) else "was already"
        print(f"the status line {done} in {path}")
        return
    if refresh is not None:
        from corvus.cli.everyday import card

        if not refresh.is_dir():
            raise typer.BadParameter(f"{refresh} is no folder", param_hint="--refresh")
        card.refresh(refresh, os.environ)
        return
    from corvus.cli.everyday.line import main

    raise typer.Exit(main())
