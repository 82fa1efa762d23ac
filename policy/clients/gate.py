"""The gate that a request passes before it may leave: route, plan, decision (PRX-1, PRX-4).

Refuses what could cost money and cannot be metered, such as images or batches: no request reaches
a provider past the budgets.
"""

from __future__ import annotations

from typing import NamedTuple

from policy.clients.booking import Booking
from policy.clients.refusals import Refusal, denied, ungoverned, unreadable
from policy.governor.calls import Calls
from policy.governor.pricing import CallOptions, find_tier_price, refuse_unknown
from policy.metering.endpoints import Endpoint
from policy.model.decision import Decision
from policy.model.request import Request
from policy.plan import Plan, plan_of

_FREE_METHODS = ("GET", "HEAD", "OPTIONS", "DELETE")
_FREE_POSTS = ("/messages/count_tokens", "/responses/input_tokens", "/cancel")
# A path is known by its end, for base URLs differ between vendors.
_ENDS = {
    "/chat/completions": Endpoint.CHAT,
    "/responses": Endpoint.RESPONSES,
    "/embeddings": Endpoint.EMBEDDINGS,
    "/v1/messages": Endpoint.MESSAGES,
}


class Asked(NamedTuple):
    """A call, as it is put to the governor."""

    plan: Plan
    request: Request


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
        if method in _FREE_METHODS or (method == "POST" and path.endswith(_FREE_POSTS)):
            return None
        found = next((one for end, one in _ENDS.items() if path.endswith(end)), None)
        return found if found is not None and method == "POST" else ungoverned(method, path)

    def ask(self, endpoint: Endpoint, body: bytes) -> Asked | Refusal:
        """Return what the governor is to be asked of a request."""
        plan = plan_of(endpoint, body)
        if plan is None:
            return unreadable(endpoint)
        governor, tier = self._governor, plan.service_tier
        today = governor.store.clock.now().date()
        provider = self._options.get("provider")
        price = find_tier_price(governor.books, plan.model, tier, provider, today)
        told: CallOptions = {
            "service_tier": tier,
            "expected": plan.expected(price, governor.policy.default_output_tokens),
        }
        try:
            request = governor.request(plan.model, **{**told, **self._options})
        except ValueError:
            return unreadable(endpoint)
        return Asked(plan, request)

    def verdict(self, asked: Asked, decision: Decision) -> Booking | Refusal | None:
        """Return what follows from a decision; ``None`` while governance is disabled."""
        if not decision.allowed:
            return denied(asked.plan.endpoint, decision)
        if decision.reservation is None:
            return None
        return Booking(decision.reservation, asked.plan, self._governor.store.clock)
