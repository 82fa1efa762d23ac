"""What passes through the proxy, and what is recorded of it (PRX-1 to PRX-3, PRX-5)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.provider import (
    CHAT_BODY,
    CHAT_LAST,
    CHAT_TEXT,
    DONE,
    MESSAGE_STREAM,
    RESPONSE_STREAM,
    Call,
)
from tests.gateway.proxied import INPUT, KEY, OUTPUT, Proxied, Settings, proxied

MESSAGES = [{"role": "user", "content": "Say hi"}]
CHAT: dict[str, Any] = {"model": "m", "messages": MESSAGES, "max_tokens": 50}


def test_a_chat_call_is_passed_on_and_recorded(gateway: Proxied) -> None:
    answer = gateway.post("/v1/chat/completions", CHAT)
    assert (answer.status_code, answer.json()) == (200, CHAT_BODY)
    record = gateway.record()
    assert record[:5] == (10 * INPUT + 5 * OUTPUT, "priced", "completed", 10, 5)
    assert (record.provider, record.surface) == ("openai", "proxy")
    assert record.session_id == answer.headers["x-corvus-session"]


def test_who_has_an_answer_finds_it_counted(gateway: Proxied) -> None:
    for count in range(1, 6):
        gateway.post("/v1/chat/completions", CHAT)
        assert gateway.spent() == count * (10 * INPUT + 5 * OUTPUT)


@pytest.mark.parametrize(
    ("path", "body", "bytes_passed"),
    [
        ("/v1/chat/completions", {**CHAT, "stream": True}, CHAT_TEXT + DONE),
        (
            "/v1/chat/completions",
            {**CHAT, "stream": True, "stream_options": {"include_usage": True}},
            CHAT_TEXT + CHAT_LAST + DONE,
        ),
        ("/v1/responses", {"model": "m", "input": "Hi", "stream": True}, RESPONSE_STREAM),
        ("/v1/messages", {**CHAT, "stream": True}, MESSAGE_STREAM),
    ],
    ids=["chat", "chat that asks for usage", "responses", "messages"],
)
def test_a_stream_passes_byte_for_byte(
    gateway: Proxied, path: str, body: dict[str, Any], bytes_passed: bytes
) -> None:
    """PRX-2: the chunk that only the gateway asked for is left out again."""
    answer = gateway.post(path, body)
    assert answer.content == bytes_passed
    assert answer.headers["content-type"] == "text/event-stream"
    assert gateway.record().source == "priced"


def test_cached_and_reasoning_tokens_are_priced_apart(gateway: Proxied) -> None:
    gateway.post("/v1/responses", {"model": "m", "input": "Hi"})
    record = gateway.record()
    assert record[3:8] == (6, 3, 4, 0, 2)
    assert record.cost_nano_usd == 6 * INPUT + 4 * INPUT // 10 + 5 * OUTPUT


def test_cache_kinds_of_messages_are_priced_apart(gateway: Proxied) -> None:
    gateway.post("/v1/messages?beta=true", {**CHAT, "stream": True})
    record = gateway.record()
    assert record[3:8] == (10, 5, 30, 20, 0)
    assert record.cost_nano_usd == 10 * INPUT + 25 * INPUT + 3 * INPUT + 5 * OUTPUT
    assert gateway.provider.calls[0].target == "/v1/messages?beta=true"


def test_iterations_of_another_model_are_priced_at_its_own_price(tmp_path: Path) -> None:
    usage = {
        "input_tokens": 10,
        "output_tokens": 5,
        "iterations": [
            {"type": "message", "model": "m", "input_tokens": 10, "output_tokens": 5},
            {"type": "advisor_message", "model": "dear", "input_tokens": 7, "output_tokens": 3},
        ],
    }

    async def advised(call: Call) -> None:
        await call.answer({"id": "x", "type": "message", "model": "m", "usage": usage})

    cost = "[cost.prices.dear]\ninput = 20000\noutput = 30000"
    with proxied(tmp_path, Settings(cost=cost)) as gateway:
        gateway.provider.script = advised
        gateway.post("/v1/messages", CHAT)
        record = gateway.record()
        assert record.cost_nano_usd == 10 * INPUT + 5 * OUTPUT + 7 * 20 * INPUT + 3 * 3 * OUTPUT
        assert record[3:5] == (17, 8)


def test_a_tier_has_its_own_price(tmp_path: Path) -> None:
    async def fast(call: Call) -> None:
        await call.answer({**CHAT_BODY, "service_tier": "priority"})

    cost = "[cost.prices.m-priority]\ninput = 2000\noutput = 20000"
    with proxied(tmp_path, Settings(cost=cost)) as gateway:
        gateway.provider.script = fast
        gateway.post("/v1/chat/completions", {**CHAT, "service_tier": "priority"})
        record = gateway.record()
        assert record.cost_nano_usd == 20 * INPUT + 10 * OUTPUT
        assert (record.service_tier, record.source) == ("priority", "priced")


def test_a_tier_that_the_answer_leaves_out_is_the_most_expensive_of_both(tmp_path: Path) -> None:
    async def silent(call: Call) -> None:
        await call.answer(CHAT_BODY)

    cost = "[cost.prices.m-priority]\ninput = 2000\noutput = 20000"
    with proxied(tmp_path, Settings(cost=cost)) as gateway:
        gateway.provider.script = silent
        gateway.post("/v1/chat/completions", {**CHAT, "service_tier": "priority"})
        record = gateway.record()
        assert record.cost_nano_usd == 20 * INPUT + 10 * OUTPUT
        assert record.source == "estimated"


def test_a_tier_that_the_answer_lowers_is_believed(tmp_path: Path) -> None:
    async def lowered(call: Call) -> None:
        await call.answer({**CHAT_BODY, "service_tier": "default"})

    cost = "[cost.prices.m-priority]\ninput = 2000\noutput = 20000"
    with proxied(tmp_path, Settings(cost=cost)) as gateway:
        gateway.provider.script = lowered
        gateway.post("/v1/chat/completions", {**CHAT, "service_tier": "priority"})
        record = gateway.record()
        assert (record.cost_nano_usd, record.source) == (10 * INPUT + 5 * OUTPUT, "priced")


def test_embeddings_are_metered(gateway: Proxied) -> None:
    gateway.post("/v1/embeddings", {"model": "m", "input": "Hi"})
    assert gateway.record()[:5] == (10 * INPUT, "priced", "completed", 10, 0)


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v1/models"), ("POST", "/v1/messages/count_tokens"), ("HEAD", "/")],
)
def test_what_costs_nothing_passes_without_charge(gateway: Proxied, method: str, path: str) -> None:
    with gateway.client() as client:
        answer = client.request(method, path, json=CHAT if method == "POST" else None)
    assert answer.status_code == 200
    assert [call.target for call in gateway.provider.calls] == ([] if path == "/" else [path])
    assert gateway.records() == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/realtime/sessions"),
        ("POST", "/v1/fine_tuning/jobs"),
        ("GET", "/v1/files"),
        ("GET", "/v1/chat/completions"),
        ("GET", "/v1/responses/r_1/../r_2"),
        ("PUT", "/v1/responses/r_1"),
        ("POST", "/v1/messages/batches"),
        ("POST", "/v1/chat/completions/"),
        ("POST", "/v1/chat%2Fcompletions"),
        ("POST", "/v1/../v1/chat/completions"),
        ("POST", "/v1/%2e%2e/v1/messages"),
        ("DELETE", "/v1/models"),
    ],
)
def test_no_other_path_reaches_the_provider(gateway: Proxied, method: str, path: str) -> None:
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=20)
    headers = {"authorization": f"Bearer {gateway.secret}", "content-type": "application/json"}
    connection.request(method, path, json.dumps(CHAT) if method == "POST" else None, headers)
    answer = connection.getresponse()
    assert answer.status == 404
    assert json.loads(answer.read())["error"]["code"] == "not_found"
    connection.close()
    assert gateway.provider.calls == []


def test_an_upgrade_to_a_websocket_is_refused_at_once(gateway: Proxied) -> None:
    more = {"connection": "upgrade", "upgrade": "websocket", "sec-websocket-version": "13"}
    with gateway.client(**more) as client:
        assert client.get("/v1/responses").status_code == 426
    assert gateway.provider.calls == []


def test_headers_and_credentials_are_replaced(gateway: Proxied) -> None:
    """PRX-5."""
    passed = {"anthropic-version": "2023-06-01", "openai-beta": "x", "user-agent": "mine"}
    kept = {
        "cookie": "a=b",
        "forwarded": "for=1",
        "x-forwarded-for": "1.2.3.4",
        "x-hop": "1",
        "connection": "x-hop",
        "x-corvus-project": "p",
        "api-key": "k",
        "x-api-key": "k",
        "accept-encoding": "gzip",
    }
    gateway.post("/v1/chat/completions", CHAT, **passed, **kept)
    (call,) = gateway.provider.calls
    assert {name: call.header(name) for name in passed} == passed
    assert call.header("authorization") == f"Bearer {KEY}"
    assert call.header("accept-encoding") == "identity"
    assert call.header("host") == f"127.0.0.1:{gateway.provider.port}"
    gone = kept.keys() - {"connection", "accept-encoding"}
    assert [name for name in gone if call.header(name) is not None] == []
    assert gateway.secret not in str(call.headers)


def test_the_key_of_messages_goes_where_its_provider_reads_it(gateway: Proxied) -> None:
    with gateway.client() as client:
        del client.headers["authorization"]
        client.headers["x-api-key"] = gateway.secret
        assert client.post("/v1/messages", json=CHAT).status_code == 200
    (call,) = gateway.provider.calls
    assert (call.header("x-api-key"), call.header("authorization")) == (KEY, None)


def test_a_logged_in_clients_credentials_pass_where_the_config_says_so(tmp_path: Path) -> None:
    with proxied(tmp_path, Settings(openai="pass_through = true")) as gateway:
        with gateway.client() as client:
            client.headers["authorization"] = "Bearer of-a-subscription"
            assert client.post("/v1/chat/completions", json=CHAT).status_code == 401
            client.headers["x-corvus-token"] = gateway.secret
            assert client.post("/v1/chat/completions", json=CHAT).status_code == 200
        (call,) = gateway.provider.calls
        assert call.header("authorization") == "Bearer of-a-subscription"
        assert gateway.secret not in str(call.headers)


def test_a_redirect_is_not_followed(gateway: Proxied) -> None:
    async def away(call: Call) -> None:
        await call.answer({}, 307, f"location: {gateway.provider.url}/elsewhere\r\n")

    gateway.provider.script = away
    answer = gateway.post("/v1/chat/completions", CHAT)
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_redirects")
    assert "location" not in answer.headers
    assert len(gateway.provider.calls) == 1
    assert gateway.spent() == 0


def test_an_answer_that_the_client_has_already_is_no_redirect(gateway: Proxied) -> None:
    async def unchanged(call: Call) -> None:
        await call.raw(b'HTTP/1.1 304 Not Modified\r\netag: "a"\r\n\r\n')

    gateway.provider.script = unchanged
    with gateway.client(if_none_match='"a"') as client:
        answer = client.get("/v1/models")
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", '"a"')


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"[]", "json_invalid"),
        (b"{", "json_invalid"),
        (b'{"messages": []}', "model_missing"),
        (b'{"model": "m", "model": "m2"}', "json_ambiguous"),
        (rb'{"model": "m", "m\u006fdel": "m2"}', "json_ambiguous"),
        (b'{"model": "m", "max_tokens": 1, "max_tokens": 9999}', "json_ambiguous"),
        (b'{"model": "m", "background": true}', "background_refused"),
        (b'{"model": "%s"}' % (b"x" * 1001), "request_invalid"),
        (b'{"model": "m", "max_tokens": -1}', "maximum_invalid"),
        (b'{"model": "m", "Max_Tokens": 9}', "json_ambiguous"),
        ('{"model": "m"}'.encode("utf-16"), "json_invalid"),
    ],
)
def test_what_cannot_be_metered_is_refused(gateway: Proxied, body: bytes, code: str) -> None:
    with gateway.client(**{"content-type": "application/json"}) as client:
        answer = client.post("/v1/responses", content=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
    assert answer.headers["x-should-retry"] == "false"
    assert gateway.provider.calls == []


def test_a_session_and_attributes_may_be_named_and_are_told(gateway: Proxied) -> None:
    answer = gateway.post("/v1/chat/completions", CHAT, **{"x-corvus-session": "s-1"})
    assert answer.headers["x-corvus-session"] == "s-1"
    assert gateway.record().session_id == "s-1"


def test_the_time_until_a_call_leaves_is_measured(gateway: Proxied) -> None:
    for _ in range(2):
        gateway.post("/v1/chat/completions", CHAT)
    gateway.post("/v1/chat/completions", {**CHAT, "model": "nobody-knows"})  # never leaves
    seen = gateway.metrics()
    assert "corvus_proxy_overhead_seconds_count 2.0" in seen
