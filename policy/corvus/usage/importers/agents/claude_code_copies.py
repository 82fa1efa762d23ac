"""Finds the sessions of Claude Code that begin with a copy of another one, and do not say so.

Newer versions state what a session was forked from; older ones copy its lines under the id of the
new session. The lines are equal, so only what the sessions do not share can tell: the original went
on, or ended, before its copy did. Where neither is earlier, none is taken for the original.

Refuses nothing; what a session copied from a log that is never imported stays its own.
"""

from __future__ import annotations

CREATE_COPIES = """
CREATE OR REPLACE TEMP TABLE import_copy AS
WITH opening AS (
    SELECT session_id, arg_min(import_key, requested_at) AS first_key
    FROM temp.import_line
    WHERE kind = 'usage' AND agent = 'claude-code' AND subagent IS NULL
    GROUP BY session_id
),
family AS (
    SELECT session_id, first_key FROM opening WHERE first_key IN (
        SELECT first_key FROM opening GROUP BY first_key HAVING count(*) > 1)
),
said AS (
    SELECT session_id, first_key, import_key, min(requested_at) AS said_at
    FROM temp.import_line JOIN family USING (session_id)
    WHERE kind = 'usage' AND subagent IS NULL
    GROUP BY ALL
),
pair AS (
    SELECT one.session_id, other.session_id AS other_id
    FROM family AS one JOIN family AS other USING (first_key)
    WHERE one.session_id <> other.session_id
),
own AS (
    SELECT pair.session_id, pair.other_id, min(said.said_at) AS since
    FROM pair
    LEFT JOIN said ON said.session_id = pair.session_id AND NOT EXISTS (
        SELECT 1 FROM said AS theirs
        WHERE theirs.session_id = pair.other_id AND theirs.import_key = said.import_key)
    GROUP BY ALL
)
SELECT DISTINCT one.session_id, said.import_key
FROM own AS one
JOIN own AS other ON other.session_id = one.other_id AND other.other_id = one.session_id
JOIN said ON said.session_id = one.other_id
WHERE one.since IS NOT NULL AND (other.since IS NULL OR other.since < one.since)
"""
"""Keeps each call that a session has copied from another one."""

MARK_COPIES = """
UPDATE temp.import_line AS line SET is_fork = true, tags = map_concat(tags, MAP {'fork': 'true'})
FROM temp.import_copy AS copy
WHERE line.session_id = copy.session_id AND line.import_key = copy.import_key
"""
"""Marks those calls as copies, as a log that says so does."""

MARK_KNOWN_COPIES = """
WITH tied AS (
    SELECT mine.import_key, mine.admitted_at, mine.session_id, theirs.session_id AS other_id
    FROM temp.import_candidate AS mine
    JOIN temp.import_candidate AS theirs
        ON mine.import_key = theirs.import_key AND mine.admitted_at = theirs.admitted_at
    WHERE mine.agent = 'claude-code' AND theirs.agent = 'claude-code'
        AND mine.subagent IS NULL AND theirs.subagent IS NULL
        AND mine.session_id <> theirs.session_id
),
pair AS (
    SELECT session_id, other_id, max(admitted_at) AS shared_until FROM tied GROUP BY ALL
),
said AS (
    SELECT session_id, admitted_at FROM temp.import_candidate
    WHERE session_id IN (SELECT session_id FROM pair)
    UNION ALL
    SELECT session_id, admitted_at FROM usage_call
    WHERE session_id IN (SELECT session_id FROM pair)
),
own AS (
    SELECT pair.session_id, pair.other_id, min(said.admitted_at) AS since
    FROM pair LEFT JOIN said
        ON said.session_id = pair.session_id AND said.admitted_at > pair.shared_until
    GROUP BY ALL
)
UPDATE temp.import_candidate AS candidate SET is_fork = true
FROM tied
JOIN own AS one ON one.session_id = tied.session_id AND one.other_id = tied.other_id
JOIN own AS other ON other.session_id = tied.other_id AND other.other_id = tied.session_id
WHERE candidate.import_key = tied.import_key AND candidate.session_id = tied.session_id
    AND one.since IS NOT NULL AND (other.since IS NULL OR other.since < one.since)
"""
"""Marks copies among candidates, of which the ledger knows one session and the import another."""
