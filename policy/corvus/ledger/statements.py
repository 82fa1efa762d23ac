"""Pieces of SQL that every sum of usage shares, so that enforcement and reports agree (EVA-12)."""

from __future__ import annotations

from corvus.model.usage import TOKENS

ATTRIBUTES = ("model", "provider", "project", "user", "agent", "surface")
"""What a budget can match on (CFG-10); each is a parameter of ``MATCHES``."""

SUMS = f"""
    COALESCE(SUM(cost_nano_usd), 0)::BIGINT AS cost_nano_usd,
    COALESCE(SUM(calls), 0)::BIGINT AS calls,
    COALESCE(SUM(calls) FILTER (WHERE cost_nano_usd IS NULL), 0)::BIGINT AS unpriced_calls,
    COALESCE(SUM({" + ".join(TOKENS)}), 0)::BIGINT AS tokens"""
"""What is summed of ``usage_record``: cost, calls, unpriced calls and tokens of all kinds."""

MATCHES = """($model::VARCHAR IS NULL OR requested_model GLOB $model)
  AND ($provider::VARCHAR IS NULL OR provider GLOB $provider)
  AND ($project::VARCHAR IS NULL OR project GLOB $project)
  AND ($user::VARCHAR IS NULL OR user_name GLOB $user)
  AND ($agent::VARCHAR IS NULL OR agent GLOB $agent)
  AND ($surface::VARCHAR IS NULL OR surface GLOB $surface)"""
"""Whether a record fits every glob; one bound as NULL fits all, an absent attribute fits none."""
