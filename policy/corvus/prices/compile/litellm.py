"""Reads the prices of LiteLLM, and makes a price book of them (PRC-10).

LiteLLM states current prices only, USD per token, without dates: a book of them holds for any day.
A 0 often stands for "not stated" there, so it is no price. A model with a unit that no record
counts, such as seconds of video, is left out. What a tier does not state has no price in it.

Source: ``litellm/model_prices_and_context_window_backup.json`` of litellm 1.110.2, MIT licence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, TypeAlias

from corvus.model.usage import TokenKind
from corvus.prices.compile.entries import Entry, Rates
from corvus.prices.compile.listing import Listing
from corvus.prices.compile.writing import book_text
from corvus.prices.names import provider_id

FILE = "litellm/model_prices_and_context_window_backup.json"
Models: TypeAlias = Mapping[str, Mapping[str, Any]]
Sheet: TypeAlias = dict[str, dict[int, Rates]]
"""By variant (empty is the standard one) and bound of the context (0 is none), the rates."""

PER_MILLION = 10**15
"""Nano-USD per million tokens, or uses, for each USD per one of them."""

PROVIDERS = {
    "azure_ai": "azure",
    "bedrock_converse": "aws",
    "cohere_chat": "cohere",
    "dashscope": "alibaba",
    "text-completion-openai": "openai",
    "vertex_ai-anthropic_models": "google",
    "vertex_ai-embedding-models": "google",
    "vertex_ai-language-models": "google",
}
"""LiteLLM's names of providers that no spelling is declared for, to the book's."""

_MAKERS = frozenset(
    {"alibaba", "anthropic", "cohere", "deepseek", "google", "minimax", "mistral", "moonshotai"}
    | {"openai", "perplexity", "voyageai", "x-ai", "zai"}
)
"""Who makes the models that they sell under bare names."""
_FIELDS = {
    "input_cost_per_token": TokenKind.INPUT,
    "output_cost_per_token": TokenKind.OUTPUT,
    "cache_read_input_token_cost": TokenKind.CACHE_READ,
    "cache_creation_input_token_cost": TokenKind.CACHE_WRITE_5M,
    "cache_creation_input_token_cost_above_1hr": TokenKind.CACHE_WRITE_1H,
    "output_cost_per_reasoning_token": TokenKind.REASONING,
    "input_cost_per_audio_token": TokenKind.INPUT_AUDIO,
    "input_cost_per_image_token": TokenKind.INPUT_IMAGE,
    "input_cost_per_video_token": TokenKind.INPUT_VIDEO,
    "cache_read_input_audio_token_cost": TokenKind.CACHE_READ_AUDIO,
    "cache_read_input_image_token_cost": TokenKind.CACHE_READ_IMAGE,
    "output_cost_per_audio_token": TokenKind.OUTPUT_AUDIO,
    "output_cost_per_image_token": TokenKind.OUTPUT_IMAGE,
    "output_cost_per_video_token": TokenKind.OUTPUT_VIDEO,
}
_SUFFIXES = re.compile(
    r"(?P<field>.+?)(?:_above_(?P<bound>\d+)k_tokens)?(?:_(?P<variant>batches|flex|priority))?"
)
_UNCOUNTED = re.compile(
    r"(?:input|output|ocr|annotation)?_?cost_per_"
    r"(?:second|image|character|pixel|page|credit|request|text_message|video_per|audio_per|query)"
    r"(?:_.*)?"
)
"""Units that no record counts; fees of tools, which a call need not use, have other names."""
_VARIANTS = {"batches": "batch"}
_MOST_USD = 1000


def sheet_of(row: Mapping[str, Any]) -> Sheet:
    """Return the rates of a model, nano-USD per million tokens."""
    found: Sheet = {}
    for key, value in row.items():
        parts = _SUFFIXES.fullmatch(key)
        if parts is None or parts["field"] not in _FIELDS or not _is_amount(value):
            continue
        variant = _VARIANTS.get(parts["variant"], parts["variant"] or "")
        rate = int((Decimal(value) * PER_MILLION).to_integral_value(ROUND_HALF_EVEN))
        rates = found.setdefault(variant, {}).setdefault(int(parts["bound"] or 0) * 1000, {})
        rates[_FIELDS[parts["field"]]] = rate
    return found


def provider_of(row: Mapping[str, Any]) -> str | None:
    """Return the book's name of who sells a model; ``None`` where the row states nobody."""
    stated = row.get("litellm_provider")
    if not isinstance(stated, str):
        return None
    return PROVIDERS.get(stated) or provider_id(stated)


def bare_id(name: str, row: Mapping[str, Any]) -> str:
    """Return the id of a model without the names of LiteLLM's routes.

    Vertex may ask another price for a model of the Gemini API, so its ids keep their prefix.
    """
    seller = str(row.get("litellm_provider"))
    prefix, slash, rest = name.partition("/")
    is_route = prefix in {seller, seller.partition("-")[0], "bedrock", "vertex_ai"}
    bare = rest if slash and is_route else name
    return f"vertex_ai/{bare}" if seller.startswith("vertex_ai") else bare


def litellm_book(models: Models, release: str) -> str:
    """Return the text of the book that the prices of LiteLLM make.

    Args:
        models: By LiteLLM's names; amounts are decimals, or text of such.
        release: The version of LiteLLM.

    Raises:
        ValueError: No model has a price for tokens.
    """
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for name, row in models.items():
        provider = provider_of(row)
        if provider is None or any(_is_uncounted(key, value) for key, value in row.items()):
            continue
        sheet = sheet_of(row)
        if sheet.get("", {}).get(0):
            found.setdefault(provider, {}).setdefault(
                bare_id(name, row), _listing(sheet, own=provider in _MAKERS).written()
            )
    if not found:
        raise ValueError("it has no prices of tokens")
    return book_text(found, package="litellm", release=release)


def _listing(sheet: Sheet, *, own: bool) -> Listing:
    offers = {
        variant: [_entry(bounds)] for variant, bounds in sheet.items() if variant and 0 in bounds
    }
    return Listing({}, [_entry(sheet[""])], offers, own)


def _entry(bounds: Mapping[int, Rates]) -> Entry:
    tiers = tuple((bound, _whole(bounds[bound])) for bound in sorted(bounds) if bound)
    return Entry(None, _whole(bounds[0]), tiers)


def _whole(rates: Rates) -> Rates:
    """Return rates with reasoning at the price of output, where it has none of its own (PRC-2)."""
    output = rates.get(TokenKind.OUTPUT)
    return {TokenKind.REASONING: output, **rates} if output is not None else dict(rates)


def _is_amount(value: object) -> bool:
    """Return whether a value is USD for one token or use: more than 0, and no absurd figure."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return False
    amount = Decimal(value)
    return amount.is_finite() and 0 < amount <= _MOST_USD


def _is_uncounted(key: str, value: object) -> bool:
    return _is_amount(value) and _UNCOUNTED.fullmatch(key) is not None
