"""What a request to a provider is: a call to be governed, one that is free, or neither (PRX-1).

A path is known by its end, for base URLs differ between vendors. Refuses what could cost money and
cannot be metered, such as images or batches: no request reaches a provider past the budgets.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from policy.governor.pricing import CallOptions
from policy.metering.endpoints import Endpoint
from policy.metering.estimate import RequestFacts, read_request, with_usage_requested
from policy.model.usage import Usage

_FREE_METHODS = ("GET", "HEAD", "OPTIONS", "DELETE")
_FREE_POSTS = ("/messages/count_tokens", "/responses/input_tokens", "/cancel")
_ENDS = {
    "/chat/completions": Endpoint.CHAT,
    "/responses": Endpoint.RESPONSES,
    "/embeddings": Endpoint.EMBEDDINGS,
    "/v1/messages": Endpoint.MESSAGES,
}
_HIDDEN_INPUT_FACTOR = 2


def endpoint_of(method: str, path: str) -> Endpoint | None:
    """Return the metered endpoint of a request; ``None`` when it is none."""
    if method != "POST":
        return None
    return next((one for end, one in _ENDS.items() if path.endswith(end)), None)


def is_free(method: str, path: str) -> bool:
    """Tell whether a request costs nothing, so that it passes without a reservation."""
    return method in _FREE_METHODS or (method == "POST" and path.endswith(_FREE_POSTS))


class PlainOptions(TypedDict):
    """What a request says of its call."""

    expected: Usage
    service_tier: str | None


@dataclass(frozen=True, slots=True)
class Plan:
    """One call before it is made.

    Attributes:
        model: Model that is asked for.
        body: The client's own request.
    """

    endpoint: Endpoint
    model: str
    facts: RequestFacts
    body: bytes

    @property
    def input_tokens(self) -> int:
        """Most tokens that the call may read; doubled where the provider adds input of its own."""
        factor = _HIDDEN_INPUT_FACTOR if self.facts.reads_more else 1
        return self.facts.input_tokens * factor

    @property
    def body_to_send(self) -> bytes:
        """The request with usage asked for, where it comes only when asked for."""
        is_chat = self.endpoint is Endpoint.CHAT
        return with_usage_requested(self.body) if is_chat else self.body

    def options(self, default_output_tokens: int) -> CallOptions:
        """Return what the governor is told of the call; a cache write costs more than input.

        Args:
            default_output_tokens: Length of each answer of a request that sets no maximum.
        """
        plain = self.plain_options(default_output_tokens)
        if self.endpoint is not Endpoint.MESSAGES or b'"cache_control"' not in self.body:
            return {"expected": plain["expected"], "service_tier": plain["service_tier"]}
        output = plain["expected"].output_tokens
        if b'"1h"' in self.body:
            expected = Usage(cache_write_1h_tokens=self.input_tokens, output_tokens=output)
        else:
            expected = Usage(cache_write_5m_tokens=self.input_tokens, output_tokens=output)
        return {"expected": expected, "service_tier": plain["service_tier"]}

    def plain_options(self, default_output_tokens: int) -> PlainOptions:
        """Return the same, with all input at the price of input."""
        most = self.facts.max_output_tokens
        if most is None:
            most = default_output_tokens * self.facts.choices
        return {
            "expected": Usage(input_tokens=self.input_tokens, output_tokens=most),
            "service_tier": self.facts.service_tier,
        }


def plan_of(endpoint: Endpoint, body: bytes) -> Plan | None:
    """Return the plan of a request; ``None`` when it is no JSON object that names a model."""
    facts = read_request(endpoint, body)
    if facts is None or facts.model is None:
        return None
    return Plan(endpoint, facts.model, facts, body)
