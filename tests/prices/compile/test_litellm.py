"""A book of the prices of LiteLLM: exact, current, and without what no record counts (PRC-10)."""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from corvus.model.usage import TokenKind
from corvus.prices.book import PinnedBook
from corvus.prices.compile.litellm import litellm_book
from corvus.prices.lookup import PriceBooks

LARGE = {
    "litellm_provider": "openai",
    "input_cost_per_token": Decimal("2.5e-06"),
    "output_cost_per_token": Decimal("1e-05"),
    "cache_read_input_token_cost": Decimal("1.25e-06"),
    "input_cost_per_token_batches": Decimal("1.25e-06"),
    "output_cost_per_token_batches": Decimal("5e-06"),
    "input_cost_per_token_above_200k_tokens": Decimal("5e-06"),
    "output_cost_per_token_above_200k_tokens": Decimal("1.5e-05"),
    "search_context_cost_per_query": {"search_context_size_low": Decimal("0.01")},
    "max_tokens": 1000,
}


def books(tmp_path: Path, models: dict[str, Any]) -> PriceBooks:
    data = litellm_book(models, "1.0").encode()
    path = tmp_path / "book.json"
    path.write_bytes(data)
    return PriceBooks(pinned=PinnedBook(path, hashlib.sha256(data).hexdigest()))


def test_rates_are_exact_and_a_tier_takes_nothing_from_the_base(tmp_path: Path) -> None:
    found = books(tmp_path, {"large": LARGE})
    price = found.find("large")
    assert price is not None
    assert price.entry == "pinned:openai/large"
    assert price.rates[TokenKind.INPUT] == 2_500_000_000
    assert price.rates[TokenKind.REASONING] == price.rates[TokenKind.OUTPUT] == 10_000_000_000
    (tier,) = price.tiers
    assert tier.above_tokens == 200_000
    assert TokenKind.CACHE_READ not in tier.rates
    batch = found.find("large-batch")
    assert batch is not None
    assert batch.rates[TokenKind.INPUT] == 1_250_000_000


@pytest.mark.parametrize(
    "row",
    [
        {**LARGE, "litellm_provider": None},
        {**LARGE, "output_cost_per_image": Decimal("0.04")},
        {**LARGE, "input_cost_per_second": Decimal("0.0001")},
        {"litellm_provider": "openai", "input_cost_per_token": 0, "output_cost_per_token": 0},
        {"litellm_provider": "openai", "input_cost_per_token": "2.5e-06"},
        {"litellm_provider": "openai", "input_cost_per_token": Decimal("NaN")},
        {"litellm_provider": "openai", "input_cost_per_token": Decimal("-1")},
        {"litellm_provider": "openai", "input_cost_per_token": True},
    ],
    ids=["nobody", "image", "second", "zero", "text", "nan", "negative", "boolean"],
)
def test_what_cannot_be_priced_by_tokens_alone_is_left_out(
    row: dict[str, Any], tmp_path: Path
) -> None:
    found = books(tmp_path, {"large": LARGE, "other": row})
    assert found.find("other") is None


def test_routes_of_litellm_are_no_part_of_an_id(tmp_path: Path) -> None:
    gemini = {**LARGE, "litellm_provider": "gemini"}
    vertex = {**LARGE, "litellm_provider": "vertex_ai-language-models"}
    found = books(tmp_path, {"gemini/g-1": gemini, "vertex_ai/g-1": vertex, "azure/a-1": LARGE})
    price = found.find("g-1", provider="google")
    assert price is not None
    assert price.entry == "pinned:google/g-1"
    assert found.find("vertex_ai/g-1", provider="google") is not None


def test_a_file_without_a_price_makes_no_book() -> None:
    with pytest.raises(ValueError, match="no prices of tokens"):
        litellm_book({"sample_spec": {"litellm_provider": "one of these"}}, "1.0")


def test_the_same_prices_make_the_same_bytes() -> None:
    backwards = dict(reversed({"a": LARGE, "b": LARGE}.items()))
    assert litellm_book({"a": LARGE, "b": LARGE}, "1.0") == litellm_book(backwards, "1.0")
    assert json.loads(litellm_book(backwards, "1.0"))["book"]["package"] == "litellm"
