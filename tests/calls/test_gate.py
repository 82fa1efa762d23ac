"""What is held for a call, by what its body says (PRC-7)."""

from __future__ import annotations

import base64
import json
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from corvus.answers.denial import add_lines, denial_error
from corvus.calls.gate import DOWNGRADED, OUTPUT_CAP, Destination, Gate, Proposal
from corvus.calls.plan import UNSEEN_TOKENS
from corvus.calls.refusal import denied
from corvus.calls.routes import MeteredCall
from corvus.gateway.problems import problem_of
from corvus.governor.governor import Governor
from corvus.metering.models import MOST_OUTPUT_TOKENS
from corvus.metering.provider import Endpoint
from corvus.metering.providers.anthropic import MESSAGES
from corvus.metering.providers.openai import CHAT, RESPONSES
from corvus.model.decision import Decision, Denial, UnpricedModel
from corvus.model.gateway import Kind
from corvus.runtime import open_runtime

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
    governor: Governor, body: dict[str, Any], endpoint: Endpoint = MESSAGES
) -> tuple[int, int]:
    """Return the bound of the input, and what is held beside 10 tokens of output."""
    proposal = Gate(governor).propose(
        MeteredCall(endpoint, endpoint.path), json.dumps(body).encode()
    )
    assert isinstance(proposal, Proposal)
    estimate = proposal.request.estimate_nano_usd
    assert estimate is not None
    return proposal.plan.input_tokens, estimate


PLAIN = {"model": "m", "max_tokens": 10}


def test_input_and_the_stated_output_are_held(governor: Governor) -> None:
    tokens, amount = held(governor, PLAIN)
    assert amount == tokens * INPUT + 10 * OUTPUT


def test_without_a_maximum_one_is_stated_and_held_for_each_choice(governor: Governor) -> None:
    tokens, amount = held(governor, {"model": "m", "n": 3}, CHAT)
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
        ("x.example", "main", "main"),
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
    at = None if upstream is None else Destination(upstream, bool)
    place = MeteredCall(CHAT, CHAT.path)
    proposal = gate.propose(place, b'{"model": "m"}', host=host, upstream=at)
    assert isinstance(proposal, Proposal)
    assert proposal.request.provider == provider
    assert proposal.request.seller == ("openai" if provider == "main" else None)


def test_what_the_caller_says_of_who_bills_comes_first(governor: Governor) -> None:
    proposal = Gate(governor, provider="groq").propose(
        MeteredCall(CHAT, CHAT.path), b'{"model": "m"}', host="x.ai"
    )
    assert isinstance(proposal, Proposal)
    assert proposal.request.provider == "groq"


MEGABYTE = (
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + (2_000).to_bytes(4) + (1_500).to_bytes(4) + bytes(10**6)
)


@pytest.mark.parametrize(
    ("endpoint", "model"),
    [
        (MESSAGES, "claude-opus-4-8"),
        (MESSAGES, "claude-sonnet-4-5"),
        (CHAT, "gpt-4o"),
        (CHAT, "gpt-4o-mini"),
        (RESPONSES, "gpt-5"),
    ],
)
def test_a_picture_of_a_megabyte_holds_a_few_cents_at_most(
    governor: Governor, endpoint: Endpoint, model: str
) -> None:
    """Its base64 as text would hold a dollar and more."""
    data = base64.b64encode(MEGABYTE).decode()
    url = f"data:image/png;base64,{data}"
    source = {"type": "base64", "media_type": "image/png", "data": data}
    part = {
        MESSAGES.path: {"type": "image", "source": source},
        CHAT.path: {"type": "image_url", "image_url": {"url": url}},
        RESPONSES.path: {"type": "input_image", "image_url": url},
    }[endpoint.path]
    root, most = (
        ("input", "max_output_tokens") if endpoint is RESPONSES else ("messages", "max_tokens")
    )
    body = {"model": model, most: 1, root: [{"role": "user", "content": [part]}]}
    _, amount = held(governor, body, endpoint)
    assert amount < 50_000_000


BUDGETED = CONFIG.replace(
    "default_output_tokens = 100",
    'cap_at_least_tokens = 100\non_exceeded = ["cap"]\n{limit}',
)
"""One output token costs $0.01; what the request reads, some $0.03 to $0.05."""


@pytest.fixture
def poor(tmp_path: Path) -> Iterator[Governor]:
    config = tmp_path / "corvus.toml"
    config.write_text(BUDGETED.format(limit="daily_limit_usd = 10\nsession_limit_usd = 0"))
    with open_runtime([config], ledger=tmp_path / "l.duckdb").governor() as opened:
        yield opened


def admitted(governor: Governor, body: bytes) -> tuple[Decision, Proposal]:
    gate = Gate(governor)
    proposal = gate.propose(MeteredCall(CHAT, CHAT.path), body)
    assert isinstance(proposal, Proposal)
    return gate.admit(proposal)


def test_a_call_without_a_maximum_gets_what_every_budget_has_room_for(poor: Governor) -> None:
    decision, proposal = admitted(poor, b'{"model": "m"}')
    assert decision.allowed
    stated = proposal.plan.stated_tokens
    assert stated is not None
    assert 900 < stated < 1000
    assert json.loads(proposal.body) == {"model": "m", "max_tokens": stated}
    assert proposal.headers == {OUTPUT_CAP: str(stated)}
    day = decision.governing
    assert day is not None
    left = day.budget.limit - day.projected
    assert 0 <= left < OUTPUT, "one token more would not have fitted"


def test_no_less_than_the_least_is_stated_and_then_the_call_is_refused(poor: Governor) -> None:
    assert admitted(poor, b'{"model": "m", "max_tokens": 950}')[0].allowed
    decision, proposal = admitted(poor, b'{"model": "m"}')
    assert decision.denial is Denial.BUDGET_EXCEEDED
    assert proposal.plan.stated_tokens == MOST_OUTPUT_TOKENS
    assert decision.estimate_nano_usd == proposal.request.estimate_nano_usd


def test_a_call_that_states_a_maximum_is_lowered_in_that_number_alone(poor: Governor) -> None:
    body = b'{"model": "m",  "max_tokens": 5000}'
    decision, proposal = admitted(poor, body)
    assert decision.allowed
    cap = decision.output_cap_tokens
    assert cap is not None
    assert 900 < cap < 1000
    assert proposal.body == body.replace(b"5000", b"%d" % cap)
    assert proposal.headers == {OUTPUT_CAP: str(cap)}
    assert proposal.request.estimate_nano_usd == decision.estimate_nano_usd


def test_a_call_that_nobody_may_lower_is_refused_as_it_came(tmp_path: Path) -> None:
    config = tmp_path / "corvus.toml"
    limits = "daily_limit_usd = 10\nsession_limit_usd = 0"
    config.write_text(BUDGETED.format(limit=limits).replace('["cap"]', "[]"))
    body = b'{"model": "m",  "max_tokens": 5000}'
    with open_runtime([config], ledger=tmp_path / "l.duckdb").governor() as governor:
        decision, proposal = admitted(governor, body)
    assert not decision.allowed
    assert (proposal.plan.stated_tokens, proposal.body, proposal.headers) == (None, body, {})


def test_callers_at_once_never_get_more_together_than_there_is(poor: Governor) -> None:
    def ask(_: int) -> int:
        decision, proposal = admitted(poor, b'{"model": "m"}')
        return proposal.request.estimate_nano_usd or 0 if decision.allowed else 0

    with ThreadPoolExecutor(8) as pool:
        held = sum(pool.map(ask, range(16)))
    assert 0 < held <= 10_000_000_000
    assert held == poor.store.run(lambda unit: sum(one.hold_nano_usd for one in unit.held()))


def test_a_denial_for_a_price_names_the_model_the_lines_to_add_and_what_is_close(
    poor: Governor,
) -> None:
    decision, _ = admitted(poor, b'{"model": "claude-sonet-4-5", "max_tokens": 5}')
    refusal = denied(decision)
    assert refusal.code == "unpriced_model"
    assert '[cost.prices."claude-sonet-4-5"]\ninput = ' in refusal.message
    assert "anthropic/claude-sonnet-4-5" in refusal.message
    shown = json.loads(refusal.body(Kind.ANTHROPIC))["error"]
    assert shown["message"] == json.loads(refusal.body(Kind.OPENAI))["error"]["message"]
    error = denial_error(decision, "claude-sonet-4-5")
    assert (type(error), str(error)) == (UnpricedModel, refusal.message)
    problem = problem_of(error)
    assert (problem.code, problem.detail) == (refusal.code, refusal.message)
    for endpoint in (CHAT, RESPONSES, MESSAGES):
        assert b"unpriced_model" in refusal.event(endpoint)


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a\nb", "a]b", "\u00e9/x"])
def test_the_lines_to_add_are_toml_whatever_the_model_is_called(name: str) -> None:
    lines = add_lines(name).replace("\u2026", "1")
    assert tomllib.loads(lines)["cost"]["prices"] == {name: {"input": 1, "output": 1}}


@pytest.mark.parametrize(
    "more",
    [{"models": ["m", "nobody-sells-this"]}, {"fallbacks": [{"model": "nobody-sells-this"}]}],
)
def test_a_fallback_without_a_price_is_the_one_that_a_denial_names(
    governor: Governor, more: dict[str, Any]
) -> None:
    body = json.dumps({"model": "m", "max_tokens": 10, **more}).encode()
    gate = Gate(governor)
    proposal = gate.propose(MeteredCall(CHAT, CHAT.path), body)
    assert isinstance(proposal, Proposal)
    decision, _ = gate.admit(proposal)
    refusal = denied(decision)
    assert refusal.more["model"] == "nobody-sells-this"
    assert refusal.more["add_line"] == add_lines("nobody-sells-this")
    assert "nobody-sells-this" in refusal.message
    error = denial_error(decision, "m")
    assert isinstance(error, UnpricedModel)
    assert error.model == "nobody-sells-this"


def test_the_name_of_a_model_adds_no_header(governor: Governor) -> None:
    """A client may name a model as it likes, and the header of the answer shows that name."""
    body = json.dumps(
        {"model": "gpt-x\r\nset-cookie: y\u00e9", "max_completion_tokens": 9999, "messages": []}
    ).encode()
    proposal = Gate(governor).propose(MeteredCall(CHAT, CHAT.path), body)
    assert isinstance(proposal, Proposal)
    plan = proposal.plan.downgraded("gpt-5.4-nano")
    assert plan is not None
    form = Proposal(plan, proposal.request, None)
    assert form.headers == {DOWNGRADED: "gpt-x%0D%0Aset-cookie:%20y%C3%A9->gpt-5.4-nano"}
