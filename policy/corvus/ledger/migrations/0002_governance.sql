-- What the governor tells: reservations, audit, sessions, missions, resets and prices (LED-1), and how far each store
-- has been drained (LED-2). All of it append-only, without index or key; times naive and in UTC, money in nano-USD.
-- Rows of a store carry its id and their number in its outbox; usage records come the same way, without a number.
-- Since this version a usage record may also have the source 'presumed' and the outcome 'expired': its reservation ran
-- out of time, and its cost is what was held.
CREATE TABLE reservation_event (
    store_id                 UUID      NOT NULL, -- the store that told it
    seq                      BIGINT    NOT NULL, -- its number in the outbox of that store
    recorded_at              TIMESTAMP NOT NULL,
    kind                     VARCHAR   NOT NULL, -- reserved, denied, committed, released, expired, extended, replaced
    reservation_id           UUID,               -- NULL for a denied call
    session_id               VARCHAR,
    mission_id               VARCHAR,
    surface                  VARCHAR,            -- api, proxy, cli-agent, cli-code, python
    provider                 VARCHAR,
    requested_model          VARCHAR,
    project                  VARCHAR,
    user_name                VARCHAR,
    agent                    VARCHAR,
    tags                     MAP(VARCHAR, VARCHAR),
    estimate_nano_usd        BIGINT,             -- NULL: the model has no price
    cost_nano_usd            BIGINT,             -- once settled; NULL is unknown, never 0
    state                    VARCHAR,            -- allowed, warning or exceeded
    denial                   VARCHAR,            -- budget_exceeded, unpriced_model or mission_ended
    governing_budget         VARCHAR,            -- name of the budget that decided (EVA-7)
    governing_limit_nano_usd BIGINT,
    projected_nano_usd       BIGINT,             -- spent, held and estimate of that budget
    override_id              UUID,               -- the override that lifted the block
    policy_hash              VARCHAR,
    expires_at               TIMESTAMP           -- when the hold runs out
);

CREATE TABLE audit_event (
    store_id              UUID      NOT NULL, -- the store that told it
    seq                   BIGINT    NOT NULL, -- its number in the outbox of that store
    position              BIGINT    NOT NULL, -- 1, 2, … along the hash chain of the store (AUD-2)
    id                    UUID      NOT NULL,
    kind                  VARCHAR   NOT NULL, -- such as override_granted or reset_applied
    recorded_at           TIMESTAMP NOT NULL,
    actor                 VARCHAR   NOT NULL, -- the principal who did it
    reason                VARCHAR,            -- without secrets
    budget                VARCHAR,            -- name of the budget it is about
    session_id            VARCHAR,
    mission_id            VARCHAR,
    override_id           UUID,
    reservation_id        UUID,
    expires_at            TIMESTAMP,
    removed_cost_nano_usd BIGINT,             -- what a reset no longer counts
    removed_requests      BIGINT,
    details               VARCHAR,            -- canonical JSON, such as limits before and after
    previous_hash         VARCHAR   NOT NULL, -- of the event before; 64 zeros for the first
    hash                  VARCHAR   NOT NULL  -- SHA-256 over all of the event, hexadecimal
);

CREATE TABLE session (
    store_id    UUID      NOT NULL, -- the store that told it
    seq         BIGINT    NOT NULL, -- its number in the outbox of that store
    recorded_at TIMESTAMP NOT NULL,
    event       VARCHAR   NOT NULL, -- opened or closed
    session_id  VARCHAR   NOT NULL,
    outcome     VARCHAR,            -- within_budget, warned or blocked; NULL while open
    surface     VARCHAR,
    user_name   VARCHAR,
    policy_hash VARCHAR
);

CREATE TABLE mission (
    store_id       UUID      NOT NULL, -- the store that told it
    seq            BIGINT    NOT NULL, -- its number in the outbox of that store
    recorded_at    TIMESTAMP NOT NULL,
    event          VARCHAR   NOT NULL, -- started or ended
    session_id     VARCHAR   NOT NULL,
    mission_id     VARCHAR   NOT NULL,
    limit_nano_usd BIGINT,             -- 0 is no limit
    max_steps      BIGINT,             -- 0 is no limit
    deadline_at    TIMESTAMP,          -- NULL is no limit
    steps          BIGINT,             -- taken so far
    outcome        VARCHAR             -- completed, failed, budget_exhausted or sla_exceeded; NULL while it runs
);

CREATE TABLE reset (
    store_id              UUID      NOT NULL, -- the store that told it
    seq                   BIGINT    NOT NULL, -- its number in the outbox of that store
    audit_id              UUID      NOT NULL, -- id of the audit event that says who and why
    budget                VARCHAR   NOT NULL, -- name of the budget
    budget_key            VARCHAR   NOT NULL, -- what identifies the budget: how its spend is summed
    period                VARCHAR   NOT NULL, -- session, day, week, month, mission or total
    window_start          TIMESTAMP,          -- NULL without a calendar window
    session_id            VARCHAR,            -- of session and mission budgets
    mission_id            VARCHAR,            -- of mission budgets
    effective_at          TIMESTAMP NOT NULL, -- what was settled earlier no longer counts
    removed_cost_nano_usd BIGINT    NOT NULL,
    removed_requests      BIGINT    NOT NULL
);

CREATE TABLE price_entry (
    store_id       UUID      NOT NULL, -- the store that told it
    seq            BIGINT    NOT NULL, -- its number in the outbox of that store
    recorded_at    TIMESTAMP NOT NULL, -- when it first priced a call
    entry          VARCHAR   NOT NULL, -- as in usage_record.price_entry
    book           VARCHAR   NOT NULL, -- user or bundled
    provider       VARCHAR,
    model          VARCHAR   NOT NULL,
    effective_from DATE,
    rates          MAP(VARCHAR, BIGINT), -- by kind of token, in nano-USD per million
    source         VARCHAR             -- where the price was published
);

-- How far the outbox of a store has been taken over: one row for each batch, in the batch's own transaction.
CREATE TABLE ledger_watermark (
    store_id   UUID      NOT NULL,
    seq        BIGINT    NOT NULL, -- everything of the store up to this number is here
    events     BIGINT    NOT NULL, -- of the batch
    drained_at TIMESTAMP NOT NULL
);

-- Parquet files that hold what retention has moved out of a table (LED-4); they belong to the ledger.
CREATE TABLE ledger_archive (
    table_name  VARCHAR   NOT NULL,
    month       VARCHAR   NOT NULL, -- YYYY-MM, of UTC
    file        VARCHAR   NOT NULL, -- name of the file in the folder <ledger>.archive
    rows        BIGINT    NOT NULL,
    sha256      VARCHAR   NOT NULL, -- of the file, hexadecimal
    archived_at TIMESTAMP NOT NULL
);
