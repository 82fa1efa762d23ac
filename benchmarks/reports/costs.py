"""Prices 20 calls with corvus, with genai-prices and with the price table of LiteLLM.

The bundled book of corvus is compiled from genai-prices, so a difference from it is a fault of the
compile or of the arithmetic. LiteLLM keeps a table of its own; it is read from the wheel, and
applied by the rules that its keys state: a suffix or a factor for a tier of service,
`_above_200k_tokens` for all tokens of a call whose context is longer, reasoning as output unless it
has a rate, a price for a search. Nothing of it is run. All of it is computed in decimals.

    pip download --no-deps litellm -d /tmp/peers/wheels
    python benchmarks/reports/costs.py /tmp/peers/wheels/litellm-*.whl
"""

from __future__ import annotations

import argparse
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import genai_prices

from corvus.base.money import usd_exact
from corvus.model.usage import Usage
from corvus.prices.cost import cost
from corvus.prices.lookup import PriceBooks

TABLE = "litellm/model_prices_and_context_window_backup.json"
WHEN = datetime(2026, 11, 20, 12, tzinfo=UTC)
CONTEXT = {"batch": {"processing": "batch"}, "fast": {"speed": "fast"}}
SUFFIX = {"batch": "_batches", "priority": "_priority"}
LONG, LONG_SUFFIX = 200_000, "_above_200k_tokens"


@dataclass(frozen=True)
class Call:
    """One call: what it is an example of, who was asked, and what it used.

    Attributes:
        variant: How it was served, as corvus puts it behind the model; genai-prices has it as a
            context, LiteLLM as a suffix of its keys.
        listed: Its name in LiteLLM's table, where that is another.
    """

    what: str
    provider: str
    model: str
    usage: Usage
    variant: str = ""
    listed: str = ""


SONNET, OPUS, HAIKU = "claude-sonnet-4-5", "claude-opus-4-8", "claude-haiku-4-5"
CALLS = [
    Call("plain", "anthropic", SONNET, Usage(1_234, 567)),
    Call("cache read", "anthropic", SONNET, Usage(12, 900, cache_read_tokens=87_654)),
    Call("5m write", "anthropic", SONNET, Usage(12, 900, 40_000, cache_write_5m_tokens=8_001)),
    Call("1h write", "anthropic", SONNET, Usage(12, 900, 40_000, cache_write_1h_tokens=8_001)),
    Call("both writes", "anthropic", HAIKU, Usage(7, 33, 1_000, 777, 333)),
    Call("200,000 tokens", "anthropic", SONNET, Usage(150_000, 1_000, 50_000)),
    Call("above 200,000", "anthropic", SONNET, Usage(150_001, 1_000, 50_000)),
    Call("web search", "anthropic", SONNET, Usage(2_000, 400, web_search_requests=3)),
    Call("batch", "anthropic", HAIKU, Usage(30_000, 2_000), "batch"),
    Call("fast", "anthropic", OPUS, Usage(5_000, 700), "fast"),
    Call("plain", "openai", "gpt-4o", Usage(1_000, 500, cache_read_tokens=2_048)),
    Call("reasoning", "openai", "o3", Usage(800, 150, reasoning_tokens=2_400)),
    Call("reasoning, cache", "openai", "gpt-5", Usage(900, 210, 12_032, reasoning_tokens=1_088)),
    Call("batch", "openai", "gpt-5", Usage(10_000, 900), "batch"),
    Call("priority", "openai", "gpt-5", Usage(10_000, 900), "priority"),
    Call("web search", "openai", "gpt-5", Usage(4_000, 600, web_search_requests=2)),
    Call("below 200,000", "google", "gemini-2.5-pro", Usage(90_000, 800, reasoning_tokens=300)),
    Call("above 200,000", "google", "gemini-2.5-pro", Usage(250_000, 800, 10_000)),
    Call("plain", "deepseek", "deepseek-chat", Usage(3_000, 700, 6_400)),
    Call("plain", "mistral", "mistral-large-latest", Usage(2_000, 300)),
]
PREFIX = {"google": "gemini/", "deepseek": "deepseek/", "mistral": "mistral/"}


def of_corvus(books: PriceBooks, call: Call) -> str:
    name = f"{call.model}-{call.variant}" if call.variant else call.model
    price = books.find(name, provider=call.provider, on=WHEN.date())
    return usd_exact(cost(call.usage, price)) if price else "no price"


def of_genai(call: Call) -> str:
    """Ask genai-prices, in whose counts input holds all that was read and output the reasoning."""
    used = call.usage
    counts = {
        "input_tokens": used.context_tokens,
        "output_tokens": used.output_tokens + used.reasoning_tokens,
        "cache_read_tokens": used.cache_read_tokens,
        "cache_write_tokens": used.cache_write_5m_tokens + used.cache_write_1h_tokens,
        "cache_write_5m_tokens": used.cache_write_5m_tokens,
        "cache_write_1h_tokens": used.cache_write_1h_tokens,
        "output_reasoning_tokens": used.reasoning_tokens,
        "web_searches": used.web_search_requests,
    }
    try:
        answer = genai_prices.calc_price(
            genai_prices.Usage(**{name: count for name, count in counts.items() if count}),
            call.model,
            provider_id=call.provider,
            genai_request_timestamp=WHEN,
            price_context=CONTEXT.get(call.variant, {"service_tier": call.variant})
            if call.variant
            else None,
        )
    except LookupError:
        return "no price"
    return plain(Decimal(answer.total_price))


def of_litellm(table: Mapping[str, Any], call: Call) -> str:
    entry = table.get(call.listed or PREFIX.get(call.provider, "") + call.model)
    if entry is None:
        return "no price"
    suffix = SUFFIX.get(call.variant, "")
    times = entry.get("provider_specific_entry", {}).get(call.variant, 1)
    if call.variant and not suffix and times == 1:
        return "no price"
    if suffix and f"input_cost_per_token{suffix}" not in entry:
        return "no price"
    is_long = call.usage.context_tokens > LONG

    def rate(key: str, *, instead: str = "") -> Decimal:
        names = [f"{key}{LONG_SUFFIX}{suffix}"] * is_long + [f"{key}{suffix}", key]
        for name in names:
            if name in entry:
                return Decimal(str(entry[name]))
        return rate(instead) if instead else Decimal(0)

    used = call.usage
    search = entry.get("search_context_cost_per_query", {}).get("search_context_size_medium", 0)
    tokens = (
        used.input_tokens * rate("input_cost_per_token")
        + used.output_tokens * rate("output_cost_per_token")
        + used.cache_read_tokens * rate("cache_read_input_token_cost")
        + used.cache_write_5m_tokens * rate("cache_creation_input_token_cost")
        + used.cache_write_1h_tokens * rate("cache_creation_input_token_cost_above_1hr")
        + used.reasoning_tokens
        * rate("output_cost_per_reasoning_token", instead="output_cost_per_token")
    )
    searches = used.web_search_requests * Decimal(str(search))
    return plain(tokens * Decimal(str(times)) + searches)


def plain(amount: Decimal) -> str:
    """Write an amount as corvus does: rounded to a nano-USD, without zeros at the end."""
    return usd_exact(int((amount * 10**9).to_integral_value()))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("wheel", type=Path, help="a wheel of litellm, as pip downloads it")
    with zipfile.ZipFile(parser.parse_args().wheel) as wheel:
        table = json.loads(wheel.read(TABLE))
    books = PriceBooks()
    print("| | call | corvus, USD | genai-prices | LiteLLM |\n|---|---|---|---|---|")
    for number, call in enumerate(CALLS, 1):
        ours, source, other = of_corvus(books, call), of_genai(call), of_litellm(table, call)
        shown = ["equal" if one == ours else f"**{one}**" for one in (source, other)]
        name = f"{call.provider} {call.model}, {call.what}"
        print(f"| {number} | {name} | {ours} | {shown[0]} | {shown[1]} |")


if __name__ == "__main__":
    main()
