"""One table of providers: every place that must know them derives from it (PRX-1, PRX-4)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from corvus.calls.refusal import Refusal
from corvus.calls.routes import FreeCall, MeteredCall, route
from corvus.cli.credentials import LOG_INS, RUN_KEYS
from corvus.config.model.settings import UpstreamSettings
from corvus.metering.provider import Endpoint, Provider
from corvus.metering.providers import ENDPOINTS, PROVIDERS, kind_at_any_base, kind_spoken
from corvus.model.gateway import Kind

ALL = pytest.mark.parametrize("provider", PROVIDERS.values(), ids=PROVIDERS)
EACH = pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda one: one.path)


@ALL
def test_a_provider_and_its_endpoints_have_its_own_name(provider: Provider) -> None:
    assert PROVIDERS[provider.kind] is provider
    assert provider.endpoints
    assert {one.kind for one in provider.endpoints} == {provider.kind}
    assert all(one.path.startswith(f"{provider.version}/") for one in provider.endpoints)


def test_the_config_takes_these_providers_and_no_other() -> None:
    kind = UpstreamSettings.model_json_schema()["properties"]["kind"]
    assert kind["enum"] == [kind.value for kind in Kind]


@ALL
def test_its_own_base_url_and_that_of_a_gateway_lead_to_its_paths(provider: Provider) -> None:
    path = provider.endpoints[0].path
    assert provider.address(provider.base_url, path).endswith(f".com{path}")
    assert provider.address(provider.base_at("http://127.0.0.1:1"), path).endswith(f":1{path}")


@ALL
def test_what_is_free_is_free_on_every_surface(provider: Provider) -> None:
    for method, template in provider.free:
        path = template.replace("{id}", "x_1").replace("{model}", "m-1")
        exactly = route(method, path, exact=True)
        assert isinstance(exactly, FreeCall)
        assert provider.kind in exactly.kinds
        assert isinstance(route(method, f"/base{path}", exact=False), FreeCall)


@EACH
def test_a_call_is_metered_wherever_it_is_sent(endpoint: Endpoint) -> None:
    path = endpoint.path.replace("{model}", "m-1")
    for found in (route("POST", path, exact=True), route("POST", f"/base{path}", exact=False)):
        assert isinstance(found, MeteredCall)
        assert found.endpoint is endpoint
        assert (found.model is not None) == ("{model}" in endpoint.path)
    assert kind_spoken(path, set()) is kind_at_any_base(f"/base{path}") is endpoint.kind


@EACH
def test_an_error_says_the_same_in_a_body_and_in_an_event(endpoint: Endpoint) -> None:
    refusal = Refusal(402, "budget_exceeded", "no room", more={"limit": 1})
    body: dict[str, Any] = json.loads(refusal.body(endpoint.kind))
    data = refusal.event(endpoint).partition(b"data: ")[2]
    event: dict[str, Any] = json.loads(data)
    for words in (body["error"], event.get("error", event)):
        assert words["message"] == "no room"
        assert words["corvus"]["code"] == "budget_exceeded"


@ALL
def test_an_agent_gets_no_key_of_a_provider(provider: Provider) -> None:
    assert provider.key_variable in RUN_KEYS
    assert set(provider.log_in_variables) <= set(LOG_INS)
