"""The gate that a request passes before it may leave: route, plan, decision (PRX-1, PRX-4).

Refuses what could cost money and cannot be metered, such as images or batches: no request reaches
a provider past the budgets.
"""

from __future__ import annotations

from typing import NamedTuple

from policy.calls.plan import Free, Plan, Unreadable, read, route
from policy.clients.booking import Booking
from policy.clients.refusals import Refusal, denied, ungoverned, unreadable
from policy.governor.calls import Calls
from policy.governor.pricing import CallOptions, refuse_unknown
from policy.metering.endpoints import Endpoint
from policy.model.decision import Decision
from policy.model.request import Request


class Asked(NamedTuple):
    """A call, as it is put to the governor."""

    plan: Plan
    request: Request
    body: bytes


class Gate:
    """What a transport asks, without input or output.

    Args:
        governor: Who admits calls.
        options: What is said of each call beside what its request says.

    Raises:
        TypeError: An option has a name that nothing reads.
    """

    def __init__(self, governor: Calls, options: CallOptions) -> None:
        refuse_unknown(options, CallOptions)
        self._governor = governor
        self._options = options

    def route(self, method: str, path: str) -> Endpoint | Refusal | None:
        """Return the endpoint of a request to be governed; ``None`` for one that is free."""
        found = route(method, path, exact=False)
        if isinstance(found, Free):
            return None
        return ungoverned(method, path) if isinstance(found, Unreadable) else found

    def ask(self, endpoint: Endpoint, body: bytes) -> Asked | Refusal:
        """Return what the governor is to be asked of a request."""
        plan = read(endpoint, body)
        if isinstance(plan, Unreadable):
            return unreadable(endpoint)
        provider = self._options.get("provider")
        most = plan.max_output_tokens
        stated = None if most is not None else plan.output_limit(provider)
        bound = stated or most or 0
        told: CallOptions = {
            "models": plan.models,
            "service_tier": plan.service_tier,
            "expected": lambda price: plan.expected(price, bound),
        }
        try:
            request = self._governor.request(plan.model, **{**told, **self._options})
        except ValueError:
            return unreadable(endpoint)
        return Asked(plan, request, plan.forward(stated, provider))

    def verdict(self, asked: Asked, decision: Decision) -> Booking | Refusal | None:
        """Return what follows from a decision; ``None`` while governance is disabled."""
        if not decision.allowed:
            return denied(asked.plan.endpoint, decision)
        if decision.reservation is None:
            return None
        return Booking(decision.reservation, asked.plan, self._governor.store.clock)
