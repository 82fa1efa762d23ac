"""One table of what is metered, free, and passed on by nobody (PRX-1)."""

from __future__ import annotations

import re

import pytest

from corvus.calls.routes import FreeCall, MeteredCall, Unreadable, call_by_end, calls_of, takes_form
from corvus.metering.provider import Endpoint
from corvus.metering.providers import ENDPOINTS


def filled(path: str) -> str:
    """Return the path of a route with a word for each name in braces."""
    return re.sub(r"\{(\w+)\}", r"\1-1", path)


def is_free(method: str, path: str) -> bool:
    """Return whether the proxy passes a request on without charge."""
    found = calls_of(method, path)
    return not isinstance(found, Unreadable) and isinstance(found[0], FreeCall)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda one: f"{one.kind} {one.path}")
def test_an_endpoint_is_metered_on_every_surface(endpoint: Endpoint) -> None:
    path = filled(endpoint.path)
    found = calls_of("POST", path)
    assert not isinstance(found, Unreadable)
    ours = next(
        call for call in found if isinstance(call, MeteredCall) and call.kind == endpoint.kind
    )
    assert (ours.endpoint, ours.path) == (endpoint, path)
    elsewhere = call_by_end("POST", f"/some/base{path}")
    assert isinstance(elsewhere, MeteredCall)
    assert elsewhere.path == f"/some/base{path}"


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
    assert is_free(method, path)
    assert isinstance(call_by_end(method, path), FreeCall)


@pytest.mark.parametrize(  # PRX-1, PRX-7
    ("sent", "meant"),
    [
        ("/messages", "/v1/messages"),
        ("/v1/v1/messages", "/v1/messages"),
        ("/chat/completions", "/v1/chat/completions"),
        ("/v1/v1/responses", "/v1/responses"),
        ("/messages/count_tokens", "/v1/messages/count_tokens"),
        ("/models/m:countTokens", "/v1beta/models/m:countTokens"),
        ("/v1/models/m:countTokens", "/v1/models/m:countTokens"),
        ("/v1beta/v1/models/m:countTokens", "/v1/models/m:countTokens"),
        ("/v1alpha/models/m%2D1:countTokens", "/v1alpha/models/m-1:countTokens"),
        ("/model/a.b%2Dv1:0/count-tokens", "/model/a.b-v1%3A0/count-tokens"),
    ],
)
def test_every_spelling_of_a_base_url_leads_to_the_same_route(sent: str, meant: str) -> None:
    found = calls_of("POST", sent)
    assert not isinstance(found, Unreadable)
    assert {call.path for call in found} == {meant}


@pytest.mark.parametrize(
    "path",
    [
        "/v1/v1/v1/messages",
        "/v1/messages/",
        "/v1/%6Dessages",
        "/v1/models/..:countTokens",
        "/v1/models/%2E%2E:countTokens",
        "/v1/models/a%2Fb:countTokens",
        "/v1/models/a%00b:countTokens",
        "/v1/models/%FF:countTokens",
        "/v1beta/messages",
        "//messages",
        "/model/a%2F..%2Fb/count-tokens",
    ],
)
def test_no_other_spelling_does(path: str) -> None:
    assert isinstance(calls_of("POST", path), Unreadable)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/vector_stores"),
        ("POST", "/api/pull"),
        ("PUT", "/v1/chat/completions"),
        ("POST", "/v1/chat/completions/"),
        ("POST", "/v1/threads/t/messages"),
    ],
)
def test_what_cannot_be_metered_is_passed_on_by_nobody(method: str, path: str) -> None:
    for found in (calls_of(method, path), call_by_end(method, path)):
        assert isinstance(found, Unreadable)
        assert (found.status, found.code) == (404, "not_found")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/audio/speech",
        "/v1/audio/translations",
        "/v1/videos",
        "/v1/images/variations",
        "/v1/batches",
        "/v1/uploads",
        "/v1/fine_tuning/jobs",
        "/batches",
        "/openai/v1/batches",
    ],
)
def test_what_is_known_and_cannot_be_held_is_refused_with_the_reason(path: str) -> None:
    for found in (calls_of("POST", path), call_by_end("POST", path)):
        assert isinstance(found, Unreadable)
        assert (found.status, found.code) == (404, "not_found")
        assert "not passed on" in found.message


def test_only_some_routes_take_a_form() -> None:
    for path in ("/v1/files", "/files", "/v1/images/edits", "/v1/audio/transcriptions"):
        assert takes_form("POST", path)
    for path in ("/v1/chat/completions", "/v1/images/generations", "/api/chat", "/v1/responses"):
        assert not takes_form("POST", path)
    assert not takes_form("GET", "/v1/files")


@pytest.mark.parametrize(
    "path", ["/v1/models/../files", "/v1/responses/a/b", "/v1/models/%2e", "/v1//models"]
)
def test_the_proxy_knows_a_path_only_as_it_is_listed(path: str) -> None:
    assert isinstance(calls_of("GET", path), Unreadable)


def test_websockets_are_refused_by_name() -> None:
    found = calls_of("GET", "/v1/responses")
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
    assert isinstance(call_by_end("POST", path), Unreadable)


@pytest.mark.parametrize(
    "path",
    ["/v1/messages/batches/b_1/cancel", "/v1/fine_tuning/jobs/j/cancel", "/v1/runs/r/cancel"],
)
def test_what_ends_something_at_the_provider_is_free(path: str) -> None:
    assert isinstance(call_by_end("POST", path), FreeCall)
