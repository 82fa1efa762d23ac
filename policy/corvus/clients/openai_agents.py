"""Governs the models of the OpenAI Agents SDK (PRX-6).

::

    model = GovernedModel(OpenAIResponsesModel("gpt-5-mini", client), governor)
    await Runner.run(Agent(name="docs", model=model), "Hi!")

Each call of the model is held before it is made, and settled with the usage that the SDK reports.
A refused call raises ``BudgetExceeded`` before anything is sent. A call that has no room may get a
lower maximum (EVA-14); another model it cannot get, for the model is an object.

``GovernedProvider`` governs models that are named by a text, also of handoffs. What a client of
``openai`` repeats by itself is one call here; retries of the runner are calls of their own.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, nullcontext
from dataclasses import replace
from typing import Any, Unpack, cast

from corvus.base.errors import PolicyError
from corvus.clients.extras import imports_of
from corvus.clients.model_call import CallText, ModelCall
from corvus.clients.model_calls import ModelCalls
from corvus.governor.governor import Governor
from corvus.governor.options import CallOptions
from corvus.metering.providers.openai import RESPONSES

with imports_of("openai-agents"):
    from agents import (
        AgentOutputSchemaBase,
        Handoff,
        Model,
        ModelProvider,
        ModelResponse,
        ModelSettings,
        ModelTracing,
        Tool,
        TResponseInputItem,
    )
    from agents.items import TResponseStreamEvent
    from agents.models.openai_responses import Converter
    from agents.retry import ModelRetryAdvice, ModelRetryAdviceRequest

_MAXIMUM = "max_output_tokens"


class GovernedModel(Model):
    """A model around another one, for ``Agent(model=...)``.

    Args:
        model: Who makes the calls.
        governor: Who admits calls; closed by whoever opened it, after ``close``.
        **options: What is said of each call: its session, mission, project, user, agent, tags.

    Raises:
        TypeError: An option has a name that nothing reads.
        ValueError: There is an idempotency key among them.
    """

    def __init__(self, model: Model, governor: Governor, **options: Unpack[CallOptions]) -> None:
        self._model = model
        self._calls = ModelCalls(governor, options)

    async def get_response(  # noqa: PLR0913, PLR0917 - the library's own signature
        self,
        system_instructions: str | None,
        input: str | list[TResponseInputItem],
        model_settings: ModelSettings,
        tools: list[Tool],
        output_schema: AgentOutputSchemaBase | None,
        handoffs: list[Handoff],
        tracing: ModelTracing,
        **stored: Any,
    ) -> ModelResponse:
        """Have a call of the model admitted, make it, and settle it.

        Raises:
            Denied: The call is refused.
            StoreError: Its budgets cannot be verified, so it was not made.
            ValueError: It cannot be metered, so it was not made.
        """
        text = self._text(system_instructions, input, model_settings, _offered(tools, handoffs))
        text = _with_stored(text, output_schema, stored)
        call = await self._calls.aadmit(text)
        settings = await self._calls.aprepare(call, lambda: _settings(model_settings, text, call))
        try:
            response = await self._model.get_response(
                system_instructions,
                input,
                settings,
                tools,
                output_schema,
                handoffs,
                tracing,
                **stored,
            )
        except BaseException as fault:
            await self._calls.aended_by(fault, call)
            raise
        await self._calls.aanswered(call, lambda: _answer(response, text), response.request_id)
        return response

    async def stream_response(  # noqa: PLR0913, PLR0917 - the library's own signature
        self,
        system_instructions: str | None,
        input: str | list[TResponseInputItem],
        model_settings: ModelSettings,
        tools: list[Tool],
        output_schema: AgentOutputSchemaBase | None,
        handoffs: list[Handoff],
        tracing: ModelTracing,
        **stored: Any,
    ) -> AsyncIterator[TResponseStreamEvent]:
        """Do what ``get_response`` does, event by event; it is settled at the one that ends it."""
        text = self._text(system_instructions, input, model_settings, _offered(tools, handoffs))
        text = _with_stored(text, output_schema, stored)
        call = await self._calls.aadmit(text)
        settings = await self._calls.aprepare(call, lambda: _settings(model_settings, text, call))
        settings = replace(settings, include_usage=True)
        events = self._model.stream_response(
            system_instructions, input, settings, tools, output_schema, handoffs, tracing, **stored
        )
        try:
            async with _closing(events):
                async for event in events:
                    await self._calls.settler.aobey(call.event(_shown(event)))
                    yield event
        except BaseException as fault:
            await self._calls.aended_by(fault, call)
            raise
        await self._calls.settler.aobey(call.ended())

    def get_retry_advice(self, request: ModelRetryAdviceRequest) -> ModelRetryAdvice | None:
        """Advise against repeating what was refused; else as the model itself."""
        if isinstance(request.error, PolicyError):
            return ModelRetryAdvice(suggested=False, reason=str(request.error))
        return self._model.get_retry_advice(request)

    async def close(self) -> None:
        """Settle what was handed over, and close the model."""
        await self._model.close()
        await self._calls.aclose()

    async def _cleanup_on_run_end(self, owner: object) -> None:
        await self._model._cleanup_on_run_end(owner)

    def _text(
        self,
        system_instructions: str | None,
        input: str | list[TResponseInputItem],
        settings: ModelSettings,
        tools: Sequence[Any],
    ) -> CallText:
        """Return a call as it stands in a request for a response, whatever API the model calls."""
        model: Any = self._model
        body: dict[str, Any] = {
            "model": str(getattr(model, "model", None) or ""),
            "instructions": system_instructions,
            "input": input,
            "tools": tools,
            _MAXIMUM: settings.max_tokens,
            "reasoning": settings.reasoning,
            "context_management": settings.context_management,
            **(settings.extra_args or {}),
            **cast("Mapping[str, Any]", settings.extra_body or {}),
        }
        stated = {name: value for name, value in body.items() if value is not None}
        return CallText(RESPONSES, stated, host=_host(model))


class GovernedProvider(ModelProvider):
    """A provider whose models are governed, for ``RunConfig(model_provider=...)``.

    Args:
        models: Who makes the models.
        governor: As for ``GovernedModel``.
        **options: As for ``GovernedModel``.
    """

    def __init__(
        self, models: ModelProvider, governor: Governor, /, **options: Unpack[CallOptions]
    ) -> None:
        self._provider = models
        self._calls = ModelCalls(governor, options)

    def get_model(self, model_name: str | None) -> Model:
        """Return the model of a name, governed."""
        model = self._provider.get_model(model_name)
        if isinstance(model, GovernedModel):
            return model
        return _ProvidedModel(model, self._calls)

    async def aclose(self) -> None:
        """Settle what was handed over, and close the provider."""
        await self._provider.aclose()
        await self._calls.aclose()


class _ProvidedModel(GovernedModel):
    """A model of a governed provider, with which it shares what settles its calls."""

    def __init__(self, model: Model, calls: ModelCalls) -> None:
        self._model = model
        self._calls = calls

    async def close(self) -> None:
        await self._model.close()


def _with_stored(
    text: CallText, schema: AgentOutputSchemaBase | None, stored: Mapping[str, Any]
) -> CallText:
    """Return a call with what is kept at the provider, and with the form of its answer."""
    body: dict[str, Any] = {**text.body}
    if schema is not None and not schema.is_plain_text():
        body["text"] = {"format": {"type": "json_schema", "schema": schema.json_schema()}}
    prompt = stored.get("prompt")
    kept = {
        "previous_response_id": stored.get("previous_response_id"),
        "conversation": stored.get("conversation_id"),
        "prompt": prompt,
    }
    body |= {name: value for name, value in kept.items() if value is not None}
    return replace(text, body=body)


def _offered(tools: Sequence[Tool], handoffs: Sequence[Handoff]) -> list[Any]:
    """Return the tools as a request states them; one that cannot be stated as what it shows."""
    try:
        return [*Converter.convert_tools([*tools], [*handoffs]).tools]
    except Exception:  # a computer that has not started, or a tool of another API
        return [{"type": type(tool).__name__, "shown": repr(tool)} for tool in (*tools, *handoffs)]


def _closing(events: AsyncIterator[Any]) -> AbstractAsyncContextManager[Any]:
    """Return what closes a stream, where it can be closed."""
    return aclosing(cast(Any, events)) if hasattr(events, "aclose") else nullcontext()


def _host(model: Any) -> str | None:
    return getattr(getattr(getattr(model, "_client", None), "base_url", None), "host", None)


def _settings(settings: ModelSettings, text: CallText, call: ModelCall) -> ModelSettings:
    """Return the settings of a call in the form that it was admitted in."""
    changes: dict[str, Any] = {"preserve_raw_usage": True}
    for name in ("extra_args", "extra_body"):
        given = cast("dict[str, Any] | None", getattr(settings, name))
        if given:
            changes[name] = call.changed_in(given, text)
    own = {**(settings.extra_args or {}), **cast("dict[str, Any]", settings.extra_body or {})}
    if call.maximum_tokens is not None and _MAXIMUM not in own:
        changes["max_tokens"] = call.maximum_tokens
    return replace(settings, **changes)


def _answer(response: ModelResponse, text: CallText) -> dict[str, Any]:
    """Return an answer as the provider would have stated it; usage of nothing at all is none."""
    items = [_item(item) for item in response.output]
    answer: dict[str, Any] = {
        "id": response.response_id,
        "object": "response",
        "status": "completed",
        "output": items,
    }
    if any(str(item.get("type", "")).endswith("_call") for item in items):
        # both decide what tools of the provider cost
        answer |= {"model": text.body["model"], "tools": text.body.get("tools", [])}
    usage = response.raw_usage or _counts(response)
    return answer if usage is None else {**answer, "usage": usage}


def _item(item: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", item if isinstance(item, dict) else item.model_dump())


def _shown(event: TResponseStreamEvent) -> str:
    """Return an event as JSON; one that cannot be written as JSON counts as text, whole."""
    try:
        return event.model_dump_json(warnings=False)
    except Exception:
        return json.dumps({"type": "response.output_text.delta", "delta": repr(event)})


def _counts(response: ModelResponse) -> dict[str, Any] | None:
    counts = response.usage
    if not (counts.input_tokens or counts.output_tokens or counts.total_tokens):
        return None
    read, written = counts.input_tokens_details, counts.output_tokens_details
    return {
        "input_tokens": counts.input_tokens,
        "output_tokens": counts.output_tokens,
        "total_tokens": counts.total_tokens,
        "input_tokens_details": read.model_dump(),
        "output_tokens_details": written.model_dump(),
    }
