"""What other tools, and people, call a key or section of ours or of a host runtime."""

from __future__ import annotations

from typing import Final

from corvus.config.check.cost_keys import SYNONYMS
from corvus.config.toml.values import Route
from corvus.model.usage import MODALITIES

PRICE: Final = ("cost", "prices", "*")
BUDGET: Final = ("cost", "budgets", 0)
UPSTREAM: Final = ("governance", "upstreams", "*")
_MODALITIES: Final = {
    word: kind.value
    for kind in MODALITIES
    for stem, _, medium in [kind.value.rpartition("_")]
    for word in (f"{medium}_{stem}", f"{stem}_{medium}_tokens")
}
"""The kinds of sound, pictures and video with the medium in front: ``audio_input``."""
SYNONYMS_BY_TABLE: Final[dict[Route, dict[str, str]]] = {
    PRICE: {
        "prompt": "input",
        "in": "input",
        "completion": "output",
        "out": "output",
        "cached": "cache_read",
        "cached_input": "cache_read",
        "cache_write": "cache_write_5m",
        "thinking": "reasoning",
        **_MODALITIES,
        "search": "web_search",
        "web_searches": "web_search",
        "file_searches": "file_search",
        "code_interpreter": "code_container",
        "container": "code_container",
        "alias": "aliases",
        "also": "aliases",
        "names": "aliases",
        "tier": "tiers",
        "since": "effective_from",
        "start_date": "effective_from",
    },
    (*PRICE, "tiers", 0): {
        **_MODALITIES,
        "prompt": "input",
        "completion": "output",
        "above": "above_tokens",
        "context": "above_tokens",
        "start": "above_tokens",
        "threshold": "above_tokens",
    },
    BUDGET: {
        "id": "name",
        "title": "name",
        "interval": "period",
        "every": "period",
        "by": "per",
        "each": "per",
        "group_by": "per",
        "tokens": "limit_tokens",
        "token_limit": "limit_tokens",
        "max_tokens": "limit_tokens",
        "calls": "limit_calls",
        "requests": "limit_calls",
        "limit_requests": "limit_calls",
        "max_requests": "limit_calls",
        "exceptions": "limits",
        "alerts": "thresholds",
        "alert_at": "thresholds",
        "warn_at": "thresholds",
        "mode": "enforce",
        "then": "on_exceeded",
        "on_limit": "on_exceeded",
        "ladder": "on_exceeded",
        "amount": "limit_usd",
        "budget": "limit_usd",
        "usd": "limit_usd",
        "limit": "limit_usd",
        "filter": "match",
        "where": "match",
        "tz": "timezone",
    },
    UPSTREAM: {
        "url": "base_url",
        "endpoint": "base_url",
        "key": "api_key_env",
        "api_key": "api_key_env",
        "key_env": "api_key_env",
        "type": "kind",
        "api": "kind",
        "protocol": "kind",
    },
    (*BUDGET, "match"): SYNONYMS,
    ("cost",): {
        "alert_threshold_pct": "warn_at_percent",
        "models": "prices",
        "ladder": "on_exceeded",
        "fallbacks": "downgrade",
        "budget_fallbacks": "downgrade",
    },
}
"""What other tools call a key of ours."""
SECTIONS: Final = {
    "http": "http_request",
    "logging": "observability",
    "logs": "observability",
    "log": "observability",
    "tracing": "observability",
    "telemetry": "observability",
    "metrics": "observability",
    "otel": "observability",
    "database": "storage",
    "db": "storage",
    "schedule": "scheduler",
    "websearch": "web_search",
    "webfetch": "web_fetch",
}
"""Sections of host runtimes by other words for them; each counts where the dialect has it."""
