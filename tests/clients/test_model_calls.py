"""RES-5, RES-10, RES-11: the life of a call of a library, whatever happens to it."""

from __future__ import annotations

import asyncio
import gc
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from agents import Model, ModelResponse, ModelSettings, ModelTracing, Usage
from hypothesis import given, settings
from hypothesis import strategies as st

from corvus import Governor, open_runtime
from corvus.clients.faults import has_never_left, status_of
from corvus.clients.model_call import CallText
from corvus.clients.model_calls import ModelCalls
from corvus.clients.openai_agents import GovernedModel, GovernedProvider
from corvus.metering.providers.openai import CHAT
from corvus.model.outbox import LedgerTable
from corvus.testing import fake_governor
from tests.clients.conftest import CONFIG, Governed

BODY: dict[str, Any] = {"model": "gpt-test", "messages": [], "max_tokens": 100}
USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
ENDS = (
    "answer",
    "answer without usage",
    "answer that is none",
    "refused",
    "broken",
    "cancelled",
    "stream",
    "stream without usage",
    "stream left",
    "stream broken",
    "left",
    "forgotten",
    "never made",
)
FREE = {"refused", "never made"}


class Refused(Exception):
    status_code = 429


def text_of(body: dict[str, Any]) -> CallText:
    return CallText(CHAT, body)


def records(governor: Governor) -> list[dict[str, object]]:
    found = governor.store.run(lambda unit: [*unit.events(0, 100_000)])
    return [dict(one.row) for one in found if one.table is LedgerTable.USAGE_RECORD]


DELTA = {"choices": [{"index": 0, "delta": {"content": "Hel"}}]}
LAST: dict[str, Any] = {"choices": [], "usage": USAGE}
FAULTS: dict[str, BaseException] = {
    "refused": Refused(),
    "broken": RuntimeError(),
    "cancelled": asyncio.CancelledError(),
    "stream broken": RuntimeError(),
    "stream left": GeneratorExit(),
    "left": GeneratorExit(),
}
ANSWERS: dict[str, Any] = {
    "answer": lambda: {"usage": USAGE},
    "answer without usage": lambda: {"choices": [{"message": {"content": "Hello"}}]},
    "answer that is none": lambda: dict[int, Any]()[0],
}


def end(calls: ModelCalls, how: str) -> None:
    """Admit a call, and end it in one of the ways; one that is forgotten is only dropped."""
    call = calls.admit(text_of(BODY))
    obey = calls.settler.obey
    if how.startswith("stream"):
        obey(call.event(DELTA))
    if how in FAULTS:
        calls.ended_by(FAULTS[how], call)
    elif how in ANSWERS:
        calls.answered(call, ANSWERS[how])
    elif how == "never made":
        obey(call.never_made())
    elif how != "forgotten":
        obey([*(call.event(LAST) if how == "stream" else []), *call.ended()])


@settings(max_examples=30)
@given(st.lists(st.sampled_from(ENDS), max_size=12))
def test_every_call_ends_once_and_only_what_did_nothing_is_free(ways: list[str]) -> None:
    with fake_governor(CONFIG.format(limit=1)) as governor:
        calls = ModelCalls(governor, {})
        for how in ways:
            end(calls, how)
        gc.collect()
        calls.close()
        assert governor.store.run(lambda unit: unit.held()) == []
        found = records(governor)
        assert len(found) == sum(how not in FREE for how in ways)
        assert all(row["cost_nano_usd"] for row in found), "nothing that was used is free"
        exact = [row for row in found if row["source"] == "priced"]
        assert len(exact) == ways.count("answer") + ways.count("stream")
        assert {row["cost_nano_usd"] for row in exact} <= {20_000}


def test_what_comes_after_the_end_changes_nothing() -> None:
    """Hooks of a library may be called twice, in any order."""
    with fake_governor(CONFIG.format(limit=1)) as governor:
        calls = ModelCalls(governor, {})
        call = calls.admit(text_of(BODY))
        calls.answered(call, lambda: {"usage": USAGE})
        before = records(governor)
        calls.ended_by(Refused(), call)
        calls.ended_by(RuntimeError(), call)
        calls.settler.obey(call.left())
        calls.settler.obey(call.never_made())
        calls.close()
        assert records(governor) == before
        assert governor.store.run(lambda unit: unit.held()) == []


class Scripted(Model):
    """A model of the Agents SDK that does as it is told."""

    model = "gpt-test"

    def __init__(self, how: str) -> None:
        self.how = how
        self.is_entered = False

    async def get_response(self, *args: Any, **kwargs: Any) -> ModelResponse:
        self.is_entered = True
        if self.how == "raises":
            raise RuntimeError("mine")
        if self.how == "hangs":
            await asyncio.sleep(60)
        usage = Usage(requests=1, input_tokens=10, output_tokens=5, total_tokens=15)
        return ModelResponse([], usage if self.how == "answers" else Usage(), None)

    async def stream_response(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        self.is_entered = True
        yield object()
        if self.how == "raises":
            raise RuntimeError("mine")
        if self.how == "hangs":
            await asyncio.sleep(60)


async def call_of(model: GovernedModel, *, streamed: bool) -> None:
    said: Any = (None, "hi", ModelSettings(max_tokens=100), [], None, [], ModelTracing.DISABLED)
    stored: Any = {"previous_response_id": None, "conversation_id": None, "prompt": None}
    if not streamed:
        await model.get_response(*said, **stored)
        return
    async for _ in model.stream_response(*said, **stored):
        pass


@settings(max_examples=25)
@given(
    st.lists(
        st.tuples(st.sampled_from(["answers", "says nothing", "raises", "hangs"]), st.booleans()),
        max_size=8,
    )
)
def test_concurrent_calls_that_fail_and_hang_leave_nothing_held(
    script: list[tuple[str, bool]],
) -> None:
    with fake_governor(CONFIG.format(limit=1)) as governor:
        inner = [Scripted(how) for how, _ in script]
        models = [
            (GovernedModel(one, governor), streamed)
            for one, (_, streamed) in zip(inner, script, strict=True)
        ]

        async def main() -> None:
            tasks = [asyncio.create_task(call_of(one, streamed=many)) for one, many in models]
            await asyncio.sleep(0.05)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        asyncio.run(main())
        for model, _ in models:
            asyncio.run(model.close())
        assert governor.store.run(lambda unit: unit.held()) == []
        assert len(records(governor)) == sum(one.is_entered for one in inner)
        assert all(row["cost_nano_usd"] for row in records(governor))


def test_a_coroutine_that_is_closed_settles(governed: Governed) -> None:
    """Whoever drops a coroutine raises GeneratorExit in it: nothing can be awaited then."""
    inner = Scripted("hangs")
    model = GovernedModel(inner, governed.governor)

    async def main() -> None:
        work = call_of(model, streamed=False)
        while True:
            waiting: Any = work.send(None)
            if inner.is_entered:
                break
            waiting._asyncio_future_blocking = False
            await waiting
        work.close()

    asyncio.run(main())
    assert governed.settled_soon()
    (record,) = governed.records()
    assert (record["source"], record["outcome"]) == ("estimated", "cancelled")


def test_settings_that_cannot_be_made_are_no_call(governed: Governed) -> None:
    model = GovernedModel(Scripted("answers"), governed.governor)
    broken: Any = ModelSettings(max_tokens=100)
    object.__setattr__(broken, "extra_args", 7)
    said: Any = (None, "hi", broken, [], None, [], ModelTracing.DISABLED)
    with pytest.raises(TypeError):
        asyncio.run(model.get_response(*said))
    assert governed.records() == []
    assert governed.open_holds() == 0


def test_the_models_of_a_provider_share_one_thread(governed: Governed) -> None:
    class Provider:
        def get_model(self, name: str | None) -> Model:
            return Scripted("answers")

        async def aclose(self) -> None:
            pass

    provider: Any = GovernedProvider(Provider(), governed.governor)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]

    async def main() -> None:
        models = [provider.get_model("gpt-test") for _ in range(5)]
        assert len({id(model._calls) for model in models}) == 1
        for model in models:
            await call_of(model, streamed=False)
            await model.close()
        await provider.aclose()

    asyncio.run(main())
    assert len(governed.records()) == 5


class OfAws(Exception):
    response: ClassVar = {"ResponseMetadata": {"HTTPStatusCode": 503}}


class OfGoogle(Exception):
    code = 429


class Shown(Exception):
    status_code = "500"


class Flag(Exception):
    status_code = True


def test_what_faults_say_of_their_status() -> None:
    assert [status_of(one()) for one in (Refused, OfAws, OfGoogle)] == [429, 503, 429]
    assert [status_of(one()) for one in (Shown, Flag, RuntimeError)] == [None] * 3


def test_only_a_fault_of_an_http_client_says_that_nothing_left() -> None:
    """A program may have faults of the same name."""
    mine = type("ConnectError", (Exception,), {})
    theirs = type("ConnectError", (Exception,), {"__module__": "httpx2"})
    assert not has_never_left(mine())
    outer = RuntimeError()
    outer.__cause__ = theirs()
    assert has_never_left(outer)
    circle = RuntimeError()
    circle.__context__ = circle
    assert not has_never_left(circle)


@pytest.mark.slow
def test_a_process_that_is_killed_leaves_the_hold(tmp_path: Path) -> None:
    """RES-6: kill -9 in the middle of a call."""
    config = tmp_path / "corvus.toml"
    config.write_text(CONFIG.format(limit=1))
    program = f"""
        import os, signal
        from corvus import open_runtime
        from corvus.clients.model_call import CallText
        from corvus.clients.model_calls import ModelCalls
        from corvus.metering.providers.openai import CHAT
        governor = open_runtime([{str(config)!r}], ledger={str(tmp_path / "l.duckdb")!r}).governor()
        call = ModelCalls(governor.__enter__(), {{}}).admit(CallText(CHAT, {BODY!r}))
        os.kill(os.getpid(), signal.SIGKILL)
    """
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=False)
    assert killed.returncode == -signal.SIGKILL
    with open_runtime([config], ledger=tmp_path / "l.duckdb").governor() as governor:
        (held,) = governor.store.run(lambda unit: unit.held())
        assert held.hold_nano_usd > 0
