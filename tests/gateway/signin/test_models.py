"""A client that has logged in is offered the models that have a price (PRX-8)."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from corvus.gateway.asgi import Headers, Scope, raw_headers
from corvus.gateway.exchange import Outlet
from corvus.gateway.signin.models import ANSWER_BYTES_MAX, OfferedModels
from corvus.model.signin import ACCESS_PREFIX
from tests.cli.places import Place

SIGNED_IN = {"authorization": f"Bearer {ACCESS_PREFIX}x", "anthropic-version": "2023-06-01"}


class Provider:
    """A proxy whose provider answers so."""

    def __init__(self, status: int, body: object) -> None:
        self.status = status
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.requests: list[Scope] = []

    async def serve(self, scope: Scope, body: bytes, outlet: Outlet) -> None:
        self.requests.append(scope)
        outlet.start(self.status, [(b"request-id", b"r")])
        await outlet.write(self.body[:10])
        outlet.flush()
        await outlet.end(self.body[10:])


class Client:
    """What was answered."""

    def __init__(self) -> None:
        self.status = 0
        self.body = b""

    def start(self, status: int, headers: Headers) -> None:
        self.status = status

    def flush(self) -> None:
        pass

    async def write(self, data: bytes) -> None:
        self.body += data

    async def end(self, data: bytes = b"") -> None:
        self.body += data


def scope_of(headers: dict[str, str], method: str = "GET", path: str = "/v1/models") -> Scope:
    return {"type": "http", "method": method, "path": path, "headers": raw_headers(headers)}


def fetch(folder: Path, provider: Provider, **headers: str) -> tuple[int, Any]:
    """Ask for the models; the answer as JSON where it is some."""
    runtime = Place(folder).runtime
    models, client = OfferedModels(provider, lambda: runtime), Client()
    asyncio.run(models.serve(scope_of({**SIGNED_IN, **headers}), b"", client))
    return client.status, json.loads(client.body) if client.body else None


def test_what_has_no_price_is_not_offered(tmp_path: Path) -> None:
    known = {"type": "model", "id": "claude-sonnet-4-5", "display_name": "Sonnet", "more": 1}
    listed = [known, {"id": "claude-nobody-knows-9-9"}, {"id": 7}, "text", {}]
    provider = Provider(200, {"data": listed, "has_more": True, "last_id": "x"})
    status, found = fetch(tmp_path, provider, **{"accept-encoding": "gzip"})
    assert (status, found) == (200, {"data": [known], "has_more": True, "last_id": "x"})
    assert b"accept-encoding" not in dict(provider.requests[0]["headers"])


def test_without_a_provider_the_price_book_says_which_there_are(tmp_path: Path) -> None:
    status, found = fetch(tmp_path, Provider(404, {"error": {}}))
    assert status == 200
    assert {"id": "claude-sonnet-4-5", "type": "model", "display_name": "claude-sonnet-4-5"} in (
        found["data"]
    )
    assert all(model["id"].startswith("claude-") for model in found["data"])


@pytest.mark.parametrize(
    ("status", "body"), [(401, {"error": "no"}), (500, {}), (200, {"data": 7}), (200, [])]
)
def test_what_is_no_list_passes_as_it_is(tmp_path: Path, status: int, body: object) -> None:
    assert fetch(tmp_path, Provider(status, body)) == (status, body)


def test_a_list_without_end_is_none(tmp_path: Path) -> None:
    provider = Provider(200, b" " * (ANSWER_BYTES_MAX + 1))
    assert fetch(tmp_path, provider) == (502, None)


@pytest.mark.parametrize(
    ("scope", "is_served"),
    [
        (scope_of(SIGNED_IN), True),
        (scope_of({**SIGNED_IN, "authorization": "Bearer cvk_x"}), False),
        (scope_of({"authorization": SIGNED_IN["authorization"]}), False),
        (scope_of(SIGNED_IN, "POST"), False),
        (scope_of(SIGNED_IN, path="/v1/models/x"), False),
    ],
)
def test_everybody_else_gets_the_providers_bytes(
    tmp_path: Path, scope: Scope, is_served: bool
) -> None:
    runtime = Place(tmp_path).runtime
    assert OfferedModels(Provider(200, {}), lambda: runtime).serves(scope) is is_served
