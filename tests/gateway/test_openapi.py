"""The OpenAPI is complete, and what is made from it finds nothing (API-6)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis as _schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi import checks as _checks

from tests.cli.places import Place
from tests.gateway.conftest import Served

_EXAMPLES = 5
schemathesis: Any = _schemathesis  # its types are open
checks: Any = _checks


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
        "/cost/tree",
        "/admin/cost/reset",
        "/admin/cost/override",
        "/admin/config",
        "/admin/approvals/{approval_id}",
        "/approvals",
        "/reports",
        "/reports/{name}",
        "/actions",
        "/reservations",
        "/reservations/{reservation_id}/commit",
        "/reservations/{reservation_id}/release",
        "/reservations/{reservation_id}/extend",
        "/admin/sessions",
        "/sessions",
        "/sessions/{session_id}/close",
        "/missions",
        "/missions/{mission_id}/step",
        "/missions/{mission_id}/end",
    }
    ops = {"/healthz", "/readyz", "/metrics"}
    both = {prefix + path for prefix in ("/web", "/api/web") for path in inner | ops}
    assert {*document["paths"]} == both | ops


def test_every_route_but_health_refuses_who_has_no_token(
    running: Served, document: dict[str, dict[str, dict[str, object]]]
) -> None:
    answers: dict[str, int] = {}
    with running.client() as client:
        client.headers.pop("authorization")
        for path, methods in document["paths"].items():
            for method in methods:
                answers[path] = client.request(method.upper(), path).status_code
    free = {path for path, status in answers.items() if status != 401}
    assert free == {
        prefix + path for prefix in ("", "/web", "/api/web") for path in ("/healthz", "/readyz")
    }


def attack(running: Served, document: dict[str, object], examples: int) -> int:
    """Send what is made from the OpenAPI; return how many requests were judged."""
    schema = schemathesis.openapi.from_dict(document)
    own = [
        found.ok()
        for found in schema.get_all_operations()
        if not found.ok().path.startswith("/api/web")  # the same handlers
    ]
    return sum(judged(running, operation, examples) for operation in own)


def judged(running: Served, operation: Any, examples: int) -> int:
    areas = ("/reservations", "/actions", "/missions", "/sessions")
    scope = "reserve" if any(area in operation.path for area in areas) else "admin"
    headers = {"authorization": f"Bearer {running.secrets[scope]}"}
    count = 0

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    @given(case=operation.as_strategy())
    def judge(case: Any) -> None:
        nonlocal count
        count += 1
        case.call_and_validate(
            base_url=running.url,
            headers=headers,
            timeout=20,
            # Some rules no schema tells: a window depends on its period, a scope on the config.
            # Whether a token is needed is judged below: here each request is sent with a good one.
            excluded_checks=[checks.positive_data_acceptance, checks.ignored_auth],
        )

    judge()
    return count


def test_requests_made_from_the_openapi_find_nothing(
    running: Served, document: dict[str, object]
) -> None:
    assert attack(running, document, _EXAMPLES) >= 16 * _EXAMPLES // 2


@pytest.mark.nightly
def test_many_requests_made_from_the_openapi_find_nothing(
    running: Served, document: dict[str, object]
) -> None:
    assert attack(running, document, 200) >= 1000
