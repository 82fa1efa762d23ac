"""Reads session logs of Claude Code: JSON lines, one file per session or sub-agent.

There is no official description. The facts below were taken from several public sources, read on
2026-11-23 and 24: ccusage (github.com/ccusage/ccusage, ``rust/adapters/claude``, issues 888, 901,
913, 938, 976, 1115, 1635, pull request 1155), anthropics/claude-code issues 5034, 22526, 25941,
28197 and 81620, the log readers of daintreehq/daintree (issue 11949), getagentseal/codeburn (pull
request 659), weave-os/router (issue 360) and kamp-us/phoenix (issue 8404), and Anthropic's API
reference.

- Only lines with a ``message.usage`` are calls: those of ``"type": "assistant"``, of no type, and
  the ``agent_progress`` lines in which older versions kept the messages of sub-agents. Everything
  else (user, system, summary, file-history-snapshot, …) is passed over.
- One message is written as several lines, one for each content block, with the same ``message.id``
  and ``requestId``; the counts grow, so the last one counts. Last is by timestamp, then by counts:
  the order of files must not matter. What only one of them states, such as the speed, holds.
- ``message.id`` of Anthropic's own form is unique by itself: a sidechain repeats messages of its
  parent under a new ``requestId``. Gateways invent ids: a long one is taken for unique, a short one
  (``ocgo``, ``chatcmpl-957``) is repeated from call to call, and there the session and what was
  read tell calls apart.
- A forked session begins with a copy of its parent's lines; newer versions say so (``forkedFrom``).
- ``input_tokens`` excludes cache reads and writes. Cache writes without a split by lifetime are
  5-minute writes.
- Calls of an advisor and of compaction stand in ``usage.iterations`` and are not in the message's
  own counts; its own requests stand there too, each billed by its own context.
- Fast mode and all tiers but the usual one have other prices: they are priced as ``<model>-fast``
  and so on.
- ``gitBranch`` is ``HEAD`` outside of a repository and on no branch (Claude Code 2.1.197, tried on
  2026-11-28).
- Amazon Bedrock and Vertex AI give ids of their own to messages, ``msg_bdrk_…`` and
  ``msg_vrtx_…``, while the model has Anthropic's name: the id says who bills.
- ``costUSD`` of old lines is what the client made of its own list prices: it counts where no book
  has a price.
- ``claude -p --output-format json`` writes a ``result`` with the sums of its run, without a time;
  its calls are in the log of the session as well.
- A ``<synthetic>`` model is an error message of the client; nothing was used.

Refuses: results of runs, counts that are not whole numbers of at most 9 digits, and instants
outside 1970..2199.
"""

from __future__ import annotations

import duckdb

from corvus.prices.names import USUAL_TIERS
from corvus.usage.importers.agents.claude_code_copies import CREATE_COPIES, MARK_COPIES
from corvus.usage.importers.agents.claude_code_counts import (
    COUNTED_KEYS,
    COUNTS_OF_USAGE,
    PLAIN,
    UNREAD,
    USAGE,
    WRITES,
)
from corvus.usage.importers.importer import Home, Importer, Layout, Object, objects_of_head
from corvus.usage.importers.reading.amounts import nano_sql
from corvus.usage.importers.seller import message_seller_sql, seller_sql
from corvus.usage.importers.statements import NUMBER, Remark, instant, statement_of

_COLUMNS = """{
    type: 'VARCHAR', timestamp: 'VARCHAR', sessionId: 'VARCHAR', requestId: 'VARCHAR',
    uuid: 'VARCHAR', cwd: 'VARCHAR', version: 'VARCHAR', agentId: 'VARCHAR', isSidechain: 'BOOLEAN',
    gitBranch: 'VARCHAR', costUSD: 'VARCHAR', total_cost_usd: 'VARCHAR',
    forkedFrom: 'JSON', message: 'STRUCT(id VARCHAR, model VARCHAR, usage JSON)', data: 'JSON'
}"""
_PROGRESS = """{
    "agentId": "VARCHAR",
    "message": {
        "timestamp": "VARCHAR", "requestId": "VARCHAR", "uuid": "VARCHAR",
        "message": {"id": "VARCHAR", "model": "VARCHAR", "usage": "JSON"}
    }
}"""

_USUAL = ", ".join(f"'{name}'" for name in USUAL_TIERS if name is not None)
_LONG_ID_CHARACTERS = 20

_NO_TIME = (
    "the result of a run of `claude -p`, which states no time; its calls are in the log of the "
    "session: import ~/.claude/projects"
)
_LINES = f"""
WITH raw AS (
    -- What a sub-agent says, as older versions put it into the log of its parent.
    SELECT *, CASE WHEN type = 'progress' AND contains(data, '"agent_progress"')
        THEN json_transform(data, '{_PROGRESS}') END AS progress
    FROM read_json($files, format = 'newline_delimited', columns = {_COLUMNS}, ignore_errors = true,
        filename = true, maximum_object_size = $largest)
),
line AS (
    SELECT filename AS file, {NUMBER} AS n, type, sessionId, cwd, version, costUSD, total_cost_usd,
        nullif(nullif(gitBranch, ''), 'HEAD') AS git_branch,
        forkedFrom IS NOT NULL AS is_fork, progress IS NOT NULL AS is_progress,
        coalesce(progress.message.message, message) AS said,
        coalesce(progress.message.timestamp, "timestamp") AS "timestamp",
        coalesce(progress.message.requestId, requestId) AS requestId,
        coalesce(progress.message.uuid, uuid) AS uuid,
        coalesce(progress.agentId, agentId, if(isSidechain OR is_progress, 'sidechain', NULL))
            AS subagent
    FROM raw
),
counted AS (
    SELECT * EXCLUDE (said), said.id AS message_id, said.model AS model,
        CASE WHEN (type = 'assistant' OR type IS NULL OR is_progress)
            AND starts_with(said.usage, '{{') THEN said.usage END AS usage,
        regexp_full_match(usage, '{PLAIN}') AS is_plain,
        {instant('"timestamp"')} AS seen_at,
        json_transform(usage, '{USAGE}') AS u,
        -- a text, a sign, a fraction, a truth value or more than 9 digits where a count belongs
        CASE WHEN is_plain THEN false ELSE regexp_matches(usage, '"({COUNTED_KEYS})"\\s*:\\s*'
            '(["tf\\-\\[{{]|[0-9]+[.eE]|[0-9]{{10}})') END AS odd,
        CASE WHEN is_plain THEN [] ELSE list_distinct({UNREAD}) END AS unread,
        CASE WHEN contains(usage, '"iterations"') THEN usage END AS with_iterations
    FROM line
),
billed AS (
    SELECT *, {WRITES},
        CASE
            WHEN type IS NULL AND u IS NULL THEN 'suspect'
            WHEN type = 'result' AND total_cost_usd IS NOT NULL THEN 'bad'
            WHEN u IS NULL THEN 'ignored'
            WHEN model = '<synthetic>' THEN 'synthetic'
            WHEN seen_at IS NULL OR model IS NULL OR model = '' OR odd THEN 'bad'
            WHEN seen_at < TIMESTAMP '1970-01-02' OR seen_at >= TIMESTAMP '2200-01-01' THEN 'bad'
            ELSE 'usage'
        END AS kind
    FROM counted
)
SELECT file, n, kind,
    CASE WHEN kind = 'bad' THEN CASE
        WHEN type = 'result' THEN '{_NO_TIME}'
        WHEN "timestamp" IS NULL THEN 'a message with usage, but without timestamp'
        WHEN seen_at IS NULL THEN 'timestamp is no instant: ' || "timestamp"
        WHEN model IS NULL OR model = '' THEN 'a message with usage, but without model'
        WHEN odd THEN 'a count of its usage is no whole number of at most 9 digits, >= 0'
        ELSE 'timestamp lies outside 1970..2199: ' || "timestamp"
    END END AS reason,
    CASE WHEN kind = 'usage' THEN md5(CASE
        WHEN starts_with(message_id, 'msg_') AND length(message_id) >= 24
            THEN 'claude-code:message:' || message_id
        WHEN message_id <> '' AND requestId <> ''
            THEN 'claude-code:request:' || message_id || ':' || requestId
        WHEN length(message_id) >= {_LONG_ID_CHARACTERS}
            THEN 'claude-code:message:' || message_id
        WHEN message_id <> '' AND sessionId <> ''
            THEN concat_ws(':', 'claude-code:session', sessionId, message_id, u.input_tokens,
                u.cache_read_input_tokens, u.cache_creation_input_tokens)
        WHEN uuid <> '' THEN 'claude-code:line:' || coalesce(sessionId, '') || ':' || uuid
        ELSE 'claude-code:content:' || "timestamp" || ':' || model || ':' || u::VARCHAR
    END)::UUID END AS import_key,
    seen_at AS requested_at, seen_at AS admitted_at, seen_at AS settled_at,
    sessionId AS session_id, 'import' AS surface,
    lower(coalesce($provider, {message_seller_sql("message_id")}, {seller_sql("model")},
        CASE WHEN starts_with(model, 'claude') THEN 'anthropic' END)) AS provider,
    model AS requested_model, model AS answering_model,
    CASE WHEN u.speed = 'fast' THEN 'fast'
        WHEN u.service_tier NOT IN ({_USUAL}) THEN lower(u.service_tier) END AS service_tier,
    coalesce($project, cwd) AS project, 'claude-code' AS agent, subagent,
    git_branch AS branch, is_fork,
    CASE WHEN kind = 'usage' THEN map_from_entries(list_filter(
        [{{'key': 'client', 'value': 'claude-code ' || coalesce(version, '?')}},
            {{'key': 'git.branch', 'value': git_branch}},
            {{'key': 'inference_geo', 'value': if(u.inference_geo = 'us', 'us', NULL)}},
            {{'key': 'fork', 'value': if(is_fork, 'true', NULL)}}],
        lambda entry: entry.value IS NOT NULL)) END AS tags,
    {COUNTS_OF_USAGE},
    'completed' AS outcome,
    requestId AS provider_request_id,
    {nano_sql("costUSD")} AS estimated_nano_usd,
    len(unread) > 0 AS unknown_cost,
    [concat('{Remark.UNREAD}:', name) FOR name IN unread] AS remarks,
    CASE WHEN kind = 'usage' THEN with_iterations END AS iterations
FROM billed
"""  # noqa: S608 - made of constants of this package

# Every line of a session log has one of these; other JSON lines do not.
_MARKS = ("sessionId", "parentUuid", "leafUuid", "isSnapshotUpdate", "total_cost_usd")
_LOOKED_AT = 1_000


def is_claude_code(head: bytes) -> bool:
    """Return whether a file that begins so is a session log of Claude Code."""
    lines = objects_of_head(head, _LOOKED_AT)
    if lines:
        return any(_is_line(line) for line in lines)
    # No line is whole: the first is very long, or all of them are torn.
    has_mark = any(f'"{mark}"'.encode() in head for mark in _MARKS)
    return head.startswith(b"{") and has_mark and (b'"type"' in head or b'"message"' in head)


def _is_line(line: Object) -> bool:
    return any(mark in line for mark in _MARKS) and ("type" in line or "message" in line)


IMPORTER = Importer(
    name="claude-code",
    suffixes={".jsonl"},
    layouts={Layout.LINES},
    recognise=is_claude_code,
    statement=statement_of(_LINES),
    is_resumable=True,
    home=Home(
        "Claude Code", "~/.claude/projects", "~/.claude", "CLAUDE_CONFIG_DIR", "~/.config/claude"
    ),
)
"""``$project`` and ``$provider`` of its statement override what the log says."""

_STAGE_ITERATIONS = f"""
INSERT INTO temp.import_line BY NAME
WITH iteration AS (
    SELECT line.*, one, ordinal, json_transform(one, '{USAGE}') AS u,
        json_extract_string(one, '$.model') AS own_model
    FROM temp.import_line AS line,
        unnest(json_extract(iterations, '$.iterations[*]')) WITH ORDINALITY AS items (one, ordinal)
    WHERE (contains(iterations, '"advisor_message"') OR contains(iterations, '"compaction"'))
        AND json_extract_string(one, '$.type') IN ('advisor_message', 'compaction')
),
billed AS (
    SELECT *, coalesce(nullif(own_model, ''), requested_model) AS model, {WRITES}
    FROM iteration
)
SELECT file, n, 'part' AS kind,
    md5(import_key::VARCHAR || ':iteration:' || ordinal)::UUID AS import_key,
    requested_at, admitted_at, settled_at, session_id, surface,
    CASE WHEN provider IS NULL AND starts_with(model, 'claude') THEN 'anthropic'
        ELSE provider END AS provider,
    model AS requested_model, model AS answering_model, project, agent, subagent, branch, is_fork,
    tags,
    {COUNTS_OF_USAGE},
    outcome, provider_request_id
FROM billed
"""  # noqa: S608 - made of constants of this package


def complete(connection: duckdb.DuckDBPyConnection) -> None:
    """Complete the staged lines of all files: whose a copied call is, and the calls inside others.

    Args:
        connection: With ``import_line``.
    """
    for statement in (CREATE_COPIES, MARK_COPIES, _STAGE_ITERATIONS):
        connection.execute(statement)


CREATE_REQUESTS = f"""
CREATE OR REPLACE TEMP TABLE import_request AS
WITH iteration AS (
    SELECT import_key, provider, price_model, admitted_at, json_transform(one, '{USAGE}') AS u
    FROM temp.import_change,
        unnest(json_extract(iterations, '$.iterations[*]')) AS items (one)
    WHERE length(iterations) - length(replace(iterations, '"message"', '')) > length('"message"')
        AND json_extract_string(one, '$.type') = 'message'
),
request AS (
    SELECT import_key, provider, price_model, admitted_at, 1 AS calls, {COUNTS_OF_USAGE}
    FROM (SELECT *, {WRITES} FROM iteration)
),
whole AS (
    SELECT import_key, sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens,
        sum(cache_read_tokens) AS cache_read_tokens,
        sum(cache_write_5m_tokens + cache_write_1h_tokens) AS written_tokens
    FROM request GROUP BY import_key HAVING count(*) > 1
)
SELECT request.*
FROM request
JOIN whole ON whole.import_key = request.import_key
JOIN temp.import_change AS call ON call.import_key = request.import_key
WHERE call.input_tokens = whole.input_tokens AND call.output_tokens = whole.output_tokens
    AND call.cache_read_tokens = whole.cache_read_tokens
    AND call.cache_write_5m_tokens + call.cache_write_1h_tokens = whole.written_tokens
"""  # noqa: S608 - made of constants of this package
"""The requests of calls that made several, where they add up to the call's own counts."""
