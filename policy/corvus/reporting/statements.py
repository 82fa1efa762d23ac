"""The SQL that is part of corvus itself rather than a report. Values are bound, never pasted in."""

from __future__ import annotations

from corvus.ledger.statements import MATCHES, SUMS

SPEND = f"""
SELECT{SUMS}
FROM usage_record
WHERE ($window_start::TIMESTAMP IS NULL OR admitted_at >= $window_start)
  AND ($window_end::TIMESTAMP IS NULL OR admitted_at < $window_end)
  AND ($session_id::VARCHAR IS NULL OR session_id = $session_id)
  AND ($mission_id::VARCHAR IS NULL OR mission_id = $mission_id)
  AND {MATCHES}
"""
"""Spend of the calls that pass every filter; a filter bound as NULL passes all calls."""

LATEST_SESSION = """
SELECT session_id
FROM usage_record
WHERE session_id IS NOT NULL
ORDER BY admitted_at DESC, id DESC
LIMIT 1
"""
"""The session of the call admitted last."""
