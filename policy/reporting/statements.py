"""The SQL that is part of corvus itself rather than a report. Values are bound, never pasted in."""

from __future__ import annotations

SPEND = """
SELECT
    COALESCE(SUM(cost_nano_usd), 0)::BIGINT AS cost_nano_usd,
    COALESCE(SUM(calls), 0)::BIGINT AS calls,
    COALESCE(SUM(calls) FILTER (WHERE cost_nano_usd IS NULL), 0)::BIGINT AS unpriced_calls,
    COALESCE(SUM(input_tokens + output_tokens + cache_read_tokens + cache_write_5m_tokens
        + cache_write_1h_tokens + reasoning_tokens), 0)::BIGINT AS tokens
FROM usage_record
WHERE ($window_start::TIMESTAMP IS NULL OR admitted_at >= $window_start)
  AND ($window_end::TIMESTAMP IS NULL OR admitted_at < $window_end)
  AND ($session_id::VARCHAR IS NULL OR session_id = $session_id)
  AND ($mission_id::VARCHAR IS NULL OR mission_id = $mission_id)
  AND ($model::VARCHAR IS NULL OR requested_model GLOB $model)
  AND ($provider::VARCHAR IS NULL OR provider GLOB $provider)
  AND ($project::VARCHAR IS NULL OR project GLOB $project)
  AND ($user::VARCHAR IS NULL OR user_name GLOB $user)
  AND ($agent::VARCHAR IS NULL OR agent GLOB $agent)
  AND ($surface::VARCHAR IS NULL OR surface GLOB $surface)
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
