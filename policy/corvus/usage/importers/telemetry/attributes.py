"""Which attributes count what, and which may: names are looked up in one table.

What is in no table is never counted as 0: ``suspicion`` says what it may be.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from functools import cache, lru_cache

from corvus.usage.importers.telemetry.spellings import EXACT, PREFIXES, Field, spellings

COSTS = (
    "gen_ai.usage.cost",
    "gen_ai.usage.cost_usd",
    "gen_ai.usage.total_cost",
    "gen_ai.usage.cost.total",
    "gen_ai.cost.total_cost",
    "gen_ai.cost.total",
    "gen_ai.cost.usd",
    "llm.cost.total",
    "llm.usage.cost",
    "llm.usage.total_cost",
    "operation.cost",
    "langfuse.observation.cost_details.total",
    "langwatch.span.cost",
    "braintrust.metrics.estimated_cost",
    "corvus.cost_usd",
)
"""Costs in USD that an instrumentation has computed from prices of its own."""

CONTAINERS = ("usage", "token", "braintrust.metrics", "cost_details", "providermetadata")
"""What the name of an attribute contains whose text may be a JSON object of counts."""

_RESTATING = (
    "gen_ai_aggregated_usage_",  # the sum of an agent's run
    "codex_turn_token_usage_",  # the sum of a turn
    "ai_response_provider_metadata_",  # what the provider's answer said, in its own words
    "gen_ai_request_",
    "llm_invocation_parameters_",
    "llm_request_",
)
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SEPARATORS = re.compile(r"[^a-z0-9]+")
_INDEX = re.compile(r"\d+")
_COUNTING = ("token", "usage")
_READ_WORDS = ("prompt", "input", "context")
_MODAL = ("audio", "image", "video", "picture", "speech")
_SETTINGS = {"max", "limit", "budget", "window", "threshold", "remaining", "breakpoints", "ttl"}
_FIGURES = {"cost", "costs", "usd", "price", "savings", "rate", "ratio", "percent", "per"}
_MACHINE = {"cpu", "memory", "disk"}
_TIMES = {"second", "seconds", "ms", "duration", "latency", "time", "ttft"}
_LONGEST_NAME = 120


def written_plainly(name: str) -> str:
    """Return a name in lower case with underscores, as the table has them."""
    return _SEPARATORS.sub("_", _WORD.sub("_", name).lower()).strip("_")


@cache
def names() -> Mapping[str, Field]:
    """Return every known name, written plainly, in order of preference."""
    spelled = list(spellings())
    known = {f"{prefix}{spelling}": field for prefix in PREFIXES for field, spelling in spelled}
    return {**known, **EXACT}


@lru_cache(4096)
def field_of(name: str) -> Field | None:
    """Return what an attribute counts, or nothing where its name is in no table."""
    return names().get(written_plainly(name))


@lru_cache(4096)
def preference(name: str) -> int:
    """Return the place of a known name in the table; the lower one is preferred."""
    return _places()[written_plainly(name)]


@cache
def _places() -> Mapping[str, int]:
    return {name: place for place, name in enumerate(names())}


class Suspicion(StrEnum):
    """What an attribute in no table may be."""

    NONE = "none"
    COUNT = "count"
    """It counts something; nothing says that it has another price."""
    PRICED_APART = "priced apart"
    """It counts what has another price than plain input: cached tokens, or a modality."""


@lru_cache(4096)
def suspicion(name: str) -> Suspicion:
    """Return what an attribute may count whose name is in no table (IMP-1).

    Seconds of audio are a count where they are called usage.
    """
    plain = written_plainly(name)
    words = frozenset(plain.split("_"))
    counts = any(part in plain for part in _COUNTING)
    is_modal = any(part in plain for part in _MODAL)
    if words & (_SETTINGS | _FIGURES | _MACHINE) or plain.startswith(_RESTATING):
        return Suspicion.NONE
    if words & _TIMES and not (is_modal and "usage" in words):
        return Suspicion.NONE
    if is_modal and counts:
        return Suspicion.PRICED_APART
    if "cach" in plain and (counts or any(part in plain for part in _READ_WORDS)):
        return Suspicion.PRICED_APART
    return Suspicion.COUNT if counts else Suspicion.NONE


def shown(name: str) -> str:
    """Return a name for a sentence: places in lists are left out, and it is not endless."""
    return _INDEX.sub("N", name)[:_LONGEST_NAME] if ".0." in name else name[:_LONGEST_NAME]
