"""The options that several commands share, each declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

Config: TypeAlias = Annotated[
    list[Path] | None,
    typer.Option(
        "--config", "-c", help="Config file; may be given several times, later ones on top."
    ),
]
Sets: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Set a key above files and variables, such as cost.daily_limit_usd=25; repeatable.",
    ),
]
LedgerPath: TypeAlias = Annotated[
    Path | None,
    typer.Option("--ledger", help="Ledger file; default: the config's, else the user's own."),
]
AsOf: TypeAlias = Annotated[
    str | None,
    typer.Option("--as-of", help="Answer as of this instant (ISO 8601, UTC) instead of now."),
]
Since: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--since", help="From: 7d, today, last-week, 2026-11, 2026-11-23 or an instant (UTC)."
    ),
]
Until: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--until", help="To the end of: yesterday, last-week, 2026-11, 2026-11-23, an instant."
    ),
]
Mission: TypeAlias = Annotated[
    str | None,
    typer.Option("--mission", help="Mission of that session; default: the latest that runs."),
]
SessionProject: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--project", help="Project of that session; needed where several have one of its name."
    ),
]
Session: TypeAlias = Annotated[
    str | None,
    typer.Option("--session", envvar="CORVUS_SESSION_ID", help="Session whose spend counts."),
]
