"""Changes of a transaction to rows of the SQLite store, and rows back to objects.

Rows hold plain ``int`` and ``str``: for a member of an enumeration or a ``bool``, sqlite3 first
looks for an adapter, which costs as much as writing the value.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from corvus.base.ids import new_id
from corvus.base.time import microseconds
from corvus.model.budget import Budget
from corvus.model.outbox import LedgerTable, OutboxEvent
from corvus.model.reservation import Reservation
from corvus.store import bodies, statements
from corvus.store.api import BalanceKey, Changes, StoredBalance, StoreState, session_mark


def write(connection: sqlite3.Connection, changes: Changes) -> None:
    """Write all changes of a transaction; it is committed by the caller."""
    many = connection.executemany
    if changes.reservations:  # first: one may give its idempotency key up for a new one
        changed = changes.reservations.values()
        many(statements.WRITE_RESERVATION, [_settled_row(one) for one in changed])
    if changes.new_reservations:
        fresh = changes.new_reservations.values()
        many(statements.NEW_RESERVATION, [_reservation_row(one) for one in fresh])
    if changes.balances:
        many(statements.WRITE_BALANCE, [_balance_row(one) for one in changes.balances.values()])
    if changes.events:
        many(
            statements.NEW_EVENT,
            [(seq, table.value, bodies.row_text(row)) for seq, table, row in changes.events],
        )
    if changes.state is not None:
        connection.execute(statements.WRITE_STATE, state_row(changes.state))
    if changes.has_rare:
        _write_rare(connection, changes)


def _write_rare(connection: sqlite3.Connection, changes: Changes) -> None:
    many = connection.executemany
    many(
        statements.WRITE_OVERRIDE,
        [(one.id, one.state, bodies.override_body(one)) for one in changes.overrides.values()],
    )
    many(
        statements.WRITE_SESSION,
        [
            (one.id, one.project or "", bodies.session_body(one))
            for one in changes.sessions.values()
        ],
    )
    many(
        statements.WRITE_MISSION,
        [
            (
                one.session_id,
                one.id,
                one.project or "",
                one.ended_at is None,
                bodies.mission_body(one),
            )
            for one in changes.missions.values()
        ],
    )
    many(
        statements.NEW_BUDGET,
        [(budget_id, bodies.budget_key(one)) for budget_id, one in changes.budgets.items()],
    )
    many(statements.NEW_PRICE_ENTRY, [(entry,) for entry in changes.price_versions])
    many(statements.WRITE_LIMITS, [*changes.limits.items()])
    many(
        statements.WRITE_TOKEN,
        [(one.id, bodies.token_body(one)) for one in changes.tokens.values()],
    )
    many(
        statements.FORGET_ACTIONS,
        [(principal, *span) for principal, span in changes.forgotten_actions.items()],
    )
    many(statements.NEW_ACTION, changes.actions)
    if changes.forgotten_seq:
        connection.execute(statements.FORGET_EVENTS, (changes.forgotten_seq,))
    before_us = changes.forgotten_reservations_us
    if before_us:
        connection.execute(statements.FORGET_RESERVATIONS, (new_id(before_us), before_us))
    _write_forgotten(connection, changes)


def _write_forgotten(connection: sqlite3.Connection, changes: Changes) -> None:
    """Delete what is over (``corvus.store.forgetting``)."""
    many = connection.executemany
    before_us = changes.forgotten_windows_us
    budgets: list[int] = []
    if changes.forgotten_sessions or before_us:
        budgets = [row[0] for row in connection.execute(statements.READ_BUDGETS)]
    gone = changes.forgotten_sessions
    many(statements.FORGET_SESSION, [(one,) for one in gone])
    many(statements.FORGET_MISSIONS, [(one,) for one in gone])
    many(statements.FORGET_BALANCES, [(budget, one) for budget in budgets for one in gone])
    many(statements.MARK_FORGOTTEN, [(session_mark(one),) for one in gone])
    recalled = changes.recalled_sessions
    many(statements.UNMARK_FORGOTTEN, [(session_mark(one),) for one in recalled])
    if before_us:
        many(statements.FORGET_WINDOWS, [(budget, before_us) for budget in budgets])
    if changes.forgotten_overrides_us:
        connection.execute(statements.FORGET_OVERRIDES, (new_id(changes.forgotten_overrides_us),))


def state_row(state: StoreState) -> tuple[object, ...]:
    """Return the store's own row."""
    return (
        state.store_id,
        state.last_us,
        state.next_seq,
        state.drained_seq,
        state.audit_position,
        state.audit_head,
        int(state.recount_due),
        state.witness,
        state.refusals,
        state.forgotten_times,
        state.windows_before_us,
    )


def state(row: tuple[Any, ...]) -> StoreState:
    """Read the store's own row; an older store, which is only read, lacks the last of it."""
    found = StoreState(*row)
    found.recount_due = bool(found.recount_due)
    return found


def budget(row: tuple[Any, ...]) -> tuple[int, Budget]:
    """Read a row of the table ``budget``."""
    return row[0], bodies.budget_of(row[1])


def balance(row: tuple[Any, ...]) -> StoredBalance:
    """Read a row of the table ``balance``."""
    *figures, refused = row[5:]
    return StoredBalance(BalanceKey(*row[:5]), *figures, refusals=bodies.refusals_of(refused))


def _balance_row(one: StoredBalance) -> tuple[object, ...]:
    return (
        *one.key,
        one.spent_nano_usd,
        one.held_nano_usd,
        one.calls,
        one.unpriced_calls,
        one.tokens,
        one.since_us,
        int(one.state),
        bodies.refusals_body(one.refusals),
    )


def _reservation_row(one: Reservation) -> tuple[object, ...]:
    return (
        one.id,
        one.request.idempotency_key,
        one.state.value,
        one.hold_nano_usd,
        microseconds(one.admitted_at),
        microseconds(one.expires_at),
        None if one.settled_at is None else microseconds(one.settled_at),
        int(one.request.dispatched),
        one.cost_nano_usd,
        one.record_id,
        one.settlement_key,
        bodies.reservation_body(one),
        one.request.project or "",
        bodies.recorded_text(one),
    )


def _settled_row(one: Reservation) -> tuple[object, ...]:
    return (
        one.state.value,
        one.hold_nano_usd,
        microseconds(one.expires_at),
        None if one.settled_at is None else microseconds(one.settled_at),
        int(one.request.dispatched),
        one.cost_nano_usd,
        one.record_id,
        one.settlement_key,
        one.request.idempotency_key,
        bodies.recorded_text(one),
        one.id,
    )


def event(row: tuple[Any, ...]) -> OutboxEvent:
    """Read a row of the table ``outbox``."""
    return OutboxEvent(row[0], LedgerTable(row[1]), bodies.row_of(row[2]))
