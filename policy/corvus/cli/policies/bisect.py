"""``corvus policy bisect``: the least change of a limit that would have stopped a recorded call."""

from __future__ import annotations

import sys
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from corvus.cli.exits import Exit
from corvus.cli.options import Config, LedgerPath, Sets, Since, opened, require_books
from corvus.cli.output import counting

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from corvus.cli.policies.bisect_output import Bisected
    from corvus.planning.recorded import RecordedEvent
    from corvus.runtime import Runtime

_DAYS = 30
"""How long before the incident what else is refused counts, where nobody says."""
_SESSION_DAYS = 7
"""How long before that a session may have begun."""
Incident = Annotated[
    str,
    typer.Option(
        "--incident",
        metavar="INSTANT",
        help="When it happened: the last call admitted by then is to be stopped (UTC).",
    ),
]
SpendBelow = Annotated[
    str | None,
    typer.Option(
        "--spend-below",
        metavar="USD",
        help="Stop the call with which the calls of that UTC day came to so much.",
    ),
]
Most = Annotated[int, typer.Option("--most", min=1, help="Changes to show.")]
Style = Annotated[Literal["text", "json"], typer.Option("--format", help="How to answer.")]


def bisect(
    *,
    incident: Incident,
    spend_below: SpendBelow = None,
    since: Since = None,
    most: Most = 5,
    output: Style = "text",
    config: Config = None,
    sets: Sets = None,
    ledger: LedgerPath = None,
) -> None:
    """Find the least change of a limit that would have stopped a recorded call.

    The calls before it are put to each budget that counts it, with lower and lower limits, and to
    some new ones; what else each change would have refused is said with it.

    Example: corvus policy bisect --incident 2026-11-25T16:00Z
    """
    from corvus.cli.policies.bisect_output import as_body, as_text
    from corvus.diagnostics.formats.json import json_text

    below = None if spend_below is None else _nano_usd(spend_below)
    runtime = opened(config, ledger, sets)
    require_books(runtime)
    found = _bisected(runtime, incident, below, since)
    if found is None:
        from corvus.answers.amounts import amount_words
        from corvus.model.budget import Measure

        other = "name another instant with --incident, or another ledger with --ledger"
        none = "no call was admitted"
        if below is not None:
            none = f"the calls of that day did not come to {amount_words(below, Measure.USD)}"
        print(f"corvus: {none} by {incident} in {runtime.ledger_path}; {other}", file=sys.stderr)
        raise typer.Exit(Exit.USAGE)
    found = found._replace(remedies=found.remedies[:most])
    print(json_text(as_body(found, runtime)) if output == "json" else as_text(found, runtime))
    if not found.remedies:
        raise typer.Exit(Exit.FINDINGS)


def _bisected(
    runtime: Runtime, incident: str, below: int | None, since: str | None
) -> Bisected | None:
    from datetime import timedelta

    from corvus.base.time import instant_at, microseconds
    from corvus.cli.policies.bisect_output import Bisected
    from corvus.cli.times import parse_since
    from corvus.planning.bisect import Bisection

    now = runtime.clock.now()
    at = parse_since(incident, now)
    first = min(at, at - timedelta(days=_DAYS) if since is None else parse_since(since, now))
    events = _events(runtime, first)
    bisection = Bisection(events, runtime.policy, runtime.books, microseconds(first))
    call = bisection.incident(microseconds(at), below)
    if call is None:
        return None
    first = min(first, instant_at(call.requested_us))
    with counting("changes") as bar:
        remedies = bisection.remedies(call, bar or (lambda done, of: None))
    return Bisected(call, first, tuple(remedies), bisection.stopped_by(call))


def _events(runtime: Runtime, since: datetime) -> Sequence[RecordedEvent]:
    """Return what counts in the sums of calls from an instant on, also of new budgets."""
    from datetime import timedelta

    from corvus.planning.change import warm_from
    from corvus.planning.ledger_events import Span, recorded_events

    start = min(warm_from([runtime.policy], since), since - timedelta(days=_SESSION_DAYS))
    with runtime.ledger() as ledger:
        return [*recorded_events(ledger, Span(start, runtime.clock.now()))]


def _nano_usd(text: str) -> int:
    from corvus.base.money import nano_usd

    try:
        amount = nano_usd(Decimal(text))
    except (ArithmeticError, ValueError):
        amount = 0
    if amount <= 0:
        raise typer.BadParameter(f"{text!r} is no amount above 0", param_hint="--spend-below")
    return amount
