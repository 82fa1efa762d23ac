"""``corvus ledger``: hand events over, move old months away, prove that everything agrees."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from corvus.answers.kv import kv_text, kv_words
from corvus.cli.exits import Exit
from corvus.cli.options import Config, LedgerPath, Sets, opened, require_books
from corvus.cli.output import TextOrBody, counting, emit
from corvus.cli.stores.backups import backup, restore
from corvus.cli.stores.differences import difference_words
from corvus.cli.stores.reclaim import reclaim
from corvus.cli.stores.settle import settle
from corvus.diagnostics.plain import escape

if TYPE_CHECKING:
    from corvus.bookkeeping import Verification
    from corvus.runtime import Runtime

_SHOWN = 10

app = typer.Typer(help="The ledger of usage and the store of budgets.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """The ledger of usage and the store of budgets."""


@app.command("drain")
def drain(
    *,
    config: Config = None,
    sets: Sets = None,
    ledger: LedgerPath = None,
    output: TextOrBody = None,
) -> None:
    """Hand what the store knows over to the ledger; move months past retention to Parquet.

    Reports show it all without this; a cron job keeps the store small.

    Example: corvus ledger drain
    """
    runtime = opened(config, ledger, sets)
    if ledger is not None and not runtime.bookkeeping.place.exists:
        from corvus.base.errors import LedgerError

        named = runtime.bookkeeping.place.name
        raise LedgerError(
            f"there is no store {named} for {ledger}: no call was governed there; check --ledger"
        )
    with counting("records") as on_progress:
        runtime.bookkeeping.upgrade(on_progress)
    with counting("events") as on_progress:
        learns = runtime.policy.hold == "expected"
        drained = runtime.bookkeeping.drain(on_progress=on_progress, learns=learns)
    archived = runtime.bookkeeping.archive(runtime.retention_days, runtime.archive_url)
    body = {
        "ledger": str(runtime.ledger_path),
        "events": drained.events,
        "through_seq": drained.through_seq,
        "archived_rows": archived.rows,
        "archived_files": [str(file) for file in archived.files],
        "archive": runtime.archive_url or f"{runtime.ledger_path}.archive",
    }
    _emit(body, output, _drained_words(body))


@app.command("archive")
def archive(
    *,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="URL", help="Move it there, such as s3://bucket/prefix."),
    ] = None,
    home: Annotated[
        bool, typer.Option("--home", help="Move it to the folder next to the ledger.")
    ] = False,
    config: Config = None,
    sets: Sets = None,
    ledger: LedgerPath = None,
    output: TextOrBody = None,
) -> None:
    """Show the months that are in the archive, or move all of them elsewhere.

    Months go there by `corvus ledger drain`. A move that was broken off goes on with the same
    command; hosts that share a store each give it.

    Example: corvus ledger archive --to s3://bucket/prefix
    """
    from corvus.model.archive_url import ARCHIVE_URL_WORDS, is_archive_url

    if to is not None and (home or not is_archive_url(to)):
        reason = "name --to or --home, not both" if home else f"it must be {ARCHIVE_URL_WORDS}"
        raise typer.BadParameter(reason, param_hint="--to")
    runtime = opened(config, ledger, sets)
    require_books(runtime)
    books = runtime.bookkeeping
    moved = books.move_archive(to).files if to is not None or home else ()
    rows = books.archived()
    body = {
        "ledger": str(runtime.ledger_path),
        "moved": [*moved],
        "files": [
            {
                "month": row.month,
                "table": row.table,
                "rows": row.rows,
                "size_bytes": row.size_bytes,
                "file": row.file,
            }
            for row in rows
        ],
    }
    _emit(body, output, [*_archive_words(body, is_move=to is not None or home)])


def _archive_words(body: dict[str, Any], *, is_move: bool) -> Iterator[str]:
    if is_move:
        yield f"{len(body['moved']):,} files moved"
    for file in body["files"]:
        yield f"{file['month']}  {file['table']}  {file['rows']:,} rows  {file['file']}"
    if not body["files"]:
        yield f"{body['ledger']} has no archive"


app.command("backup")(backup)
app.command("restore")(restore)
app.command("reclaim")(reclaim)
app.command("settle")(settle)


@app.command("merge")
def merge(
    others: Annotated[
        list[Path], typer.Argument(metavar="OTHER...", help="Ledgers to merge; they are only read.")
    ],
    *,
    config: Config = None,
    sets: Sets = None,
    ledger: LedgerPath = None,
    output: TextOrBody = None,
) -> None:
    """Merge other ledgers into this one, each row once; merging again adds nothing.

    Usage comes with its ids, corrections and archive; so do reservations, sessions, missions and
    the audit of other stores, each chain for itself. Resets and windows stay with the store whose
    budgets they are of. Exit 1 when rows were refused, as they contradict this ledger.

    Example: corvus ledger merge laptop.duckdb build-server.duckdb
    """
    from corvus.usage.ledgers import Merge, merge_ledgers, undrained

    runtime = opened(config, ledger, sets)
    books = runtime.bookkeeping
    plan = Merge(runtime.ledger_path, others, books.store_id())
    with counting("tables") as on_progress:
        merged = merge_ledgers(plan, books.importing, on_progress)
    books.settle_import()
    body: dict[str, Any] = {
        "ledger": str(runtime.ledger_path),
        "new": sum(one.usage.new for one in merged),
        "updated": sum(one.usage.updated for one in merged),
        "duplicate": sum(one.usage.duplicate for one in merged),
        "events": sum(sum(one.rows.values()) for one in merged),
        "refused": sum(sum(one.usage.refused_by_file.values()) for one in merged),
        "new_cost_nano_usd": str(sum(one.usage.cost_nano_usd for one in merged)),
        "undrained": [
            {"ledger": str(one.path), "events": waiting}
            for one in merged
            if (waiting := undrained(one.path))
        ],
        "findings": [
            {"code": "row-refused", "message": f"{one.path}: {row.reason}"}
            for one in merged
            for row in one.usage.refused
        ],
    }
    _emit(body, output, [*_merged_words(body)])
    if body["refused"]:
        raise typer.Exit(Exit.FINDINGS)


def _merged_words(body: dict[str, Any]) -> Iterator[str]:
    yield (
        f"{body['new']:,} new calls, {body['updated']:,} known better now and "
        f"{body['duplicate']:,} already there; {body['events']:,} other events"
    )
    for other in body["undrained"]:
        yield (
            f"{other['events']:,} events of its store are not in {other['ledger']} yet; hand them "
            f"over with `corvus ledger drain --ledger {other['ledger']}` and merge again"
        )
    for finding in body["findings"][:_SHOWN]:
        yield f"refused: {finding['message']}"
    if body["refused"] > _SHOWN:
        yield f"{body['refused']:,} rows were refused, of which these are the first"


@app.command("seed")
def seed(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="FROM", help="The ledger of another host, or a copy of it; it is only read."
        ),
    ],
    *,
    archive: Annotated[
        Path | None,
        typer.Option("--archive", metavar="FOLDER", help="Its archive, if not next to it."),
    ] = None,
    config: Config = None,
    sets: Sets = None,
    ledger: LedgerPath = None,
    output: TextOrBody = None,
) -> None:
    """Bring this host's ledger up to date from that of another host of the same store.

    For a host that is new, or was away for so long that the store has forgotten what it lacks.
    Seeding again adds nothing.

    Example: corvus ledger seed /backup/other-host.duckdb
    """
    runtime = opened(config, ledger, sets)
    seeded = runtime.bookkeeping.seed(source, archive)
    drained = runtime.bookkeeping.drain()
    body: dict[str, Any] = {
        "ledger": str(runtime.ledger_path),
        "events": seeded.events,
        "drained": drained.events,
        "through_seq": max(seeded.through_seq, drained.through_seq),
        "rows": dict(seeded.rows),
    }
    words = (
        f"{seeded.events:,} events of the store taken over from {source}, and "
        f"{drained.events:,} from the store itself"
    )
    _emit(body, output, [words])


@app.command("verify")
def verify(
    *,
    rebuild: Annotated[
        bool,
        typer.Option("--rebuild", help="Make the balances what is recorded; kept in the audit."),
    ] = False,
    anchor: Annotated[
        str | None,
        typer.Option(
            "--anchor",
            metavar="POSITION:HASH",
            help="An audit event kept elsewhere (`corvus cost audit --anchor`) that must be there.",
        ),
    ] = None,
    reason: Annotated[
        str | None, typer.Option("--reason", help="Why it is rebuilt, for the audit.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before rebuilding.")] = False,
    config: Config = None,
    sets: Sets = None,
    ledger: LedgerPath = None,
    output: TextOrBody = None,
) -> None:
    """Prove that balances equal what was recorded, and that the audit is whole; exit 1 if not.

    Example: corvus ledger verify
    """
    runtime = opened(config, ledger, sets)
    verdict = runtime.bookkeeping.verify(_anchor(anchor), trust_store=rebuild)
    if rebuild:
        _confirm(verdict, yes=yes)
        verdict = _rebuilt(runtime, reason)
    body = _as_dict(verdict, runtime)
    if rebuild:
        left = body["findings"][: len(verdict.findings)]
        mended = body["findings"][len(verdict.findings) :]
        body |= {"sound": not left, "findings": left, "mended": mended}
    _emit(body, output, _words(verdict, rebuilt=rebuild))
    if not body["sound"]:
        raise typer.Exit(Exit.FINDINGS)


def _rebuilt(runtime: Runtime, reason: str | None) -> Verification:
    from corvus.diagnostics.secrets import scrub
    from corvus.runtime import local_actor

    return runtime.bookkeeping.rebuild(local_actor(), scrub(reason) if reason else None)


def _anchor(text: str | None) -> tuple[int, str] | None:
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,18}:[0-9a-fA-F]{64}", text):
        raise typer.BadParameter(f"{text!r} is not POSITION:HASH", param_hint="--anchor")
    position, _, digest = text.partition(":")
    return int(position), digest.lower()


def _confirm(verdict: Verification, *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise typer.BadParameter("rebuilding asks first; pass --yes in a script")
    print("\n".join(_words(verdict, rebuilt=False)), file=sys.stderr)
    typer.confirm("Make the balances what is recorded?", abort=True, err=True)


def _emit(body: dict[str, Any], output: str | None, lines: list[str]) -> None:
    emit(
        output,
        lambda: body,
        lambda: print("\n".join(map(escape, lines))),
        kv=lambda: _lines(body),
    )


def _lines(body: dict[str, Any]) -> Iterator[str]:
    """Yield the members, of a list how long it is, then each finding on a line of its own."""
    lists = (name for name, value in body.items() if isinstance(value, list))
    lengths = {name: len(body[name]) for name in lists}
    yield from kv_words(body | lengths)
    for finding in body.get("findings", ()):
        yield f"finding={finding['code']} message={kv_text(finding['message'])}"


def _drained_words(body: dict[str, Any]) -> list[str]:
    words = [f"{body['events']:,} events handed over to {body['ledger']}"]
    if body["archived_rows"]:
        files = len(body["archived_files"])
        words.append(f"{body['archived_rows']:,} rows moved to {files} files in {body['archive']}")
    return words


def _as_dict(verdict: Verification, runtime: Runtime) -> dict[str, Any]:
    findings = [{"code": code, "message": words} for code, words in verdict.findings]
    findings += [
        {"code": "balance-differs", "message": difference_words(difference)}
        for difference in verdict.differences
    ]
    findings += [
        {"code": "roll-up-differs", "message": f"{table} was not what the records come to"}
        for table in verdict.roll_ups
    ]
    return {
        "ledger": str(runtime.ledger_path),
        "sound": verdict.is_sound,
        "findings": findings,
        "lost_events": verdict.lost_events,
        "audit_position": verdict.audit_position,
        "audit_head": verdict.audit_head or None,
    }


def _words(verdict: Verification, *, rebuilt: bool) -> list[str]:
    findings = [f"{code}: {text}" for code, text in verdict.findings]
    words = [
        f"balance-differs: {difference_words(difference)}" for difference in verdict.differences
    ]
    if rebuilt:
        lost = verdict.lost_events
        without = f", going on without {lost} lost events" if lost else ""
        words += [f"{table} was computed again from the records" for table in verdict.roll_ups]
        words += [f"{len(verdict.differences)} balances were mended{without}"]
        return words + [f"not to be mended: {finding}" for finding in findings]
    words = findings + words
    if verdict.is_sound:
        head = f"; its newest event is {verdict.audit_position}" if verdict.audit_position else ""
        return [f"all balances equal what is recorded; the audit is whole{head}"]
    return [*words, "see `corvus ledger verify --rebuild`"]
