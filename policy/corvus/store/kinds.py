"""The one table of what a store keeps.

A new kind is a dataclass and a line here: its columns, its JSON body, the statements that write and
read it, and its place in a transaction and in what a writer remembers follow (``store.codec``). The
shape of its table is a migration (``store.statements``), and a test compares the two. Names and
forms are those on disk, and stay what they are.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from corvus.base.period import Period
from corvus.model.approval import Approval
from corvus.model.budget import Budget
from corvus.model.expectation import ExpectedOutput
from corvus.model.notify import Notice, TargetProgress
from corvus.model.outbox import OutboxEvent
from corvus.model.replica import Election, EventAge, Replica
from corvus.model.request import Surface
from corvus.model.reservation import Reservation
from corvus.model.signin import DeviceGrant, SignIn
from corvus.model.steering import MissionRecord, Override, SessionRecord
from corvus.model.token import Token
from corvus.store.api import StoredBalance, StoreState
from corvus.store.codec import Kind, Query, Row, encoded
from corvus.store.lease import Lease, LeaseHost


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


class Waiter(NamedTuple):
    """A call that waits for room (EVA-14).

    Attributes:
        turn: When it arrived, microseconds; no two share one.
        alive_until_us: Until when it is there, unless it says so again.
        wants: The sums that it waits for: their keys, as JSON.
    """

    turn: int
    alive_until_us: int
    wants: str


class StoreSecret(NamedTuple):
    """A secret that the store has made for itself, hexadecimal."""

    name: str
    value: str


class ForgottenSession(NamedTuple):
    """The mark (``session_mark``) of a session that was forgotten."""

    mark: str


STATE = Kind(
    "store_state",
    StoreState,
    "store_id last_us next_seq drained_seq audit_position audit_head recount_due witness refusals "
    "forgotten_times windows_before_us next_notice moved",
    changing="last_us next_seq drained_seq audit_position audit_head recount_due witness refusals "
    "forgotten_times windows_before_us next_notice moved",
)
BUDGET = Kind("budget", RegisteredBudget, "id key", rare=True)
BALANCE = Kind(
    "balance",
    StoredBalance,
    "budget_id window_start_us session_id mission_id project spent_nano_usd held_nano_usd calls "
    "unpriced_calls tokens since_us state refused part held_tokens held_calls reached_percent",
    key="budget_id window_start_us session_id mission_id project part",
    names={"refusals": "refused", "is_blocking": "blocking"},
    parts=("key",),
)
RESERVATION = Kind(
    "reservation",
    Reservation,
    "id idempotency_key state hold_nano_usd admitted_at_us expires_at_us settled_at_us dispatched "
    "cost_nano_usd record_id settlement_key body project recorded hold_tokens answer_id "
    "answer_mark",
    changing="state hold_nano_usd expires_at_us settled_at_us dispatched cost_nano_usd record_id "
    "settlement_key idempotency_key recorded hold_tokens answer_id answer_mark",
    names={
        "estimate_nano_usd": "estimate",
        "session_id": "session",
        "mission_id": "mission",
        "ttl_seconds": "ttl",
        "input_nano_usd": "input",
        "estimate_tokens": "estimated_tokens",
        "output_rate": "rate",
        "policy_hash": "policy",
        "override_id": "override",
    },
    sparse=("tags", "principal", "estimate_tokens", "most_nano_usd", "seller"),
    omit=("resumes_mission", "unpriced_model", "output_tokens", "said", "rungs"),
    parts=("request",),
)
OVERRIDE = Kind(
    "override", Override, "id state body", whole=True, names={"session_id": "session"}, rare=True
)
SESSION = Kind(
    "session",
    SessionRecord,
    "id project body",
    key="id project",
    whole=True,
    sparse=("has_shares",),
)
MISSION = Kind(
    "mission",
    MissionRecord,
    "session_id id project is_open body",
    key="session_id id project",
    whole=True,
    names={"session_id": "session", "limit_nano_usd": "limit"},
    sparse=("has_calls", "holders", "is_share"),
)
POLICY_LIMITS = Kind("policy_limits", PolicyLimits, "origin limits", rare=True)
PRICE_ENTRY = Kind("price_entry", PriceEntry, "entry", rare=True)
TOKEN = Kind("access_token", Token, "id body", whole=True, rare=True)
DEVICE_GRANT = Kind(
    "device_grant",
    DeviceGrant,
    "id user_code state until_us token_id",
    changing="state token_id",
    rare=True,
)
SIGN_IN = Kind(
    "sign_in",
    SignIn,
    "id token_id family refresh access access_until_us until_us earlier earlier_until_us",
    changing="refresh access access_until_us earlier earlier_until_us",
    rare=True,
)
ACTION = Kind("action", AdmittedAction, "principal admitted_at_us", key="principal admitted_at_us")
FORGOTTEN_SESSION = Kind("forgotten_session", ForgottenSession, "mark", rare=True)
WAITER = Kind("waiter", Waiter, "turn alive_until_us wants")
APPROVAL = Kind(
    "approval",
    Approval,
    "id state alive_until_us body",
    changing="state alive_until_us body",
    whole=True,
    names={"session_id": "session", "mission_id": "mission"},
    rare=True,
)
SECRET = Kind("secret", StoreSecret, "name value", rare=True)
NOTICE = Kind("notice", Notice, "id seq until_us body", whole=True)
NOTIFY_TARGET = Kind("notify_target", TargetProgress, "name body", whole=True)
EXPECTED_OUTPUT = Kind(
    "expected_output", ExpectedOutput, "model agent output_tokens calls", key="model agent"
)
REPLICA = Kind("replica", Replica, "id watermark seen_us host")
EVENT_AGE = Kind("event_age", EventAge, "at_us next_seq")
ELECTION = Kind("election", Election, "role holder until_us")
LEASE_HOST = Kind(
    "lease_host", LeaseHost, "id name epoch reported_seq seen_us until_us boot is_presumed"
)
LEASE = Kind(
    "lease",
    Lease,
    "host budget_id window_start_us part measure granted reported base revision others_spent "
    "others_held",
    key="host budget_id window_start_us part measure",
    parts=("key",),
)
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
    DEVICE_GRANT,
    SIGN_IN,
    ACTION,
    FORGOTTEN_SESSION,
    WAITER,
    APPROVAL,
    SECRET,
    NOTICE,
    NOTIFY_TARGET,
    EXPECTED_OUTPUT,
    REPLICA,
    EVENT_AGE,
    ELECTION,
    LEASE_HOST,
    LEASE,
    OUTBOX,
)
"""Each table of a store has one."""

THE_STATE = STATE.where("")
EXPECTED_OUTPUTS = EXPECTED_OUTPUT.where("")
BUDGETS = BUDGET.where("ORDER BY id")
BALANCES_OF = BALANCE.where("WHERE budget_id = ?")
RESERVATION_OF_KEY = RESERVATION.where("WHERE project = ? AND idempotency_key = ?")
_IS_REPORTED = f"(body ->> 'surface' = '{Surface.TELEMETRY}') = ?"
_IS_REPORTED_PG = f"(body::json ->> 'surface' = '{Surface.TELEMETRY}') = (?::int <> 0)"
ANSWERED = RESERVATION.where(
    f"WHERE answer_id = ? AND {_IS_REPORTED} LIMIT ?",
    postgres=f"WHERE answer_id = ? AND {_IS_REPORTED_PG} LIMIT ?",
)
ANSWERED_ALIKE = RESERVATION.where(
    f"WHERE answer_mark = ? AND {_IS_REPORTED} LIMIT ?",
    postgres=f"WHERE answer_mark = ? AND {_IS_REPORTED_PG} LIMIT ?",
)
OVERDUE = RESERVATION.where(
    "WHERE state = 'held' AND expires_at_us <= ? ORDER BY expires_at_us LIMIT ?"
)
HELD = RESERVATION.where("WHERE state = 'held'")
LATEST_HELD = RESERVATION.where("WHERE state = 'held' ORDER BY id DESC LIMIT ?")
ACTIVE_OVERRIDES = OVERRIDE.where("WHERE state = 'active' ORDER BY id")
SESSIONS_NAMED = SESSION.where("WHERE id = ? ORDER BY project")
_OPENED_PG = "(body::json ->> 'opened_at')::bigint"
SESSIONS = SESSION.where(
    "ORDER BY body ->> 'opened_at' DESC LIMIT ?", postgres=f"ORDER BY {_OPENED_PG} DESC LIMIT ?"
)
SESSIONS_OF = SESSION.where(
    "WHERE project = ? ORDER BY body ->> 'opened_at' DESC LIMIT ?",
    postgres=f"WHERE project = ? ORDER BY {_OPENED_PG} DESC LIMIT ?",
)
OPEN_MISSIONS = MISSION.where("WHERE session_id = ? AND project = ? AND is_open = 1")
MISSIONS_OF = MISSION.where("WHERE session_id = ? AND project = ?")
MISSIONS_NAMED = MISSION.where("WHERE session_id = ?")
TOKENS = TOKEN.where("ORDER BY id")
DEVICE_GRANTS = DEVICE_GRANT.where("ORDER BY until_us")
SIGN_INS = SIGN_IN.where("ORDER BY id")
ACTIONS = ACTION.where(
    "WHERE principal = ? AND admitted_at_us > ? AND admitted_at_us <= ? ORDER BY admitted_at_us"
)
WAITERS = WAITER.where("ORDER BY turn")
OPEN_APPROVALS = APPROVAL.where("WHERE state IN ('pending', 'approved') ORDER BY id")
LEFT_APPROVALS = APPROVAL.where("WHERE id > ? AND state = 'expired' AND body ->> 'principal' = ?")
OLD_APPROVALS = APPROVAL.where("WHERE id < ? AND state NOT IN ('pending', 'approved') LIMIT 1000")
FORGOTTEN_SESSIONS = FORGOTTEN_SESSION.where("")
NOTICES = NOTICE.where("WHERE seq > ? ORDER BY seq LIMIT ?")
NOTIFY_TARGETS = NOTIFY_TARGET.where("ORDER BY name")
REPLICAS = REPLICA.where("ORDER BY id")
LATEST_AGE = EVENT_AGE.where("WHERE at_us <= ? ORDER BY at_us DESC LIMIT 1")
OLD_AGES = EVENT_AGE.where("WHERE at_us < ? ORDER BY at_us LIMIT 1000")
LEASE_HOSTS = LEASE_HOST.where("ORDER BY id")
LEASES = LEASE.where("ORDER BY host, budget_id, window_start_us, part, measure")
LEASES_OF = LEASE.where("WHERE host = ?")
LEASES_ON = LEASE.where("WHERE budget_id = ?")
EVENTS = OUTBOX.where("WHERE seq > ? ORDER BY seq LIMIT ?")


def _only(row: Row) -> Any:
    return row[0]


_IS_STANDING_REPORT = f"state = 'committed' AND body ->> 'surface' = '{Surface.TELEMETRY}'"
STANDING_REPORT: Query[int] = Query(
    f"SELECT 1 FROM reservation WHERE {_IS_STANDING_REPORT} LIMIT 1",  # noqa: S608 - a constant
    _only,
)
"""Whether a call that a client has reported stands."""

WINDOW_OPENED: Query[int] = Query(
    "SELECT window_start_us FROM balance WHERE budget_id = ? AND part = ? "
    "AND window_start_us BETWEEN 1 AND ? ORDER BY window_start_us DESC LIMIT 1",
    _only,
)
"""The latest window of a sum that had opened by an instant."""
PART_WINDOW_OPENED: Query[int] = Query(
    "SELECT window_start_us FROM balance WHERE budget_id = ? AND part = ? AND part <> '' "
    "AND window_start_us BETWEEN 1 AND ? ORDER BY window_start_us DESC LIMIT 1",
    _only,
    postgres="SELECT window_start_us FROM (SELECT ?::bigint AS budget, ?::text AS wanted) AS k "
    'JOIN balance ON budget_id = budget AND "left"(part, 200) = "left"(wanted, 200) '
    "AND part = wanted WHERE part <> '' "
    "AND window_start_us BETWEEN 1 AND ? ORDER BY window_start_us DESC LIMIT 1",
)
"""The same for a budget with ``per``, by its index."""
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
    postgres="""
SELECT count(*), least(coalesce(sum(hold_nano_usd), 0), 9223372036854775807)::bigint,
    min(admitted_at_us), count(*) FILTER (WHERE expires_at_us <= ?)
FROM reservation WHERE state = 'held'
""",
)
BLOCKING: Query[StoredBalance] = BALANCE.where(
    "WHERE refused ->> 'blocking' ORDER BY refused ->> 'last_at' DESC",
    postgres="WHERE (refused::json ->> 'blocking')::boolean "
    "ORDER BY (refused::json ->> 'last_at')::bigint DESC NULLS LAST",
)
FORGETTABLE_RESERVATION: Query[int] = Query(
    "SELECT 1 FROM reservation WHERE id < ? AND state <> 'held' AND settled_at_us < ? LIMIT 1",
    _only,
)
LONG_PERIODS = (Period.QUARTER, Period.YEAR)
"""Those whose windows are longer than a month: their sums stay a year longer."""
_YEAR_US = 366 * 86_400 * 10**6
_IS_LONG = f"key ->> 1 IN ({', '.join(repr(period.value) for period in LONG_PERIODS)})"
_LONGER_US = f"iif({_IS_LONG}, {_YEAR_US}, 0) + coalesce(key ->> 5, 0) * 1000000"
"""How much longer the sums of a budget are kept than those of a month, as ``longer_us``."""
_LONGER_PG = (
    f"CASE WHEN {_IS_LONG.replace('key', 'key::json')} THEN {_YEAR_US} ELSE 0 END "
    "+ coalesce((key::json ->> 5)::bigint, 0) * 1000000"
)
_FORGETTABLE_MORE = """
SELECT 1 FROM balance JOIN budget ON budget.id = balance.budget_id
WHERE window_start_us > 0 AND window_start_us < ? - ({longer})
UNION ALL
SELECT 1 FROM override WHERE id < ? AND state <> 'active' AND NOT EXISTS (
    SELECT 1 FROM reservation WHERE reservation.id = override.{body} ->> 'consumed_by'
)
UNION ALL
SELECT 1 FROM notice WHERE until_us < ?
LIMIT 1
"""
FORGETTABLE_MORE: Query[int] = Query(
    _FORGETTABLE_MORE.format(longer=_LONGER_US, body="body"),
    _only,
    postgres=_FORGETTABLE_MORE.format(longer=_LONGER_PG, body="body::json"),
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
    postgres="""
SELECT name FROM (
    SELECT id AS name,
        coalesce(body::json ->> 'closed_at', body::json ->> 'opened_at')::bigint AS used
    FROM session
    UNION ALL
    SELECT session_id, coalesce(body::json ->> 'ended_at', body::json ->> 'started_at')::bigint
    FROM mission
    UNION ALL
    SELECT session_id, 0 FROM balance WHERE session_id <> ''
) AS used_names
WHERE name NOT IN (
    SELECT body::json ->> 'session' FROM reservation WHERE body::json ->> 'session' IS NOT NULL
    UNION ALL
    SELECT session_id FROM mission WHERE is_open = 1 AND (body::json ->> 'holders')::bigint > 0
)
GROUP BY name HAVING max(used) < ? ORDER BY max(used), name LIMIT ?
""",
)


def budget_key(budget: Budget) -> str:
    """Return what identifies a budget: how its spend is summed, not how much may be spent.

    Every sum is kept in all measures, so that a budget may change its unit without a recount.
    """
    match = [[name, globs[0] if len(globs) == 1 else globs] for name, globs in budget.match]
    plain = [budget.name, budget.period, budget.timezone, match]
    if not (budget.per or budget.window_seconds):
        return encoded(plain)
    return encoded([*plain, budget.per, budget.window_seconds])


def longer_us(budget: Budget) -> int:
    """Return how much longer the sums of a budget are kept than those of a month, microseconds."""
    return (_YEAR_US if budget.period in LONG_PERIODS else 0) + budget.window_seconds * 10**6


def budget_of(key: str) -> Budget:
    """Return the budget that a key identifies, without limit or thresholds."""
    name, period, timezone, pairs, *more = json.loads(key)
    per, window_seconds = more or ((), 0)
    return Budget(
        name,
        Period(period),
        0,
        (),
        "",
        match=tuple(
            (attribute, (globs,) if isinstance(globs, str) else tuple(globs))
            for attribute, globs in pairs
        ),
        timezone=timezone,
        per=tuple(per),
        window_seconds=window_seconds,
    )
