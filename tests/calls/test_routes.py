"""One table of what is metered, free, and passed on by nobody (PRX-1)."""

from __future__ import annotations

import pytest

from corvus.calls.routes import FreeCall, MeteredCall, Unreadable, route
from corvus.metering.provider import Endpoint
from corvus.metering.providers import ENDPOINTS


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda one: one.path)
def test_an_endpoint_is_metered_on_every_surface(endpoint: Endpoint) -> None:
    assert route("POST", endpoint.path, exact=True) == MeteredCall(endpoint, endpoint.path)
    elsewhere = f"/some/base{endpoint.path}"
    assert route("POST", elsewhere, exact=False) == MeteredCall(endpoint, elsewhere)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/models"),
        ("GET", "/v1/models/gpt-5"),
        ("POST", "/v1/messages/count_tokens"),
        ("POST", "/v1/responses/input_tokens"),
        ("GET", "/v1/responses/resp_1"),
        ("POST", "/v1/responses/resp_1/cancel"),
    ],
)
def test_what_costs_nothing_is_free_on_every_surface(method: str, path: str) -> None:
    assert isinstance(route(method, path, exact=True), FreeCall)
    assert isinstance(route(method, path, exact=False), FreeCall)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/images/generations"),
        ("POST", "/v1/batches"),
        ("PUT", "/v1/chat/completions"),
        ("POST", "/v1/chat/completions/"),
        ("POST", "/v1/threads/t/messages"),
    ],
)
def test_what_cannot_be_metered_is_passed_on_by_nobody(method: str, path: str) -> None:
    for exact in (True, False):
        found = route(method, path, exact=exact)
        assert isinstance(found, Unreadable)
        assert (found.status, found.code) == (404, "not_found")


@pytest.mark.parametrize(
    "path", ["/v1/models/../files", "/v1/responses/a/b", "/v1/models/%2e", "/models", "/v1//models"]
)
def test_the_proxy_knows_a_path_only_as_it_is_listed(path: str) -> None:
    assert isinstance(route("GET", path, exact=True), Unreadable)


def test_websockets_are_refused_by_name() -> None:
    found = route("GET", "/v1/responses", exact=True)
    assert isinstance(found, Unreadable)
    assert (found.status, found.code) == (426, "upgrade_refused")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/chat/completions/cancel",
        "/v1/chat/completions;/cancel",
        "/v1/chat/completions;/messages/count_tokens",
        "/v1/chat/completions/x/cancel",
        "/v1/x/../chat/completions",
        "//v1/chat/completions",
        "/v1/./chat/completions",
    ],
)
def test_no_path_passes_free_by_a_false_end(path: str) -> None:
    assert isinstance(route("POST", path, exact=False), Unreadable)


@pytest.mark.parametrize(
    "path",
    ["/v1/messages/batches/b_1/cancel", "/v1/fine_tuning/jobs/j/cancel", "/v1/runs/r/cancel"],
)
def test_what_ends_something_at_the_provider_is_free(path: str) -> None:
    assert isinstance(route("POST", path, exact=False), FreeCall)
