"""The receiver over real HTTP: each call once, whose it is, and what is refused (PRX-9)."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from tests.gateway.provider import Call
from tests.gateway.proxied import INPUT, OUTPUT, Proxied
from tests.gateway.telemetry.deliveries import Attributes, claude, codex, in_json, in_protobuf

JSON, PROTOBUF = "application/json", "application/x-protobuf"
FORMS = pytest.mark.parametrize(("form", "write"), [(JSON, in_json), (PROTOBUF, in_protobuf)])


def now() -> datetime:
    return datetime.now(UTC)


def deliver(
    gateway: Proxied, body: bytes, form: str = JSON, path: str = "/v1/logs", **headers: str
) -> httpx2.Response:
    with gateway.client(**headers) as client:
        return client.post(path, content=body, headers={"content-type": form})


def sums(gateway: Proxied) -> list[tuple[str, str, int, int]]:
    """Surface, session, input and output of what stands."""
    return [
        (one.surface, one.session_id, one.input_tokens, one.output_tokens)
        for one in gateway.records()
    ]


@FORMS
def test_a_call_is_in_the_ledger_once_however_often_it_is_sent(
    gateway: Proxied, form: str, write: Any
) -> None:
    body = write([{"event.name": "user_prompt", "prompt_length": "8"}, claude(now())])
    for _ in range(2):
        answer = deliver(gateway, body, form)
        assert (answer.status_code, answer.headers["content-type"]) == (200, form)
        assert answer.content == (b"{}" if form == JSON else b"")
    assert sums(gateway) == [("telemetry", "cc-1", 100, 10)]
    assert gateway.spent() == 100 * INPUT + 10 * OUTPUT


@FORMS
def test_codex_counts_as_text_and_its_cached_tokens_inside(
    gateway: Proxied, form: str, write: Any
) -> None:
    body = write([codex(now()), codex(now(), event__kind="response.created")], "codex_exec")
    assert deliver(gateway, body, form).status_code == 200
    (row,) = gateway.records()
    counts = (row.input_tokens, row.cache_read_tokens, row.output_tokens, row.source)
    assert counts == (60, 40, 10, "imported")


def test_a_restart_forgets_nothing(gateway: Proxied) -> None:
    body = in_json([claude(now()), codex(now())])
    deliver(gateway, body)
    gateway.stop()
    gateway.start()
    deliver(gateway, body)
    assert len(gateway.records()) == 2


def test_two_deliveries_at_the_same_time_record_one_call(gateway: Proxied) -> None:
    body = in_json([claude(now(), request_id=f"req_{number}") for number in range(20)])
    threads = [threading.Thread(target=deliver, args=(gateway, body)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(gateway.records()) == 20


def message(tokens: int) -> dict[str, object]:
    usage = {"input_tokens": tokens, "output_tokens": 5}
    return {"type": "message", "model": "m", "content": [], "usage": usage}


@pytest.mark.parametrize("session", ["cc-1", "another"])
def test_what_passed_the_proxy_stands_once(gateway: Proxied, session: str) -> None:
    """The provider's id of the answer says so, whatever else a report claims."""

    async def answer(call: Call) -> None:
        await call.answer(message(10), more="request-id: req_7\r\n")

    gateway.provider.script = answer
    body = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]}
    gateway.post("/v1/messages", body, **{"x-claude-code-session-id": "cc-1"})
    gateway.settled()
    gateway.stop()
    gateway.start()
    report = claude(now() - timedelta(days=3), request_id="req_7", session__id=session)
    assert deliver(gateway, in_json([report, report])).status_code == 200
    assert sums(gateway) == [("proxy", "cc-1", 10, 5)]


def test_what_was_reported_before_it_was_settled_stands_once(gateway: Proxied) -> None:
    is_reported = threading.Event()

    async def answer(call: Call) -> None:
        while not is_reported.is_set():
            await asyncio.sleep(0.01)
        await call.answer(message(100), more="request-id: req_1\r\n")

    gateway.provider.script = answer
    body = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]}
    calling = threading.Thread(target=gateway.post, args=("/v1/messages", body))
    calling.start()
    deliver(gateway, in_json([claude(now())]))
    is_reported.set()
    calling.join()
    gateway.settled()
    assert [one.surface for one in gateway.records()] == ["proxy"]
    assert gateway.spent() == 100 * INPUT + 5 * OUTPUT


def test_rejected_records_are_counted_and_the_others_are_taken(gateway: Proxied) -> None:
    at = now()
    broken: list[Attributes] = [
        claude(at, input_tokens=-1, request_id="a"),
        claude(at, output_tokens=1.5, request_id="b"),
        claude(at, output_tokens="many", request_id="c"),
        claude(at, output_tokens="", request_id="d"),
        claude(at, event__timestamp="1970-01-01T00:00:00Z", request_id="e"),
        claude(at, event__timestamp="2100-01-01T00:00:00Z", request_id="f"),
        claude(at, event__timestamp="soon", request_id="g"),
        claude(at, session__id="", request_id="h"),
        claude(at, session__id="s" * 201, request_id="i"),
        claude(at, input_tokens=10**9, request_id="j"),
        codex(at, reasoning_token_count=11),
        {**claude(at, request_id="k"), **{f"more.{n}": n for n in range(300)}},
    ]
    answer = deliver(gateway, in_json([*broken, claude(at)]))
    assert answer.status_code == 200
    partial = answer.json()["partialSuccess"]
    assert partial["rejectedLogRecords"] == str(len(broken))
    assert "input_tokens" in partial["errorMessage"]
    assert len(gateway.records()) == 1
    answer = deliver(gateway, in_protobuf([*broken, claude(at)]), PROTOBUF)
    read = ExportLogsServiceResponse.FromString(answer.content)
    assert read.partial_success.rejected_log_records == len(broken)
    assert read.partial_success.error_message
    lines = gateway.metrics().splitlines()
    assert 'corvus_telemetry_records_total{result="rejected"} 24.0' in lines
    assert 'corvus_telemetry_records_total{result="recorded"} 1.0' in lines
    assert 'corvus_telemetry_records_total{result="known"} 1.0' in lines


def test_an_attribute_that_stands_twice_with_other_values_is_no_count(gateway: Proxied) -> None:
    body = json.loads(in_json([claude(now())]))
    record = body["resourceLogs"][0]["scopeLogs"][0]["logRecords"][0]
    record["attributes"].append({"key": "output_tokens", "value": {"intValue": "1"}})
    answer = deliver(gateway, json.dumps(body).encode())
    assert answer.json()["partialSuccess"]["rejectedLogRecords"] == "1"


def test_more_records_than_are_read_are_rejected(standing_proxy: Proxied) -> None:
    body = (
        b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[' + b",".join([b"{}"] * 10_003) + b"]}]}]}"
    )
    answer = deliver(standing_proxy, body)
    assert answer.json()["partialSuccess"]["rejectedLogRecords"] == "3"


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"\xff",
        b'{"resourceLogs": {}}',
        b'{"resourceLogs": [1]}',
        b'{"resourceLogs": [{"resource": []}]}',
        b'{"resourceLogs": [{"scopeLogs": "x"}]}',
        b'{"resourceLogs": [{"scopeLogs": [{"logRecords": [{"attributes": {}}]}]}]}',
        b'{"resourceLogs": [{"scopeLogs": [{"logRecords": [{"attributes": [{"key": 1}]}]}]}]}',
        b'{"resourceLogs": ' + b"[" * 50_000,
        b'{"resourceLogs": NaN}',
    ],
)
def test_what_is_no_otlp_is_400_in_the_shape_of_otlp(standing_proxy: Proxied, body: bytes) -> None:
    answer = deliver(standing_proxy, body)
    assert answer.status_code == 400
    assert answer.json()["code"] == 3
    assert answer.json()["message"]


def test_what_is_no_protobuf_is_400_in_protobuf(standing_proxy: Proxied) -> None:
    answer = deliver(standing_proxy, b"\xff\xff", PROTOBUF)
    assert (answer.status_code, answer.headers["content-type"]) == (400, PROTOBUF)
    assert answer.content.startswith(b"\x08\x03\x12")


def test_metrics_and_traces_are_taken_and_dropped(gateway: Proxied) -> None:
    for path, body in (("metrics", b'{"resourceMetrics":[]}'), ("traces", b'{"resourceSpans":[]}')):
        assert deliver(gateway, body, path=f"/v1/{path}").status_code == 200
    binary = ExportMetricsServiceRequest().SerializeToString()
    assert deliver(gateway, binary, PROTOBUF, "/v1/metrics").status_code == 200
    assert deliver(gateway, b"{", path="/v1/metrics").status_code == 400
    assert gateway.records() == []


def test_a_delivery_may_be_compressed(gateway: Proxied) -> None:
    body = gzip.compress(in_json([claude(now())]))
    assert deliver(gateway, body, **{"content-encoding": "gzip"}).status_code == 200
    assert len(gateway.records()) == 1
    bomb = gzip.compress(b" " * 50_000_000)
    assert deliver(gateway, bomb, **{"content-encoding": "gzip"}).status_code == 413


def test_the_endpoint_may_have_its_version_twice(gateway: Proxied) -> None:
    assert deliver(gateway, in_json([claude(now())]), path="/v1/v1/logs").status_code == 200
    assert len(gateway.records()) == 1


def test_another_type_is_415(standing_proxy: Proxied) -> None:
    assert deliver(standing_proxy, b"{}", "text/plain").status_code == 415


def test_a_token_is_needed_and_of_scope_proxy(standing_proxy: Proxied) -> None:
    url = f"{standing_proxy.url}/v1/logs"
    with httpx2.Client(trust_env=False) as client:
        assert client.post(url, json={}).status_code == 401
        reader = {"authorization": f"Bearer {standing_proxy._eye}"}  # pyright: ignore[reportPrivateUsage]
        assert client.post(url, json={}, headers=reader).status_code == 403


def test_who_spends_is_the_token_whatever_is_said(gateway: Proxied) -> None:
    headers = {"x-corvus-project": "web", "x-corvus-tag-team": "search"}
    deliver(gateway, in_json([claude(now(), user__email="eve@example.com")]), **headers)
    with gateway.runtime.ledger() as ledger:
        row = ledger.connection.execute(
            "SELECT user_name, token, project, agent, tags['team'], tags['client.cost_usd'] "
            "FROM usage_call"
        ).fetchone()
    assert row == ("bot", "bot", "web", "claude-code", "search", "0.25")


def test_a_clock_that_is_ahead_records_now(gateway: Proxied) -> None:
    deliver(gateway, in_json([claude(now() + timedelta(hours=5))]))
    with gateway.runtime.ledger() as ledger:
        row = ledger.connection.execute("SELECT admitted_at FROM usage_call").fetchone()
    assert row is not None
    assert row[0].replace(tzinfo=UTC) <= now()


def test_a_body_that_is_too_large_is_refused(standing_proxy: Proxied) -> None:
    assert deliver(standing_proxy, b" " * 300_000).status_code == 413
