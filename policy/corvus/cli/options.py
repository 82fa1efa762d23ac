"""The options that several commands share, each declared once."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from corvus.cli.parsing.completion import settings_of_config

if TYPE_CHECKING:
    from corvus.bookkeeping import Bookkeeping
    from corvus.runtime import Runtime


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
        autocompletion=settings_of_config,
        help="Set a key above files and variables, such as cost.daily_limit_usd=25; repeatable.",
    ),
]
LedgerPath: TypeAlias = Annotated[
    Path | None,
    typer.Option("--ledger", help="Ledger file; default: the config's, else the user's own."),
]
AsOf: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--as-of",
        help="Answer as of this time instead of now, such as yesterday or 2026-11-23T10:00Z.",
    ),
]
Since: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--since",
        help="From: 7d, today, 2026-11, 2026-11-23 or an instant (UTC); last-month is that month.",
    ),
]
Until: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--until", help="To the end of: yesterday, last-week, 2026-11, 2026-11-23, an instant."
    ),
]
Zone: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--zone",
        help="IANA time zone whose days, weeks and months are shown, and which times without an "
        "offset are of; default UTC.",
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


def say_governing(runtime: Runtime) -> None:
    """Say on standard error which file governs what a command does, or that none does (CFG-6)."""
    from corvus.diagnostics.plain import escape

    what = "governed by" if runtime.config_paths else "no config governs:"
    print(f"corvus: {what} {escape(runtime.governing)}", file=sys.stderr, flush=True)


def warn_unlimited(runtime: Runtime) -> None:
    """Say on standard error when no budget limits what passes: nothing may be open in silence."""
    policy = runtime.policy
    if policy.enabled and any(budget.limit for budget in policy.budgets):
        return
    why = "every limit is 0" if policy.enabled else "cost.enabled is not true"
    print(f"warning: no budget is in force ({why}): calls pass without a limit", file=sys.stderr)


def require_session(session: str | None, mission: str | None) -> None:
    """Refuse a mission without its session: ids of missions are unique inside a session only."""
    if mission is not None and not session:
        raise typer.BadParameter(
            "a mission belongs to a session: name it with --session", param_hint="--mission"
        )


def opened(
    config: Sequence[Path] | None,
    ledger: Path | None,
    sets: Sequence[str] | None = None,
    *,
    as_of: str | None = None,
) -> Runtime:
    """Return what the options of a command name.

    Args:
        config: ``--config``.
        ledger: ``--ledger``.
        sets: ``--set``.
        as_of: ``--as-of``: its clock stands there.

    Raises:
        ConfigError: The config has errors.
        ReportParameterInvalid: ``as_of`` is no instant.
    """
    from corvus.cli.times import clock_at
    from corvus.runtime import open_runtime

    return open_runtime(config or (), sets=sets or (), ledger=ledger, clock=clock_at(as_of))


def has_books(runtime: Runtime) -> bool:
    """Return whether there is a ledger or a store; of a shared one the database itself says so.

    Raises:
        LedgerNotInstalled: Nobody could make one here.
    """
    from corvus.base.extras import require_ledger

    require_ledger()
    books = runtime.bookkeeping
    return books.place.is_shared or os.path.lexists(books.ledger_path) or books.place.exists


def require_books(runtime: Runtime) -> None:
    """Refuse a place where nothing is: a mistyped path must not be taken for an empty ledger.

    Raises:
        LedgerError: There is neither a ledger nor a store.
    """
    if has_books(runtime):
        return
    from corvus.base.errors import LedgerError

    books = runtime.bookkeeping
    raise LedgerError(
        f"there is neither a ledger at {books.ledger_path} nor a store at {books.place.name}: "
        "check --ledger, --config and where you are (`corvus store init` makes a store)"
    )


def require_named_books(runtime: Runtime) -> None:
    """Refuse a ledger that the command line names and where nothing is.

    The ledger of the config, or the usual one, may be made by whoever needs it first.

    Raises:
        LedgerError: ``--ledger`` names a place with neither a ledger nor a store.
    """
    if runtime.is_ledger_named:
        require_books(runtime)


def books_of(config: Sequence[Path] | None, ledger: Path | None) -> Bookkeeping:
    """Return the ledger to read, the one named or the config's, and the store behind it.

    The config is read in any case: it may name a store that other hosts share, whose events belong
    to what is read (STO-1).

    Raises:
        ConfigError: The config has errors.
    """
    return opened(config, ledger).bookkeeping
