"""``corvus ledger``: hand events over, move old months away, prove that everything agrees."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from corvus.answers.kv import kv_text, kv_words
from corvus.cli.exits import Exit
from corvus.cli.options import Config, LedgerPath, Sets, opened
from corvus.cli.output import TextOrBody, counting, emit
from corvus.diagnostics.plain import escape

if TYPE_CHECKING:
    from corvus.bookkeeping import Verification
    from corvus.governor.recount import Difference
    from corvus.runtime import Runtime

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
    if ledger is not None and not runtime.bookkeeping.has_store:
        from corvus.base.errors import LedgerError

        raise LedgerError(
            f"there is no store beside {ledger}: no call was governed there; check --ledger"
        )
    with counting("events") as on_progress:
        learns = runtime.policy.hold == "expected"
        drained = runtime.bookkeeping.drain(on_progress=on_progress, learns=learns)
    archived = runtime.bookkeeping.archive(runtime.retention_days)
    body = {
        "ledger": str(runtime.ledger_path),
        "events": drained.events,
        "through_seq": drained.through_seq,
        "archived_rows": archived.rows,
        "archived_files": [str(file) for file in archived.files],
    }
    _emit(body, output, _drained_words(body))


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
    verdict = runtime.bookkeeping.verify(_anchor(anchor))
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
        words.append(f"{body['archived_rows']:,} rows moved to {files} files beside it")
    return words


def _as_dict(verdict: Verification, runtime: Runtime) -> dict[str, Any]:
    findings = [{"code": code, "message": words} for code, words in verdict.findings]
    findings += [
        {"code": "balance-differs", "message": _difference(difference)}
        for difference in verdict.differences
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
    words = [f"balance-differs: {_difference(difference)}" for difference in verdict.differences]
    if rebuilt:
        lost = verdict.lost_events
        without = f", going on without {lost} lost events" if lost else ""
        words += [f"{len(verdict.differences)} balances were mended{without}"]
        return words + [f"not to be mended: {finding}" for finding in findings]
    words = findings + words
    if verdict.is_sound:
        head = f"; its newest event is {verdict.audit_position}" if verdict.audit_position else ""
        return [f"all balances equal what is recorded; the audit is whole{head}"]
    return [*words, "see `corvus ledger verify --rebuild`"]


def _difference(difference: Difference) -> str:
    from corvus.answers.amounts import amount_words, part_words
    from corvus.base.time import instant_at

    key, stored, counted = difference.stored.key, difference.stored, difference.counted
    which = [difference.budget.name]
    if key.window_start_us:
        which.append(f"from {instant_at(key.window_start_us):%Y-%m-%d %H:%M}")
    which += [
        f"{name} {value}"
        for name, value in (
            ("session", key.session_id),
            ("mission", key.mission_id),
            ("part", part_words(key.part)),
        )
        if value
    ]
    measure = difference.budget.measure
    sums = [
        (amount_words(each.spent(measure), measure), amount_words(each.held(measure), measure))
        for each in (stored, counted)
    ]
    return (
        f"budget {' '.join(which)} has {sums[0][0]} spent in {stored.calls} calls and "
        f"{sums[0][1]} held, recorded are {sums[1][0]} in {counted.calls} and {sums[1][1]} held"
    )
