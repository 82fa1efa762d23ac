"""A LangChain callback that governs the calls of any chat model or LLM (PRX-6).

::

    model = ChatOpenAI(model="gpt-5-mini", callbacks=[GovernedCallback(governor)])

It reserves before a model is called, and settles with the usage that LangChain reports. A refused
call raises ``BudgetExceeded`` before anything is sent. It knows only what LangChain reports:
searches and tiers of a provider do not show, so where the SDK underneath takes a client of
``httpx2``, ``GovernedTransport`` meters more exactly. Use one of the two, or calls count twice.
Nor can it change a call: a lower maximum and a cheaper model are for ``BudgetMiddleware`` and
``GovernedTransport``; a call here waits for room, or for a person (EVA-14).

An answer without usage is not free: an upper bound stands in. When a model fails, its
hold is released only if the provider answered with an error status and nothing had flowed. When
one of several prompts of one ``generate`` is refused, the holds of those before it stay until they
expire, for LangChain does not say that they were dropped.
"""

from __future__ import annotations

import json
import threading
from typing import Any, Unpack
from uuid import UUID

from corvus.answers.denial import denial_error
from corvus.calls.flight import Settle
from corvus.calls.settle import Settler
from corvus.clients.extras import imports_of
from corvus.clients.langchain.calls import Run, describe
from corvus.governor.governor import Governor
from corvus.governor.options import CallOptions, refuse_key, refuse_unknown
from corvus.metering.facts import Json
from corvus.model.budget import Rung

with imports_of("langchain"):
    from langchain_core.callbacks import BaseCallbackHandler
    from langchain_core.messages import BaseMessage
    from langchain_core.outputs import LLMResult

_RUNGS = (Rung.WAIT, Rung.ASK)
"""What a callback can follow: it cannot change the call that it hears of (EVA-14)."""


class GovernedCallback(BaseCallbackHandler):
    """A callback handler for models, chains and agents.

    Args:
        governor: Who admits calls; closed by whoever opened it, after ``close``.
        **options: What is said of each call: its session, mission, project, user, agent, tags.

    Raises:
        TypeError: An option has a name that nothing reads.
        ValueError: There is an idempotency key among them.
    """

    raise_error = True  # otherwise LangChain logs a refusal and makes the call all the same

    def __init__(self, governor: Governor, **options: Unpack[CallOptions]) -> None:
        refuse_unknown(options, CallOptions)
        refuse_key(options)
        super().__init__()
        self._governor = governor
        self._options = options
        self._settler = Settler(lambda: governor)
        self._lock = threading.Lock()
        self._open: dict[UUID, Run] = {}

    def on_chat_model_start(  # noqa: D102, PLR0913 - LangChain's own signature
        self,
        serialized: dict[str, Any],
        messages: list[list[BaseMessage]],
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        text = "".join(message.model_dump_json() for turn in messages for message in turn)
        self._reserve(run_id, text, metadata or {}, kwargs.get("invocation_params") or {})

    def on_llm_start(  # noqa: D102, PLR0913 - LangChain's own signature
        self,
        serialized: dict[str, Any],
        prompts: list[str],
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        text = "".join(prompts)
        self._reserve(run_id, text, metadata or {}, kwargs.get("invocation_params") or {})

    def on_llm_new_token(  # noqa: D102
        self, token: str | list[str | dict[str, Any]], *, run_id: UUID, **kwargs: Any
    ) -> None:
        if (run := self._open.get(run_id)) is not None:
            run.first_token_at = run.first_token_at or self._governor.store.clock.now()
            run.relayed += token if isinstance(token, str) else json.dumps(token)

    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **kwargs: Any) -> None:  # noqa: D102
        if (run := self._take(run_id)) is not None:
            self._settler.settle(run.ended(response))

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:  # noqa: D102
        run = self._take(run_id)
        if run is None:
            return
        ending = run.failed(error, kwargs.get("response"))
        if isinstance(error, GeneratorExit):  # perhaps the garbage collector's: nothing may wait
            self._settler.later([Settle(ending)])
        else:
            self._settler.settle(ending)

    def close(self) -> None:
        """Settle what was handed over."""
        self._settler.close()

    def _reserve(self, run_id: UUID, text: str, metadata: Json, params: Json) -> None:
        self._settler.start()
        call = describe(text, metadata, params)
        options: CallOptions = {**call.options, "rungs": _RUNGS, **self._options}
        decision = self._governor.reserve(self._governor.request(call.model, **options))
        if not decision.allowed:
            raise denial_error(decision, call.model)
        held = decision.reservation
        if held is not None:
            life = held.request.ttl_seconds or self._governor.policy.reservation_ttl_seconds
            self._governor.heartbeat.start(held.id, life)
            with self._lock:
                self._open[run_id] = Run(held, call)

    def _take(self, run_id: UUID) -> Run | None:
        with self._lock:
            return self._open.pop(run_id, None)
