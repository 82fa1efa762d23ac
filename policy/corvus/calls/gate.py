"""The gate that a call passes before it may leave: plan, request, decision (RES-11, PRC-7).

What could cost money and cannot be metered is refused: no call reaches a provider past the budgets.
A call that states no maximum gets one of ours: the model's own limit, or what every budget has room
for, but no less than the policy's ``default_output_tokens``. A call that states a usable maximum
keeps its bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Unpack

from corvus.calls.billing import provider_of
from corvus.calls.flight import Flight
from corvus.calls.plan import Plan, read
from corvus.calls.refusal import Refusal, denied, invalid, unreadable
from corvus.calls.routes import MeteredCall, Unreadable
from corvus.governor.governor import Governor
from corvus.governor.pricing import CallOptions, refuse_key, refuse_unknown
from corvus.model.decision import Decision
from corvus.model.ladder import Offer, Room
from corvus.model.request import Request

OUTPUT_CAP = "x-corvus-output-cap"
"""Header of an answer: the maximum that was stated for a request without one."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A call, as it is put to the governor.

    Attributes:
        request: What the governor decides on.
        provider: Who bills; ``None`` where the price book has decided.
        stated: The maximum of one answer that is stated in its name; ``None`` for its own.
    """

    plan: Plan
    request: Request
    provider: str | None
    stated: int | None

    @property
    def body(self) -> bytes:
        """What is sent to the provider."""
        return self.plan.forward(self.stated, self.provider)

    @property
    def headers(self) -> dict[str, str]:
        """Headers of ours for the client."""
        return {} if self.stated is None else {OUTPUT_CAP: str(self.stated)}


@dataclass(frozen=True, slots=True)
class Admission:
    """A call that may be made.

    Attributes:
        flight: ``None`` while governance is disabled: then nothing is metered.
    """

    proposal: Proposal
    flight: Flight | None


class Gate:
    """The decisions of a driver, without input or output.

    Args:
        governor: Who admits calls.
        **options: What is said of each call, next to what its request says.

    Raises:
        TypeError: An option has a name that nothing reads.
        ValueError: There is an idempotency key among them.
    """

    def __init__(self, governor: Governor, **options: Unpack[CallOptions]) -> None:
        refuse_unknown(options, CallOptions)
        refuse_key(options)
        self._governor = governor
        self._options = options

    def propose(
        self,
        place: MeteredCall,
        body: bytes,
        encoding: str = "",
        *,
        host: str | None = None,
        upstream: str | None = None,
    ) -> Proposal | Refusal:
        """Return a request as it is put to the governor.

        Args:
            place: Where it is sent.
            body: As it came.
            encoding: Its ``content-encoding``.
            host: Host that it is sent to.
            upstream: Name of the upstream in the config.
        """
        plan = read(place.endpoint, body, encoding, place.model)
        if isinstance(plan, Unreadable):
            return unreadable(plan)
        provider = self._options.get("provider")
        provider = provider or provider_of(self._governor, plan, host=host, upstream=upstream)
        stated = plan.output_limit if plan.max_output_tokens is None else None
        try:
            return self._proposal(plan, provider, stated)
        except ValueError as wrong:
            return invalid(wrong)

    def admit(self, proposal: Proposal) -> tuple[Decision, Proposal]:
        """Have a call admitted or refused; it may come back with a lower maximum stated.

        Raises:
            StoreError: The store cannot answer, so the call must not be made.
        """
        offers = self._offers(proposal)
        decision = self._governor.reserve(proposal.request, offers=offers)
        return decision, offers.of(decision)

    async def aadmit(self, proposal: Proposal) -> tuple[Decision, Proposal]:
        """Do what ``admit`` does, without keeping the event loop waiting."""
        offers = self._offers(proposal)
        decision = await self._governor.areserve(proposal.request, offers=offers)
        return decision, offers.of(decision)

    def verdict(
        self, proposal: Proposal, decision: Decision, denied_status: int = 402
    ) -> Admission | Refusal:
        """Return what follows from a decision."""
        if not decision.allowed:
            return denied(decision, denied_status)
        held = decision.reservation
        if held is None:
            return Admission(proposal, None)
        return Admission(proposal, Flight(held, proposal.plan))

    def _offers(self, proposal: Proposal) -> _Offers:
        least = self._governor.policy.default_output_tokens
        plan, provider = proposal.plan, proposal.provider
        return _Offers(proposal, least, lambda stated: self._proposal(plan, provider, stated))

    def _proposal(self, plan: Plan, provider: str | None, stated: int | None) -> Proposal:
        bound = stated if stated is not None else plan.max_output_tokens or 0
        options: CallOptions = {
            **self._options,
            "provider": provider,
            "models": plan.models,
            "service_tier": plan.service_tier,
            "expected": lambda price: plan.expected(price, bound),
        }
        return Proposal(plan, self._governor.request(plan.model, **options), provider, stated)


class _Offers:
    """One call with one maximum or another, until one fits.

    Args:
        first: With the largest.
        least: Smallest maximum that is offered, where the first is not smaller.
        propose: Returns the call with another maximum.
    """

    def __init__(self, first: Proposal, least: int, propose: Callable[[int], Proposal]) -> None:
        self._first = first
        self._least = least
        self._propose = propose

    def cap(self, request: Request, room: Room, least_tokens: int) -> Offer | None:
        """Return the call with the largest maximum that costs no more than there is room for."""
        if self._first.stated is None:
            return None
        low = best = min(self._least, self._first.stated)
        high = self._first.stated
        if not _fits(self._propose(low).request, room):
            return None
        while low < high:
            middle = (low + high + 1) // 2
            if _fits(self._propose(middle).request, room):
                low = best = middle
            else:
                high = middle - 1
        return Offer(self._propose(best).request, best)

    def downgrade(self, model: str) -> Offer | None:
        """Return nothing: the model of a call is not changed."""
        return None

    def of(self, decision: Decision) -> Proposal:
        """Return the call that was admitted."""
        cap = decision.output_cap_tokens
        return self._first if cap is None else self._propose(cap)


def _fits(request: Request, room: Room) -> bool:
    costs = room.nano_usd is None or (request.estimate_nano_usd or 0) <= room.nano_usd
    return costs and (room.tokens is None or request.estimate_tokens <= room.tokens)
