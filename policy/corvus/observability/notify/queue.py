"""The steps by which a process takes notices out of the store for a target (OBS-4).

A target gets its notices in their order, and its progress is the number of the last that is done.
Whoever delivers holds the target for a while, so that two gateways do not send the same; one that
is killed is followed by another when that time is over. What was sent and not marked as done is
sent again under the same id: at least once. A target that fails is left alone for longer and
longer, and a notice is tried for a day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from corvus.governor.notices import TRY_FOR
from corvus.model.notify import Notice, NotifyTarget, TargetProgress
from corvus.store.unit import Unit

HELD_FOR: Final = timedelta(seconds=60)
"""How long a target is held; longer than one try takes, and renewed with each."""
BATCH_MAX: Final = 100
"""Most notices that are taken at once."""
_LOOKS_MAX: Final = 10
"""How often a claim that finds nothing wanted looks further: calls wait for its transaction."""
FIRST_PAUSE_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 300.0
"""Bounds of the pause after a try that failed, before the jitter."""
REFUSED_MAX: Final = 5
"""How often a target may refuse a notice for what it says before it is given up."""


class Claim(NamedTuple):
    """What a process may deliver now.

    Attributes:
        notices: In their order; empty when there is nothing to do.
        wait_until: When to look again; ``None`` says nothing about it.
    """

    notices: Sequence[Notice] = ()
    wait_until: datetime | None = None


class Try(NamedTuple):
    """A try to deliver a notice.

    Attributes:
        name: Of the target.
        seq: The notice.
        holder: The process that tries.
    """

    name: str
    seq: int
    holder: str


class Failure(NamedTuple):
    """Why a try failed.

    Attributes:
        error: In words, without address and secret.
        is_refusal: Whether the target refused what the notice says: it is given up after a few
            tries, so that it holds up no other.
    """

    error: str
    is_refusal: bool


def claim(unit: Unit, target: NotifyTarget, holder: str, most: int = BATCH_MAX) -> Claim:
    """Take the next notices of a target; for a transaction of its own.

    Args:
        unit: The transaction.
        target: Where they are to be sent.
        holder: Names the process.
        most: How many at most, > 0.

    Returns:
        Nothing while another process holds the target, or it is left alone after a failure.
    """
    row = unit.target(target.name)
    if row is None:
        return Claim()
    wait_until = _wait_until(unit, row, holder)
    if wait_until is not None:
        return Claim(wait_until=wait_until)
    seen = row
    found: list[Notice] = []
    has_more = True
    for _ in range(_LOOKS_MAX):
        notices = unit.notices(seen.done_seq, most)
        has_more = bool(notices)
        if has_more:
            seen, found = _sorted_out(unit, target, seen, notices)
        if found or not has_more:
            break
    if found:
        seen = replace(seen, holder=holder, held_until=unit.now + HELD_FOR)
    else:
        seen = _let_go(seen, holder)
    if seen != row:
        unit.put_target(seen)
    return Claim(found, unit.now if has_more and not found else None)


def _wait_until(unit: Unit, row: TargetProgress, holder: str) -> datetime | None:
    """Return until when a target is left alone by a process; ``None`` is not at all."""
    pause_until = row.next_try_at
    if pause_until is not None and pause_until > unit.now:
        return pause_until
    is_held = row.held_until is not None and row.held_until > unit.now and row.holder != holder
    return row.held_until if is_held else None


def _sorted_out(
    unit: Unit, target: NotifyTarget, row: TargetProgress, notices: Sequence[Notice]
) -> tuple[TargetProgress, list[Notice]]:
    """Pass over what is not wanted or too old; stop counting at the first to be delivered."""
    lost = max(0, notices[0].seq - row.done_seq - 1)  # those that were too many to keep
    given_up, done, found = row.given_up + lost, notices[0].seq - 1, list[Notice]()
    for notice in notices:
        is_wanted = target.wants(notice.topic, notice.budget)
        is_old = notice.at + TRY_FOR <= unit.now
        if is_wanted and not is_old:
            found.append(notice)
        elif not found:
            done = notice.seq
            given_up += is_wanted
    return replace(row, done_seq=done, given_up=given_up), found


def delivered(unit: Unit, tried: Try) -> None:
    """Mark a notice as delivered, and hold the target for longer."""
    row = unit.target(tried.name) or TargetProgress(tried.name)
    is_held = row.holder == tried.holder
    unit.put_target(
        replace(
            row,
            done_seq=max(row.done_seq, tried.seq),
            delivered=row.delivered + (tried.seq > row.done_seq),
            attempts=0,
            next_try_at=None,
            failing_since=None,
            last_error="",
            last_delivered_at=unit.now,
            held_until=unit.now + HELD_FOR if is_held else row.held_until,
        )
    )


def failed(unit: Unit, tried: Try, failure: Failure, jitter: float) -> datetime:
    """Note that a notice could not be delivered, and leave the target alone for a while.

    Args:
        unit: The transaction.
        tried: What was tried.
        failure: Why it failed.
        jitter: From 0 to 1: how much of the latter half of the pause is waited.

    Returns:
        When to try again.
    """
    row = unit.target(tried.name) or TargetProgress(tried.name)
    attempts = row.attempts + 1
    longest = min(FIRST_PAUSE_SECONDS * 2 ** min(attempts - 1, 30), LONGEST_PAUSE_SECONDS)
    again = unit.now + timedelta(seconds=longest * (1 + jitter) / 2)
    is_over = failure.is_refusal and attempts >= REFUSED_MAX and tried.seq > row.done_seq
    noted = replace(
        row,
        done_seq=tried.seq if is_over else row.done_seq,
        given_up=row.given_up + is_over,
        attempts=0 if is_over else attempts,
        next_try_at=again,
        failing_since=row.failing_since or unit.now,
        last_error=failure.error,
    )
    unit.put_target(_let_go(noted, tried.holder))
    return again


def release(unit: Unit, name: str, holder: str) -> None:
    """Let another process go on at once."""
    row = unit.target(name)
    if row is not None and (free := _let_go(row, holder)) != row:
        unit.put_target(free)


def try_at_once(unit: Unit, name: str) -> None:
    """End the pause after a failure: somebody has mended what was wrong."""
    row = unit.target(name)
    if row is not None and row.next_try_at is not None:
        unit.put_target(replace(row, next_try_at=None))


def _let_go(row: TargetProgress, holder: str) -> TargetProgress:
    """Return the target without the hold of a process, where it has it."""
    return replace(row, holder="", held_until=None) if row.holder == holder else row
