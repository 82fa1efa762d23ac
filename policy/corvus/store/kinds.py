"""The one table of what a store keeps.

A new kind is a dataclass and a line here: its columns, its JSON body, the statements that write and
read it, and its place in a transaction and in what a writer remembers follow (``store.codec``). The
shape of its table is a migration (``store.statements``), and a test compares the two. Names and
forms are those on disk, and stay what they are.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from corvus.base.money import NanoUSD
from corvus.base.period import Period
from corvus.model.budget import Budget
from corvus.model.notify import Notice, TargetProgress
from corvus.model.outbox import OutboxEvent
from corvus.model.reservation import Reservation
from corvus.model.steering import MissionRecord, Override, SessionRecord
from corvus.model.token import Token
from corvus.store.api import StoredBalance, StoreState
from corvus.store.codec import Kind, Query, Row, encoded


class RegisteredBudget(NamedTuple):
    """A budget that was in force once; its key (``budget_key``) says how its spend is summed."""

    id: int
    key: str


class PolicyLimits(NamedTuple):
    """The limits of the policy of one origin when it was last in force, as JSON."""

    origin: str
    limits: str


class PriceEntry(NamedTuple):
    """A version of a price that the ledger has."""

    entry: str


class AdmittedAction(NamedTuple):
    """An action of an agent that was admitted; no two of a principal share an instant."""

    principal: str
    admitted_at_us: int


class ForgottenSession(NamedTuple):
    """The mark (``session_mark``) of a session that was forgotten."""

    mark: str


STATE = Kind(
    "store_state",
    StoreState,
    "store_id last_us next_seq drained_seq audit_position audit_head recount_due witness refusals "
    "forgotten_times windows_before_us next_notice",
    changing="last_us next_seq drained_seq audit_position audit_head recount_due witness refusals "
    "forgotten_times windows_before_us next_notice",
)
BUDGET = Kind("budget", RegisteredBudget, "id key")
BALANCE = Kind(
    "balance",
    StoredBalance,
    "budget_id window_start_us session_id mission_id project spent_nano_usd held_nano_usd calls "
    "unpriced_calls tokens since_us state refused",
    key="budget_id window_start_us session_id mission_id project",
    names={
        "refusals": "refused",
        "needed_nano_usd": "needed",
        "left_nano_usd": "left",
        "is_blocking": "blocking",
    },
    parts=("key",),
)
RESERVATION = Kind(
    "reservation",
    Reservation,
    "id idempotency_key state hold_nano_usd admitted_at_us expires_at_us settled_at_us dispatched "
    "cost_nano_usd record_id settlement_key body project recorded",
    changing="state hold_nano_usd expires_at_us settled_at_us dispatched cost_nano_usd record_id "
    "settlement_key idempotency_key recorded",
    names={
        "estimate_nano_usd": "estimate",
        "session_id": "session",
        "mission_id": "mission",
        "ttl_seconds": "ttl",
        "input_nano_usd": "input",
        "output_rate": "rate",
        "policy_hash": "policy",
        "override_id": "override",
    },
    sparse=("tags", "principal"),
    omit=("resumes_mission", "unpriced_model"),
    parts=("request",),
)
OVERRIDE = Kind("override", Override, "id state body", whole=True, names={"session_id": "session"})
SESSION = Kind("session", SessionRecord, "id project body", key="id project", whole=True)
MISSION = Kind(
    "mission",
    MissionRecord,
    "session_id id project is_open body",
    key="session_id id project",
    whole=True,
    names={"session_id": "session", "limit_nano_usd": "limit"},
    sparse=("has_calls", "holders"),
)
POLICY_LIMITS = Kind("policy_limits", PolicyLimits, "origin limits")
PRICE_ENTRY = Kind("price_entry", PriceEntry, "entry")
TOKEN = Kind("access_token", Token, "id body", whole=True)
ACTION = Kind("action", AdmittedAction, "principal admitted_at_us", key="principal admitted_at_us")
FORGOTTEN_SESSION = Kind("forgotten_session", ForgottenSession, "mark")
NOTICE = Kind("notice", Notice, "id seq until_us body", whole=True)
NOTIFY_TARGET = Kind("notify_target", TargetProgress, "name body", whole=True)
OUTBOX = Kind("outbox", OutboxEvent, "seq ledger_table row", names={"table": "ledger_table"})

KINDS: tuple[Kind[Any], ...] = (
    STATE,
    BUDGET,
    BALANCE,
    RESERVATION,
    OVERRIDE,
    SESSION,
    MISSION,
    POLICY_LIMITS,
    PRICE_ENTRY,
    TOKEN,
    ACTION,
    FORGOTTEN_SESSION,
    NOTICE,
    NOTIFY_TARGET,
    OUTBOX,
)
"""Each table of a store has one."""

THE_STATE = STATE.where("")
BUDGETS = BUDGET.where("ORDER BY id")
BALANCES_OF = BALANCE.where("WHERE budget_id = ?")
RESERVATION_OF_KEY = RESERVATION.where("WHERE project = ? AND idempotency_key = ?")
OVERDUE = RESERVATION.where(
    "WHERE state = 'held' AND expires_at_us <= ? ORDER BY expires_at_us LIMIT ?"
)
HELD = RESERVATION.where("WHERE state = 'held'")
ACTIVE_OVERRIDES = OVERRIDE.where("WHERE state = 'active' ORDER BY id")
SESSIONS_NAMED = SESSION.where("WHERE id = ? ORDER BY project")
SESSIONS = SESSION.where("ORDER BY body ->> 'opened_at' DESC LIMIT ?")
SESSIONS_OF = SESSION.where("WHERE project = ? ORDER BY body ->> 'opened_at' DESC LIMIT ?")
OPEN_MISSIONS = MISSION.where("WHERE session_id = ? AND project = ? AND is_open = 1")
MISSIONS_NAMED = MISSION.where("WHERE session_id = ?")
TOKENS = TOKEN.where("ORDER BY id")
ACTIONS = ACTION.where(
    "WHERE principal = ? AND admitted_at_us > ? AND admitted_at_us <= ? ORDER BY admitted_at_us"
)
FORGOTTEN_SESSIONS = FORGOTTEN_SESSION.where("")
NOTICES = NOTICE.where("WHERE seq > ? ORDER BY seq LIMIT ?")
NOTIFY_TARGETS = NOTIFY_TARGET.where("ORDER BY name")
EVENTS = OUTBOX.where("WHERE seq > ? ORDER BY seq LIMIT ?")


def _only(row: Row) -> Any:
    return row[0]


NOTICE_HEADS: Query[Row] = Query(
    "SELECT seq, body ->> 'topic', body ->> 'budget' FROM notice WHERE seq > ? LIMIT ?", tuple
)
LATEST_SESSION: Query[str] = Query(
    "SELECT body ->> 'session' FROM reservation ORDER BY id DESC LIMIT 1", _only
)
FIRST_ADMITTED: Query[int | None] = Query("SELECT min(admitted_at_us) FROM reservation", _only)
OPEN_SESSIONS: Query[int] = Query(
    "SELECT count(*) FROM session WHERE body ->> 'closed_at' IS NULL", _only
)
SUM_HELD: Query[Row] = Query(
    """
SELECT count(*), coalesce(sum(hold_nano_usd), 0), min(admitted_at_us),
    count(*) FILTER (WHERE expires_at_us <= ?)
FROM reservation WHERE state = 'held'
""",
    tuple,
)
BLOCKING: Query[StoredBalance] = BALANCE.where(
    "WHERE refused ->> 'blocking' ORDER BY refused ->> 'last_at' DESC"
)
FORGETTABLE_RESERVATION: Query[int] = Query(
    "SELECT 1 FROM reservation WHERE id < ? AND state <> 'held' AND settled_at_us < ? LIMIT 1",
    _only,
)
FORGETTABLE_MORE: Query[int] = Query(
    """
SELECT 1 FROM balance WHERE window_start_us > 0 AND window_start_us < ?
UNION ALL
SELECT 1 FROM override WHERE id < ? AND state <> 'active' AND NOT EXISTS (
    SELECT 1 FROM reservation WHERE reservation.id = override.body ->> 'consumed_by'
)
UNION ALL
SELECT 1 FROM notice WHERE until_us < ?
LIMIT 1
""",
    _only,
)
OLD_SESSIONS: Query[str] = Query(
    """
SELECT name FROM (
    SELECT id AS name, coalesce(body ->> 'closed_at', body ->> 'opened_at') AS used FROM session
    UNION ALL
    SELECT session_id, coalesce(body ->> 'ended_at', body ->> 'started_at') FROM mission
    UNION ALL
    SELECT session_id, 0 FROM balance WHERE session_id <> ''
)
WHERE name NOT IN (
    SELECT body ->> 'session' FROM reservation WHERE body ->> 'session' IS NOT NULL
    UNION ALL
    SELECT session_id FROM mission WHERE is_open = 1 AND body ->> 'holders' > 0
)
GROUP BY name HAVING max(used) < ? ORDER BY max(used) LIMIT ?
""",
    _only,
)


def budget_key(budget: Budget) -> str:
    """Return what identifies a budget: how its spend is summed, not how much may be spent."""
    return encoded([budget.name, budget.period, budget.timezone, budget.match])


def budget_of(key: str) -> Budget:
    """Return the budget that a key identifies, without limit or threshold."""
    name, period, timezone, match = json.loads(key)
    pairs = tuple((attribute, glob) for attribute, glob in match)
    return Budget(name, Period(period), NanoUSD(0), 0, "", pairs, timezone)
