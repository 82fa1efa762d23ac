"""The flat form of a body: ``key=value`` words, for scripts (CLI-1)."""

from __future__ import annotations

import json
from collections.abc import Mapping

from corvus.diagnostics.plain import escape


def kv_text(text: str) -> str:
    """Return a text as a value of ``key=value``, quoted as JSON where it would be misread."""
    plain = text == escape(text) and not any(char.isspace() or char in '"\\' for char in text)
    return text if plain and text not in {"", "none", "unknown"} else json.dumps(text)


def kv_value(value: object) -> str:
    """Return a value of ``key=value``: text as ``kv_text`` writes it, ``None`` as ``none``."""
    match value:
        case None:
            return "none"
        case bool():
            return str(value).lower()
        case str():
            return kv_text(value)
        case dict() | list():
            return kv_text(json.dumps(value, separators=(",", ":")))
        case _:
            return str(value)


def kv_words(body: Mapping[str, object]) -> list[str]:
    """Return a body as ``key=value`` words, one for each member; what is nested is JSON."""
    return [f"{name}={kv_value(value)}" for name, value in body.items()]
