"""Reports that come so late that the store may have forgotten what they are about (PRX-9).

The store knows every report and every settled call for a week. What a client reports of a call that
is older is looked up in the ledger first, where all of it is for good; nothing of it is recorded a
second time. Such reports are rare: exporters try for minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias

from corvus.base.time import microseconds
from corvus.governor.endings.answers import ALIKE_WITHIN
from corvus.governor.governor import Governor
from corvus.governor.scopes import STEPPED_SURFACES
from corvus.model.reported import ReportedCall, Reporter, ReportSummary
from corvus.store.retention import KEEP_SETTLED

if TYPE_CHECKING:
    from corvus.ledger.earlier_calls import AlikeCall, EarlierCalls
    from corvus.ledger.ledger import Ledger

LATE = KEEP_SETTLED - timedelta(days=1)
"""How old a call is from which on the ledger is asked; the day is for clocks that differ."""

LookAtLedger: TypeAlias = "Callable[[Callable[[Ledger], EarlierCalls]], EarlierCalls]"
"""Runs a read over the ledger, with what the store has not handed over yet."""


def without_known(
    governor: Governor,
    look: LookAtLedger,
    calls: Sequence[ReportedCall],
    reporter: Reporter,
    now: datetime,
) -> tuple[list[ReportedCall], ReportSummary]:
    """Return the calls that may be recorded, and what became of the others.

    Args:
        governor: Names the records of reports.
        look: Reads the ledger.
        calls: The calls of a delivery.
        reporter: Whose calls they are.
        now: The present instant, aware.

    Raises:
        LedgerError: The ledger cannot be read.
        StoreError: The store cannot be read.
    """
    late = [call for call in calls if call.at < now - LATE]
    if not late:
        return [*calls], ReportSummary()
    keys = dict(zip(map(id, late), governor.report_keys(late, reporter), strict=True))
    found = look(lambda ledger: _read(ledger, late, [*keys.values()], reporter))
    left: list[ReportedCall] = []
    known = measured = 0
    for call in calls:
        if keys.get(id(call)) in found.keys:
            known += 1
        elif id(call) in keys and _is_measured(call, found, reporter):
            measured += 1
        else:
            left.append(call)
    return left, ReportSummary(0, known, measured)


def _read(
    ledger: Ledger, late: Sequence[ReportedCall], keys: Sequence[str], reporter: Reporter
) -> EarlierCalls:
    from corvus.ledger.earlier_calls import earlier_calls

    instants = [call.at for call in late]
    return earlier_calls(
        ledger,
        (min(instants), max(instants)),
        keys=keys,
        answer_ids={call.request_id for call in late if call.request_id is not None},
        sessions={reporter.session_id or call.session_id for call in late},
        user=reporter.user,
        surfaces=STEPPED_SURFACES,
    )


def _is_measured(call: ReportedCall, found: EarlierCalls, reporter: Reporter) -> bool:
    if call.request_id is not None and call.request_id in found.answer_ids:
        return True
    return any(_is_alike(call, other, reporter) for other in found.alike)


def _is_alike(call: ReportedCall, other: AlikeCall, reporter: Reporter) -> bool:
    """Return whether a call of equal counts, one of both without an id, is of the same minute."""
    if call.request_id is not None and other.has_id:
        return False
    read = call.usage.context_tokens
    counts = (reporter.session_id or call.session_id, read, call.usage.total_tokens - read)
    if counts != (other.session_id, other.read_tokens, other.written_tokens):
        return False
    within = ALIKE_WITHIN // timedelta(microseconds=1)
    return other.admitted_us - within <= microseconds(call.at) <= other.settled_us + within
