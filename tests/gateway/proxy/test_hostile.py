"""Requests made to reach another host, to pass two requests for one, or to pay nothing (PRX-5)."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from corvus.base.errors import GatewayRefused
from corvus.gateway.proxy.upstreams import Upstreams
from corvus.model.gateway import Kind, Upstream
from tests.gateway.proxied import Proxied, Settings, proxied

BODY = json.dumps({"model": "m", "messages": [], "max_tokens": 5})


def raw(gateway: Proxied, data: bytes) -> tuple[int, bytes]:
    """Send bytes as they are; return the status and all that came back."""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as client:
        client.sendall(data)
        answer = b""
        while piece := client.recv(65_536):
            answer += piece
    return int(answer.split(b" ", 2)[1]), answer


def post(gateway: Proxied, *lines: str, target: str = "/v1/chat/completions") -> bytes:
    head = [
        f"POST {target} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {gateway.secret}",
        "Content-Type: application/json",
        *lines,
        "Connection: close",
    ]
    return ("\r\n".join(head) + "\r\n\r\n").encode()


@pytest.fixture
def gateway(standing_proxy: Proxied) -> Proxied:
    """A gateway whose provider was asked for nothing yet."""
    standing_proxy.provider.calls.clear()
    return standing_proxy


LENGTH = f"Content-Length: {len(BODY)}"


def test_the_request_that_the_hostile_ones_are_made_from_passes(gateway: Proxied) -> None:
    status, _ = raw(gateway, post(gateway, LENGTH) + BODY.encode())
    assert status == 200
    assert len(gateway.provider.calls) == 1


@pytest.mark.parametrize(
    "lines",
    [
        [LENGTH, "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: chunked", LENGTH],
        [LENGTH, "Content-Length: 3"],
        [LENGTH, "Host: evil.example"],
        [LENGTH, "Authorization: Bearer other"],
        [LENGTH, "X-Api-Key: a", "X-Api-Key: b"],
        [LENGTH, "X-Folded: a\r\n b"],
        [LENGTH, "Transfer-Encoding : chunked"],
    ],
)
def test_what_two_parsers_may_read_in_two_ways_is_refused(
    gateway: Proxied, lines: list[str]
) -> None:
    status, _ = raw(gateway, post(gateway, *lines) + BODY.encode())
    assert status == 400
    assert gateway.provider.calls == []


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("@evil.example/v1/chat/completions", 400),
        ("//evil.example/v1/chat/completions", 404),
        ("/v1/chat/completions/../../@evil.example", 404),
        ("/v1/%2e%2e/%2e%2e/v1/chat/completions", 404),
        ("/v1/chat/completions%00", 404),
        ("/v1/chat/completions;x", 404),
        ("/V1/chat/completions", 404),
    ],
)
def test_a_target_that_is_not_listed_reaches_no_host(
    gateway: Proxied, target: str, status: int
) -> None:
    got, _ = raw(gateway, post(gateway, LENGTH, target=target) + BODY.encode())
    assert got == status
    assert gateway.provider.calls == []


@pytest.mark.parametrize(
    "target",
    [
        "http://evil.example/v1/chat/completions",
        "/v1/chat/completions?@evil.example/",
        "/v1/chat/completions?a=http://evil.example/&b=%2e%2e%2f",
    ],
)
def test_no_target_changes_the_host(gateway: Proxied, target: str) -> None:
    raw(gateway, post(gateway, LENGTH, target=target) + BODY.encode())
    (call,) = gateway.provider.calls
    assert call.target.partition("?")[0] == "/v1/chat/completions"
    assert call.target.partition("?")[2] == target.partition("?")[2]
    assert call.header("host") == f"127.0.0.1:{gateway.provider.port}"


@pytest.mark.parametrize("size", [200_001, 10_000_000])
def test_a_body_beyond_the_bound_is_refused(gateway: Proxied, size: int) -> None:
    status, answer = raw(gateway, post(gateway, f"Content-Length: {size}"))
    assert status == 413
    assert b"200,000" in answer
    assert gateway.provider.calls == []


def test_headers_of_ours_must_be_plain_text(gateway: Proxied) -> None:
    for value in ("", "x" * 201, "a\tb", "\xff"):
        line = f"X-Corvus-Session: {value}".encode("latin-1")
        head = post(gateway, LENGTH).replace(b"Connection", line + b"\r\nConnection", 1)
        assert raw(gateway, head + BODY.encode())[0] == 400
    assert gateway.provider.calls == []


@pytest.mark.parametrize(
    ("base_url", "why"),
    [
        ("http://api.example.org/v1", "https"),
        ("https://169.254.169.254/v1", "link-local"),
        ("https://[fe80::1]/v1", "link-local"),
        ("https://[::ffff:169.254.169.254]/v1", "link-local"),
        ("https://user:pass@api.example.org/v1", "no user"),
        ("https://api.example.org/v1?x=1", "no query"),
        ("https://api.example.org:99999/v1", "has a port that is none"),
    ],
)
def test_an_upstream_that_would_leak_a_key_is_refused(base_url: str, why: str) -> None:
    with pytest.raises(GatewayRefused, match=why):
        Upstreams((Upstream("a", base_url, Kind.OPENAI, "KEY"),), {})


def test_a_key_that_is_not_set_is_told_by_the_name_of_its_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TEST_OPENAI_KEY")
    with proxied(tmp_path, Settings()) as gateway:
        answer = gateway.post("/v1/chat/completions", json.loads(BODY))
        assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_key_missing")
        assert "TEST_OPENAI_KEY" in answer.text
        assert gateway.provider.calls == []


@pytest.mark.parametrize("scope", ["read", "admin"])
def test_a_token_of_another_scope_makes_no_calls(gateway: Proxied, scope: str) -> None:
    from corvus.governor import tokens
    from corvus.model.token import TokenRequest, TokenScope, new_secret

    secret = new_secret()
    with gateway.runtime.bookkeeping.store() as store:
        store.run(
            lambda unit: tokens.create(unit, TokenRequest(scope, TokenScope(scope)), secret, "ana")
        )
    answer = gateway.post(
        "/v1/chat/completions", json.loads(BODY), authorization=f"Bearer {secret}"
    )
    assert answer.status_code == 403
    with gateway.client() as client:
        del client.headers["authorization"]
        assert client.post("/v1/chat/completions", json=json.loads(BODY)).status_code == 401
        assert client.get("/web/cost/summary").status_code == 401
    assert gateway.provider.calls == []


@pytest.mark.parametrize("charset", ["utf-16", "UTF-7", '"utf-32le"', "iso-8859-1"])
def test_json_in_a_charset_that_may_make_it_other_json_is_refused(
    gateway: Proxied, charset: str
) -> None:
    kind = f"Content-Type: application/json; charset={charset}"
    request = post(gateway, LENGTH).replace(b"Content-Type: application/json", kind.encode())
    status, answer = raw(gateway, request + BODY.encode())
    assert (status, gateway.provider.calls) == (415, [])
    assert b"charset_refused" in answer


@pytest.mark.parametrize("charset", ["utf-8", '"UTF-8"'])
def test_json_that_says_that_it_is_utf_8_passes(gateway: Proxied, charset: str) -> None:
    kind = f"Content-Type: application/json; charset={charset}"
    request = post(gateway, LENGTH).replace(b"Content-Type: application/json", kind.encode())
    assert raw(gateway, request + BODY.encode())[0] == 200


def test_a_header_of_ours_that_says_two_things_is_refused(gateway: Proxied) -> None:
    lines = ["X-Corvus-Session: one", "x-corvus-session: two"]
    status, answer = raw(gateway, post(gateway, LENGTH, *lines) + BODY.encode())
    assert (status, gateway.provider.calls) == (400, [])
    assert b"header_invalid" in answer


def test_headers_that_may_turn_a_request_into_another_go_no_further(gateway: Proxied) -> None:
    lines = [
        "Content_Encoding: gzip",
        "Content_Length: 3",
        "Transfer_Encoding: chunked",
        "X_Api_Key: other",
        "X-Original-URL: /v1/other",
        "X-HTTP-Method-Override: GET",
        "session_id: of-the-client",
    ]
    assert raw(gateway, post(gateway, LENGTH, *lines) + BODY.encode())[0] == 200
    (call,) = gateway.provider.calls
    passed = {name.lower() for name, _ in call.headers}
    assert "session_id" in passed
    hidden = {line.partition(":")[0].lower() for line in lines[:-1]}
    assert not passed & hidden
