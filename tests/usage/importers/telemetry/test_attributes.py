"""Names of attributes: each is known once, and what is in no table is judged by its words."""

from __future__ import annotations

import pytest

from corvus.observability.otel import GenAI
from corvus.usage.importers.telemetry.attributes import (
    Suspicion,
    field_of,
    names,
    preference,
    shown,
    suspicion,
)
from corvus.usage.importers.telemetry.spellings import Field, spellings


def test_a_spelling_counts_one_thing() -> None:
    found: dict[str, set[Field]] = {}
    for field, spelling in spellings():
        found.setdefault(spelling, set()).add(field)
    assert {spelling: fields for spelling, fields in found.items() if len(fields) > 1} == {}


def test_names_are_looked_up_however_they_are_written() -> None:
    for name in ("ai.usage.cachedInputTokens", "ai_usage_cached_input_tokens"):
        assert field_of(name) is Field.CACHE_READ


def test_corvus_knows_the_names_that_it_writes() -> None:
    written = {
        GenAI.INPUT: Field.INPUT,
        GenAI.OUTPUT: Field.OUTPUT,
        GenAI.CACHE_READ: Field.CACHE_READ,
        GenAI.CACHE_WRITE: Field.CACHE_WRITE,
        GenAI.REASONING: Field.REASONING,
    }
    assert {name: field_of(name) for name in written} == written


def test_names_of_the_conventions_are_preferred() -> None:
    current = "gen_ai.usage.input_tokens"
    for other in ("gen_ai.usage.prompt_tokens", "llm.token_count.prompt", "ai.usage.promptTokens"):
        assert preference(current) < preference(other)


@pytest.mark.parametrize(
    "name",
    [
        "acme.usage.prompt_cache_hits",
        "acme.usage.cacheHits",
        "acme.tokens.cached",
        "acme.token_count.audio_in",
        "gen_ai.usage.audio_seconds",
        "acme.prompt_cached",
        "llm.usage.image_units",
    ],
)
def test_what_may_have_a_price_of_its_own_is_suspected(name: str) -> None:
    assert field_of(name) is None
    assert suspicion(name) is Suspicion.PRICED_APART


@pytest.mark.parametrize("name", ["acme.tokens.special", "acme.usage.units"])
def test_what_else_counts_is_named(name: str) -> None:
    assert suspicion(name) is Suspicion.COUNT


@pytest.mark.parametrize(
    "name",
    [
        "gen_ai.request.max_tokens",
        "acme.cache.ttl_seconds",
        "acme.cached_tokens_ratio",
        "gen_ai.usage.cost.cached",
        "acme.tokens_per_second",
        "gen_ai.request.thinking.budget_tokens",
        "db.cache.hits",
        "http.response.status_code",
        "gen_ai.aggregated_usage.cache_read.input_tokens",
        "process.memory.usage",
        "acme.usage.audio_cost",
    ],
)
def test_settings_and_figures_are_no_counts(name: str) -> None:
    assert suspicion(name) is Suspicion.NONE


def test_the_table_is_one_list() -> None:
    assert len(names()) == len(set(names())) > 1000
    assert set(names().values()) == set(Field)


def test_a_shown_name_has_no_places_and_an_end() -> None:
    assert shown("a.usage.0.cached.17.tokens") == "a.usage.N.cached.N.tokens"
    assert len(shown("x" * 10_000)) == 120
