"""Writes texts into ``key=value`` lines. Apart from the other formats, as it needs no DuckDB."""

from __future__ import annotations

import json

from policy.diagnostics.plain import escape


def kv_text(text: str) -> str:
    """Return a text as a value of ``key=value``, quoted as JSON where it would be misread."""
    plain = text == escape(text) and not any(char.isspace() or char in '"\\' for char in text)
    return text if plain and text not in {"", "none", "unknown"} else json.dumps(text)
