"""The SQL of the SQLite store: its shape, step by step, and every statement it runs."""

from __future__ import annotations

import sqlite3

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
    # without a project. The sums of each project are counted anew from the ledger.
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
)
"""Each brings a store one version further; ``PRAGMA user_version`` is how many were applied."""

COUNT_TABLES = "SELECT count(*) FROM sqlite_schema"
READ_STATE = "SELECT * FROM store_state"
READ_COUNTED_REFUSALS = "SELECT refusals <> '' FROM store_state"
WRITE_STATE = """
UPDATE store_state SET store_id = ?, last_us = ?, next_seq = ?, drained_seq = ?,
    audit_position = ?, audit_head = ?, recount_due = ?, witness = ?, refusals = ?,
    forgotten_times = ?, windows_before_us = ?
"""
NEW_STATE = "INSERT INTO store_state VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

READ_BUDGETS = "SELECT id, key FROM budget ORDER BY id"
NEW_BUDGET = "INSERT INTO budget (id, key) VALUES (?, ?)"

READ_BALANCE = """
SELECT * FROM balance
WHERE budget_id = ? AND window_start_us = ? AND session_id = ? AND mission_id = ? AND project = ?
"""
READ_BLOCKING = """
SELECT budget.key, balance.window_start_us, balance.session_id, balance.mission_id, balance.refused
FROM balance JOIN budget ON budget.id = balance.budget_id
WHERE balance.refused ->> 'blocking'
ORDER BY balance.refused ->> 'last_at' DESC
"""
READ_BALANCES = "SELECT * FROM balance WHERE budget_id = ?"
WRITE_BALANCE = "INSERT OR REPLACE INTO balance VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"

_RESERVATION = """
SELECT *
FROM reservation
"""
READ_RESERVATION = f"{_RESERVATION} WHERE id = ?"
READ_RESERVATION_BY_KEY = f"{_RESERVATION} WHERE project = ? AND idempotency_key = ?"
READ_OVERDUE = f"""{_RESERVATION}
WHERE state = 'held' AND expires_at_us <= ? ORDER BY expires_at_us LIMIT ?
"""
READ_HELD = f"{_RESERVATION} WHERE state = 'held'"
READ_LATEST = f"{_RESERVATION} ORDER BY id DESC LIMIT 1"
SUM_HELD = """
SELECT count(*), coalesce(sum(hold_nano_usd), 0), min(admitted_at_us),
    count(*) FILTER (WHERE expires_at_us <= ?)
FROM reservation WHERE state = 'held'
"""
NEW_RESERVATION = "INSERT INTO reservation VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
WRITE_RESERVATION = """
UPDATE reservation SET state = ?, hold_nano_usd = ?, expires_at_us = ?, settled_at_us = ?,
    dispatched = ?, cost_nano_usd = ?, record_id = ?, settlement_key = ?,
    idempotency_key = ?, recorded = ?
WHERE id = ?
"""
FORGET_RESERVATIONS = """
DELETE FROM reservation WHERE id IN (
    SELECT id FROM reservation WHERE id < ? AND state <> 'held' AND settled_at_us < ? LIMIT 5000
)
"""
READ_FORGETTABLE_RESERVATION = """
SELECT 1 FROM reservation WHERE id < ? AND state <> 'held' AND settled_at_us < ? LIMIT 1
"""
READ_FORGETTABLE_MORE = """
SELECT 1 FROM balance WHERE window_start_us > 0 AND window_start_us < ?
UNION ALL
SELECT 1 FROM override WHERE id < ? AND state <> 'active' AND NOT EXISTS (
    SELECT 1 FROM reservation WHERE reservation.id = override.body ->> 'consumed_by'
)
LIMIT 1
"""
READ_FIRST_ADMITTED = "SELECT min(admitted_at_us) FROM reservation"
READ_OLD_SESSIONS = """
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
READ_MARK = "SELECT 1 FROM forgotten_session WHERE mark = ?"
READ_MARKS = "SELECT mark FROM forgotten_session"

READ_ACTIVE_OVERRIDES = "SELECT body FROM override WHERE state = 'active' ORDER BY id"
READ_OVERRIDE = "SELECT body FROM override WHERE id = ?"
FORGET_OVERRIDES = """
DELETE FROM override WHERE id IN (
    SELECT id FROM override WHERE id < ? AND state <> 'active' AND NOT EXISTS (
        SELECT 1 FROM reservation WHERE reservation.id = override.body ->> 'consumed_by'
    ) LIMIT 1000
)
"""
WRITE_OVERRIDE = "INSERT OR REPLACE INTO override VALUES (?, ?, ?)"

COUNT_OPEN_SESSIONS = "SELECT count(*) FROM session WHERE body ->> 'closed_at' IS NULL"
READ_SESSION = "SELECT body FROM session WHERE id = ? AND project = ?"
READ_SESSIONS_NAMED = "SELECT body FROM session WHERE id = ? ORDER BY project"
READ_SESSIONS = "SELECT body FROM session ORDER BY body ->> 'opened_at' DESC LIMIT ?"
READ_SESSIONS_OF = """
SELECT body FROM session WHERE project = ? ORDER BY body ->> 'opened_at' DESC LIMIT ?
"""
WRITE_SESSION = "INSERT OR REPLACE INTO session VALUES (?, ?, ?)"

READ_MISSION = "SELECT body FROM mission WHERE session_id = ? AND id = ? AND project = ?"
READ_OPEN_MISSIONS = "SELECT body FROM mission WHERE session_id = ? AND project = ? AND is_open = 1"
READ_MISSIONS_NAMED = "SELECT body FROM mission WHERE session_id = ?"
WRITE_MISSION = "INSERT OR REPLACE INTO mission VALUES (?, ?, ?, ?, ?)"

READ_PRICE_ENTRY = "SELECT 1 FROM price_entry WHERE entry = ?"
NEW_PRICE_ENTRY = "INSERT OR IGNORE INTO price_entry VALUES (?)"

READ_LIMITS = "SELECT limits FROM policy_limits WHERE origin = ?"
WRITE_LIMITS = "INSERT OR REPLACE INTO policy_limits VALUES (?, ?)"

READ_TOKENS = "SELECT body FROM access_token ORDER BY id"
WRITE_TOKEN = "INSERT OR REPLACE INTO access_token VALUES (?, ?)"

READ_ACTIONS = """
SELECT admitted_at_us FROM action
WHERE principal = ? AND admitted_at_us > ? AND admitted_at_us <= ? ORDER BY admitted_at_us
"""
NEW_ACTION = "INSERT INTO action VALUES (?, ?)"
FORGET_ACTIONS = """
DELETE FROM action WHERE principal = ? AND NOT (admitted_at_us > ? AND admitted_at_us <= ?)
"""

READ_EVENTS = "SELECT seq, ledger_table, row FROM outbox WHERE seq > ? ORDER BY seq LIMIT ?"
NEW_EVENT = "INSERT INTO outbox VALUES (?, ?, ?)"
FORGET_EVENTS = "DELETE FROM outbox WHERE seq <= ?"


def split(script: str) -> list[str]:
    """Split a script; ``executescript`` would commit before it."""
    found: list[str] = []
    begun = ""
    for line in script.splitlines(keepends=True):
        begun += line
        if sqlite3.complete_statement(begun):
            found.append(begun)
            begun = ""
    return found
