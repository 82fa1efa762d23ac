-- Roll-ups: what records come to, so that reports over years need not read each of them (LED-5). Every row is the sum of
-- some records; several rows may stand for the same time and names, as each drain and each import adds its own, and
-- corvus replaces them by one now and then. So, as with usage_record, every SUM over all rows is right, and rows of calls
-- without a price are apart: their cost is NULL. They cover all records, also those that retention has moved to Parquet.
-- `corvus ledger verify` compares them with the records; all zones have offsets of whole quarters of an hour.

-- By model and by how the cost is known.
CREATE TABLE model_usage (
    admitted_at               TIMESTAMP NOT NULL, -- start of the quarter of an hour of admission
    provider                  VARCHAR NOT NULL,
    requested_model           VARCHAR NOT NULL,
    source                    VARCHAR NOT NULL,
    at_least                  BOOLEAN NOT NULL,
    first_at                  TIMESTAMP NOT NULL, -- first admission
    last_at                   TIMESTAMP NOT NULL, -- last admission
    calls                     BIGINT NOT NULL, -- less those that were taken back
    input_tokens              BIGINT NOT NULL,
    output_tokens             BIGINT NOT NULL,
    cache_read_tokens         BIGINT NOT NULL,
    cache_write_5m_tokens     BIGINT NOT NULL,
    cache_write_1h_tokens     BIGINT NOT NULL,
    reasoning_tokens          BIGINT NOT NULL,
    web_search_requests       BIGINT NOT NULL,
    input_audio_tokens        BIGINT NOT NULL,
    input_image_tokens        BIGINT NOT NULL,
    input_video_tokens        BIGINT NOT NULL,
    cache_read_audio_tokens   BIGINT NOT NULL,
    cache_read_image_tokens   BIGINT NOT NULL,
    output_audio_tokens       BIGINT NOT NULL,
    output_image_tokens       BIGINT NOT NULL,
    output_video_tokens       BIGINT NOT NULL,
    file_search_requests      BIGINT NOT NULL,
    code_containers           BIGINT NOT NULL,
    estimated_tokens          BIGINT NOT NULL,
    cost_nano_usd             BIGINT, -- NULL: of calls without a price
    computed_cost_nano_usd    BIGINT
);

-- By who called.
CREATE TABLE caller_usage (
    admitted_at               TIMESTAMP NOT NULL, -- start of the quarter of an hour of admission
    project                   VARCHAR,
    user_name                 VARCHAR,
    agent                     VARCHAR,
    surface                   VARCHAR NOT NULL,
    token                     VARCHAR,
    first_at                  TIMESTAMP NOT NULL, -- first admission
    last_at                   TIMESTAMP NOT NULL, -- last admission
    calls                     BIGINT NOT NULL, -- less those that were taken back
    input_tokens              BIGINT NOT NULL,
    output_tokens             BIGINT NOT NULL,
    cache_read_tokens         BIGINT NOT NULL,
    cache_write_5m_tokens     BIGINT NOT NULL,
    cache_write_1h_tokens     BIGINT NOT NULL,
    reasoning_tokens          BIGINT NOT NULL,
    web_search_requests       BIGINT NOT NULL,
    input_audio_tokens        BIGINT NOT NULL,
    input_image_tokens        BIGINT NOT NULL,
    input_video_tokens        BIGINT NOT NULL,
    cache_read_audio_tokens   BIGINT NOT NULL,
    cache_read_image_tokens   BIGINT NOT NULL,
    output_audio_tokens       BIGINT NOT NULL,
    output_image_tokens       BIGINT NOT NULL,
    output_video_tokens       BIGINT NOT NULL,
    file_search_requests      BIGINT NOT NULL,
    code_containers           BIGINT NOT NULL,
    estimated_tokens          BIGINT NOT NULL,
    cost_nano_usd             BIGINT, -- NULL: of calls without a price
    computed_cost_nano_usd    BIGINT
);

-- By session and mission, of all time. Rows of refusals have denied_calls and nothing else.
CREATE TABLE session_usage (
    session_id                VARCHAR,
    project                   VARCHAR,
    mission_id                VARCHAR,
    first_at                  TIMESTAMP NOT NULL, -- first admission
    last_at                   TIMESTAMP NOT NULL, -- last admission
    calls                     BIGINT NOT NULL, -- less those that were taken back
    denied_calls              BIGINT NOT NULL, -- refused before they were made
    input_tokens              BIGINT NOT NULL,
    output_tokens             BIGINT NOT NULL,
    cache_read_tokens         BIGINT NOT NULL,
    cache_write_5m_tokens     BIGINT NOT NULL,
    cache_write_1h_tokens     BIGINT NOT NULL,
    reasoning_tokens          BIGINT NOT NULL,
    web_search_requests       BIGINT NOT NULL,
    input_audio_tokens        BIGINT NOT NULL,
    input_image_tokens        BIGINT NOT NULL,
    input_video_tokens        BIGINT NOT NULL,
    cache_read_audio_tokens   BIGINT NOT NULL,
    cache_read_image_tokens   BIGINT NOT NULL,
    output_audio_tokens       BIGINT NOT NULL,
    output_image_tokens       BIGINT NOT NULL,
    output_video_tokens       BIGINT NOT NULL,
    file_search_requests      BIGINT NOT NULL,
    code_containers           BIGINT NOT NULL,
    estimated_tokens          BIGINT NOT NULL,
    cost_nano_usd             BIGINT, -- NULL: of calls without a price
    computed_cost_nano_usd    BIGINT
);

-- How many rows a roll-up had when rows for the same were last replaced by one; the newest row of each holds.
CREATE TABLE roll_up_merge (
    table_name VARCHAR   NOT NULL,
    merged_at  TIMESTAMP NOT NULL,
    rows       BIGINT    NOT NULL
);

-- The first instant of a quarter of an hour, not before and not after an instant. NULL means no bound.
CREATE MACRO quarter_from(instant) AS
    time_bucket(INTERVAL 15 MINUTE, COALESCE(instant::TIMESTAMP, TIMESTAMP '0001-01-01') + INTERVAL '899.999999' SECOND);
CREATE MACRO quarter_until(instant) AS
    time_bucket(INTERVAL 15 MINUTE, COALESCE(instant::TIMESTAMP, TIMESTAMP '9999-12-31'));

-- Usage from an instant, inclusive, to another, exclusive; NULL is no bound. Whole quarters of hours come from the roll-up,
-- what is left at both ends from the records, and with by_record all of it. Then columns that the roll-up lacks are known.
CREATE MACRO model_usage_between(since, until, by_record) AS TABLE
    SELECT
        admitted_at, provider, requested_model, source, at_least, NULL::VARCHAR AS project, NULL::VARCHAR AS
        session_id,
        first_at, last_at, calls, input_tokens, output_tokens, cache_read_tokens, cache_write_5m_tokens,
        cache_write_1h_tokens, reasoning_tokens, web_search_requests, input_audio_tokens, input_image_tokens,
        input_video_tokens, cache_read_audio_tokens, cache_read_image_tokens, output_audio_tokens,
        output_image_tokens, output_video_tokens, file_search_requests, code_containers, estimated_tokens,
        cost_nano_usd, computed_cost_nano_usd
    FROM model_usage
    WHERE NOT by_record AND admitted_at >= quarter_from(since) AND admitted_at < quarter_until(until)
    UNION ALL
    SELECT
        admitted_at, provider, requested_model, source, at_least, project, session_id,
        admitted_at AS first_at, admitted_at AS last_at, calls, input_tokens, output_tokens, cache_read_tokens,
        cache_write_5m_tokens, cache_write_1h_tokens, reasoning_tokens, web_search_requests, input_audio_tokens,
        input_image_tokens, input_video_tokens, cache_read_audio_tokens, cache_read_image_tokens,
        output_audio_tokens, output_image_tokens, output_video_tokens, file_search_requests, code_containers,
        COALESCE(estimated_tokens, 0) AS estimated_tokens, cost_nano_usd, computed_cost_nano_usd
    FROM usage_record
    WHERE NOT by_record AND admitted_at >= since::TIMESTAMP
      AND admitted_at < LEAST(quarter_from(since), COALESCE(until::TIMESTAMP, TIMESTAMP '9999-12-31'))
    UNION ALL
    SELECT
        admitted_at, provider, requested_model, source, at_least, project, session_id,
        admitted_at AS first_at, admitted_at AS last_at, calls, input_tokens, output_tokens, cache_read_tokens,
        cache_write_5m_tokens, cache_write_1h_tokens, reasoning_tokens, web_search_requests, input_audio_tokens,
        input_image_tokens, input_video_tokens, cache_read_audio_tokens, cache_read_image_tokens,
        output_audio_tokens, output_image_tokens, output_video_tokens, file_search_requests, code_containers,
        COALESCE(estimated_tokens, 0) AS estimated_tokens, cost_nano_usd, computed_cost_nano_usd
    FROM usage_record
    WHERE NOT by_record AND admitted_at < until::TIMESTAMP
      AND admitted_at >= GREATEST(quarter_until(until), quarter_from(since))
    UNION ALL
    SELECT
        admitted_at, provider, requested_model, source, at_least, project, session_id,
        admitted_at AS first_at, admitted_at AS last_at, calls, input_tokens, output_tokens, cache_read_tokens,
        cache_write_5m_tokens, cache_write_1h_tokens, reasoning_tokens, web_search_requests, input_audio_tokens,
        input_image_tokens, input_video_tokens, cache_read_audio_tokens, cache_read_image_tokens,
        output_audio_tokens, output_image_tokens, output_video_tokens, file_search_requests, code_containers,
        COALESCE(estimated_tokens, 0) AS estimated_tokens, cost_nano_usd, computed_cost_nano_usd
    FROM usage_record
    WHERE by_record
      AND (since IS NULL OR admitted_at >= since::TIMESTAMP) AND (until IS NULL OR admitted_at < until::TIMESTAMP);

CREATE MACRO caller_usage_between(since, until, by_record) AS TABLE
    SELECT
        admitted_at, project, user_name, agent, surface, token, NULL::VARCHAR AS requested_model,
        first_at, last_at, calls, input_tokens, output_tokens, cache_read_tokens, cache_write_5m_tokens,
        cache_write_1h_tokens, reasoning_tokens, web_search_requests, input_audio_tokens, input_image_tokens,
        input_video_tokens, cache_read_audio_tokens, cache_read_image_tokens, output_audio_tokens,
        output_image_tokens, output_video_tokens, file_search_requests, code_containers, estimated_tokens,
        cost_nano_usd, computed_cost_nano_usd
    FROM caller_usage
    WHERE NOT by_record AND admitted_at >= quarter_from(since) AND admitted_at < quarter_until(until)
    UNION ALL
    SELECT
        admitted_at, project, user_name, agent, surface, token, requested_model,
        admitted_at AS first_at, admitted_at AS last_at, calls, input_tokens, output_tokens, cache_read_tokens,
        cache_write_5m_tokens, cache_write_1h_tokens, reasoning_tokens, web_search_requests, input_audio_tokens,
        input_image_tokens, input_video_tokens, cache_read_audio_tokens, cache_read_image_tokens,
        output_audio_tokens, output_image_tokens, output_video_tokens, file_search_requests, code_containers,
        COALESCE(estimated_tokens, 0) AS estimated_tokens, cost_nano_usd, computed_cost_nano_usd
    FROM usage_record
    WHERE NOT by_record AND admitted_at >= since::TIMESTAMP
      AND admitted_at < LEAST(quarter_from(since), COALESCE(until::TIMESTAMP, TIMESTAMP '9999-12-31'))
    UNION ALL
    SELECT
        admitted_at, project, user_name, agent, surface, token, requested_model,
        admitted_at AS first_at, admitted_at AS last_at, calls, input_tokens, output_tokens, cache_read_tokens,
        cache_write_5m_tokens, cache_write_1h_tokens, reasoning_tokens, web_search_requests, input_audio_tokens,
        input_image_tokens, input_video_tokens, cache_read_audio_tokens, cache_read_image_tokens,
        output_audio_tokens, output_image_tokens, output_video_tokens, file_search_requests, code_containers,
        COALESCE(estimated_tokens, 0) AS estimated_tokens, cost_nano_usd, computed_cost_nano_usd
    FROM usage_record
    WHERE NOT by_record AND admitted_at < until::TIMESTAMP
      AND admitted_at >= GREATEST(quarter_until(until), quarter_from(since))
    UNION ALL
    SELECT
        admitted_at, project, user_name, agent, surface, token, requested_model,
        admitted_at AS first_at, admitted_at AS last_at, calls, input_tokens, output_tokens, cache_read_tokens,
        cache_write_5m_tokens, cache_write_1h_tokens, reasoning_tokens, web_search_requests, input_audio_tokens,
        input_image_tokens, input_video_tokens, cache_read_audio_tokens, cache_read_image_tokens,
        output_audio_tokens, output_image_tokens, output_video_tokens, file_search_requests, code_containers,
        COALESCE(estimated_tokens, 0) AS estimated_tokens, cost_nano_usd, computed_cost_nano_usd
    FROM usage_record
    WHERE by_record
      AND (since IS NULL OR admitted_at >= since::TIMESTAMP) AND (until IS NULL OR admitted_at < until::TIMESTAMP);

-- The same of sessions, whose roll-up is of all time: with a bound, all of it comes from the records. Refusals are rows
-- with denied_calls.
CREATE MACRO session_usage_between(since, until, by_record) AS TABLE
    SELECT
        session_id, project, mission_id, NULL::VARCHAR AS requested_model, denied_calls,
        first_at, last_at, calls, input_tokens, output_tokens, cache_read_tokens, cache_write_5m_tokens,
        cache_write_1h_tokens, reasoning_tokens, web_search_requests, input_audio_tokens, input_image_tokens,
        input_video_tokens, cache_read_audio_tokens, cache_read_image_tokens, output_audio_tokens,
        output_image_tokens, output_video_tokens, file_search_requests, code_containers, estimated_tokens,
        cost_nano_usd, computed_cost_nano_usd
    FROM session_usage
    WHERE NOT by_record AND since IS NULL AND until IS NULL
    UNION ALL
    SELECT
        session_id, project, mission_id, requested_model, 0 AS denied_calls,
        admitted_at AS first_at, admitted_at AS last_at, calls, input_tokens, output_tokens, cache_read_tokens,
        cache_write_5m_tokens, cache_write_1h_tokens, reasoning_tokens, web_search_requests, input_audio_tokens,
        input_image_tokens, input_video_tokens, cache_read_audio_tokens, cache_read_image_tokens,
        output_audio_tokens, output_image_tokens, output_video_tokens, file_search_requests, code_containers,
        COALESCE(estimated_tokens, 0) AS estimated_tokens, cost_nano_usd, computed_cost_nano_usd
    FROM usage_record
    WHERE (by_record OR since IS NOT NULL OR until IS NOT NULL)
      AND (since IS NULL OR admitted_at >= since::TIMESTAMP) AND (until IS NULL OR admitted_at < until::TIMESTAMP)
    UNION ALL
    SELECT
        session_id, project, mission_id, requested_model, COALESCE(times, 1) AS denied_calls,
        recorded_at AS first_at, recorded_at AS last_at, 0 AS calls, 0 AS input_tokens, 0 AS output_tokens, 0 AS
        cache_read_tokens, 0 AS cache_write_5m_tokens, 0 AS cache_write_1h_tokens, 0 AS reasoning_tokens, 0 AS
        web_search_requests, 0 AS input_audio_tokens, 0 AS input_image_tokens, 0 AS input_video_tokens, 0 AS
        cache_read_audio_tokens, 0 AS cache_read_image_tokens, 0 AS output_audio_tokens, 0 AS
        output_image_tokens, 0 AS output_video_tokens, 0 AS file_search_requests, 0 AS code_containers, 0 AS
        estimated_tokens, NULL AS cost_nano_usd, NULL AS computed_cost_nano_usd
    FROM reservation_event
    WHERE kind = 'denied' AND (by_record OR since IS NOT NULL OR until IS NOT NULL)
      AND (since IS NULL OR recorded_at >= since::TIMESTAMP) AND (until IS NULL OR recorded_at < until::TIMESTAMP);
