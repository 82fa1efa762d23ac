"""Finds calls of the past by what a late report says of them, where the store has forgotten them.

Source of truth for a week is the store; this is for what is older (PRX-9).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from corvus.base.time import naive_utc
from corvus.ledger.ledger import Ledger
from corvus.model.usage import CONTEXT, TOKENS

_CLOCKS_APART = timedelta(days=2)
_READ = " + ".join(CONTEXT)
_WRITTEN = " + ".join(name for name in TOKENS if name not in CONTEXT)
_IN_TIME = "admitted_at BETWEEN $first AND $last"
_KEYS = f"""
SELECT DISTINCT import_key::VARCHAR FROM usage_record
WHERE {_IN_TIME} AND import_key IN (SELECT unnest($keys::UUID[]))
"""  # noqa: S608 - made of constants of this module
_ANSWERS = f"""
SELECT DISTINCT provider_request_id FROM usage_call
WHERE {_IN_TIME} AND list_contains($surfaces, surface)
    AND provider_request_id IN (SELECT unnest($answer_ids::VARCHAR[]))
"""  # noqa: S608 - made of constants of this module
_ALIKE = f"""
SELECT session_id, {_READ}, {_WRITTEN}, epoch_us(admitted_at), epoch_us(settled_at),
    provider_request_id IS NOT NULL
FROM usage_call
WHERE {_IN_TIME} AND list_contains($surfaces, surface)
    AND user_name = $user AND session_id IN (SELECT unnest($sessions::VARCHAR[]))
"""  # noqa: S608 - made of constants of this module


class AlikeCall(NamedTuple):
    """A measured call of a session; instants are microseconds since 1970."""

    session_id: str
    read_tokens: int
    written_tokens: int
    admitted_us: int
    settled_us: int
    has_id: bool


class EarlierCalls(NamedTuple):
    """What the ledger has.

    Attributes:
        keys: Those of the wanted ``import_key`` under which a report was recorded.
        answer_ids: Those of the wanted ids of a provider whose calls were measured.
        alike: The measured calls of the wanted sessions.
    """

    keys: frozenset[str]
    answer_ids: frozenset[str]
    alike: tuple[AlikeCall, ...]


def earlier_calls(  # noqa: PLR0913 - a question and its filters
    ledger: Ledger,
    between: tuple[datetime, datetime],
    *,
    keys: Sequence[str],
    answer_ids: Collection[str],
    sessions: Collection[str],
    user: str,
    surfaces: Sequence[str],
) -> EarlierCalls:
    """Return what the ledger knows of some calls.

    Args:
        ledger: Opened with the outbox.
        between: When the first and the last of them were, aware, by clocks of clients.
        keys: Under which ``import_key`` they would have been recorded.
        answer_ids: Ids of the provider.
        sessions: Their sessions.
        user: Who spends.
        surfaces: Where measured calls come from.

    Raises:
        LedgerError: It cannot be read.
    """
    first, last = between
    times = {"first": naive_utc(first - _CLOCKS_APART), "last": naive_utc(last + _CLOCKS_APART)}
    measured = {**times, "surfaces": [*surfaces]}
    with ledger.explaining():
        connection = ledger.connection
        found = connection.execute(_KEYS, {**times, "keys": [*keys]}).fetchall()
        answers = connection.execute(_ANSWERS, {**measured, "answer_ids": [*answer_ids]})
        ids = answers.fetchall()
        alike = connection.execute(_ALIKE, {**measured, "user": user, "sessions": [*sessions]})
        rows = alike.fetchall()
    return EarlierCalls(
        frozenset(_texts(found)), frozenset(_texts(ids)), tuple(AlikeCall(*row) for row in rows)
    )


def _texts(rows: Sequence[tuple[str]]) -> Iterator[str]:
    return (text for (text,) in rows)
