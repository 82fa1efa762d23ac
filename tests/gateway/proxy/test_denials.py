"""What a refused call is told, and that no number of callers spends more than there is (PRX-4)."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.provider import CHAT_TEXT, DONE, Call
from tests.gateway.proxied import INPUT, OUTPUT, Proxied, Settings, proxied
from tests.metering.streams import chat_chunk, sse

CHAT: dict[str, Any] = {
    "model": "m",
    "messages": [{"role": "user", "content": "Say hi"}],
    "max_tokens": 50,
}
SMALL = Settings(limit="0.5", cost="allow_override = true")
TOLD = {
    "governance_domain": "token_spend",
    "code": "budget_exceeded",
    "scope": "day",
    "limit_nano_usd": "500000000",
    "spent_nano_usd": "0",
    "held_nano_usd": "0",
    "config_key": "cost.daily_limit_usd",
    "override_possible": True,
}


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize(
    "path", ["/v1/chat/completions", "/v1/responses", "/v1/messages", "/v1/embeddings"]
)
def test_a_denial_has_the_shape_of_the_provider_and_all_that_a_program_needs(
    tmp_path: Path, path: str, is_stream: bool
) -> None:
    with proxied(tmp_path, SMALL) as gateway:
        body = {**CHAT, "max_output_tokens": 50, "stream": is_stream, "input": "x" * 3000}
        answer = gateway.post(path, body)
        assert answer.status_code == 402
        assert answer.headers["x-should-retry"] == "false"
        assert "retry-after" not in answer.headers
        error = answer.json()["error"]
        told = error["corvus"]
        assert {key: told[key] for key in TOLD} == TOLD
        assert told["percent_used"] > 100
        assert told["projected_nano_usd"] == told["estimate_nano_usd"]
        assert told["headroom_nano_usd"] == "500000000"
        assert told["resets_at"] is not None
        assert "max_affordable_output_tokens" in told
        assert error["code"] == "budget_exceeded"
        if path == "/v1/messages":
            assert (answer.json()["type"], error["type"]) == ("error", "billing_error")
        else:
            assert (error["type"], error["param"]) == ("budget_exceeded", None)
        assert gateway.provider.calls == []
        assert gateway.held() == 0


def test_the_status_of_a_denial_is_configurable_for_each_provider(tmp_path: Path) -> None:
    settings = Settings(limit="0.001", openai="denied_status = 400")
    with proxied(tmp_path, settings) as gateway:
        assert gateway.post("/v1/chat/completions", CHAT).status_code == 400
        assert gateway.post("/v1/messages", CHAT).status_code == 402


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
def test_a_model_without_price_is_refused_with_the_lines_to_paste(
    gateway: Proxied, path: str
) -> None:
    """PRC-5: the default model of a client may be newer than the book."""
    answer = gateway.post(path, {**CHAT, "model": "gpt-5.3-codexx"})
    assert answer.status_code == 402
    assert answer.headers["x-should-retry"] == "false"
    error = answer.json()["error"]
    assert error["code"] == error["corvus"]["code"] == "unpriced_model"
    lines = '[cost.prices."gpt-5.3-codexx"]\ninput = …\noutput = …'
    assert lines in error["message"]
    assert error["corvus"]["add_line"] == lines
    assert error["corvus"]["model"] == "gpt-5.3-codexx"
    near = error["corvus"]["nearest"]
    assert near[0].endswith("/gpt-5.3-codex")
    assert len(near) <= 3
    assert all(name in error["message"] for name in near)
    assert gateway.provider.calls == []


def test_an_override_lifts_one_denial(tmp_path: Path) -> None:
    from corvus.model.steering import OverrideRequest

    with proxied(tmp_path, Settings(limit="0.001", cost="allow_override = true")) as gateway:
        assert gateway.post("/v1/chat/completions", CHAT).status_code == 402
        with gateway.runtime.steering() as governor:
            governor.override(OverrideRequest(actor="ana"))
        assert gateway.post("/v1/chat/completions", CHAT).status_code == 200
        assert gateway.post("/v1/chat/completions", CHAT).status_code == 402


def test_while_governance_is_off_calls_pass_and_nothing_is_recorded(tmp_path: Path) -> None:
    with proxied(tmp_path) as gateway:
        gateway.stop()
        gateway.config.write_text(gateway.config.read_text().replace("enabled = true", ""))
        gateway.start()
        assert gateway.post("/v1/chat/completions", CHAT).status_code == 200
        assert gateway.post("/v1/chat/completions", {**CHAT, "stream": True}).status_code == 200
        assert gateway.records() == []


@pytest.mark.parametrize("is_stream", [False, True])
def test_a_hundred_callers_never_spend_more_than_there_is(tmp_path: Path, is_stream: bool) -> None:
    """RES-1: the provider itself counts what it did, in the worst case that each request allows."""
    limit_nano_usd = 5_000_000_000
    done: list[int] = []
    lock = threading.Lock()

    async def expensive(call: Call) -> None:
        tokens = call.json["max_tokens"]
        read = len(call.body) // 4  # what tokenisers make of English in JSON
        usage = {"prompt_tokens": read, "completion_tokens": tokens}
        await asyncio.sleep(0.05)
        with lock:
            done.append(read * INPUT + tokens * OUTPUT)
        if not is_stream:
            await call.answer({"model": "m", "choices": [], "usage": usage})
            return
        await call.begin()
        await call.chunk(CHAT_TEXT + sse(chat_chunk(None, usage=usage)) + DONE)
        await call.end()

    with proxied(tmp_path, Settings(limit="5")) as gateway:
        gateway.provider.script = expensive

        def call(number: int) -> int:
            body = {**CHAT, "max_tokens": 20 + number % 7, "stream": is_stream}
            return gateway.post("/v1/chat/completions", body).status_code

        with ThreadPoolExecutor(100) as pool:
            statuses = list(pool.map(call, range(100)))
        assert set(statuses) == {200, 402}
        assert len(done) == statuses.count(200) == len(gateway.provider.calls)
        assert sum(done) <= limit_nano_usd
        assert gateway.spent() == sum(done)
        assert len(gateway.records()) == len(done)
