"""The OpenAPI is complete, and what is made from it finds nothing (API-6)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.places import Place
from tests.gateway.conftest import Served

_EXAMPLES = 5


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    gateway = Served(Place(Path(os.fspath(tmp_path_factory.mktemp("openapi")))))
    yield gateway
    gateway.stop()


@pytest.fixture(scope="module")
def document(running: Served) -> dict[str, object]:
    with running.client("read") as client:
        return client.get("/openapi.json").json()


def test_every_route_is_there_under_both_prefixes(document: dict[str, dict[str, object]]) -> None:
    inner = {
        "/cost/summary",
        "/cost/budgets",
        "/cost/history",
        "/cost/audit",
        "/admin/cost/reset",
        "/admin/cost/override",
        "/admin/config",
        "/reports",
        "/reports/{name}",
        "/reservations",
        "/reservations/{reservation_id}/commit",
        "/reservations/{reservation_id}/release",
        "/reservations/{reservation_id}/extend",
    }
    ops = {"/healthz", "/readyz", "/metrics"}
    both = {prefix + path for prefix in ("/web", "/api/web") for path in inner | ops}
    assert {*document["paths"]} == both | ops
