"""Deletes what is over (``corvus.store.retention``) from a store in PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from corvus.base.ids import new_id
from corvus.store.api import Changes, session_mark
from corvus.store.kinds import budget_of, longer_us
from corvus.store.postgres import statements
from corvus.store.postgres.packing import packed


def forgetting(
    changes: Changes, budgets: Callable[[], Mapping[int, str]]
) -> Iterator[tuple[str, Sequence[Any]]]:
    """Return the statements that delete what the changes name, with their values.

    Args:
        changes: Of a transaction.
        budgets: Reads the keys of all registered budgets by id.
    """
    if actions := changes.forgotten_actions:
        spans = [(principal, *span) for principal, span in actions.items()]
        yield statements.FORGET_ACTIONS, packed(spans)
    if seq := changes.forgotten_seq:
        yield statements.FORGET_EVENTS, [seq]
    if before_us := changes.forgotten_reservations_us:
        yield statements.FORGET_RESERVATIONS, [new_id(before_us), before_us]
    yield from _sessions(changes)
    if windows_us := changes.forgotten_windows_us:
        before = [(each, windows_us - longer_us(budget_of(key))) for each, key in budgets().items()]
        if before:
            yield statements.FORGET_WINDOWS, packed(before)
    if before_us := changes.forgotten_overrides_us:
        yield statements.FORGET_OVERRIDES, [new_id(before_us)]
    yield from _notices(changes)


def _notices(changes: Changes) -> Iterator[tuple[str, Sequence[Any]]]:
    if before_us := changes.forgotten_notices_us:
        yield statements.FORGET_NOTICES, [before_us]
    if seq := changes.forgotten_notice_seq:
        yield statements.FORGET_NOTICES_THROUGH, [seq]


def _sessions(changes: Changes) -> Iterator[tuple[str, Sequence[Any]]]:
    if sessions := changes.forgotten_sessions:
        names = packed([(name,) for name in sessions])
        yield statements.FORGET_SESSIONS, names
        yield statements.FORGET_MISSIONS, names
        yield statements.FORGET_BALANCES, names
        yield statements.MARK_FORGOTTEN, packed([(session_mark(name),) for name in sessions])
    if recalled := changes.recalled_sessions:
        yield statements.UNMARK_FORGOTTEN, packed([(session_mark(name),) for name in recalled])
