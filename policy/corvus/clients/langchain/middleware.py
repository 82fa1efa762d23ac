"""A middleware of LangChain 1.x agents that governs the calls of their model (PRX-6, EVA-14).

::

    agent = create_agent(model, tools, middleware=[BudgetMiddleware(governor)])

It reserves before a model is called, and settles with the usage that LangChain reports. What a
callback cannot do, it can: a call that has no room gets a lower maximum, or a cheaper model, before
it is made. A refused call raises ``BudgetExceeded`` before anything is sent, or ends the run with a
message of the agent that says why. Use it in place of ``GovernedCallback`` and of
``GovernedTransport``, or calls count twice.

A cheaper model is called only where the model class shows the request that it would send, as those
of OpenAI and Anthropic do: else nobody knows what the request needs (``corvus.metering.needs``).
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Literal, TypeAlias, Unpack, cast

from corvus.answers.denial import denial_body, denial_error, denial_text
from corvus.calls.flight import Settle
from corvus.calls.plan import Plan
from corvus.calls.reading import read
from corvus.calls.settle import Settler
from corvus.clients.extras import imports_of
from corvus.clients.langchain.calls import Description, Run, describe
from corvus.governor.governor import Governor
from corvus.governor.ladder.offers import DescribedOffers
from corvus.governor.options import CallOptions, refuse_key, refuse_unknown
from corvus.metering.facts import Json
from corvus.metering.maxima import MAXIMA, THINKING_ROOM
from corvus.metering.provider import Endpoint
from corvus.metering.providers.anthropic import MESSAGES
from corvus.metering.providers.openai import CHAT, RESPONSES
from corvus.model.decision import Decision
from corvus.model.ladder import Offer, Room
from corvus.model.request import Request

with imports_of("langchain-agents"):
    from langchain.agents.middleware import (
        AgentMiddleware,
        ExtendedModelResponse,
        ModelRequest,
        ModelResponse,
    )
    from langchain_core.messages import AIMessage, BaseMessage
    from langchain_core.outputs import (
        ChatGeneration,
        ChatGenerationChunk,
        Generation,
        GenerationChunk,
        LLMResult,
    )
    from langchain_core.utils.function_calling import convert_to_openai_tool
    from langgraph.types import Command

_Request: TypeAlias = ModelRequest[Any]
_Response: TypeAlias = ModelResponse[Any]


class BudgetMiddleware(AgentMiddleware[Any, Any, Any]):
    """A middleware for ``create_agent``.

    Args:
        governor: Who admits calls; closed by whoever opened it, after ``close``.
        on_refusal: What a refused call does: ``raise``, or ``end`` the run (``jump_to: "end"``).
        **options: What is said of each call: its session, mission, project, user, agent, tags.

    Raises:
        TypeError: An option has a name that nothing reads.
        ValueError: There is an idempotency key among them, or ``on_refusal`` is neither of both.
    """

    def __init__(
        self,
        governor: Governor,
        *,
        on_refusal: Literal["raise", "end"] = "raise",
        **options: Unpack[CallOptions],
    ) -> None:
        refuse_unknown(options, CallOptions)
        refuse_key(options)
        if on_refusal not in ("raise", "end"):
            raise ValueError(f"on_refusal is 'raise' or 'end', not {on_refusal!r}")
        super().__init__()
        self._ends_run = on_refusal == "end"
        self._governor = governor
        self._options = options
        self._settler = Settler(lambda: governor)

    def wrap_model_call(
        self, request: _Request, handler: Callable[[_Request], _Response]
    ) -> _Response | ExtendedModelResponse[Any]:
        """Have a call of the model admitted, make it in its form, and settle it."""
        call = _Call(self._governor, self._options, request)
        decision = self._governor.reserve(call.request, offers=call)
        if self._ends_run and not decision.allowed:
            return _last_word(decision)
        run = self._opened(call, decision)
        try:
            response = handler(call.form(decision))
        except BaseException as error:
            if run is not None:
                self._settler.settle(run.failed(error, None))
            raise
        if run is not None:
            self._settler.settle(run.ended(_result(response)))
        return response

    async def awrap_model_call(
        self, request: _Request, handler: Callable[[_Request], Awaitable[_Response]]
    ) -> _Response | ExtendedModelResponse[Any]:
        """Do what ``wrap_model_call`` does, without keeping the event loop waiting."""
        call = _Call(self._governor, self._options, request)
        decision = await self._governor.areserve(call.request, offers=call)
        if self._ends_run and not decision.allowed:
            return _last_word(decision)
        run = self._opened(call, decision)
        try:
            response = await handler(call.form(decision))
        except BaseException as error:
            if run is not None and isinstance(error, GeneratorExit):
                self._settler.later([Settle(run.failed(error, None))])  # nothing may wait
            elif run is not None:
                await self._settler.asettle(run.failed(error, None))
            raise
        if run is not None:
            await self._settler.asettle(run.ended(_result(response)))
        return response

    def close(self) -> None:
        """Settle what was handed over."""
        self._settler.close()

    def _opened(self, call: _Call, decision: Decision) -> Run | None:
        """Keep the hold of an admitted call alive; ``None`` while governance is disabled.

        Raises:
            Denied: The call was refused.
        """
        if not decision.allowed:
            raise denial_error(decision, call.description.model)
        held = decision.reservation
        if held is None:
            return None
        self._settler.start()
        life = held.request.ttl_seconds or self._governor.policy.reservation_ttl_seconds
        self._governor.heartbeat.start(held.id, life)
        return Run(held, call.description)


class _Call:
    """One call of a model: what it may use, and what can be changed about it (``Offers``)."""

    def __init__(self, governor: Governor, options: CallOptions, request: _Request) -> None:
        self._request = request
        self._params = _params_of(request)
        self._plan = _plan_of(request)
        least = self._plan.input_tokens if self._plan is not None else 0
        self.description: Description = describe(
            _text_of(request), _metadata_of(request), self._params, least
        )
        described: CallOptions = {**self.description.options, **options}
        self.request = governor.request(self.description.model, **described)

        def describe_again(model: str, said: CallOptions) -> Request:
            return governor.request(model, **said)

        self._described = DescribedOffers(self.request, describe_again)

    def cap(self, request: Request, room: Room, least_tokens: int) -> Offer | None:
        """Return the call with the largest maximum that fits (``Offers.cap``)."""
        answers = self.description.answers
        thought = self._plan.thinking_tokens if self._plan is not None else 0
        least = max(least_tokens, thought + THINKING_ROOM if thought else 0)
        offer = self._described.cap(request, room, least * answers)
        if offer is None or offer.output_cap_tokens is None:
            return offer
        return replace(offer, output_cap_tokens=offer.output_cap_tokens // answers)

    def downgrade(self, model: str) -> Offer | None:
        """Return the call for another model, if all that it uses is known to exist there."""
        form = self._plan.downgraded(model) if self._plan is not None else None
        if form is None:
            return None
        offer = self._described.downgrade(model)
        return None if offer is None else replace(offer, output_cap_tokens=form.cap_tokens)

    def form(self, decision: Decision) -> _Request:
        """Return the request of LangChain in the form that was decided on."""
        settings: dict[str, Any] = {}
        if decision.output_cap_tokens is not None:
            stated = [name for name in MAXIMA if self._params.get(name) is not None]
            settings |= dict.fromkeys(stated or ("max_tokens",), decision.output_cap_tokens)
        if decision.downgraded_from is not None:
            settings["model"] = decision.model
        if not settings:
            return self._request
        return self._request.override(model_settings={**self._request.model_settings, **settings})


def _params_of(request: _Request) -> Json:
    """Return with what the model is called, as a callback would hear it."""
    invocation = cast(Any, request.model)._get_invocation_params(**request.model_settings)
    tools = [
        tool if isinstance(tool, dict) else convert_to_openai_tool(tool) for tool in request.tools
    ]
    return {**invocation, **({"tools": tools} if tools else {})}


def _metadata_of(request: _Request) -> Json:
    return dict(cast(Any, request.model)._get_ls_params(**request.model_settings))


def _messages_of(request: _Request) -> list[BaseMessage]:
    system = [request.system_message] if request.system_message is not None else []
    return [*system, *request.messages]


def _text_of(request: _Request) -> str:
    return "".join(message.model_dump_json() for message in _messages_of(request))


def _plan_of(request: _Request) -> Plan | None:
    """Return what the model class would send; ``None`` where it does not show it."""
    show = getattr(request.model, "_get_request_payload", None)
    if show is None:
        return None
    more = {"tools": _params_of(request)["tools"]} if request.tools else {}
    payload: dict[str, Any] = show(_messages_of(request), **request.model_settings, **more)
    shown = {name: value for name, value in payload.items() if value is not None}
    found = read(_endpoint_of(request, shown), json.dumps(shown, default=str).encode())
    return found if isinstance(found, Plan) else None


def _endpoint_of(request: _Request, payload: Json) -> Endpoint:
    if "input" in payload:
        return RESPONSES
    return MESSAGES if "anthropic" in type(request.model).__module__ else CHAT


def _last_word(decision: Decision) -> ExtendedModelResponse[Any]:
    """Return what the agent says in place of a call that was refused, and the end of the run."""
    about: dict[str, Any] = {"finish_reason": "budget_exceeded", "corvus": denial_body(decision)}
    said = AIMessage(denial_text(decision), response_metadata=about)
    return ExtendedModelResponse(
        model_response=ModelResponse(result=[said]), command=Command(update={"jump_to": "end"})
    )


def _result(response: _Response) -> LLMResult:
    """Return the answer as a callback would hear it."""
    answers: list[Generation | ChatGeneration | GenerationChunk | ChatGenerationChunk] = [
        ChatGeneration(message=message) for message in response.result if message.type == "ai"
    ]
    return LLMResult(generations=[answers])
