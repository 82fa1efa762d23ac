"""Bulk statements of the store in PostgreSQL: one for all rows of a kind that a batch touches.

Each takes one text for each column (``corvus.store.postgres.packing``), which the server cuts up.
Columns are named, so that a column that a later version adds does not change what is written.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from corvus.store.codec import Kind
from corvus.store.kinds import BALANCE
from corvus.store.postgres.packing import packed
from corvus.store.postgres.schema import HASHED_KEYS, key_hash, numbers

__all__ = ["add", "drop", "get_many", "packed", "put"]

_CUT: Final = "(string_to_array(%s, E'\\x01\\x01', E'\\x01\\x05'))[2:]"
"""The values of a packed column, as an array of text."""


@cache
def add(kind: Kind[Any]) -> str:
    """Return the statement that writes new rows; it takes ``packed`` rows of ``Kind.stored``."""
    names = ", ".join(kind.columns)
    return f"INSERT INTO {kind.table} ({names}) SELECT {names} FROM {_rows(kind, kind.columns)}"  # noqa: S608 - names of our tables


@cache
def put(kind: Kind[Any]) -> str:
    """Return the statement that writes rows over those of their keys; takes ``statements.values``.

    It takes the columns of ``Kind.changed`` where some of a row never change, else those of
    ``Kind.stored``; no two rows with one key.
    """
    if kind.changing:
        return _update(kind)
    others = [name for name in kind.columns if name not in kind.key]
    changed = ", ".join(f"{name} = excluded.{name}" for name in others)
    action = f"UPDATE SET {changed}" if others else "NOTHING"
    return f"{add(kind)} ON CONFLICT ({', '.join(_indexed(kind))}) DO {action}"


@cache
def drop(kind: Kind[Any]) -> str:
    """Return the statement that deletes rows; it takes ``packed`` keys."""
    return f"DELETE FROM {kind.table} AS t USING {_rows(kind, kind.key)} WHERE {_same_key(kind)}"  # noqa: S608 - names of our tables


@cache
def get_many(kind: Kind[Any]) -> str:
    """Return the statement that reads rows; it takes ``packed`` keys, and gives ``read_columns``.

    Rows come in any order; there is none for a key that is not there.
    """
    found = ", ".join(f"t.{name}" for name in kind.read_columns)
    rows = _rows(kind, kind.key)
    return f"SELECT {found} FROM {rows} JOIN {kind.table} AS t ON {_same_key(kind)}"  # noqa: S608 - names of our tables


def _update(kind: Kind[Any]) -> str:
    changed = ", ".join(f"{name} = k.{name}" for name in kind.changing)
    rows = _rows(kind, (*kind.changing, *kind.key))
    return f"UPDATE {kind.table} AS t SET {changed} FROM {rows} WHERE {_same_key(kind)}"  # noqa: S608 - names of our tables


def _rows(kind: Kind[Any], columns: tuple[str, ...]) -> str:
    cut = ", ".join(
        f"{_CUT}::bigint[]" if name in numbers(kind.table) else _CUT for name in columns
    )
    return f"unnest({cut}) AS k({', '.join(columns)})"


def _same_key(kind: Kind[Any]) -> str:
    """Return the condition that a row ``t`` has the key ``k``, in the words of its index."""
    hashed = HASHED_KEYS.get(kind.table, ())
    same = [f"t.{name} = k.{name}" for name in kind.key if name not in hashed]
    if hashed:
        there = key_hash(*(f"t.{name}" for name in hashed))
        here = key_hash(*(f"k.{name}" for name in hashed))
        same.append(f"{there} = {here}")
    return " AND ".join(same)


def _indexed(kind: Kind[Any]) -> list[str]:
    """Return the columns and expressions of the unique index of a key."""
    hashed = HASHED_KEYS.get(kind.table, ())
    plain = [name for name in kind.key if name not in hashed]
    return [*plain, *([f"({key_hash(*hashed)})"] if hashed else [])]


READ_BUDGETS = "SELECT id, key FROM budget"
FORGET_RESERVATIONS = """
DELETE FROM reservation WHERE id IN (
    SELECT id FROM reservation WHERE id < %s AND state <> 'held' AND settled_at_us < %s
    ORDER BY id LIMIT 5000
)
"""
FORGET_SESSIONS = f"DELETE FROM session WHERE id = ANY({_CUT})"  # noqa: S608 - constants
"""Like those below, it takes a packed column."""
FORGET_MISSIONS = f"DELETE FROM mission WHERE session_id = ANY({_CUT})"  # noqa: S608 - constants
FORGET_BALANCES = f"""
DELETE FROM {BALANCE.table} WHERE window_start_us = 0 AND session_id <> ''
    AND session_id = ANY({_CUT})
"""  # noqa: S608 - constants
FORGET_WINDOWS = f"""
DELETE FROM balance USING unnest({_CUT}::bigint[], {_CUT}::bigint[]) AS k(budget_id, before_us)
WHERE balance.budget_id = k.budget_id AND window_start_us > 0 AND window_start_us < k.before_us
"""  # noqa: S608 - constants
"""Takes packed rows: a budget, and the instant before which its windows began."""
MARK_FORGOTTEN = f"INSERT INTO forgotten_session SELECT unnest({_CUT}) ON CONFLICT DO NOTHING"
UNMARK_FORGOTTEN = f"DELETE FROM forgotten_session WHERE mark = ANY({_CUT})"  # noqa: S608 - constants
FORGET_OVERRIDES = """
DELETE FROM override WHERE id IN (
    SELECT id FROM override WHERE id < %s AND state <> 'active' AND NOT EXISTS (
        SELECT 1 FROM reservation WHERE reservation.id = override.body::json ->> 'consumed_by'
    ) ORDER BY id LIMIT 1000
)
"""
FORGET_ACTIONS = f"""
DELETE FROM action USING unnest({_CUT}, {_CUT}::bigint[], {_CUT}::bigint[])
    AS k(principal, after_us, until_us)
WHERE {key_hash("action.principal")} = {key_hash("k.principal")}
    AND NOT (admitted_at_us > k.after_us AND admitted_at_us <= k.until_us)
"""  # noqa: S608 - constants
"""Takes packed rows: a principal, and the span outside of which its actions are forgotten."""
FORGET_NOTICES = """
DELETE FROM notice WHERE id IN (
    SELECT id FROM notice WHERE until_us < %s ORDER BY until_us LIMIT 5000
)
"""
FORGET_NOTICES_THROUGH = "DELETE FROM notice WHERE seq <= %s"
FORGET_EVENTS = "DELETE FROM outbox WHERE seq <= %s"
