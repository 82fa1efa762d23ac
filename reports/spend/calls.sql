-- title:   Calls
-- summary: Every single call, the latest first, with what it used and cost and how that is known; in pages.
-- param:   since              TIMESTAMP  optional                     first instant, inclusive, UTC
-- param:   until              TIMESTAMP  optional                     last instant, exclusive, UTC
-- param:   session            VARCHAR    optional                     only calls of this session
-- param:   mission            VARCHAR    optional                     only calls of this mission
-- param:   model              VARCHAR    optional                     only calls that asked for this model
-- param:   project            VARCHAR    optional                     only calls of this project
-- param:   rows               BIGINT     default=50 range=1..=1000    calls on a page
-- param:   page               BIGINT     default=1 range=1..=1000000  number of the page, from 1
-- column:  admitted_at        TIMESTAMP  UTC
-- column:  session_id         VARCHAR    session id, NULL for a call outside any session
-- column:  mission_id         VARCHAR    mission id, NULL without one
-- column:  provider           VARCHAR    provider that billed
-- column:  model              VARCHAR    model that was asked for
-- column:  project            VARCHAR    project, NULL when none was named
-- column:  agent              VARCHAR    agent, NULL when none was named
-- column:  input_tokens       BIGINT     tokens, neither read from nor written to a cache
-- column:  cache_read_tokens  BIGINT     tokens
-- column:  cache_write_tokens BIGINT     tokens, written to a cache for 5 minutes or an hour
-- column:  output_tokens      BIGINT     tokens, reasoning included
-- column:  cost_nano_usd      BIGINT     nano-USD, NULL when unknown
-- column:  source             VARCHAR    provider, priced, estimated, presumed, imported or unknown
-- column:  outcome            VARCHAR    completed, failed, cancelled or expired
-- column:  calls              BIGINT     calls, more than 1 where the record is a sum
-- column:  records            BIGINT     records, on all pages
-- reads:   usage_call
SELECT
    admitted_at,
    session_id,
    mission_id,
    provider,
    requested_model AS model,
    project,
    agent,
    input_tokens,
    cache_read_tokens,
    (cache_write_5m_tokens + cache_write_1h_tokens)::BIGINT AS cache_write_tokens,
    (output_tokens + reasoning_tokens)::BIGINT AS output_tokens,
    cost_nano_usd,
    source,
    outcome,
    calls::BIGINT AS calls,
    COUNT(*) OVER () AS records
FROM usage_call
WHERE ($since::TIMESTAMP IS NULL OR admitted_at >= $since)
  AND ($until::TIMESTAMP IS NULL OR admitted_at < $until)
  AND ($session::VARCHAR IS NULL OR session_id = $session)
  AND ($mission::VARCHAR IS NULL OR mission_id = $mission)
  AND ($model::VARCHAR IS NULL OR requested_model = $model)
  AND ($project::VARCHAR IS NULL OR project = $project)
ORDER BY admitted_at DESC, id DESC
LIMIT $rows::BIGINT
OFFSET $rows::BIGINT * $page::BIGINT - $rows::BIGINT;
