"""``corvus notify``: where notifications go, whether they arrive, and a test of it (OBS-4)."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from corvus.answers.kv import kv_words
from corvus.answers.notify import STANDING
from corvus.cli.exits import Exit
from corvus.cli.options import Config, LedgerPath, opened
from corvus.cli.output import TextOrBody, emit
from corvus.diagnostics.plain import escape

if TYPE_CHECKING:
    from corvus.model.notify import NotifyTarget
    from corvus.observability.notify.delivery import Courier
    from corvus.observability.notify.senders import Outcome
    from corvus.runtime import Runtime
    from corvus.store.standing import TargetStanding
    from corvus.store.store import Store

app = typer.Typer(
    help="Notifications: where they go, and whether they arrive.", no_args_is_help=True
)

TargetName = Annotated[
    str | None, typer.Argument(metavar="[NAME]", help="Of the target; default: all.")
]


@app.callback()
def group() -> None:
    """Notifications: where they go, and whether they arrive."""


@app.command("test")
def send_test(
    name: TargetName = None,
    *,
    config: Config = None,
    ledger: LedgerPath = None,
    output: TextOrBody = None,
) -> None:
    """Send a message that says it is a test, and show what came back; exit code 1 if it failed.

    Example: corvus notify test ops
    """
    runtime = opened(config, ledger)
    targets = _named(runtime, name)
    from corvus.store.place import open_store

    store = open_store(None, runtime.clock)
    try:
        outcomes = [(target, _courier(runtime, store, target).send_test()) for target in targets]
    finally:
        store.close()
    bodies = [
        {"name": target.name, "result": outcome.result, "detail": outcome.detail}
        | {"answer": outcome.answer}
        for target, outcome in outcomes
    ]
    emit(output, lambda: bodies, lambda: _print(_tested(outcomes)))
    if any(outcome.result != "delivered" for _, outcome in outcomes):
        raise typer.Exit(Exit.FINDINGS)


@app.command("status")
def status(*, config: Config = None, ledger: LedgerPath = None, output: TextOrBody = None) -> None:
    """Show each target: what it is sent, what waits, and what went wrong.

    Example: corvus notify status
    """
    standings = opened(config, ledger).notify_standings()
    _emit_standings(output, standings)


@app.command("flush")
def flush(
    name: TargetName = None,
    *,
    config: Config = None,
    ledger: LedgerPath = None,
    output: TextOrBody = None,
) -> None:
    """Deliver what waits, at once; exit code 1 if something is left.

    The gateway, `corvus agent` and `corvus code` do so by themselves. For programs that use the
    library alone, let a timer run this.

    Example: corvus notify flush
    """
    from corvus.observability.notify import queue

    runtime = opened(config, ledger)
    targets = _named(runtime, name)
    if runtime.bookkeeping.place.exists:
        with closing(runtime.open_stores()) as stores:
            for store in stores.each:
                for target in targets:
                    store.run(lambda unit, name=target.name: queue.try_at_once(unit, name))
                    courier = _courier(runtime, store, target)
                    courier.deliver()
                    courier.release()
    names = {target.name for target in targets}
    standings = [each for each in runtime.notify_standings() if each.target.name in names]
    _emit_standings(output, standings)
    if any(standing.pending for standing in standings):
        raise typer.Exit(Exit.FINDINGS)


def standing_words(standing: TargetStanding) -> str:
    """Return how far a target has got, in words."""
    progress = standing.progress
    words = [f"{standing.pending:,} pending, {progress.delivered:,} delivered"]
    if progress.given_up:
        words.append(f"{progress.given_up:,} given up")
    if progress.last_delivered_at is not None:
        words.append(f"the last at {progress.last_delivered_at:%Y-%m-%d %H:%M} UTC")
    if progress.failing_since is not None:
        since = f"{progress.failing_since:%Y-%m-%d %H:%M}"
        words.append(f"failing since {since} UTC: {progress.last_error}")
    return ", ".join(words)


def _emit_standings(output: str | None, standings: Sequence[TargetStanding]) -> None:
    lines = [f"{each.target.name}: {standing_words(each)}" for each in standings]
    emit(
        output,
        lambda: STANDING.bodies(standings),
        lambda: _print(lines or ["no target: add [[governance.notify]] to the config"]),
        kv=lambda: (" ".join(kv_words(body)) for body in STANDING.bodies(standings)),
    )


def _named(runtime: Runtime, name: str | None) -> Sequence[NotifyTarget]:
    targets = [target for target in runtime.notify if name in (None, target.name)]
    if not targets:
        known = ", ".join(target.name for target in runtime.notify)
        message = f"{name!r} is none of {known}" if known else "the config has no target"
        raise typer.BadParameter(message, param_hint="NAME")
    return targets


def _courier(runtime: Runtime, store: Store, target: NotifyTarget) -> Courier:
    from corvus.observability.notify.delivery import Courier
    from corvus.observability.notify.senders import sender_of
    from corvus.observability.redact import Redactor
    from corvus.observability.sinks import hash_key

    key = hash_key(store.run(lambda unit: unit.state.store_id))
    sender = sender_of(target, os.environ, runtime.clock)
    return Courier(store, target, sender, Redactor(runtime.books, key))


def _tested(outcomes: Sequence[tuple[NotifyTarget, Outcome]]) -> Iterator[str]:
    for target, outcome in outcomes:
        answer = f" {outcome.answer}" if outcome.answer else ""
        yield f"{target.name}: {outcome.result}, {outcome.detail}{answer}"


def _print(lines: Sequence[str] | Iterator[str]) -> None:
    for line in lines:
        print(escape(line))
    sys.stdout.flush()
