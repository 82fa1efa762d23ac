"""Governs the models of pydantic-ai (PRX-6).

::

    agent = Agent(GovernedModel("openai:gpt-5-mini", governor))

Each request to the model is held before it is made, and settled with the usage that pydantic-ai
reports. A refused one raises ``BudgetExceeded`` before anything is sent. A request that has no room
may get a lower maximum (EVA-14); another model it cannot get, for the model is an object. Counting
tokens is free.

Around a ``FallbackModel`` the most expensive of its models counts; to have each try held by itself,
govern the models inside it. What an SDK repeats by itself is one request here.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, NoReturn, Unpack

from corvus.base.time import Clock
from corvus.calls.flight import Command
from corvus.clients.extras import imports_of
from corvus.clients.model_call import ModelCall
from corvus.clients.model_calls import ModelCalls
from corvus.clients.pydantic_ai_text import (
    admitted_settings,
    answer_of,
    call_text,
    events_of,
)
from corvus.governor.governor import Governor
from corvus.governor.options import CallOptions

with imports_of("pydantic-ai"):
    from pydantic_ai.messages import ModelMessage, ModelResponse
    from pydantic_ai.models import (
        Model,
        ModelRequestContext,
        ModelRequestParameters,
        StreamedResponse,
    )
    from pydantic_ai.models.wrapper import WrapperModel
    from pydantic_ai.settings import ModelSettings
    from pydantic_ai.tools import RunContext


class GovernedModel(WrapperModel):
    """A model around another one, for ``Agent(...)``.

    Args:
        model: Who makes the requests, or its name.
        governor: Who admits calls; closed by whoever opened it, after ``close``.
        **options: What is said of each call: its session, mission, project, user, agent, tags.

    Raises:
        TypeError: An option has a name that nothing reads.
        ValueError: There is an idempotency key among them.
    """

    def __init__(
        self, model: Model | str, governor: Governor, **options: Unpack[CallOptions]
    ) -> None:
        super().__init__(model)
        self._calls = ModelCalls(governor, options)

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        """Have a request admitted, make it, and settle it.

        Raises:
            Denied: It is refused.
            StoreError: Its budgets cannot be verified, so it was not made.
            ValueError: It cannot be metered, so it was not made.
        """
        text = call_text(self.wrapped, messages, model_settings, model_request_parameters)
        call = await self._calls.aadmit(text)
        settings = await self._calls.aprepare(
            call, lambda: admitted_settings(model_settings, text, call)
        )
        try:
            response = await self.wrapped.request(messages, settings, model_request_parameters)
        except BaseException as fault:
            await self._calls.aended_by(fault, call)
            raise
        await self._calls.aanswered(call, lambda: answer_of(response))
        return response

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncGenerator[StreamedResponse]:
        """Do what ``request`` does; it is settled when the stream is left, at its end or before."""
        text = call_text(self.wrapped, messages, model_settings, model_request_parameters)
        call = await self._calls.aadmit(text)
        settings = await self._calls.aprepare(
            call, lambda: admitted_settings(model_settings, text, call)
        )
        reading = _Reading(self._calls.governor.store.clock, call)
        try:
            async with self.wrapped.request_stream(
                messages, settings, model_request_parameters, run_context
            ) as stream:
                reading.stream = stream
                yield stream
        except BaseException as fault:
            reading.take()
            await self._calls.aended_by(fault, call)
            raise
        await self._calls.settler.aobey(reading.end())

    async def compact_messages(
        self, request_context: ModelRequestContext, *, instructions: str | None = None
    ) -> ModelResponse:
        """Do what ``request`` does for the summary of a conversation."""
        text = call_text(
            self.wrapped,
            request_context.messages,
            request_context.model_settings,
            request_context.model_request_parameters,
            instructions=instructions,
        )
        call = await self._calls.aadmit(text)
        try:
            response = await self.wrapped.compact_messages(
                request_context, instructions=instructions
            )
        except BaseException as fault:
            await self._calls.aended_by(fault, call)
            raise
        await self._calls.aanswered(call, lambda: answer_of(response))
        return response

    async def batch_create(self, requests: Sequence[Any]) -> NoReturn:
        """Refuse a batch: nobody here would learn what it used.

        Raises:
            ValueError: Always.
        """
        raise ValueError("a batch was not made: what it uses is not reported here to be metered")

    def close(self) -> None:
        """Settle what was handed over."""
        self._calls.close()


class _Reading:
    """A stream that somebody else reads, until it is left."""

    def __init__(self, clock: Clock, call: ModelCall) -> None:
        self._call = call
        self._began = time.perf_counter()
        self._began_at = clock.now()
        self.stream: StreamedResponse | None = None

    def take(self) -> tuple[list[Command], bool]:
        """Take what has come so far; return what is to be done, and whether that is all."""
        if self.stream is None:
            return [], False
        response = self.stream.get()
        after = self.stream.time_to_first_chunk(self._began)
        at = self._began_at + timedelta(seconds=max(0.0, after)) if after is not None else None
        commands = [one for data in events_of(response) for one in self._call.event(data, at)]
        return commands, response.state == "complete"

    def end(self) -> list[Command]:
        """Return what settles it: its usage where it was read to its end, else what came."""
        commands, is_complete = self.take()
        return [*commands, *(self._call.ended() if is_complete else self._call.left())]
