"""One table of providers: every place that must know them derives from it (PRX-1, PRX-4)."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from corvus.calls.refusal import Refusal
from corvus.calls.routes import FreeCall, MeteredCall, Unreadable, call_by_end, calls_of
from corvus.cli.agents.leads import run_keys
from corvus.cli.credentials import LOG_INS
from corvus.config.model.settings import UpstreamSettings
from corvus.metering.bedrock.eventstream import EventMessages
from corvus.metering.provider import Endpoint, Provider
from corvus.metering.providers import ENDPOINTS, PROVIDERS, kind_at_any_base, kind_spoken
from corvus.model.gateway import Kind

ALL = pytest.mark.parametrize("provider", PROVIDERS.values(), ids=PROVIDERS)
EACH = pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda one: f"{one.kind} {one.path}")


@ALL
def test_a_provider_and_its_endpoints_have_its_own_name(provider: Provider) -> None:
    assert PROVIDERS[provider.kind] is provider
    assert {one.kind for one in provider.endpoints} <= {provider.kind}
    paths = [*(one.path for one in provider.endpoints), *(one.path for one in provider.free)]
    bare = [path for path in paths if not path.startswith(f"{provider.version}/")]
    assert all(path.startswith("/api/") for path in bare)  # Ollama's own, which have no version


def test_the_config_takes_these_providers_and_no_other() -> None:
    kind = UpstreamSettings.model_json_schema()["properties"]["kind"]
    assert kind["enum"] == [kind.value for kind in Kind]


@ALL
def test_its_own_base_url_and_that_of_a_gateway_lead_to_its_paths(provider: Provider) -> None:
    path = provider.free[0].path
    if provider.base_url:
        assert provider.address(provider.base_url, path).endswith(f".com{path}")
    assert provider.address(provider.base_at("http://127.0.0.1:1"), path).endswith(f":1{path}")


@ALL
def test_what_is_free_is_free_on_every_surface(provider: Provider) -> None:
    for method, template, _ in provider.free:
        path = re.sub(r"\{\w+\}", "m-1", template)
        found = calls_of(method, path)
        assert not isinstance(found, Unreadable)
        ours = next(call for call in found if call.kind is provider.kind)
        assert isinstance(ours, FreeCall)
        assert ours.path == path
        assert isinstance(call_by_end(method, f"/base{path}"), FreeCall)


@EACH
def test_a_call_is_metered_wherever_it_is_sent(endpoint: Endpoint) -> None:
    path = re.sub(r"\{\w+\}", "m-1", endpoint.path)
    calls = calls_of("POST", path)
    assert not isinstance(calls, Unreadable)
    ours = next(call for call in calls if call.kind is endpoint.kind)
    by_end = call_by_end("POST", f"/base{path}")
    for found in (ours, by_end):
        assert isinstance(found, MeteredCall)
        assert (found.model is not None) == ("{model}" in endpoint.path)
    assert isinstance(ours, MeteredCall)
    assert ours.endpoint is endpoint
    if not endpoint.is_foreign:
        assert isinstance(by_end, MeteredCall)
        assert by_end.endpoint is endpoint
        assert calls[0] is ours
        assert kind_spoken(path, set()) is kind_at_any_base(f"/base{path}") is endpoint.kind


@EACH
def test_an_error_says_the_same_in_a_body_and_in_an_event(endpoint: Endpoint) -> None:
    refusal = Refusal(402, "budget_exceeded", "no room", more={"limit": 1})
    body: dict[str, Any] = json.loads(refusal.body(endpoint.kind))
    event: dict[str, Any] = json.loads(_data_of(refusal.event(endpoint)))
    if isinstance(event.get("error"), str):  # a line of Ollama's
        event = {"error": {**event, "message": event["error"]}}
    for words in (body.get("error", body), event.get("error", event)):
        assert words["message"] == "no room"
        assert words["corvus"]["code"] == "budget_exceeded"


def _data_of(event: bytes) -> bytes:
    """Return the JSON of a server-sent event, or of a binary one."""
    for message in EventMessages().feed(event):
        return message.payload
    return event.partition(b"data: ")[2] or event


@ALL
def test_an_agent_gets_no_key_of_a_provider(provider: Provider) -> None:
    assert provider.key_variable is None or provider.key_variable in run_keys(frozenset(Kind))
    assert set(provider.log_in_variables) <= set(LOG_INS)
