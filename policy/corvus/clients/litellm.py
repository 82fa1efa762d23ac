"""Governs the calls of LiteLLM: its proxy, its router and its functions (PRX-6).

::

    litellm.callbacks = [BudgetLogger(governor)]
    answer = await litellm.acompletion(model="gpt-5-mini", messages=[...], max_tokens=200)

Each deployment that is tried, by a retry or as a fallback, is held before it is called and settled
by itself. A refused call raises ``BudgetExceeded`` with status 402, which the proxy answers with
and no router repeats. What LiteLLM believes a call to cost stays in its own records: what is
recorded here is what the price book makes of the counts that the provider reports.

The synchronous ``litellm.completion`` has no hook that could refuse: call ``completion`` of the
logger. Outside a router, LiteLLM repeats calls where no hook sees it, so those retries are switched
off (``num_retries``, ``max_retries``); a router's are calls of their own. Images, speech, batches
and all else that cannot be metered is refused.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping
from typing import Any, Unpack, cast
from uuid import uuid4

from corvus.base.errors import PolicyError
from corvus.clients.extras import imports_of
from corvus.clients.litellm_open import OpenCalls
from corvus.clients.litellm_refusals import final_refusal, with_status
from corvus.clients.litellm_text import (
    FREE,
    METERED,
    admitted,
    answer_of,
    call_text,
    fault_of,
    function_of,
    request_id_of,
)
from corvus.clients.model_call import CallText, ModelCall
from corvus.clients.model_calls import ModelCalls
from corvus.governor.governor import Governor
from corvus.governor.options import CallOptions
from corvus.metering.facts import as_object
from corvus.metering.providers.openai import CHAT

with imports_of("litellm"):
    import litellm
    from litellm.integrations.custom_logger import CustomLogger

_library = cast(Any, litellm)  # much of it has no types
_log = logging.getLogger("corvus.clients")


class BudgetLogger(CustomLogger):
    """A logger for ``litellm.callbacks``, and for ``callbacks`` in the config of its proxy.

    Args:
        governor: Who admits calls; closed by whoever opened it, after ``close``.
        **options: What is said of each call: its session, mission, project, user, agent, tags.

    Raises:
        TypeError: An option has a name that nothing reads.
        ValueError: There is an idempotency key among them.
    """

    def __init__(self, governor: Governor, **options: Unpack[CallOptions]) -> None:
        cast(Any, super()).__init__()
        self._calls, self._open = ModelCalls(governor, options), OpenCalls()

    async def async_pre_call_hook(
        self, user_api_key_dict: Any, cache: Any, data: dict[str, Any], call_type: str
    ) -> dict[str, Any]:
        """Hold a request of the proxy before it chooses a deployment, whose own hold replaces it.

        Raises:
            Denied: It is refused, with status 402.
            StoreError: Its budgets cannot be verified: status 503.
            ValueError: It cannot be metered: status 400.
        """
        function = function_of(call_type)
        if not _is_metered(function):
            return data
        data.setdefault("litellm_call_id", str(uuid4()))
        text = call_text(data, METERED[function], self._calls.governor.books)
        call = await self._admitted(_with_deployments(text, str(data.get("model"))))
        self._open.put(data, call, is_made=False)
        return data

    async def async_pre_call_deployment_hook(
        self, kwargs: dict[str, Any], call_type: Any
    ) -> dict[str, Any] | None:
        """Hold a call before a deployment is tried.

        Raises:
            Denied: It is refused, with status 402.
            StoreError: Its budgets cannot be verified: status 503.
            ValueError: It cannot be metered: status 400.
        """
        function = function_of(call_type)
        try:
            if not _is_metered(function) or kwargs.get("fallbacks"):
                return None  # each of the fallbacks comes here itself
            if _library.model_fallbacks:
                raise with_status(ValueError("litellm.model_fallbacks holds nothing: use a Router"))
            await self._give_way(kwargs)
            call_as_text = call_text(kwargs, METERED[function], self._calls.governor.books)
            call = await self._admitted(call_as_text)
        except (PolicyError, ValueError) as refused:
            raise final_refusal(refused, kwargs) from None
        prepare = lambda: admitted(kwargs, function, call_as_text, call)  # noqa: E731
        changed = await self._calls.aprepare(call, prepare) if call.is_governed else None
        self._open.put(changed or kwargs, call, is_made=True)
        return changed

    async def async_post_call_success_deployment_hook(
        self, request_data: dict[str, Any], response: Any, call_type: Any
    ) -> None:
        """Settle a call that has its answer."""
        await self._answered(request_data, response)

    async def async_post_call_failure_deployment_hook(
        self,
        request_data: Mapping[str, Any],
        exception: Exception,
        call_type: Any,
        fallback_depth: int | None = None,
    ) -> None:
        """Settle a call whose deployment failed."""
        await self._failed(request_data, exception)

    async def async_log_success_event(
        self, kwargs: dict[str, Any], response_obj: Any, start_time: Any, end_time: Any
    ) -> None:
        """Settle a stream that came to its end; what LiteLLM's own cache answers costs nothing."""
        if kwargs.get("cache_hit"):
            found = self._open.take(kwargs)
            if found is not None:
                await self._calls.settler.aobey(found.never_made())
        else:
            await self._answered(kwargs, response_obj)

    async def async_log_failure_event(
        self, kwargs: dict[str, Any], response_obj: Any, start_time: Any, end_time: Any
    ) -> None:
        """Settle a call, or a stream, that failed."""
        fault = kwargs.get("exception")
        await self._failed(kwargs, fault if isinstance(fault, Exception) else Exception("unknown"))

    async def async_post_call_failure_hook(
        self,
        request_data: dict[str, Any],
        original_exception: Exception,
        user_api_key_dict: Any,
        traceback_str: str | None = None,
    ) -> None:
        """Settle a request of the proxy that failed before or after it had a deployment."""
        await self._failed(request_data, original_exception)

    def log_pre_api_call(self, model: Any, messages: Any, kwargs: Any) -> None:
        """Log a call that nothing was held for: LiteLLM lets nobody refuse it here."""
        if isinstance(kwargs, dict) and not self._open.knows(cast("dict[str, Any]", kwargs)):
            _log.error(
                "LiteLLM calls %r without a hold: use BudgetLogger.completion in place of "
                "litellm.completion, or the asynchronous functions",
                model,
            )

    def completion(self, *args: Any, **kwargs: Any) -> Any:
        """Do what ``litellm.completion`` does, governed.

        Returns:
            Its answer; of a stream, its chunks, which settle it when they end or are left.

        Raises:
            Denied: The call is refused, with status 402.
            StoreError: Its budgets cannot be verified: status 503.
            ValueError: It cannot be metered: status 400.
        """
        given = {**dict(zip(("model", "messages"), args, strict=False)), **kwargs}
        again = int(given.pop("num_retries", None) or 0)
        while True:
            try:
                return self._complete({**given, "litellm_call_id": str(uuid4())})
            except PolicyError:
                raise
            except Exception as fault:
                status = getattr(fault, "status_code", None)
                if again <= 0 or not (isinstance(status, int) and _library._should_retry(status)):
                    raise
                again -= 1

    def close(self) -> None:
        """Settle what was handed over."""
        self._calls.close()

    def _complete(self, kwargs: dict[str, Any]) -> Any:
        if kwargs.get("fallbacks") or _library.model_fallbacks:
            raise with_status(
                ValueError("fallbacks of a synchronous call hold nothing: use a Router")
            )
        text = call_text(kwargs, CHAT, self._calls.governor.books)
        try:
            call = self._calls.admit(text)
        except (PolicyError, ValueError) as refused:
            raise with_status(refused) from None
        changed = admitted(kwargs, "completion", text, call) if call.is_governed else kwargs
        self._open.put(changed, call, is_made=True)
        try:
            response = _library.completion(**changed)
        except BaseException as fault:
            self._calls.ended_by(fault_of(fault, {}), call)
            raise
        if kwargs.get("stream"):
            return self._streamed(call, response, changed)
        if (as_object(getattr(response, "_hidden_params", None)) or {}).get("cache_hit"):
            self._calls.settler.obey(call.never_made())
        else:
            read = lambda: answer_of(response, changed)  # noqa: E731 - one expression
            self._calls.answered(call, read, request_id_of(response))
        return response

    def _streamed(self, call: ModelCall, chunks: Any, kwargs: Mapping[str, Any]) -> Iterator[Any]:
        obey = self._calls.settler.obey
        try:
            for chunk in chunks:
                obey(call.event(answer_of(chunk, {})))
                yield chunk
        except BaseException as fault:
            self._calls.ended_by(fault_of(fault, {}), call)
            raise
        obey(call.event({"choices": [], **_final_usage(chunks, kwargs)}))
        obey(call.ended())

    async def _admitted(self, text: CallText) -> ModelCall:
        try:
            return await self._calls.aadmit(text)
        except (PolicyError, ValueError) as refused:
            raise with_status(refused) from None

    async def _give_way(self, kwargs: Mapping[str, Any]) -> None:
        """Let go of what is held for an earlier try, or for a request without a deployment."""
        is_made = self._open.is_made(kwargs)
        found = self._open.take(kwargs)
        if found is not None:
            commands = found.left() if is_made else found.never_made()
            await self._calls.settler.aobey(commands)

    async def _answered(self, kwargs: Mapping[str, Any], response: Any) -> None:
        found = self._open.take(kwargs)
        if found is not None:
            await self._calls.aanswered(
                found, lambda: answer_of(response, kwargs), request_id_of(response)
            )

    async def _failed(self, kwargs: Mapping[str, Any], fault: Exception) -> None:
        is_made = self._open.is_made(kwargs)
        found = self._open.take(kwargs)
        if found is not None and is_made:
            await self._calls.aended_by(fault_of(fault, kwargs), found)
        elif found is not None:
            await self._calls.settler.aobey(found.never_made())


def _is_metered(function: str) -> bool:
    """Return whether calls of a function are metered; one that is free is not.

    Raises:
        ValueError: It costs, and cannot be metered.
    """
    if function in METERED:
        return True
    if FREE.search(function):
        return False
    text = f"LiteLLM's {function or 'function'} cannot be metered here, so it was not called"
    raise with_status(ValueError(text))


def _with_deployments(text: CallText, group: str) -> CallText:
    """Return a call with all models that the proxy may choose for the name of a group."""
    server = sys.modules.get("litellm.proxy.proxy_server")
    router: Any = getattr(server, "llm_router", None)
    if router is None:
        return text
    found = cast("list[dict[str, Any]]", router.get_model_list(model_name=group) or [])
    names = [_library.get_llm_provider(one["litellm_params"]["model"])[0] for one in found]
    if not names:
        return text
    body = {**text.body, "model": names[0], "models": names[1:]}
    return CallText(text.endpoint, body)


def _final_usage(chunks: Any, kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the usage that a stream of LiteLLM kept from the chunk that had it."""
    for chunk in reversed(getattr(chunks, "chunks", None) or []):
        if getattr(chunk, "usage", None) is not None:
            answer = answer_of(chunk, kwargs)
            return {"usage": answer["usage"]} if "usage" in answer else {}
    return {}
