"""``corvus policy test --record`` and ``--starter``: cases that come true as they are written."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from corvus.cli.options import require_books

if TYPE_CHECKING:
    from corvus.runtime import Runtime

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_SINCE = "30d"


class RecordOptions(NamedTuple):
    """What is written.

    Attributes:
        since: As ``--since``; ``None`` is the last 30 days, of a session all of it.
        session: Its calls, else the latest of each kind of decision.
        most: How many cases.
    """

    since: str | None
    session: str | None
    most: int


def recorded_text(runtime: Runtime, options: RecordOptions) -> str:
    """Return a test file of recorded calls; empty where none is.

    Raises:
        LedgerError: There is none, or it cannot be read.
        ReportParameterInvalid: ``--since`` is no time.
    """
    from corvus.cli.times import parse_since
    from corvus.planning.change import warm_from
    from corvus.planning.ledger_events import Span, recorded_events
    from corvus.planning.scenarios.case_text import text_of
    from corvus.planning.scenarios.recording import Choice, recorded_cases

    require_books(runtime)
    now = runtime.clock.now()
    since = _BEGINNING
    if options.since is not None or options.session is None:
        since = parse_since(options.since or _SINCE, now)
    choice = Choice(since, options.session, options.most)
    start = warm_from([runtime.policy], since)
    with runtime.ledger() as ledger:
        events = recorded_events(ledger, Span(start, now))
        cases = [*recorded_cases(events, runtime.policy, runtime.books, choice)]
    if not cases:
        whose = f" of session {options.session!r}" if options.session is not None else ""
        print(
            f"corvus: no call{whose} that a budget decided is in {runtime.ledger_path} since "
            f"{since:%Y-%m-%d}; name another time with --since, or another ledger with --ledger",
            file=sys.stderr,
        )
    return text_of(cases)


def starter_text(runtime: Runtime) -> str:
    """Return a test file with a case for each budget; empty where none limits anything."""
    from corvus.planning.scenarios.case_text import text_of_bodies
    from corvus.planning.scenarios.starting import first_cases

    cases = [(body, "") for body in first_cases(runtime.policy, runtime.books)]
    if not cases:
        print(
            f"corvus: no budget of {runtime.config_shown} limits anything, so there is no case",
            file=sys.stderr,
        )
    return text_of_bodies(cases)
