-- The ledger, first version: usage records (LED-1, LED-3).
-- Append-only, no index or key, rows in order of admission as far as they arrive so, times naive and in UTC,
-- money in nano-USD. A record that turns out wrong is never edited: a row with calls = -1 takes it back, with all
-- counts and the cost negated, and a row with calls = 1 says what is known now; both name it in corrects_id. So
-- every SUM over all rows is right, that of calls too. The view usage_call has one row for each call.
CREATE TABLE usage_record (
    id                     UUID      NOT NULL, -- time-ordered: the first 48 bits are milliseconds of admitted_at
    corrects_id            UUID,               -- the record that this row takes back or replaces, else NULL
    calls                  TINYINT   NOT NULL, -- 1, or -1 where the row takes a record back
    import_key             UUID,               -- identity of the call at its origin; makes imports exactly once
    requested_at           TIMESTAMP NOT NULL,
    admitted_at            TIMESTAMP NOT NULL, -- decides the window (EVA-8)
    first_token_at         TIMESTAMP,
    settled_at             TIMESTAMP NOT NULL,
    session_id             VARCHAR,
    mission_id             VARCHAR,
    surface                VARCHAR   NOT NULL, -- api, proxy, cli-agent, cli-code, python, or import
    provider               VARCHAR   NOT NULL,
    requested_model        VARCHAR   NOT NULL,
    answering_model        VARCHAR,
    service_tier           VARCHAR,            -- batch, fast, flex or priority: served at a price of its own
    project                VARCHAR,
    user_name              VARCHAR,
    agent                  VARCHAR,
    tags                   MAP(VARCHAR, VARCHAR),
    input_tokens           BIGINT    NOT NULL, -- the kinds are disjoint: cached input is not also input
    output_tokens          BIGINT    NOT NULL,
    cache_read_tokens      BIGINT    NOT NULL,
    cache_write_5m_tokens  BIGINT    NOT NULL,
    cache_write_1h_tokens  BIGINT    NOT NULL,
    reasoning_tokens       BIGINT    NOT NULL,
    web_search_requests    BIGINT    NOT NULL,
    cost_nano_usd          BIGINT,             -- NULL is unknown, never 0 (PRC-5)
    price_book             VARCHAR,            -- user or bundled
    price_entry            VARCHAR,            -- the entry that priced the call (PRC-4)
    source                 VARCHAR   NOT NULL, -- provider, priced, estimated, presumed, imported, unknown
    outcome                VARCHAR   NOT NULL, -- completed, failed, cancelled
    policy_hash            VARCHAR,
    reservation_id         UUID,
    provider_request_id    VARCHAR
);

-- One row for each call, as it is known now: what was taken back is left out.
CREATE VIEW usage_call AS
SELECT record.* EXCLUDE (calls, corrects_id)
FROM usage_record AS record
ANTI JOIN (SELECT corrects_id FROM usage_record WHERE calls < 0) AS taken ON taken.corrects_id = record.id
WHERE record.calls > 0;
