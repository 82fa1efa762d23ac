"""The SQL of the SQLite store: its shape, step by step, and how it writes and forgets rows."""

from __future__ import annotations

import sqlite3
from functools import cache
from typing import Any, TypeVar

from corvus.store.codec import Kind

T = TypeVar("T")

APPLICATION_ID = 0x436F_7276
"""Marks the file as ours (``Corv``), so that no other database is taken for a store."""

MIGRATIONS = (
    """
CREATE TABLE store_state (
    store_id       TEXT    NOT NULL,
    last_us        INTEGER NOT NULL, -- the latest instant stamped, microseconds since 1970, UTC
    next_seq       INTEGER NOT NULL, -- number of the next outbox event
    drained_seq    INTEGER NOT NULL, -- events up to here are in the ledger and forgotten here
    audit_position INTEGER NOT NULL,
    audit_head     TEXT    NOT NULL, -- hash of the newest audit event
    recount_due    INTEGER NOT NULL  -- 1 while the ledger has usage the balances do not count yet
) STRICT;
CREATE TABLE budget (
    id  INTEGER NOT NULL PRIMARY KEY,
    key TEXT    NOT NULL UNIQUE -- what identifies it: name, period, timezone, match, as JSON
) STRICT;
CREATE TABLE balance (
    budget_id       INTEGER NOT NULL,
    window_start_us INTEGER NOT NULL,
    session_id      TEXT    NOT NULL,
    mission_id      TEXT    NOT NULL,
    spent_nano_usd  INTEGER NOT NULL,
    held_nano_usd   INTEGER NOT NULL,
    calls           INTEGER NOT NULL,
    unpriced_calls  INTEGER NOT NULL,
    tokens          INTEGER NOT NULL,
    since_us        INTEGER NOT NULL, -- the last reset; what was settled earlier does not count
    state           INTEGER NOT NULL, -- of the last evaluation: 0 allowed, 1 warning, 2 exceeded
    PRIMARY KEY (budget_id, window_start_us, session_id, mission_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE reservation (
    id              TEXT    NOT NULL PRIMARY KEY, -- UUIDv7, so in order of admission
    idempotency_key TEXT,
    state           TEXT    NOT NULL, -- held, committed, released, expired
    hold_nano_usd   INTEGER NOT NULL,
    admitted_at_us  INTEGER NOT NULL, -- decides the windows it is counted in
    expires_at_us   INTEGER NOT NULL,
    settled_at_us   INTEGER,
    dispatched      INTEGER NOT NULL, -- 0 while the call has surely not left for its provider
    cost_nano_usd   INTEGER,          -- what was recorded
    record_id       TEXT,             -- the usage record that stands for the call
    settlement_key  TEXT,
    body            TEXT    NOT NULL  -- what never changes, as JSON
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX reservation_key ON reservation (idempotency_key)
    WHERE idempotency_key IS NOT NULL;
CREATE INDEX reservation_held ON reservation (expires_at_us) WHERE state = 'held';
CREATE TABLE override (
    id    TEXT NOT NULL PRIMARY KEY,
    state TEXT NOT NULL, -- active, consumed, replaced, expired
    body  TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX override_active ON override (id) WHERE state = 'active';
CREATE TABLE session (
    id   TEXT NOT NULL PRIMARY KEY,
    body TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE mission (
    session_id TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    is_open    INTEGER NOT NULL,
    body       TEXT    NOT NULL,
    PRIMARY KEY (session_id, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE policy_limits (
    origin TEXT NOT NULL PRIMARY KEY, -- where the policy came from
    limits TEXT NOT NULL              -- its limits when it was last in force, as JSON
) STRICT, WITHOUT ROWID;
CREATE TABLE price_entry (entry TEXT NOT NULL PRIMARY KEY) STRICT, WITHOUT ROWID;
CREATE TABLE outbox (
    seq          INTEGER NOT NULL PRIMARY KEY,
    ledger_table TEXT    NOT NULL,
    row          TEXT    NOT NULL -- JSON
) STRICT;
""",
    """
CREATE TABLE access_token (
    id   TEXT NOT NULL PRIMARY KEY, -- UUIDv7
    body TEXT NOT NULL              -- JSON; of the token itself only the SHA-256
) STRICT, WITHOUT ROWID;
""",
    """
CREATE TABLE action (
    principal      TEXT    NOT NULL,
    admitted_at_us INTEGER NOT NULL, -- of an admitted action; no two share an instant
    PRIMARY KEY (principal, admitted_at_us)
) STRICT, WITHOUT ROWID;
""",
    """
ALTER TABLE store_state ADD COLUMN witness TEXT NOT NULL DEFAULT ''; -- other clocks at a stamp
""",
    """
ALTER TABLE balance ADD COLUMN refused TEXT; -- what it refused, as JSON; NULL while nothing
""",
    # Sessions, missions and idempotency keys are of a project. A session whose calls of the last
    # week were all of one project goes to it with its missions; any other stays with the calls
    # without a project. The sums of each project are counted again from the ledger.
    """
CREATE TABLE balance_of_project (
    budget_id       INTEGER NOT NULL,
    window_start_us INTEGER NOT NULL,
    session_id      TEXT    NOT NULL,
    mission_id      TEXT    NOT NULL,
    project         TEXT    NOT NULL, -- of the session or mission; empty without one
    spent_nano_usd  INTEGER NOT NULL,
    held_nano_usd   INTEGER NOT NULL,
    calls           INTEGER NOT NULL,
    unpriced_calls  INTEGER NOT NULL,
    tokens          INTEGER NOT NULL,
    since_us        INTEGER NOT NULL, -- the last reset; what was settled earlier does not count
    state           INTEGER NOT NULL, -- of the last evaluation: 0 allowed, 1 warning, 2 exceeded
    refused         TEXT,             -- what it refused, as JSON; NULL while nothing
    PRIMARY KEY (budget_id, window_start_us, session_id, mission_id, project)
) STRICT, WITHOUT ROWID;
INSERT INTO balance_of_project
SELECT budget_id, window_start_us, session_id, mission_id, '', spent_nano_usd, held_nano_usd,
    calls, unpriced_calls, tokens, since_us, state, refused
FROM balance;
DROP TABLE balance;
ALTER TABLE balance_of_project RENAME TO balance;
ALTER TABLE reservation ADD COLUMN project TEXT NOT NULL DEFAULT '';
UPDATE reservation SET project = coalesce(body ->> 'project', '');
ALTER TABLE reservation ADD COLUMN recorded TEXT; -- source and usage of a commit, as JSON
DROP INDEX reservation_key;
CREATE UNIQUE INDEX reservation_key ON reservation (project, idempotency_key)
    WHERE idempotency_key IS NOT NULL;
CREATE TABLE session_of_project (
    id      TEXT NOT NULL,
    project TEXT NOT NULL, -- empty without one
    body    TEXT NOT NULL,
    PRIMARY KEY (id, project)
) STRICT, WITHOUT ROWID;
CREATE TABLE project_of_session (id TEXT NOT NULL PRIMARY KEY, project TEXT NOT NULL) STRICT;
INSERT INTO project_of_session
SELECT body ->> 'session', min(project) FROM reservation GROUP BY 1
HAVING min(project) = max(project) AND min(project) <> '';
INSERT INTO session_of_project
SELECT session.id, coalesce(project, ''),
    iif(project IS NULL, body, json_set(body, '$.project', project))
FROM session LEFT JOIN project_of_session USING (id);
DROP TABLE session;
ALTER TABLE session_of_project RENAME TO session;
CREATE INDEX session_opened ON session (project, body ->> 'opened_at');
CREATE TABLE mission_of_project (
    session_id TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    project    TEXT    NOT NULL, -- of the session; empty without one
    is_open    INTEGER NOT NULL,
    body       TEXT    NOT NULL,
    PRIMARY KEY (session_id, id, project)
) STRICT, WITHOUT ROWID;
INSERT INTO mission_of_project
SELECT session_id, mission.id, coalesce(project, ''), is_open,
    iif(project IS NULL, json_set(body, '$.has_calls', json('true')),
        json_set(body, '$.has_calls', json('true'), '$.project', project))
FROM mission LEFT JOIN project_of_session ON project_of_session.id = session_id;
DROP TABLE project_of_session;
DROP TABLE mission;
ALTER TABLE mission_of_project RENAME TO mission;
UPDATE store_state SET recount_due = 1;
""",
    """
ALTER TABLE store_state ADD COLUMN refusals TEXT NOT NULL DEFAULT ''; -- only counted so far, JSON
""",
    """
CREATE TABLE forgotten_session (
    mark TEXT NOT NULL PRIMARY KEY -- first 128 bits of the SHA-256 of its id, hexadecimal
) STRICT, WITHOUT ROWID;
ALTER TABLE store_state ADD COLUMN forgotten_times INTEGER NOT NULL DEFAULT 0;
ALTER TABLE store_state ADD COLUMN windows_before_us INTEGER NOT NULL DEFAULT 0; -- forgotten sums
""",
    # Budgets have parts, and count tokens and calls. What is held now was held without tokens.
    """
CREATE TABLE balance_of_part (
    budget_id       INTEGER NOT NULL,
    window_start_us INTEGER NOT NULL,
    session_id      TEXT    NOT NULL,
    mission_id      TEXT    NOT NULL,
    project         TEXT    NOT NULL, -- of the session or mission; empty without one
    spent_nano_usd  INTEGER NOT NULL,
    held_nano_usd   INTEGER NOT NULL,
    calls           INTEGER NOT NULL,
    unpriced_calls  INTEGER NOT NULL,
    tokens          INTEGER NOT NULL,
    since_us        INTEGER NOT NULL, -- the last reset; what was settled earlier does not count
    state           INTEGER NOT NULL, -- of the last evaluation: 0 allowed, 1 warning, 2 exceeded
    refused         TEXT,             -- what it refused, as JSON; NULL while nothing
    part            TEXT    NOT NULL, -- values of the attributes that divide the budget
    held_tokens     INTEGER NOT NULL,
    held_calls      INTEGER NOT NULL,
    reached_percent INTEGER NOT NULL, -- the highest threshold that was reported; -1 is none
    PRIMARY KEY (budget_id, window_start_us, session_id, mission_id, project, part)
) STRICT, WITHOUT ROWID;
INSERT INTO balance_of_part
SELECT budget_id, window_start_us, session_id, mission_id, project, spent_nano_usd, held_nano_usd,
    calls, unpriced_calls, tokens, since_us, state, refused, '', 0, 0, -1
FROM balance;
DROP TABLE balance;
ALTER TABLE balance_of_part RENAME TO balance;
CREATE INDEX balance_part ON balance (budget_id, part, window_start_us) WHERE part <> '';
ALTER TABLE reservation ADD COLUMN hold_tokens INTEGER NOT NULL DEFAULT 0;
UPDATE store_state SET recount_due = 1;
""",
    """
CREATE TABLE notice (
    id       TEXT    NOT NULL PRIMARY KEY, -- made of what must not be sent twice
    seq      INTEGER NOT NULL,
    until_us INTEGER NOT NULL, -- when what it is about is over
    body     TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX notice_seq ON notice (seq);
CREATE INDEX notice_until ON notice (until_us);
CREATE TABLE notify_target (
    name TEXT NOT NULL PRIMARY KEY,
    body TEXT NOT NULL -- how far the target has got, as JSON
) STRICT, WITHOUT ROWID;
ALTER TABLE store_state ADD COLUMN next_notice INTEGER NOT NULL DEFAULT 1;
""",
    # Calls wait for room and for a person, and people are sent links.
    """
CREATE TABLE waiter (
    turn           INTEGER NOT NULL PRIMARY KEY, -- when it arrived, microseconds; no two share one
    alive_until_us INTEGER NOT NULL,
    wants          TEXT    NOT NULL              -- keys of the sums that it waits for, as JSON
) STRICT;
CREATE TABLE approval (
    id             TEXT    NOT NULL PRIMARY KEY, -- UUIDv7
    state          TEXT    NOT NULL, -- pending, approved, denied, used, expired
    alive_until_us INTEGER NOT NULL,
    body           TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX approval_open ON approval (id) WHERE state IN ('pending', 'approved');
CREATE TABLE secret (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL -- hexadecimal
) STRICT, WITHOUT ROWID;
""",
    """
CREATE TABLE expected_output (
    model         TEXT    NOT NULL,
    agent         TEXT    NOT NULL, -- empty without one
    output_tokens INTEGER NOT NULL,
    calls         INTEGER NOT NULL, -- that it was learned from; 0 where there are too few by now
    PRIMARY KEY (model, agent)
) STRICT, WITHOUT ROWID;
""",
    # What a client reports of a call that has passed the proxy is known by these.
    """
ALTER TABLE reservation ADD COLUMN answer_id TEXT;   -- the provider's own id of the answer
ALTER TABLE reservation ADD COLUMN answer_mark TEXT; -- hash of user, session and counts
CREATE INDEX reservation_answer ON reservation (answer_id) WHERE answer_id IS NOT NULL;
CREATE INDEX reservation_alike ON reservation (answer_mark) WHERE answer_mark IS NOT NULL;
""",
    # Clients log in; of their codes and tokens only SHA-256 are kept.
    """
CREATE TABLE device_grant (
    id        TEXT    NOT NULL PRIMARY KEY, -- of the device code
    user_code TEXT    NOT NULL,
    state     TEXT    NOT NULL, -- pending, approved, denied, used
    until_us  INTEGER NOT NULL,
    token_id  TEXT    NOT NULL  -- that decided; empty before
) STRICT, WITHOUT ROWID;
CREATE TABLE sign_in (
    id               TEXT    NOT NULL PRIMARY KEY, -- UUIDv7
    token_id         TEXT    NOT NULL, -- that approved it
    family           TEXT    NOT NULL, -- of what its refresh tokens share
    refresh          TEXT    NOT NULL, -- of the refresh token that is good now
    access           TEXT    NOT NULL, -- of the access token that was given last
    access_until_us  INTEGER NOT NULL,
    until_us         INTEGER NOT NULL, -- its end, however often it is refreshed
    earlier          TEXT    NOT NULL, -- of the access token before
    earlier_until_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
""",
    # Whether a report stands at all is asked at each settlement; mostly none does.
    """
CREATE INDEX reservation_reported ON reservation (id)
    WHERE state = 'committed' AND body ->> 'surface' = 'telemetry';
""",
    """
ALTER TABLE store_state ADD COLUMN moved TEXT NOT NULL DEFAULT ''; -- where it goes on, JSON
""",
    # Hosts that share a store know of each other's ledgers, and elect one of them for some work.
    """
CREATE TABLE replica (
    id        TEXT    NOT NULL PRIMARY KEY, -- UUID that the ledger file has
    watermark INTEGER NOT NULL, -- it has the events up to here for good
    seen_us   INTEGER NOT NULL, -- when it said so last
    host      TEXT    NOT NULL  -- and path of the file
) STRICT, WITHOUT ROWID;
CREATE TABLE event_age (
    at_us    INTEGER NOT NULL PRIMARY KEY,
    next_seq INTEGER NOT NULL -- events below were committed before
) STRICT;
CREATE TABLE election (
    role     TEXT    NOT NULL PRIMARY KEY,
    holder   TEXT    NOT NULL,
    until_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
""",
    # Hosts far from a shared store hold slices of its budgets.
    """
CREATE TABLE lease_host (
    id           TEXT    NOT NULL PRIMARY KEY, -- of the host's own store; empty for the shared one
    name         TEXT    NOT NULL,
    epoch        INTEGER NOT NULL,
    reported_seq INTEGER NOT NULL, -- its events up to here are in this store
    seen_us      INTEGER NOT NULL,
    until_us     INTEGER NOT NULL, -- until then it may use its slices
    boot         TEXT    NOT NULL, -- which start of the host's machine; empty in a shared store
    is_presumed  INTEGER NOT NULL  -- 1 where what it has left is presumed to be spent
) STRICT, WITHOUT ROWID;
CREATE TABLE lease (
    host            TEXT    NOT NULL,
    budget_id       INTEGER NOT NULL,
    window_start_us INTEGER NOT NULL,
    part            TEXT    NOT NULL,
    measure         TEXT    NOT NULL, -- usd (nano-USD), tokens, calls
    granted         INTEGER NOT NULL, -- so far, less what was given back
    reported        INTEGER NOT NULL, -- of that, used by records; the rest counts as held
    base            INTEGER NOT NULL, -- used before the lease; of the host alone
    revision        INTEGER NOT NULL,
    others_spent    INTEGER NOT NULL, -- when the shared store was asked last; of the host alone
    others_held     INTEGER NOT NULL,
    PRIMARY KEY (host, budget_id, window_start_us, part, measure)
) STRICT, WITHOUT ROWID;
CREATE INDEX lease_budget ON lease (budget_id);
""",
)
"""Each brings a store one version further; ``PRAGMA user_version`` is how many were applied."""

COUNT_TABLES = "SELECT count(*) FROM sqlite_schema"
READ_BUDGETS = "SELECT id, key FROM budget"
FORGET_RESERVATIONS = """
DELETE FROM reservation WHERE id IN (
    SELECT id FROM reservation WHERE id < ? AND state <> 'held' AND settled_at_us < ? LIMIT 5000
)
"""
FORGET_SESSION = "DELETE FROM session WHERE id = ?"
FORGET_MISSIONS = "DELETE FROM mission WHERE session_id = ?"
FORGET_BALANCES = (
    "DELETE FROM balance WHERE budget_id = ? AND window_start_us = 0 AND session_id = ?"
)
FORGET_WINDOWS = """
DELETE FROM balance WHERE budget_id = ? AND window_start_us > 0 AND window_start_us < ?
"""
MARK_FORGOTTEN = "INSERT OR IGNORE INTO forgotten_session VALUES (?)"
UNMARK_FORGOTTEN = "DELETE FROM forgotten_session WHERE mark = ?"
FORGET_OVERRIDES = """
DELETE FROM override WHERE id IN (
    SELECT id FROM override WHERE id < ? AND state <> 'active' AND NOT EXISTS (
        SELECT 1 FROM reservation WHERE reservation.id = override.body ->> 'consumed_by'
    ) LIMIT 1000
)
"""
FORGET_ACTIONS = """
DELETE FROM action WHERE principal = ? AND NOT (admitted_at_us > ? AND admitted_at_us <= ?)
"""
FORGET_NOTICES = """
DELETE FROM notice WHERE id IN (SELECT id FROM notice WHERE until_us < ? LIMIT 5000)
"""
FORGET_NOTICES_THROUGH = "DELETE FROM notice WHERE seq <= ?"
FORGET_EVENTS = "DELETE FROM outbox WHERE seq <= ?"


@cache
def add(kind: Kind[Any]) -> str:
    """Return the statement that writes a new row; it takes ``Kind.stored``."""
    return _insert("INSERT", kind)


@cache
def put(kind: Kind[Any]) -> str:
    """Return the statement that writes a row over the one of its key; it takes ``values``."""
    if not kind.changing:
        return _upsert(kind)
    changed = ", ".join(f"{name} = ?" for name in kind.changing)
    found = " AND ".join(f"{name} = ?" for name in kind.key)
    return f"UPDATE {kind.table} SET {changed} WHERE {found}"  # noqa: S608 - names of our tables


@cache
def drop(kind: Kind[Any]) -> str:
    """Return the statement that deletes the row of a key; it takes ``values_of`` the key."""
    found = " AND ".join(f"{name} = ?" for name in kind.key)
    return f"DELETE FROM {kind.table} WHERE {found}"  # noqa: S608 - names of our tables


def values(kind: Kind[T], row: T) -> list[Any]:
    """Return what ``put`` takes."""
    return kind.changed(row) if kind.changing else kind.stored(row)


def _upsert(kind: Kind[Any]) -> str:
    """Return the statement that writes a row, or changes the one of its key in its place.

    ``REPLACE`` would delete the row and insert another, in the indexes as well.
    """
    others = [name for name in kind.columns if name not in kind.key]
    if not others:
        return _insert("INSERT OR REPLACE", kind)
    changed = ", ".join(f"{name} = excluded.{name}" for name in others)
    found = ", ".join(kind.key)
    return f"{_insert('INSERT', kind)} ON CONFLICT ({found}) DO UPDATE SET {changed}"


def _insert(verb: str, kind: Kind[Any]) -> str:
    places = ", ".join("?" for _ in kind.columns)
    return f"{verb} INTO {kind.table} VALUES ({places})"


def split(script: str) -> list[str]:
    """Split a script; ``executescript`` would commit before it."""
    statements: list[str] = []
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            statements.append(pending)
            pending = ""
    return statements
