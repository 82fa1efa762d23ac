"""``corvus ledger reclaim``: presume to be spent what a dead host has of shared budgets (STO-3)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from corvus.cli.options import Config, LedgerPath, Sets, opened, require_books
from corvus.cli.output import TextOrBody, emit
from corvus.diagnostics.plain import escape

if TYPE_CHECKING:
    from corvus.store.operations.lease_standing import LeaseStanding


def reclaim(
    host: Annotated[
        str,
        typer.Argument(metavar="HOST", help="Its name or id, as `corvus store status` shows it."),
    ],
    *,
    reason: Annotated[str | None, typer.Option("--reason", help="Why, for the audit.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; a script needs it.")] = False,
    config: Config = None,
    sets: Sets = None,
    ledger: LedgerPath = None,
    output: TextOrBody = None,
) -> None:
    """Presume that a dead host has spent its slices, and let a reset free them.

    Only the host itself knows what it has used, so what it has stays held, until its window ends or
    its budget is reset. One that comes back after all reports what it really used, and gives back
    the rest. A host that still renews is refused. After a day without a word it happens by itself.

    Example: corvus ledger reclaim runner-7 --reason "the machine is gone"
    """
    from corvus.answers.store import RECLAIMED
    from corvus.diagnostics.secrets import scrub
    from corvus.governor.leases import dead
    from corvus.runtime import local_actor
    from corvus.store.operations.lease_standing import LeaseState

    clean = scrub(reason.strip()) or None if reason else None
    runtime = opened(config, ledger, sets)
    require_books(runtime)
    with runtime.bookkeeping.store() as store:
        if not yes:
            found = store.run(lambda unit: dead.find_host(unit, host))
            if found.state is LeaseState.SILENT:
                _ask(found)
        done = store.run(lambda unit: dead.reclaim(unit, host, local_actor(), clean), alone=True)
    emit(output, lambda: RECLAIMED.body(done), lambda: print(escape(_words(done))))


def _ask(found: LeaseStanding) -> None:
    from corvus.cli.stores.standing_lines import held_words

    if not sys.stdin.isatty():
        raise typer.BadParameter("reclaiming asks first; pass --yes in a script")
    typer.confirm(
        f"{escape(found.host)} was not heard of since {found.seen_at:%Y-%m-%d %H:%M:%S} UTC, and "
        f"has {escape(held_words(found))}. Presume it to be spent?",
        abort=True,
        err=True,
    )


def _words(done: LeaseStanding) -> str:
    from corvus.cli.stores.standing_lines import held_words
    from corvus.store.operations.lease_standing import LeaseState

    match done.state:
        case LeaseState.LEFT:
            return f"{done.host} has nothing to reclaim"
        case LeaseState.PRESUMED:
            return f"{done.host}: {held_words(done)} was presumed to be spent already"
        case _:
            return (
                f"{done.host}: {held_words(done)} is presumed to be spent; it stays held until the "
                "window ends, or `corvus cost reset`"
            )
