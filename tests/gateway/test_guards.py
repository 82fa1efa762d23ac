"""What the guards refuse on a provider's route is an error in the provider's own shape (PRX-4).

An SDK shows the text of an error only where its own provider would put it.
"""

from __future__ import annotations

import gzip
import json
from typing import Any

import anthropic
import httpx2
import openai
import pytest

from corvus.base.errors import StoreUnavailable
from corvus.gateway.problems import Problem
from corvus.gateway.refusal import reply_of
from corvus.model.token import new_secret
from corvus.store.store import Store
from tests.gateway.proxied import Proxied

SAY: list[Any] = [{"role": "user", "content": "Say hi"}]
CALL = {"model": "m", "max_tokens": 5, "messages": SAY}
JSON = {"content-type": "application/json"}
LARGE = b'{"x": "' + b"x" * 200_001 + b'"}'
BOMB = gzip.compress(LARGE)
KEY_CODES = {"token_unknown": "invalid_api_key", "token_missing": "invalid_api_key"}
"""As OpenAI's clients know them."""

FAULTS: list[tuple[dict[str, str], bytes, int, str, str]] = [
    ({"authorization": "Bearer wrong"}, b"{}", 401, "token_unknown", "authentication_error"),
    ({"authorization": ""}, b"{}", 401, "token_missing", "authentication_error"),
    ({"origin": "https://evil.example"}, b"{}", 403, "origin_refused", "permission_error"),
    ({"host": "evil.example"}, b"{}", 421, "host_refused", "invalid_request_error"),
    ({"content-type": "text/plain"}, b"{}", 415, "not_json", "invalid_request_error"),
    ({}, LARGE, 413, "body_too_large", "request_too_large"),
    ({"content-encoding": "lzma"}, b"{}", 415, "encoding_refused", "invalid_request_error"),
    ({"content-encoding": "br"}, b"{}", 400, "encoding_broken", "invalid_request_error"),
    ({"content-encoding": "gzip"}, BOMB, 413, "body_too_large", "request_too_large"),
    ({"x-long": "x" * 40_000}, b"{}", 431, "headers_too_large", "invalid_request_error"),
]
OPENAI = ["/v1/chat/completions", "/v1/responses", "/v1/embeddings"]
ANTHROPIC = ["/v1/messages", "/v1/messages/count_tokens"]


def ask(
    gateway: Proxied, path: str, headers: dict[str, str], body: bytes, method: str = "POST"
) -> httpx2.Response:
    with gateway.client() as client:
        return client.request(method, path, content=body, headers={**JSON, **headers})


@pytest.mark.parametrize(("headers", "body", "status", "code", "kind"), FAULTS)
def test_a_refusal_has_the_shape_of_the_route(
    gateway: Proxied, headers: dict[str, str], body: bytes, status: int, code: str, kind: str
) -> None:
    for path in OPENAI:
        answer = ask(gateway, path, headers, body)
        told = answer.json()["error"]
        shown = KEY_CODES.get(code, code)
        assert (answer.status_code, told["code"], told["corvus"]["code"]) == (status, shown, code)
        assert told["type"] == (code if shown == code else "invalid_request_error")
        assert told["message"]
        assert answer.headers["x-should-retry"] == "false"
    for path in ANTHROPIC:
        answer = ask(gateway, path, headers, body)
        assert answer.status_code == status
        assert answer.json()["type"] == "error"
        assert (answer.json()["error"]["type"], answer.json()["error"]["code"]) == (kind, code)
    assert gateway.provider.calls == []


def test_a_header_of_anthropic_makes_the_shape_theirs(gateway: Proxied) -> None:
    headers = {"authorization": "Bearer wrong", "anthropic-version": "2023-06-01"}
    answer = ask(gateway, "/v1/models", headers, b"", "GET")
    assert (answer.status_code, answer.json()["type"]) == (401, "error")


def test_a_path_of_ours_keeps_the_envelope_of_our_api(gateway: Proxied) -> None:
    answer = ask(gateway, "/web/cost/summary", {"authorization": "Bearer wrong"}, b"", "GET")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "token-unknown"


@pytest.mark.parametrize("token", ["", "Bearer wrong"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/nobody"),
        ("POST", "/chat/completion"),
        ("GET", "/v1"),
        ("GET", "/v1/chat/completions"),
        ("DELETE", "/v1/models"),
        ("POST", "/v1beta/models/gemini:nothing"),
        ("POST", "/v1/messages/batches"),
        ("HEAD", "/v1/messages"),
    ],
)
def test_what_is_no_route_is_said_so_and_never_as_a_missing_token(
    gateway: Proxied, method: str, path: str, token: str
) -> None:
    """PRX-1."""
    answer = ask(gateway, path, {"authorization": token}, b"", method)
    assert answer.status_code == 404
    if method != "HEAD":
        assert answer.json()["error"]["code"] in ("not_found", 404)
        assert "no such route" in answer.json()["error"]["message"]
        assert answer.json().get("type") == ("error" if "messages" in path else None)


def test_sdks_show_what_is_wrong(gateway: Proxied) -> None:
    wrong = "not-a-token"
    with (
        openai.OpenAI(api_key=wrong, base_url=f"{gateway.url}/v1") as gpt,
        anthropic.Anthropic(api_key=wrong, base_url=gateway.url) as claude,
    ):
        with pytest.raises(openai.AuthenticationError, match="this token is unknown") as refused:
            gpt.chat.completions.create(model="m", messages=SAY)
        assert refused.value.code == "invalid_api_key"
        with pytest.raises(anthropic.AuthenticationError, match="this token is unknown"):
            claude.messages.create(model="m", messages=SAY, max_tokens=5)


def test_sdks_show_that_a_body_is_too_large(gateway: Proxied) -> None:
    """Both write the whole body before they look for an answer."""
    long: list[Any] = [{"role": "user", "content": "x" * 20_000_000}]
    with (
        openai.OpenAI(api_key=gateway.secret, base_url=f"{gateway.url}/v1", max_retries=0) as gpt,
        anthropic.Anthropic(api_key=gateway.secret, base_url=gateway.url, max_retries=0) as claude,
    ):
        with pytest.raises(openai.APIStatusError, match="200,000 bytes") as refused:
            gpt.chat.completions.create(model="m", messages=long)
        assert refused.value.status_code == 413
        with pytest.raises(anthropic.RequestTooLargeError, match="200,000 bytes"):
            claude.messages.create(model="m", messages=long, max_tokens=5)
    assert gateway.provider.calls == []


def test_a_fault_of_ours_has_the_shape_too(
    gateway: Proxied, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("corvus.gateway.proxy.proxy.Proxy._target", broken)
    answer = ask(gateway, "/v1/chat/completions", {}, json.dumps(CALL).encode())
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal")


@pytest.mark.parametrize("status", [400, 401, 403, 413, 415, 421, 431])
def test_the_routes_of_google_and_aws_have_their_shapes(status: int) -> None:
    """PRX-4: of Google a number and a word for the status, of AWS a header that names the fault."""
    problem = Problem(status, "some-fault", "what is wrong", {}, None, {"accept-encoding": "gzip"})
    google = reply_of("/v1beta/models/m:generateContent", set(), problem)
    error = json.loads(google.body)["error"]
    assert (google.status, error["code"], error["message"]) == (status, status, "what is wrong")
    assert error["status"].isupper()
    aws = reply_of("/model/m/converse", set(), problem)
    assert (aws.status, json.loads(aws.body)["message"]) == (status, "what is wrong")
    assert dict(aws.headers)[b"x-amzn-errortype"].endswith(b"Exception")
    for reply in (google, aws):
        assert dict(reply.headers)[b"x-should-retry"] == b"false"
        assert dict(reply.headers)[b"accept-encoding"] == b"gzip"


@pytest.mark.parametrize("path", [*OPENAI, *ANTHROPIC])
def test_a_call_is_refused_as_unverified_when_its_token_cannot_be_looked_up(
    gateway: Proxied, path: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The store is away: one code, whether its token or its budgets were asked for (EVA-13)."""

    async def broken(*_: object) -> None:
        raise StoreUnavailable("no connection to db.example")

    monkeypatch.setattr(Store, "run_async", broken)
    answer = ask(gateway, path, {"authorization": f"Bearer {new_secret()}"}, b"{}")
    error = answer.json()["error"]
    assert answer.status_code == 503
    assert error["corvus"]["code"] == "governance_unavailable"
    assert "db.example" not in answer.text
    assert answer.headers["connection"] == "close"
    assert "store-unavailable: no connection to db.example" in caplog.text
