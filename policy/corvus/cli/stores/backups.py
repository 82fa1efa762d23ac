"""``corvus ledger backup`` and ``restore``: store and ledger of one instant (LED-6)."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from corvus.cli.exits import Exit
from corvus.cli.options import Config, LedgerPath, Sets, opened, require_books
from corvus.cli.output import TextOrBody, emit
from corvus.cli.stores.differences import difference_words
from corvus.diagnostics.plain import escape

if TYPE_CHECKING:
    from corvus.backups.content import Backup
    from corvus.bookkeeping import Verification
    from corvus.runtime import Runtime


def backup(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER", help="Where backups lie; each is a folder named by its time, UTC."
        ),
    ],
    *,
    keep: Annotated[
        int | None,
        typer.Option("--keep", min=1, help="How many to keep there; the oldest are removed."),
    ] = None,
    config: Config = None,
    sets: Sets = None,
    ledger: LedgerPath = None,
    output: TextOrBody = None,
) -> None:
    """Copy the store, the ledger and its archive, all of one instant; calls and reports go on.

    A backup is whole, or it is not there. Of a store in PostgreSQL, run pg_dump afterwards.

    Example: corvus ledger backup /backup/corvus --keep 14
    """
    from corvus.backups.making import back_up

    runtime = opened(config, ledger, sets)
    require_books(runtime)
    place = runtime.bookkeeping.place
    made = back_up(runtime.ledger_path, place, folder, runtime.clock, keep=keep)
    body = _body(made) | {"removed": [str(one) for one in made.removed]}
    emit(output, lambda: body, lambda: _print(_backup_words(made)))


def restore(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="BACKUP", help="A backup, or the folder of backups: the newest of it."
        ),
    ],
    *,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Put aside what lies in its place; nothing is deleted."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before replacing.")] = False,
    reason: Annotated[
        str | None, typer.Option("--reason", help="Why it is restored, for the audit.")
    ] = None,
    config: Config = None,
    sets: Sets = None,
    ledger: LedgerPath = None,
    output: TextOrBody = None,
) -> None:
    """Put a backup in its place, and prove that its balances equal what is recorded.

    End every agent and gateway before. What was spent or revoked since the backup is not in it.

    Example: corvus ledger restore /backup/corvus --ledger /tmp/trial/ledger.duckdb
    """
    from corvus.backups.content import read_backup
    from corvus.backups.restoring import restore as put_back

    runtime, found = opened(config, ledger, sets), read_backup(folder)
    if replace and not yes:
        _confirm(found, runtime)
    books = runtime.bookkeeping
    aside = put_back(found, books.ledger_path, books.place, runtime.clock, replaces=replace)
    verdict = _verified(found, runtime, reason)
    body = _body(found) | _result(runtime, aside, verdict)
    emit(output, lambda: body, lambda: _print(_restored_words(found, runtime, aside, verdict)))
    if not verdict.is_sound:
        raise typer.Exit(Exit.FINDINGS)


def _verified(found: Backup, runtime: Runtime, reason: str | None) -> Verification:
    """Prove what was restored; if it is sound, the audit keeps who restored it and why."""
    from corvus.diagnostics.secrets import scrub
    from corvus.runtime import local_actor

    books = runtime.bookkeeping
    verdict = books.verify(trust_store=True)
    if verdict.is_sound and books.place.exists and not found.is_shared:
        why = f"restored from the backup of {found.made_at:%Y-%m-%d %H:%M:%S} UTC"
        books.rebuild(local_actor(), f"{why}: {scrub(reason)}" if reason else why)
    return verdict


def _confirm(found: Backup, runtime: Runtime) -> None:
    if not sys.stdin.isatty():
        raise typer.BadParameter("replacing asks first; pass --yes in a script")
    at = f"{found.made_at:%Y-%m-%d %H:%M:%S} UTC"
    typer.confirm(
        f"Put {runtime.ledger_path} and its store aside, and go on as it was at {at}?",
        abort=True,
        err=True,
    )


def _body(made: Backup) -> dict[str, object]:
    return {
        "backup": str(made.folder),
        "made_at": made.made_at.isoformat(timespec="seconds"),
        "of": made.ledger,
        "store": made.store,
        "shared": made.is_shared,
        "files": len(made.files),
        "size_bytes": made.size_bytes,
    }


def _result(runtime: Runtime, aside: Path | None, verdict: Verification) -> dict[str, object]:
    return {
        "ledger": str(runtime.ledger_path),
        "aside": None if aside is None else str(aside),
        "sound": verdict.is_sound,
        "findings": [words for _, words in verdict.findings],
        "differences": len(verdict.differences),
    }


def _backup_words(made: Backup) -> Iterator[str]:
    yield f"{made.folder}: {len(made.files)} files, {made.size_bytes:,} bytes"
    if made.is_shared:
        yield f"the store {made.store} is no part of it: dump it now, with pg_dump"
    for one in made.removed:
        yield f"removed {one}"


def _restored_words(
    found: Backup, runtime: Runtime, aside: Path | None, verdict: Verification
) -> Iterator[str]:
    at = f"{found.made_at:%Y-%m-%d %H:%M:%S} UTC"
    yield f"{runtime.ledger_path} and its store are as they were at {at}"
    if aside is not None:
        yield f"what was there is in {aside}"
    yield "what was spent since is not counted; revoke again what was revoked since"
    if verdict.is_sound:
        yield "all balances equal what is recorded; the audit is whole"
        return
    for code, words in verdict.findings:
        yield f"{code}: {words}"
    for difference in verdict.differences:
        yield difference_words(difference)
    yield "see `corvus ledger verify`"


def _print(lines: Iterator[str]) -> None:
    print("\n".join(map(escape, lines)))
