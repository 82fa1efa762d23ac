"""Pages of allowed origins read every answer, and those of strangers none (API-5, API-7)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.cli.places import Place
from tests.gateway.conftest import Served
from tests.gateway.provider import Call, Provider
from tests.gateway.proxied import Proxied, Settings

PANEL = "http://127.0.0.1:5173"
STRANGER = "http://evil.example"
ALLOWED = f'\n[governance.gateway]\nallowed_origins = ["{PANEL}", "https://ops.example.org"]\n'
ALLOW_ORIGIN = "access-control-allow-origin"
FETCH = {"origin": PANEL, "sec-fetch-mode": "cors", "sec-fetch-site": "cross-site"}


@pytest.fixture(scope="module")
def panelled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    place = Place(tmp_path_factory.mktemp("panelled"))
    with place.config.open("a") as file:
        file.write(ALLOWED)
    gateway = Served(place)
    yield gateway
    gateway.stop()


def preflight(
    served: Served, path: str, origin: str = PANEL, method: str = "PATCH", **more: str
) -> httpx2.Response:
    headers = {
        "origin": origin,
        "access-control-request-method": method,
        "access-control-request-headers": "authorization,content-type",
        **{name.replace("_", "-"): value for name, value in more.items()},
    }
    with served.client() as client:
        client.headers.pop("authorization")
        return client.options(path, headers=headers)


def cors(answer: httpx2.Response) -> set[str]:
    return {name for name in answer.headers if name.startswith("access-control-")}


@pytest.mark.parametrize("path", ["/web/admin/config", "/api/web/cost/summary", "/web/none"])
def test_a_preflight_of_an_allowed_origin_is_answered_without_a_token(
    panelled: Served, path: str
) -> None:
    answer = preflight(panelled, path)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers[ALLOW_ORIGIN] == PANEL
    assert "Origin" in answer.headers["vary"]
    assert answer.headers["access-control-allow-methods"] == "GET, POST, PATCH"
    assert answer.headers["access-control-allow-headers"] == "authorization, content-type"
    assert int(answer.headers["access-control-max-age"]) > 0
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("origin", [STRANGER, "null", f"{PANEL}.evil.example", PANEL + "/", "*"])
def test_a_stranger_learns_nothing(panelled: Served, origin: str) -> None:
    answer = preflight(panelled, "/web/admin/config", origin)
    assert answer.status_code == 403
    assert not cors(answer)
    with panelled.client() as client:
        answer = client.get("/web/cost/summary", headers={**FETCH, "origin": origin})
    assert answer.status_code == 403
    assert not cors(answer)


@pytest.mark.parametrize("path", ["/dashboard", "/dashboard/login", "/", "/device", "/oauth/token"])
def test_the_pages_are_for_no_other_origin(panelled: Served, path: str) -> None:
    """They know their visitors by a cookie."""
    answer = preflight(panelled, path, method="POST")
    assert answer.status_code == 403
    assert not cors(answer)
    with panelled.client() as client:
        assert not cors(client.get(path, headers=FETCH))


def test_an_options_that_is_no_preflight_is_refused_readably(panelled: Served) -> None:
    with panelled.client() as client:
        answer = client.options("/web/admin/config", headers={"origin": PANEL})
    assert (answer.status_code, answer.headers[ALLOW_ORIGIN]) == (403, PANEL)


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "status"),
    [
        ("GET", "/web/cost/summary", {}, None, 200),
        ("GET", "/web/cost/summary", {"authorization": "Bearer wrong"}, None, 401),
        ("GET", "/web/none", {}, None, 404),
        ("PUT", "/web/admin/config", {"content-type": "application/json"}, b"{}", 405),
        ("PATCH", "/web/admin/config", {"content-type": "application/json"}, b"{}", 422),
        ("POST", "/web/admin/cost/reset", {"content-type": "text/plain"}, b"{}", 415),
        ("POST", "/web/admin/cost/reset", {}, b"x" * 70_000, 413),
        ("POST", "/v1/no/such", {}, b"{}", 404),
        ("GET", "/healthz", {}, None, 200),
    ],
)
def test_every_answer_is_readable_for_an_allowed_origin_alone(
    panelled: Served,
    method: str,
    path: str,
    headers: dict[str, str],
    body: bytes | None,
    status: int,
) -> None:
    with panelled.client() as client:
        own = client.request(method, path, headers=headers, content=body)
        answer = client.request(method, path, headers={**FETCH, **headers}, content=body)
    assert (own.status_code, answer.status_code) == (status, status)
    assert answer.headers[ALLOW_ORIGIN] == PANEL
    assert "Origin" in answer.headers["vary"]
    assert not cors(own)
    assert "Origin" in own.headers["vary"], "a cache must not give it to the panel"


def test_two_origins_are_none(panelled: Served) -> None:
    twice = [("origin", PANEL), ("origin", PANEL)]
    with panelled.client() as client:
        secret = ("authorization", client.headers["authorization"])
        answer = client.get("/web/cost/summary", headers=[*twice, secret])
    assert answer.status_code == 403
    assert not cors(answer)


def test_without_allowed_origins_nothing_is_said_of_them(standing: Served) -> None:
    answer = preflight(standing, "/web/admin/config")
    assert answer.status_code == 403
    with standing.client() as client:
        plain = client.get("/web/cost/summary")
    assert not cors(answer) | cors(plain)
    assert "vary" not in plain.headers


def test_a_proxied_call_is_readable_and_its_provider_decides_nothing(tmp_path: Path) -> None:
    """Whatever headers the SDK of a provider sends are allowed."""
    provider = Provider()

    async def open_to_all(call: Call) -> None:
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        more = "access-control-allow-origin: *\r\naccess-control-allow-credentials: true\r\n"
        await call.answer({"choices": [], "usage": usage}, more=more)

    provider.script = open_to_all
    running = Proxied(tmp_path, provider, Settings(gateway=f'allowed_origins = ["{PANEL}"]'))
    try:
        with running.client(**FETCH) as client:
            body: dict[str, Any] = {"model": "m", "max_tokens": 1, "messages": []}
            answer = client.post("/v1/chat/completions", json=body)
            asked = {
                "access-control-request-method": "POST",
                "access-control-request-headers": "authorization,x-stainless-os",
            }
            before = client.options("/v1/chat/completions", headers=asked)
        assert answer.status_code == 200
        assert answer.headers.get_list(ALLOW_ORIGIN) == [PANEL]
        assert "access-control-allow-credentials" not in answer.headers
        assert before.status_code == 204
        assert "x-stainless-os" in before.headers["access-control-allow-headers"]
        assert "origin" not in {name.lower() for name, _ in provider.calls[-1].headers}
    finally:
        running.stop()
        provider.stop()
