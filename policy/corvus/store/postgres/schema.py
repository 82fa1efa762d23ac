"""The tables of a store in PostgreSQL, step by step (``corvus.store.kinds`` has what they hold).

Each step has a checksum, which is kept with it: a store whose steps are not ours is refused. Steps
are taken in one transaction, under the row that every batch locks. They use no sequence, identity,
foreign key, trigger or advisory lock, which compatible servers lack or do otherwise.

Text compares by its bytes, as in SQLite. An index holds at most 2,704 bytes of a row, and keys may
be longer: those that come from outside are indexed by their hash (``key_hash``), or by
hash indexes, which have no such bound.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from corvus.base.errors import StoreCorrupt, StoreTooNew, StoreUnavailable
from corvus.base.ids import new_id
from corvus.base.postgres_address import PostgresAddress
from corvus.store.api import Collided, StoreState
from corvus.store.kinds import STATE
from corvus.store.postgres.connection import BEGIN, local_settings, run
from corvus.store.postgres.faults import explain

if TYPE_CHECKING:
    import psycopg

    from corvus.store.postgres.connection import Connection


def key_hash(*texts: str) -> str:
    """Return the SQL of the SHA-256 of some texts, which an index holds instead of them.

    U+0001 twice is between them: no text that is kept has it (``corvus.store.postgres.packing``).
    """
    joined = " || E'\\x01\\x01' || ".join(texts)
    return f"sha256(decode(replace({joined}, E'\\\\', E'\\\\\\\\'), 'escape'))"


HASHED_KEYS: Final[dict[str, tuple[str, ...]]] = {
    "balance": ("session_id", "mission_id", "project", "part"),
    "session": ("id", "project"),
    "mission": ("session_id", "id", "project"),
    "policy_limits": ("origin",),
    "price_entry": ("entry",),
    "action": ("principal",),
    "notify_target": ("name",),
    "expected_output": ("model", "agent"),
    "lease": ("part",),
}
"""The columns of keys that come from outside and are indexed by their hash, by table."""

_FIRST: Final = f"""
CREATE TABLE store_lock (
    generation      bigint NOT NULL, -- how many batches were written
    rare_generation bigint NOT NULL, -- how many of them changed what is rarely changed
    version         bigint NOT NULL  -- the newest step that was taken
);
CREATE UNIQUE INDEX store_lock_one ON store_lock ((0));
INSERT INTO store_lock VALUES (0, 0, 0);
CREATE TABLE writer (
    host_run text COLLATE "C" NOT NULL PRIMARY KEY, -- a process that writes
    batch    bigint           NOT NULL, -- its newest that was committed
    seen_us  bigint           NOT NULL,
    host     text COLLATE "C" NOT NULL,
    policy   text COLLATE "C" NOT NULL
);
CREATE TABLE schema_version (
    version    bigint           NOT NULL PRIMARY KEY,
    checksum   text COLLATE "C" NOT NULL,
    applied_us bigint           NOT NULL
);
CREATE TABLE store_state (
    store_id          text COLLATE "C" NOT NULL PRIMARY KEY,
    last_us           bigint           NOT NULL, -- the latest instant stamped, since 1970, UTC
    next_seq          bigint           NOT NULL, -- number of the next outbox event
    drained_seq       bigint           NOT NULL, -- events up to here are forgotten
    audit_position    bigint           NOT NULL,
    audit_head        text COLLATE "C" NOT NULL, -- hash of the newest audit event
    recount_due       bigint           NOT NULL, -- 1 while the balances do not count all usage
    witness           text COLLATE "C" NOT NULL, -- other clocks at a stamp
    refusals          text COLLATE "C" NOT NULL, -- only counted so far, JSON
    forgotten_times   bigint           NOT NULL,
    windows_before_us bigint           NOT NULL, -- sums of earlier windows are forgotten
    next_notice       bigint           NOT NULL,
    moved             text COLLATE "C" NOT NULL  -- where it goes on, JSON
);
CREATE UNIQUE INDEX store_state_one ON store_state ((0));
CREATE TABLE budget (
    id  bigint           NOT NULL PRIMARY KEY,
    key text COLLATE "C" NOT NULL -- what identifies it: name, period, timezone, match, as JSON
);
CREATE UNIQUE INDEX budget_key ON budget ({key_hash("key")});
CREATE TABLE balance (
    budget_id       bigint           NOT NULL,
    window_start_us bigint           NOT NULL,
    session_id      text COLLATE "C" NOT NULL,
    mission_id      text COLLATE "C" NOT NULL,
    project         text COLLATE "C" NOT NULL, -- of the session or mission; empty without one
    spent_nano_usd  bigint           NOT NULL,
    held_nano_usd   bigint           NOT NULL,
    calls           bigint           NOT NULL,
    unpriced_calls  bigint           NOT NULL,
    tokens          bigint           NOT NULL,
    since_us        bigint           NOT NULL, -- the last reset; nothing earlier counts
    state           bigint           NOT NULL, -- 0 allowed, 1 warning, 2 exceeded
    refused         text COLLATE "C",          -- what it refused, as JSON; NULL while nothing
    part            text COLLATE "C" NOT NULL, -- values of what divides the budget
    held_tokens     bigint           NOT NULL,
    held_calls      bigint           NOT NULL,
    reached_percent bigint           NOT NULL  -- the highest threshold reported; -1 is none
) WITH (fillfactor = 50);
CREATE UNIQUE INDEX balance_key ON balance
    (budget_id, window_start_us, {key_hash("session_id", "mission_id", "project", "part")});
CREATE INDEX balance_part ON balance (budget_id, "left"(part, 200), window_start_us)
    WHERE part <> '';
CREATE INDEX balance_session ON balance USING hash (session_id) WHERE session_id <> '';
CREATE TABLE reservation (
    id              text COLLATE "C" NOT NULL PRIMARY KEY, -- UUIDv7, in order of admission
    idempotency_key text COLLATE "C",
    state           text COLLATE "C" NOT NULL, -- held, committed, released, expired
    hold_nano_usd   bigint           NOT NULL,
    admitted_at_us  bigint           NOT NULL, -- decides the windows it is counted in
    expires_at_us   bigint           NOT NULL,
    settled_at_us   bigint,
    dispatched      bigint           NOT NULL, -- 0 while the call has surely not left
    cost_nano_usd   bigint,                    -- what was recorded
    record_id       text COLLATE "C",          -- the usage record that stands for the call
    settlement_key  text COLLATE "C",
    body            text COLLATE "C" NOT NULL, -- what never changes, as JSON
    project         text COLLATE "C" NOT NULL,
    recorded        text COLLATE "C",          -- source and usage of a commit, as JSON
    hold_tokens     bigint           NOT NULL,
    answer_id       text COLLATE "C",          -- the provider's own id of the answer
    answer_mark     text COLLATE "C"           -- hash of user, session and counts
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX reservation_key ON reservation ({key_hash("project", "idempotency_key")})
    WHERE idempotency_key IS NOT NULL;
CREATE INDEX reservation_held ON reservation (expires_at_us) WHERE state = 'held';
CREATE INDEX reservation_answer ON reservation USING hash (answer_id) WHERE answer_id IS NOT NULL;
CREATE INDEX reservation_alike ON reservation USING hash (answer_mark)
    WHERE answer_mark IS NOT NULL;
CREATE INDEX reservation_reported ON reservation (id)
    WHERE state = 'committed' AND body::json ->> 'surface' = 'telemetry';
CREATE TABLE override (
    id    text COLLATE "C" NOT NULL PRIMARY KEY,
    state text COLLATE "C" NOT NULL, -- active, consumed, replaced, expired
    body  text COLLATE "C" NOT NULL
);
CREATE INDEX override_active ON override (id) WHERE state = 'active';
CREATE TABLE session (
    id      text COLLATE "C" NOT NULL,
    project text COLLATE "C" NOT NULL, -- empty without one
    body    text COLLATE "C" NOT NULL
);
CREATE UNIQUE INDEX session_key ON session ({key_hash("id", "project")});
CREATE INDEX session_id ON session USING hash (id);
CREATE INDEX session_opened ON session (((body::json ->> 'opened_at')::bigint));
CREATE TABLE mission (
    session_id text COLLATE "C" NOT NULL,
    id         text COLLATE "C" NOT NULL,
    project    text COLLATE "C" NOT NULL, -- of the session; empty without one
    is_open    bigint           NOT NULL,
    body       text COLLATE "C" NOT NULL
);
CREATE UNIQUE INDEX mission_key ON mission ({key_hash("session_id", "id", "project")});
CREATE INDEX mission_session ON mission USING hash (session_id);
CREATE TABLE policy_limits (
    origin text COLLATE "C" NOT NULL, -- where the policy came from
    limits text COLLATE "C" NOT NULL  -- its limits when it was last in force, as JSON
);
CREATE UNIQUE INDEX policy_limits_key ON policy_limits ({key_hash("origin")});
CREATE TABLE price_entry (entry text COLLATE "C" NOT NULL);
CREATE UNIQUE INDEX price_entry_key ON price_entry ({key_hash("entry")});
CREATE TABLE access_token (
    id   text COLLATE "C" NOT NULL PRIMARY KEY, -- UUIDv7
    body text COLLATE "C" NOT NULL -- JSON; of the token itself only the SHA-256
);
CREATE TABLE device_grant (
    id        text COLLATE "C" NOT NULL PRIMARY KEY, -- of the device code
    user_code text COLLATE "C" NOT NULL,
    state     text COLLATE "C" NOT NULL, -- pending, approved, denied, used
    until_us  bigint           NOT NULL,
    token_id  text COLLATE "C" NOT NULL  -- that decided; empty before
);
CREATE TABLE sign_in (
    id               text COLLATE "C" NOT NULL PRIMARY KEY, -- UUIDv7
    token_id         text COLLATE "C" NOT NULL, -- that approved it
    family           text COLLATE "C" NOT NULL, -- of what its refresh tokens share
    refresh          text COLLATE "C" NOT NULL, -- of the refresh token that is good now
    access           text COLLATE "C" NOT NULL, -- of the access token that was given last
    access_until_us  bigint           NOT NULL,
    until_us         bigint           NOT NULL, -- its end, however often it is refreshed
    earlier          text COLLATE "C" NOT NULL, -- of the access token before
    earlier_until_us bigint           NOT NULL
);
CREATE TABLE action (
    principal      text COLLATE "C" NOT NULL,
    admitted_at_us bigint           NOT NULL -- no two of a principal share an instant
);
CREATE UNIQUE INDEX action_key ON action ({key_hash("principal")}, admitted_at_us);
CREATE TABLE forgotten_session (
    mark text COLLATE "C" NOT NULL PRIMARY KEY -- 128 bits of the SHA-256 of its id, hexadecimal
);
CREATE TABLE waiter (
    turn           bigint           NOT NULL PRIMARY KEY, -- when it arrived; no two share one
    alive_until_us bigint           NOT NULL,
    wants          text COLLATE "C" NOT NULL -- keys of the sums that it waits for, as JSON
);
CREATE TABLE approval (
    id             text COLLATE "C" NOT NULL PRIMARY KEY, -- UUIDv7
    state          text COLLATE "C" NOT NULL, -- pending, approved, denied, used, expired
    alive_until_us bigint           NOT NULL,
    body           text COLLATE "C" NOT NULL
);
CREATE INDEX approval_open ON approval (id) WHERE state IN ('pending', 'approved');
CREATE TABLE secret (
    name  text COLLATE "C" NOT NULL PRIMARY KEY,
    value text COLLATE "C" NOT NULL -- hexadecimal
);
CREATE TABLE notice (
    id       text COLLATE "C" NOT NULL PRIMARY KEY, -- made of what must not be sent twice
    seq      bigint           NOT NULL,
    until_us bigint           NOT NULL, -- when what it is about is over
    body     text COLLATE "C" NOT NULL
);
CREATE UNIQUE INDEX notice_seq ON notice (seq);
CREATE INDEX notice_until ON notice (until_us);
CREATE TABLE notify_target (
    name text COLLATE "C" NOT NULL,
    body text COLLATE "C" NOT NULL -- how far the target has got, as JSON
);
CREATE UNIQUE INDEX notify_target_key ON notify_target ({key_hash("name")});
CREATE TABLE expected_output (
    model         text COLLATE "C" NOT NULL,
    agent         text COLLATE "C" NOT NULL, -- empty without one
    output_tokens bigint           NOT NULL,
    calls         bigint           NOT NULL -- that it was learned from; 0 where too few by now
);
CREATE UNIQUE INDEX expected_output_key ON expected_output ({key_hash("model", "agent")});
CREATE TABLE replica (
    id        text COLLATE "C" NOT NULL PRIMARY KEY, -- UUID that the ledger file has
    watermark bigint           NOT NULL, -- it has the events up to here for good
    seen_us   bigint           NOT NULL, -- when it said so last
    host      text COLLATE "C" NOT NULL  -- and path of the file
);
CREATE TABLE event_age (
    at_us    bigint NOT NULL PRIMARY KEY,
    next_seq bigint NOT NULL -- events below were committed before
);
CREATE TABLE election (
    role     text COLLATE "C" NOT NULL PRIMARY KEY,
    holder   text COLLATE "C" NOT NULL,
    until_us bigint           NOT NULL
);
CREATE TABLE lease_host (
    id           text COLLATE "C" NOT NULL PRIMARY KEY, -- of its own store; empty for this one
    name         text COLLATE "C" NOT NULL,
    epoch        bigint           NOT NULL,
    reported_seq bigint           NOT NULL, -- its events up to here are in this store
    seen_us      bigint           NOT NULL,
    until_us     bigint           NOT NULL, -- until then it may use its slices
    boot         text COLLATE "C" NOT NULL, -- of the host alone
    is_presumed  bigint           NOT NULL  -- 1 where what it has left is presumed to be spent
);
CREATE TABLE lease (
    host            text COLLATE "C" NOT NULL,
    budget_id       bigint           NOT NULL,
    window_start_us bigint           NOT NULL,
    part            text COLLATE "C" NOT NULL,
    measure         text COLLATE "C" NOT NULL, -- usd (nano-USD), tokens, calls
    granted         bigint           NOT NULL, -- so far, less what was given back
    reported        bigint           NOT NULL, -- of that, used by records; the rest is held
    base            bigint           NOT NULL, -- of the host alone
    revision        bigint           NOT NULL,
    others_spent    bigint           NOT NULL, -- of the host alone
    others_held     bigint           NOT NULL
);
CREATE UNIQUE INDEX lease_key ON lease
    (host, budget_id, window_start_us, measure, {key_hash("part")});
CREATE INDEX lease_budget ON lease (budget_id);
CREATE TABLE outbox (
    seq          bigint           NOT NULL PRIMARY KEY,
    ledger_table text COLLATE "C" NOT NULL,
    row          text COLLATE "C" NOT NULL -- JSON
);
"""  # noqa: S608 - constants

MIGRATIONS: Final = (_FIRST,)
"""Each brings a store one version further."""

_CREATED: Final = re.compile(r"CREATE TABLE (\w+) \((.*?)\n?\)(?: WITH|;)", re.DOTALL)
_ADDED: Final = re.compile(r"ALTER TABLE (\w+) ADD COLUMN (.*?);", re.DOTALL)
_NUMBER: Final = re.compile(r"^\s*(\w+)\s+bigint\b", re.MULTILINE)


@cache
def numbers(table: str) -> frozenset[str]:
    """Return the columns of a table that hold whole numbers; all others hold text."""
    return frozenset(
        column
        for script in MIGRATIONS
        for shape in (_CREATED, _ADDED)
        for name, columns in shape.findall(script)
        if name == table
        for column in _NUMBER.findall(columns)
    )


_TRIES: Final = 20
_BUSY = ("23505", "42P06", "42P07", "42710", "55006")
"""What a server answers when two hosts make the same schema or table at the same moment."""

_TABLES = """
SELECT c.relname, ARRAY(
    SELECT attname::text FROM pg_attribute a
    WHERE a.attrelid = c.oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum
) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
"""
_OWN = {
    "schema_version": ["version", "checksum", "applied_us"],
    "store_lock": ["generation", "rare_generation", "version"],
}


def checksum(script: str) -> str:
    """Return the SHA-256 of a step, hexadecimal."""
    return sha256(script.encode()).hexdigest()


def migrate(connection: Connection, address: PostgresAddress) -> int:
    """Bring a store to the present version; it is made when missing.

    Hosts that start at the same moment wait for each other.

    Returns:
        How many steps were taken; 0 when it was up to date.

    Raises:
        StoreTooNew: A newer corvus has written it.
        StoreCorrupt: The schema is not ours, or its steps are not those that we know.
        StoreUnavailable: The schema may not be made, or others did not let go of it.
    """
    import psycopg

    for attempt in range(_TRIES):
        try:
            before = known_version(connection, address)
            if before == len(MIGRATIONS):
                return 0
            return _take_steps(connection, address)
        except psycopg.Error as fault:
            _roll_back(connection)
            if fault.sqlstate not in _BUSY:
                raise _not_made(fault, address) from fault
        except Collided:
            _roll_back(connection)
        except BaseException:
            _roll_back(connection)
            raise
        time.sleep(random.uniform(0.01, 0.05) * (attempt + 1))
    raise StoreUnavailable(f"others are making the store {address.shown}; try again")


def known_version(connection: Connection, address: PostgresAddress) -> int:
    """Return how many steps a store has seen; 0 where there is none yet.

    Raises:
        StoreTooNew: A newer corvus has written it.
        StoreCorrupt: The schema is not ours, or its steps are not those that we know.
        StoreUnavailable: It cannot be read.
    """
    import psycopg

    try:
        tables: dict[str, list[str]] = dict(run(connection, _TABLES, (address.schema,)).fetchall())
        if not tables:
            return 0
        if any(tables.get(name) != columns for name, columns in _OWN.items()):
            raise StoreCorrupt(
                f"the schema {address.schema} of {address.shown} has tables, and they are no store "
                "of corvus, or not all of one; name another schema with ?schema= in the URL, or "
                "restore a backup"
            )
        steps = run(
            connection,
            f"SELECT version, checksum FROM {address.schema}.schema_version ORDER BY version",  # noqa: S608 - a plain name
        ).fetchall()
    except psycopg.Error as fault:
        raise explain(fault, address) from fault
    _compare(steps, address)
    return len(steps)


def refuse_other(version: int, address: PostgresAddress) -> None:
    """Refuse to write to a store that has another version than this program.

    Args:
        version: As it stands in the row that a batch has locked.
        address: Where.

    Raises:
        StoreTooNew: A newer corvus has brought it further.
        StoreUnavailable: An older store was put back.
    """
    newest = len(MIGRATIONS)
    if version > newest:
        raise _too_new(version, address)
    if version < newest:
        raise StoreUnavailable(
            f"the store {address.shown} has version {version}, this corvus writes {newest}; "
            "run `corvus store migrate`"
        )


def _compare(steps: Sequence[tuple[int, str]], address: PostgresAddress) -> None:
    for number, (version, found) in enumerate(steps, 1):
        if version != number:
            raise StoreCorrupt(
                f"the store {address.shown} has seen step {version} and not {number}; "
                "restore it from a backup"
            )
        if number <= len(MIGRATIONS) and found != checksum(MIGRATIONS[number - 1]):
            raise StoreCorrupt(
                f"step {number} of the store {address.shown} is not the one that this corvus "
                "knows; another program has made it, or it was changed by hand"
            )
    if len(steps) > len(MIGRATIONS):
        raise _too_new(len(steps), address)


def _too_new(version: int, address: PostgresAddress) -> StoreTooNew:
    return StoreTooNew(
        f"the store {address.shown} has version {version}, this corvus knows up to "
        f"{len(MIGRATIONS)}; upgrade corvus on this host (pip install --upgrade corvus-policy)"
    )


def _take_steps(connection: Connection, address: PostgresAddress) -> int:
    run(connection, BEGIN)
    run(connection, *local_settings(address))
    # The right to make schemas is needed only where this one is missing.
    (found,) = _one(connection, "SELECT to_regnamespace(%s) IS NOT NULL", address.schema)
    if not found:
        run(connection, f"CREATE SCHEMA IF NOT EXISTS {address.schema}")
    (has_lock,) = _one(
        connection, "SELECT to_regclass(%s) IS NOT NULL", f"{address.schema}.store_lock"
    )
    if has_lock:
        run(connection, "SELECT version FROM store_lock FOR UPDATE")
    before = known_version(connection, address)
    for number, script in enumerate(MIGRATIONS[before:], before + 1):
        run(connection, script)
        run(
            connection,
            "INSERT INTO schema_version VALUES "
            "(%s, %s, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)",
            (number, checksum(script)),
        )
    if before == 0:
        places = ", ".join(["%s"] * len(STATE.columns))
        state = StoreState(store_id=new_id(0))
        run(connection, f"INSERT INTO store_state VALUES ({places})", STATE.stored(state))  # noqa: S608
    run(
        connection,
        "UPDATE store_lock SET version = %s, generation = generation + 1, "
        "rare_generation = rare_generation + 1",
        (len(MIGRATIONS),),
    )
    run(connection, "COMMIT")
    return len(MIGRATIONS) - before


def _one(connection: Connection, sql: str, value: str) -> tuple[Any, ...]:
    row = run(connection, sql, (value,)).fetchone()
    assert row is not None
    return row


def _roll_back(connection: Connection) -> None:
    if not connection.closed:
        connection.rollback()


def _not_made(fault: psycopg.Error, address: PostgresAddress) -> Exception:
    if fault.sqlstate == "42501":
        return StoreUnavailable(
            f"this role may not make the schema {address.schema} in {address.shown}; "
            f"as an owner of the database: CREATE SCHEMA {address.schema} AUTHORIZATION <role>"
        )
    return explain(fault, address)
