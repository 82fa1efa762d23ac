"""The gate that a call passes before it may leave: plan, request, decision (RES-11, PRC-7).

Refuses what could cost money and cannot be metered: no call reaches a provider past the budgets. A
call that states no maximum gets one of ours: the model's own limit, or what every budget has room
for, but no less than the policy's ``default_output_tokens``. A call that states a usable maximum
keeps its bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Unpack

from corvus.base.money import NanoUSD
from corvus.calls.billing import provider_of
from corvus.calls.flight import Flight
from corvus.calls.plan import Plan, Unreadable, read
from corvus.calls.refusal import Refusal, denied, invalid, unreadable
from corvus.governor.governor import Governor
from corvus.governor.pricing import CallOptions, refuse_key, refuse_unknown
from corvus.metering.endpoints import Endpoint
from corvus.model.decision import Decision
from corvus.model.request import Request

OUTPUT_CAP = "x-corvus-output-cap"
"""Header of an answer: the maximum that was stated for a request without one."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A call, as it is put to the governor.

    Attributes:
        request: What admission is asked for.
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
    def told(self) -> dict[str, str]:
        """Headers of ours for the client."""
        return {} if self.stated is None else {OUTPUT_CAP: str(self.stated)}


@dataclass(frozen=True, slots=True)
class Admitted:
    """A call that may be made.

    Attributes:
        flight: ``None`` while governance is disabled: then nothing is metered.
    """

    asked: Asked
    flight: Flight | None


class Gate:
    """What a driver asks, without input or output.

    Args:
        governor: Who admits calls.
        **options: What is said of each call beside what its request says.

    Raises:
        TypeError: An option has a name that nothing reads.
        ValueError: There is an idempotency key among them.
    """

    def __init__(self, governor: Governor, **options: Unpack[CallOptions]) -> None:
        refuse_unknown(options, CallOptions)
        refuse_key(options)
        self._governor = governor
        self._options = options

    def ask(
        self,
        endpoint: Endpoint,
        body: bytes,
        encoding: str = "",
        *,
        host: str | None = None,
        upstream: str | None = None,
    ) -> Asked | Refusal:
        """Return what the governor is to be asked of a request.

        Args:
            endpoint: Where it is sent.
            body: As it came.
            encoding: Its ``content-encoding``.
            host: Host that it is sent to.
            upstream: Name of the upstream in the config.
        """
        plan = read(endpoint, body, encoding)
        if isinstance(plan, Unreadable):
            return unreadable(plan)
        provider = self._options.get("provider")
        provider = provider or provider_of(self._governor, plan, host=host, upstream=upstream)
        stated = plan.output_limit(provider) if plan.max_output_tokens is None else None
        try:
            return self._asked(plan, provider, stated)
        except ValueError as wrong:
            return invalid(wrong)

    def admit(self, asked: Asked) -> tuple[Decision, Asked]:
        """Have a call admitted or refused; it may come back with a lower maximum stated.

        Raises:
            StoreError: The store cannot answer, so the call must not be made.
        """
        if asked.stated is None:
            return self._governor.reserve(asked.request), asked
        offers = self._offers(asked)
        decision, request = self._governor.reserve_fitting(asked.request, offers.lower)
        return decision, offers.of(request)

    async def aadmit(self, asked: Asked) -> tuple[Decision, Asked]:
        """Do what ``admit`` does, without keeping the event loop waiting."""
        if asked.stated is None:
            return await self._governor.areserve(asked.request), asked
        offers = self._offers(asked)
        decision, request = await self._governor.areserve_fitting(asked.request, offers.lower)
        return decision, offers.of(request)

    def verdict(
        self, asked: Asked, decision: Decision, denied_status: int = 402
    ) -> Admitted | Refusal:
        """Return what follows from a decision."""
        if not decision.allowed:
            return denied(decision, denied_status)
        held = decision.reservation
        if held is None:
            return Admitted(asked, None)
        return Admitted(asked, Flight(held, asked.plan))

    def _offers(self, asked: Asked) -> _Offers:
        least = self._governor.policy.default_output_tokens
        plan, provider = asked.plan, asked.provider
        return _Offers(asked, least, lambda stated: self._asked(plan, provider, stated))

    def _asked(self, plan: Plan, provider: str | None, stated: int | None) -> Asked:
        bound = stated if stated is not None else plan.max_output_tokens or 0
        told: CallOptions = {
            **self._options,
            "provider": provider,
            "models": plan.models,
            "service_tier": plan.service_tier,
            "expected": lambda price: plan.expected(price, bound),
        }
        return Asked(plan, self._governor.request(plan.model, **told), provider, stated)


class _Offers:
    """One call with one maximum or another, until one fits.

    Args:
        first: With the largest.
        least: Smallest maximum that is offered, where the first is not smaller.
        ask: Returns the call with another maximum.
    """

    def __init__(self, first: Asked, least: int, ask: Callable[[int], Asked]) -> None:
        self._first = first
        self._least = least
        self._ask = ask
        self._lowered: Asked | None = None

    def lower(self, room: NanoUSD) -> Request:
        """Return the request with the largest maximum that costs no more than there is room for.

        Args:
            room: What every budget has left.
        """
        most = self._first.stated or 0
        low = high = min(self._least, most)
        best = self._ask(low)
        high = most
        while low < high and (best.request.estimate_nano_usd or 0) <= room:
            middle = (low + high + 1) // 2
            tried = self._ask(middle)
            if (tried.request.estimate_nano_usd or 0) <= room:
                low, best = middle, tried
            else:
                high = middle - 1
        self._lowered = best
        return best.request

    def of(self, request: Request) -> Asked:
        """Return the call that a request stands for."""
        lowered = self._lowered
        return lowered if lowered is not None and lowered.request is request else self._first
