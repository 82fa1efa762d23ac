"""The life of a call that a library makes, for adapters of libraries that show no HTTP (PRX-6).

An adapter writes down what it knows of a call as the request and the answer that would say the same
on the wire. From there on everything is done as for the proxy and the transports: the bound of the
request, the decision, what an answer used, how a call that broke off is settled (RES-11). What the
library does not say is bounded from above or left unknown, and never 0.

A call that is neither ended nor failed, because nobody holds it any more, is settled when it is
collected as garbage.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, Unpack

from corvus.answers.denial import denial_error
from corvus.calls.flight import Command
from corvus.calls.gate import Gate, Proposal
from corvus.calls.refusal import Refusal
from corvus.calls.routes import MeteredCall
from corvus.calls.settle import Settler
from corvus.clients.model_call import CallText, ModelCall, json_of
from corvus.governor.governor import Governor
from corvus.governor.options import CallOptions, refuse_key, refuse_unknown
from corvus.model.budget import Rung
from corvus.model.decision import Decision

RUNGS = (Rung.CAP, Rung.WAIT, Rung.ASK)
"""What an adapter can follow whose model is an object: a lower maximum, but no other model."""

_Made = TypeVar("_Made")
_log = logging.getLogger("corvus.clients")


class ModelCalls:
    """Admits the calls of one adapter, and settles them.

    Args:
        governor: Who admits calls; closed by whoever opened it, after ``close``.
        options: What is said of each call.

    Attributes:
        governor: Who admits calls.
        settler: Does what a call says that is to be done.

    Raises:
        TypeError: An option has a name that nothing reads.
        ValueError: There is an idempotency key among them.
    """

    def __init__(self, governor: Governor, options: CallOptions) -> None:
        refuse_unknown(options, CallOptions)
        refuse_key(options)
        self.governor = governor
        self.settler = Settler(lambda: governor)
        self._options: CallOptions = {"rungs": RUNGS, **options}

    def admit(self, text: CallText, **more: Unpack[CallOptions]) -> ModelCall:
        """Have a call admitted.

        Args:
            text: The call.
            **more: What is said of this one.

        Raises:
            Denied: It is refused.
            StoreError: Its budgets cannot be verified.
            ValueError: It cannot be metered, so it must not be made.
        """
        gate, proposal = self._proposed(text, more)
        decision, proposal = gate.admit(proposal)
        return self._opened(gate, proposal, decision)

    async def aadmit(self, text: CallText, **more: Unpack[CallOptions]) -> ModelCall:
        """Do what ``admit`` does, without keeping the event loop waiting."""
        gate, proposal = self._proposed(text, more)
        decision, proposal = await gate.aadmit(proposal)
        return self._opened(gate, proposal, decision)

    async def aprepare(self, call: ModelCall, make: Callable[[], _Made]) -> _Made:
        """Return what an admitted call is made with; where that fails, nothing is recorded.

        Args:
            call: The call.
            make: Returns it.
        """
        try:
            return make()
        except BaseException:
            await self.settler.aobey(call.never_made())
            raise

    async def aanswered(
        self,
        call: ModelCall,
        read: Callable[[], Mapping[str, Any]],
        request_id: str | None = None,
    ) -> None:
        """Settle a call that has its whole answer.

        Args:
            call: The call.
            read: Returns the answer in the words of the endpoint; what it raises spoils nothing,
                but then what was held stands in for the usage.
            request_id: By which the provider knows the call.
        """
        await self.settler.aobey(_ending(call, read, request_id))

    def answered(
        self,
        call: ModelCall,
        read: Callable[[], Mapping[str, Any]],
        request_id: str | None = None,
    ) -> None:
        """Do what ``aanswered`` does, for who does not await."""
        self.settler.obey(_ending(call, read, request_id))

    async def aended_by(self, fault: BaseException, call: ModelCall) -> None:
        """Settle a call that ended in a fault, or that nobody waits for any more."""
        if isinstance(fault, GeneratorExit):  # perhaps the garbage collector's: nothing may wait
            self.settler.later(call.left())
        else:
            await self.settler.aobey(call.failed(fault))

    def ended_by(self, fault: BaseException, call: ModelCall) -> None:
        """Do what ``aended_by`` does, for who does not await."""
        if isinstance(fault, GeneratorExit):
            self.settler.later(call.left())
        else:
            self.settler.obey(call.failed(fault))

    def close(self) -> None:
        """Settle what was handed over. May be called again."""
        self.settler.close()

    async def aclose(self) -> None:
        """Do what ``close`` does, without keeping the event loop waiting."""
        await asyncio.to_thread(self.close)

    def _proposed(self, text: CallText, more: CallOptions) -> tuple[Gate, Proposal]:
        options: CallOptions = {**self._options, **more}
        if text.provider is not None:
            options.setdefault("provider", text.provider)
        gate = Gate(self.governor, **options)
        place = MeteredCall(text.endpoint, text.endpoint.path)
        proposal = gate.propose(place, json_of(text.body), host=text.host)
        if isinstance(proposal, Refusal):
            raise ValueError(f"the call was not made: {proposal.message}")
        self.settler.start()
        return gate, proposal

    def _opened(self, gate: Gate, proposal: Proposal, decision: Decision) -> ModelCall:
        if not decision.allowed:
            raise denial_error(decision, proposal.plan.model)
        verdict = gate.verdict(proposal, decision)
        assert not isinstance(verdict, Refusal), "what is allowed is not refused"
        if verdict.flight is not None:
            self.settler.watch(verdict.flight)
        return ModelCall(self.settler, self.governor.store.clock, verdict.proposal, verdict.flight)


def _ending(
    call: ModelCall, read: Callable[[], Mapping[str, Any]], request_id: str | None
) -> list[Command]:
    try:
        answer = read()
    except Exception as fault:
        _log.warning("the usage of an answer cannot be read, so it is estimated", exc_info=fault)
        return call.failed(fault)
    return call.answered(answer, request_id)
