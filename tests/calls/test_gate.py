"""What is held for a call, by what its body says (PRC-7)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from policy.calls.gate import Asked, Gate
from policy.calls.plan import UNSEEN_TOKENS
from policy.governor.governor import Governor
from policy.metering.endpoints import Endpoint
from policy.metering.models import MOST_OUTPUT_TOKENS
from policy.runtime import open_runtime

CONFIG = """
[cost]
enabled = true
default_output_tokens = 100

[cost.prices.m]
input = 1000
output = 10000
cache_write_5m = 1250
cache_write_1h = 2000

[cost.prices.m-fast]
input = 3000
output = 30000
"""
INPUT, OUTPUT = 1_000_000, 10_000_000


@pytest.fixture
def governor(tmp_path: Path) -> Iterator[Governor]:
    config = tmp_path / "corvus.toml"
    config.write_text(CONFIG)
    with open_runtime([config], ledger=tmp_path / "l.duckdb").governor() as opened:
        yield opened


def held(
    governor: Governor, body: dict[str, Any], endpoint: Endpoint = Endpoint.MESSAGES
) -> tuple[int, int]:
    """Return the bound of the input, and what is held beside 10 tokens of output."""
    asked = Gate(governor).ask(endpoint, json.dumps(body).encode())
    assert isinstance(asked, Asked)
    estimate = asked.request.estimate_nano_usd
    assert estimate is not None
    return asked.plan.input_tokens, estimate


PLAIN = {"model": "m", "max_tokens": 10}


def test_input_and_the_stated_output_are_held(governor: Governor) -> None:
    tokens, amount = held(governor, PLAIN)
    assert amount == tokens * INPUT + 10 * OUTPUT


def test_without_a_maximum_one_is_stated_and_held_for_each_choice(governor: Governor) -> None:
    tokens, amount = held(governor, {"model": "m", "n": 3}, Endpoint.CHAT)
    assert amount == tokens * INPUT * 5 // 4 + 3 * MOST_OUTPUT_TOKENS * OUTPUT


@pytest.mark.parametrize(
    ("more", "rate"),
    [
        ({"cache_control": {"type": "ephemeral"}}, 1_250_000),
        ({"cache_control": {"type": "ephemeral", "ttl": "1h"}}, 2_000_000),
    ],
)
def test_input_that_may_be_written_to_a_cache_is_held_at_that_price(
    governor: Governor, more: dict[str, Any], rate: int
) -> None:
    tokens, amount = held(governor, {**PLAIN, **more})
    assert amount == tokens * rate + 10 * OUTPUT


def test_a_fast_call_is_held_at_the_price_of_its_tier(governor: Governor) -> None:
    tokens, amount = held(governor, {**PLAIN, "speed": "fast"})
    assert amount == 3 * (tokens * INPUT + 10 * OUTPUT)


def test_a_call_kept_in_the_united_states_is_held_for_a_tenth_more(governor: Governor) -> None:
    tokens, amount = held(governor, {**PLAIN, "inference_geo": "us"})
    assert amount == -(-tokens * 11 // 10) * INPUT + 11 * OUTPUT


def test_input_that_the_provider_adds_is_held_beside_twice_that_of_the_body(
    governor: Governor,
) -> None:
    tool = {"type": "web_search_20250305", "name": "web_search"}
    without, _ = held(governor, {**PLAIN, "tools": [{"type": "custom", "name": "web_search"}]})
    tokens, amount = held(governor, {**PLAIN, "tools": [tool]})
    assert tokens >= 2 * without + UNSEEN_TOKENS
    assert amount == tokens * INPUT + 10 * OUTPUT


@pytest.mark.parametrize(
    ("host", "upstream", "provider"),
    [
        ("x.example", "mistral", "mistral"),
        ("x.example", "main", "openai"),
        ("127.0.0.1", None, "openai"),
        ("api.groq.com", "main", "groq"),
        ("API.MISTRAL.AI", None, "mistral"),
        ("me.openai.azure.com", None, "azure"),
    ],
)
def test_who_bills_is_found_by_one_rule_for_proxy_and_transports(
    governor: Governor, host: str, upstream: str | None, provider: str
) -> None:
    gate = Gate(governor)
    asked = gate.ask(Endpoint.CHAT, b'{"model": "m"}', host=host, upstream=upstream)
    assert isinstance(asked, Asked)
    assert asked.request.provider == provider


def test_what_the_caller_says_of_who_bills_comes_first(governor: Governor) -> None:
    asked = Gate(governor, provider="groq").ask(Endpoint.CHAT, b'{"model": "m"}', host="x.ai")
    assert isinstance(asked, Asked)
    assert asked.request.provider == "groq"
