"""Which upstream gets a call, and which one gets it when that one fails (PRX-7)."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from corvus.calls.routes import Unreadable, calls_of
from corvus.config.check.rules.upstream_target import RESERVED
from corvus.gateway.proxy.upstreams import Target, Upstreams
from corvus.governor import tokens
from corvus.metering.providers import PROVIDERS
from corvus.model.gateway import Kind, Upstream
from corvus.model.token import TokenRequest, TokenScope, new_secret
from tests.gateway.provider import Call, Provider
from tests.gateway.proxied import Proxied, Settings, proxied

BODY = {"model": "m", "max_tokens": 10, "messages": [{"role": "user", "content": "hi"}]}
ANSWER = {"model": "m", "usage": {"prompt_tokens": 10, "completion_tokens": 1}}


def upstream(
    name: str, models: tuple[str, ...] | None = None, kind: Kind = Kind.OPENAI
) -> Upstream:
    return Upstream(name, f"https://{name}.example/v1", kind, models=models)


def chosen(upstreams: tuple[Upstream, ...], model: str | None, path: str = "/v1/responses") -> str:
    known = Upstreams(upstreams, {})
    named, rest = known.named_by(path)
    calls = calls_of("POST", rest)
    assert not isinstance(calls, Unreadable)
    target = known.target(calls, model, named)
    return target.upstream.name if target is not None else "none"


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("gpt-5", "gpt"),
        ("gpt-5-mini", "mini"),
        ("gpt-5-mini-2026", "gpt"),
        ("llama-70b", "rest"),
        ("exact", "exact"),
        ("exactly", "rest"),
        (None, "rest"),
    ],
)
def test_the_longest_fixed_start_of_a_glob_decides(model: str | None, name: str) -> None:
    upstreams = (
        upstream("rest"),
        upstream("gpt", ("gpt-*", "ex*y-not")),
        upstream("mini", ("gpt-5-mini", "*-tiny")),
        upstream("exact", ("exact",)),
        upstream("spare", ()),
    )
    assert chosen(upstreams, model) == name


def test_without_a_rest_an_unknown_model_goes_nowhere() -> None:
    upstreams = (upstream("gpt", ("gpt-*",)), upstream("spare", ()))
    assert chosen(upstreams, "o3") == "none"
    assert chosen(upstreams, None) == "gpt"
    assert chosen(upstreams, "o3", "/spare/v1/responses") == "spare"
    assert chosen(upstreams, "o3", "/gpt/responses") == "gpt"


def test_a_fallback_is_of_the_same_kind_and_has_the_same_path() -> None:
    one = Upstream("one", "https://one.example/v1", Kind.OPENAI, fallback="two")
    two = Upstream("two", "https://two.example/openai/v1", Kind.OPENAI, models=(), fallback="three")
    three = upstream("three", (), Kind.ANTHROPIC)
    known = Upstreams((one, two, three), {})
    calls = calls_of("POST", "/responses")
    assert not isinstance(calls, Unreadable)
    first = known.target(calls, "m")
    assert first is not None
    second = known.fallback_of(first)
    assert isinstance(second, Target)
    assert second.url == "https://two.example/openai/v1/responses"
    assert known.fallback_of(second) is None


def test_names_that_begin_the_paths_of_calls_are_reserved() -> None:
    paths = [
        path
        for provider in PROVIDERS.values()
        for each in (*provider.endpoints, *provider.free)
        for path in (each.path, each.path.removeprefix(provider.version))
    ]
    versions = [version for provider in PROVIDERS.values() for version in provider.versions]
    starts = {path.split("/")[1] for path in (*paths, *versions)}
    assert starts - {"openai"} <= RESERVED


@contextmanager
def with_spare(folder: Path, more: str = "") -> Generator[tuple[Proxied, Provider]]:
    spare = Provider()
    text = (
        f'fallback = "spare"\n[governance.upstreams.spare]\nkind = "openai"\nmodels = []\n'
        f'api_key_env = "TEST_OPENAI_KEY"\nbase_url = "{spare.url}/v1"\n'
    )
    try:
        with proxied(folder, Settings(openai=text, cost=more)) as gateway:
            yield gateway, spare
    finally:
        spare.stop()


async def busy(call: Call) -> None:
    await call.answer({"error": {"message": "busy"}}, 503)


async def dies(call: Call) -> None:
    call.die()


async def endless(call: Call) -> None:
    await call.answer(b'{"error": "' + b"x" * 200_000 + b'"}', 500)


async def answers(call: Call) -> None:
    await call.answer(ANSWER)


async def refuses(call: Call) -> None:
    await call.answer({"error": {"message": "bad"}}, 400)


@pytest.mark.parametrize("script", [busy, dies, endless])
def test_a_failure_before_the_answer_begins_goes_to_the_fallback(
    tmp_path: Path, script: object
) -> None:
    with with_spare(tmp_path) as (gateway, spare):
        gateway.provider.script, spare.script = script, answers  # type: ignore[assignment] # pyright: ignore[reportAttributeAccessIssue]
        answer = gateway.post("/v1/chat/completions", BODY)
        assert (answer.status_code, answer.json()) == (200, ANSWER)
        gateway.settled()
        records = gateway.records()
        assert records[-1].provider == "spare"
        assert records[-1].cost_nano_usd == 10 * 1_000_000 + 10_000_000
        assert len(gateway.provider.calls) == len(spare.calls) == 1


def test_what_may_have_been_used_at_the_first_is_recorded_as_well(tmp_path: Path) -> None:
    """RES-10: a connection that breaks after the request may have cost something."""
    with with_spare(tmp_path) as (gateway, spare):
        gateway.provider.script, spare.script = dies, answers
        assert gateway.post("/v1/chat/completions", BODY).status_code == 200
        gateway.settled()
        first, second = gateway.records()
        assert (first.source, second.source) == ("estimated", "priced")
        assert first.cost_nano_usd is not None
        assert second.cost_nano_usd is not None
        assert gateway.spent() == first.cost_nano_usd + second.cost_nano_usd


def test_an_answer_of_the_client_is_no_failure(tmp_path: Path) -> None:
    with with_spare(tmp_path) as (gateway, spare):
        gateway.provider.script = refuses
        assert gateway.post("/v1/chat/completions", BODY).status_code == 400
        assert spare.calls == []


def test_a_stream_that_has_begun_stays_where_it_is(tmp_path: Path) -> None:
    async def breaks(call: Call) -> None:
        await call.begin()
        await call.chunk(b'data: {"choices": []}\n\n')
        call.die()

    with with_spare(tmp_path) as (gateway, spare):
        gateway.provider.script = breaks
        with pytest.raises(httpx2.RemoteProtocolError):
            gateway.post("/v1/chat/completions", {**BODY, "stream": True})
        assert spare.calls == []


def test_where_the_fallback_fails_too_its_answer_is_passed_on(tmp_path: Path) -> None:
    with with_spare(tmp_path) as (gateway, spare):
        gateway.provider.script, spare.script = busy, busy
        answer = gateway.post("/v1/chat/completions", BODY)
        assert (answer.status_code, answer.json()) == (503, {"error": {"message": "busy"}})
        gateway.settled()
        assert gateway.spent() == 0


def test_without_room_for_another_try_the_first_failure_is_passed_on(tmp_path: Path) -> None:
    with with_spare(tmp_path, "on_exceeded = []") as (gateway, spare):
        gateway.provider.script = dies
        body = {**BODY, "max_tokens": 60_000}  # 600 of 1,000 USD, and committed where it broke off
        answer = gateway.post("/v1/chat/completions", body)
        assert answer.status_code == 502
        assert spare.calls == []
        gateway.settled()
        assert gateway.denials() == 1


def test_a_token_is_bound_to_its_upstream(tmp_path: Path) -> None:
    with with_spare(tmp_path) as (gateway, spare):
        gateway.provider.script = spare.script = answers
        secret = new_secret()
        request = TokenRequest("one", TokenScope.PROXY, upstream="spare")
        with gateway.runtime.bookkeeping.store() as store:
            store.run(lambda unit: tokens.create(unit, request, secret, "ana"))
        mine = {"authorization": f"Bearer {secret}"}
        assert gateway.post("/v1/chat/completions", BODY, **mine).status_code == 200
        assert (len(spare.calls), len(gateway.provider.calls)) == (1, 0)
        answer = gateway.post("/openai/v1/chat/completions", BODY, **mine)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "token_bound")
        answer = gateway.post("/v1beta/models/m:generateContent", BODY, **mine)
        assert answer.status_code == 404


def test_a_token_of_an_upstream_that_is_not_there_says_so(tmp_path: Path) -> None:
    with with_spare(tmp_path) as (gateway, _spare):
        secret = new_secret()
        request = TokenRequest("one", TokenScope.PROXY, upstream="spar")
        with gateway.runtime.bookkeeping.store() as store:
            store.run(lambda unit: tokens.create(unit, request, secret, "ana"))
        answer = gateway.post("/v1/chat/completions", BODY, **{"authorization": f"Bearer {secret}"})
        assert answer.status_code == 403
        assert "has none of that name" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        (b"", ""),
        (b"beta=true", "beta=true"),
        (b"key=cvk_1", ""),
        (b"alt=sse&key=cvk_1", "alt=sse"),
        (b"%6Bey=cvk_1&alt=sse", "alt=sse"),
        (b"KEY=1&api-key=2&api_key=3&access_token=4", ""),
        (b"X-Amz-Signature=1&x-amz-credential=2&a=b", "a=b"),
        (b"monkey=1&keys=2", "monkey=1&keys=2"),
    ],
)
def test_no_credential_in_a_query_reaches_a_provider(query: bytes, kept: str) -> None:
    known = Upstreams((upstream("one"),), {})
    calls = calls_of("POST", "/v1/responses")
    assert not isinstance(calls, Unreadable)
    target = known.target(calls, None)
    assert target is not None
    url = target.with_query(query)
    assert url is not None
    assert url.raw_query_string == kept


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/openai/v1/chat/completions", "az"),
        ("/openai/deployments/m/chat/completions", "az"),
        ("/az/openai/v1/chat/completions", "az"),
        ("/v1/chat/completions", "openai"),
    ],
)
def test_a_path_of_a_served_api_is_that_though_an_upstream_has_its_name(
    tmp_path: Path, path: str, name: str
) -> None:
    azure = Provider()
    more = f'[governance.upstreams.az]\nkind = "azure"\nbase_url = "{azure.url}"\n'
    try:
        with proxied(tmp_path, Settings(openai=more)) as gateway:
            gateway.provider.script = azure.script = answers
            assert gateway.post(path, BODY).status_code == 200
            assert len(azure.calls if name == "az" else gateway.provider.calls) == 1
    finally:
        azure.stop()
