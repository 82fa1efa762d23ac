-- Budgets may count tokens and calls, may divide by the values of attributes, and may have a window that opens with its
-- first call. Calls have three more attributes. What was done in place of a refusal is kept with the reservation.

ALTER TABLE usage_record ADD COLUMN subagent VARCHAR; -- agent inside the agent, by the client's own id
ALTER TABLE usage_record ADD COLUMN token VARCHAR;    -- name of the access token
ALTER TABLE usage_record ADD COLUMN branch VARCHAR;   -- branch of the repository
ALTER TABLE usage_record ADD COLUMN estimated_tokens BIGINT; -- held for a call of which nobody reported any

ALTER TABLE reservation_event ADD COLUMN subagent VARCHAR;
ALTER TABLE reservation_event ADD COLUMN token VARCHAR;
ALTER TABLE reservation_event ADD COLUMN branch VARCHAR;
ALTER TABLE reservation_event ADD COLUMN estimate_tokens BIGINT;    -- tokens of all kinds that the call may use
ALTER TABLE reservation_event ADD COLUMN governing_part VARCHAR;    -- of a budget with per: whose sum
ALTER TABLE reservation_event ADD COLUMN governing_measure VARCHAR; -- usd, tokens or calls
ALTER TABLE reservation_event ADD COLUMN governing_limit BIGINT;    -- in that measure; usd is nano-USD
ALTER TABLE reservation_event ADD COLUMN governing_projected BIGINT;
ALTER TABLE reservation_event ADD COLUMN rungs VARCHAR;             -- cap, wait, downgrade, ask: what let it pass
ALTER TABLE reservation_event ADD COLUMN output_cap_tokens BIGINT;  -- the maximum that was stated in place of a larger
ALTER TABLE reservation_event ADD COLUMN downgraded_from VARCHAR;   -- the model that was requested
ALTER TABLE reservation_event ADD COLUMN waited_us BIGINT;          -- microseconds for other holds, or for a person
ALTER TABLE reservation_event ADD COLUMN approval_id UUID;          -- the approval that let it pass

ALTER TABLE reset ADD COLUMN part VARCHAR; -- of budgets with per

-- Each window that opened with a call, so that sums can be counted again.
CREATE TABLE opened_window (
    store_id     UUID      NOT NULL, -- the store that wrote it
    seq          BIGINT    NOT NULL, -- its number in the outbox of that store
    budget       VARCHAR   NOT NULL, -- name of the budget
    budget_key   VARCHAR   NOT NULL, -- what identifies the budget: how its spend is summed
    part         VARCHAR   NOT NULL, -- of budgets with per; else empty
    window_start TIMESTAMP NOT NULL, -- inclusive: the admission that opened it
    window_end   TIMESTAMP NOT NULL  -- exclusive
);

-- What a sum of a budget came to: each threshold and the limit, once for each window.
CREATE TABLE budget_event (
    store_id     UUID      NOT NULL, -- the store that wrote it
    seq          BIGINT    NOT NULL, -- its number in the outbox of that store
    recorded_at  TIMESTAMP NOT NULL,
    kind         VARCHAR   NOT NULL, -- threshold_reached or limit_passed
    budget       VARCHAR   NOT NULL, -- name of the budget
    part         VARCHAR   NOT NULL, -- of budgets with per; else empty
    measure      VARCHAR   NOT NULL, -- usd, tokens or calls
    window_start TIMESTAMP,          -- NULL without a window
    session_id   VARCHAR,            -- of the call that brought it about
    mission_id   VARCHAR,
    percent      INTEGER   NOT NULL, -- the threshold, or 100
    spent        BIGINT    NOT NULL, -- in the measure; usd is nano-USD
    held         BIGINT    NOT NULL,
    limit_amount BIGINT    NOT NULL,
    surface      VARCHAR
);
