"""Reads session logs of Claude Code: JSON lines, one file per session or sub-agent.

There is no official description. The facts below were taken from several public sources, read on
2026-11-23: ccusage (github.com/ccusage/ccusage, ``rust/adapters/claude`` and issues 888, 901, 913,
938, 976, 1115, 1635), anthropics/claude-code issues 5034, 22526, 25941 and 28197, the log readers
of daintreehq/daintree (issue 11949), getagentseal/codeburn (pull request 659) and kamp-us/phoenix
(issue 8404), and Anthropic's API reference.

- Only lines with ``"type": "assistant"`` and ``message.usage`` are calls. Everything else (user,
  system, summary, progress, file-history-snapshot, …) is passed over.
- One message is written as several lines, one for each content block, with the same ``message.id``
  and ``requestId``; the counts grow, so the last one counts. Last is by timestamp, then by counts:
  the order of files must not matter.
- ``message.id`` of Anthropic's own form is unique by itself: a sidechain repeats messages of its
  parent under a new ``requestId``. Gateways invent ids and repeat them, so others need the request
  or the session.
- ``input_tokens`` excludes cache reads and writes. Cache writes without a split by lifetime are
  5-minute writes.
- Calls of an advisor and of compaction stand in ``usage.iterations`` and are not in the message's
  own counts.
- Fast mode and batch or priority tiers have other prices: they are priced as ``<model>-fast`` and
  so on.
- A ``<synthetic>`` model is an error message of the client; nothing was used.

Refuses: counts that are not whole numbers >= 0, and instants outside 1970..2199.
"""

from __future__ import annotations

from policy.reporting.importers.statements import NUMBER, instant, stage_and_unusable

_COLUMNS = """{
    type: 'VARCHAR', timestamp: 'VARCHAR', sessionId: 'VARCHAR', requestId: 'VARCHAR',
    uuid: 'VARCHAR', cwd: 'VARCHAR', version: 'VARCHAR', agentId: 'VARCHAR', isSidechain: 'BOOLEAN',
    message: 'STRUCT(id VARCHAR, model VARCHAR, usage JSON)'
}"""

_USAGE = """{
    "input_tokens": "BIGINT", "output_tokens": "BIGINT", "cache_read_input_tokens": "BIGINT",
    "cache_creation_input_tokens": "BIGINT",
    "cache_creation": {
        "ephemeral_5m_input_tokens": "BIGINT", "ephemeral_1h_input_tokens": "BIGINT"
    },
    "server_tool_use": {"web_search_requests": "BIGINT"},
    "speed": "VARCHAR", "service_tier": "VARCHAR"
}"""

_LINES = f"""
WITH line AS (
    SELECT filename AS file, {NUMBER} AS n, type, "timestamp", sessionId, requestId,
        uuid, cwd, version, agentId, isSidechain,
        message.id AS message_id, message.model AS model,
        CASE WHEN type = 'assistant' AND starts_with(message.usage, '{{') THEN message.usage END
            AS usage
    FROM read_json($files, format = 'newline_delimited', columns = {_COLUMNS}, ignore_errors = true,
        filename = true, maximum_object_size = 16777216)
),
counted AS (
    SELECT * EXCLUDE (usage), {instant('"timestamp"')} AS seen_at,
        json_transform(usage, '{_USAGE}') AS u,
        -- a text, a sign, a fraction, a truth value or more than 15 digits where a count belongs
        regexp_matches(usage,
            '_(tokens|requests)"\\s*:\\s*(["tf\\-\\[{{]|[0-9]+[.eE]|[0-9]{{16}})') AS odd,
        CASE WHEN contains(usage, '"iterations"') THEN usage END AS with_iterations
    FROM line
),
billed AS (
    SELECT *,
        coalesce(u.cache_creation.ephemeral_5m_input_tokens, 0) AS write_5m,
        coalesce(u.cache_creation.ephemeral_1h_input_tokens, 0) AS write_1h,
        CASE
            WHEN type IS NULL THEN 'suspect'
            WHEN u IS NULL THEN 'ignored'
            WHEN model = '<synthetic>' THEN 'synthetic'
            WHEN seen_at IS NULL OR model IS NULL OR model = '' OR odd THEN 'bad'
            WHEN seen_at < TIMESTAMP '1970-01-01' OR seen_at >= TIMESTAMP '2200-01-01' THEN 'bad'
            ELSE 'usage'
        END AS kind
    FROM counted
)
SELECT file, n, kind,
    CASE WHEN kind = 'bad' THEN CASE
        WHEN "timestamp" IS NULL THEN 'an assistant message with usage, but without timestamp'
        WHEN seen_at IS NULL THEN 'timestamp is no instant: ' || "timestamp"
        WHEN model IS NULL OR model = '' THEN 'an assistant message with usage, but without model'
        WHEN odd THEN 'a count of its usage is no whole number of at most 15 digits, >= 0'
        ELSE 'timestamp lies outside 1970..2199: ' || "timestamp"
    END END AS reason,
    CASE WHEN kind = 'usage' THEN md5(CASE
        WHEN starts_with(message_id, 'msg_') AND length(message_id) >= 24
            THEN 'claude-code:message:' || message_id
        WHEN message_id <> '' AND requestId <> ''
            THEN 'claude-code:request:' || message_id || ':' || requestId
        WHEN message_id <> '' AND sessionId <> ''
            THEN 'claude-code:session:' || sessionId || ':' || message_id
        WHEN uuid <> '' THEN 'claude-code:line:' || coalesce(sessionId, '') || ':' || uuid
        ELSE 'claude-code:content:' || "timestamp" || ':' || model || ':' || u::VARCHAR
    END)::UUID END AS import_key,
    seen_at AS requested_at, seen_at AS admitted_at, seen_at AS settled_at,
    sessionId AS session_id, 'import' AS surface,
    CASE WHEN starts_with(model, 'claude') THEN 'anthropic' END AS provider,
    model AS requested_model, model AS answering_model,
    model || CASE WHEN u.speed = 'fast' THEN '-fast' ELSE '' END
        || CASE WHEN u.service_tier IN ('batch', 'priority') THEN '-' || u.service_tier ELSE '' END
        AS price_model,
    coalesce($project, cwd) AS project,
    CASE WHEN isSidechain THEN coalesce(agentId, 'sidechain') ELSE agentId END AS agent,
    CASE WHEN kind = 'usage' THEN MAP {{'client': 'claude-code ' || coalesce(version, '?')}} END
        AS tags,
    coalesce(u.input_tokens, 0) AS input_tokens,
    coalesce(u.output_tokens, 0) AS output_tokens,
    coalesce(u.cache_read_input_tokens, 0) AS cache_read_tokens,
    write_5m + greatest(coalesce(u.cache_creation_input_tokens, 0) - write_5m - write_1h, 0)
        AS cache_write_5m_tokens,
    write_1h AS cache_write_1h_tokens,
    0 AS reasoning_tokens,
    coalesce(u.server_tool_use.web_search_requests, 0) AS web_search_requests,
    'completed' AS outcome,
    requestId AS provider_request_id,
    CASE WHEN kind = 'usage' THEN with_iterations END AS iterations
FROM billed
"""  # noqa: S608 - made of constants of this package

STAGE, UNUSABLE = stage_and_unusable(_LINES)
"""Stage all lines of ``$files`` (``$project`` overrides the directory), and number bad ones."""

STAGE_ITERATIONS = f"""
INSERT INTO temp.import_line BY NAME
WITH iteration AS (
    SELECT line.*, one, ordinal, json_transform(one, '{_USAGE}') AS u,
        json_extract_string(one, '$.model') AS own_model
    FROM temp.import_line AS line,
        unnest(json_extract(iterations, '$.iterations[*]')) WITH ORDINALITY AS items (one, ordinal)
    WHERE iterations IS NOT NULL
        AND json_extract_string(one, '$.type') IN ('advisor_message', 'compaction')
),
billed AS (
    SELECT *, coalesce(nullif(own_model, ''), requested_model) AS model,
        coalesce(u.cache_creation.ephemeral_5m_input_tokens, 0) AS write_5m,
        coalesce(u.cache_creation.ephemeral_1h_input_tokens, 0) AS write_1h
    FROM iteration
)
SELECT file, n, 'part' AS kind,
    md5(import_key::VARCHAR || ':iteration:' || ordinal)::UUID AS import_key,
    requested_at, admitted_at, settled_at, session_id, surface,
    CASE WHEN starts_with(model, 'claude') THEN 'anthropic' END AS provider,
    model AS requested_model, model AS answering_model, model AS price_model, project, agent, tags,
    coalesce(u.input_tokens, 0) AS input_tokens,
    coalesce(u.output_tokens, 0) AS output_tokens,
    coalesce(u.cache_read_input_tokens, 0) AS cache_read_tokens,
    write_5m + greatest(coalesce(u.cache_creation_input_tokens, 0) - write_5m - write_1h, 0)
        AS cache_write_5m_tokens,
    write_1h AS cache_write_1h_tokens,
    0 AS reasoning_tokens,
    coalesce(u.server_tool_use.web_search_requests, 0) AS web_search_requests,
    outcome, provider_request_id
FROM billed
"""  # noqa: S608 - made of constants of this package
"""Stages the calls a message made besides its own, which are not in its counts."""
