"""What a call to a provider will cost at most, read from the body of its request (PRC-7).

The hold is meant never to be below the true cost: input as the dearest kind that the body allows,
output as the request's own maximum, else the policy's default. Where the provider adds input that
is not in the body, the bound of the input is doubled; no source here knows context windows. The
proxy and the transports of SDKs plan a call alike.

Refuses to plan what nobody could meter: see ``plan_of``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from policy.governor.bounds import dearest
from policy.metering.endpoints import Endpoint
from policy.metering.estimate import RequestFacts, read_request, with_usage_requested
from policy.metering.facts import json_object
from policy.model.price import Price
from policy.model.usage import TokenKind, Usage
from policy.prices.names import VARIANTS

_HIDDEN_INPUT_FACTOR = 2
_FAST = re.compile(rb'"speed"\s*:\s*"fast"')
_IN_US = re.compile(rb'"inference_geo"\s*:\s*"us"')
_HOUR = re.compile(rb'"ttl"\s*:\s*"1h"')


def priced_tier(tier: str | None) -> str | None:
    """Return a tier that is asked for if it has prices of its own; ``None`` is the usual one."""
    return tier if tier in VARIANTS else None


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
    def service_tier(self) -> str | None:
        """The tier asked for, if it has prices of its own."""
        return "fast" if _FAST.search(self.body) else priced_tier(self.facts.service_tier)

    @property
    def body_to_send(self) -> bytes:
        """The request with usage asked for, where it comes only when asked for."""
        is_stream = self.endpoint is Endpoint.CHAT and self.facts.is_stream
        is_to_ask = is_stream and not self.facts.asks_usage
        return with_usage_requested(self.body) if is_to_ask else self.body

    def expected(self, price: Price | None, default_output_tokens: int) -> Usage:
        """Return the dearest usage that the request allows (PRC-7).

        Args:
            price: Of its model in its tier.
            default_output_tokens: Length of each answer of a request that sets no maximum.
        """
        most = self.facts.max_output_tokens
        if most is None:
            most = default_output_tokens * self.facts.choices
        read = self.input_tokens
        if _IN_US.search(self.body):  # a tenth more is asked for every token
            read, most = -(-read * 11 // 10), -(-most * 11 // 10)
        return dearest(price, read, most, self._input_kinds)

    @property
    def _input_kinds(self) -> tuple[TokenKind, ...]:
        """As what input may be billed; OpenAI writes to its cache without being asked."""
        if self.endpoint is not Endpoint.MESSAGES:
            return (TokenKind.CACHE_WRITE_5M,)
        if b"cache_control" not in self.body:
            return ()
        kinds = (TokenKind.CACHE_WRITE_5M, TokenKind.CACHE_WRITE_1H)
        return kinds if _HOUR.search(self.body) else kinds[:1]


def plan_of(endpoint: Endpoint, body: bytes) -> Plan | None:
    """Return the plan of a request; ``None`` when it cannot be metered.

    That is when it is no JSON object that names a model, and when its answer is to be made in the
    background, for then nobody is told what it used.
    """
    facts = read_request(endpoint, body)
    if facts is None or facts.model is None:
        return None
    return None if is_background(body) else Plan(endpoint, facts.model, facts, body)


def is_background(body: bytes) -> bool:
    """Tell whether an answer is to be made in the background."""
    return b"background" in body and (json_object(body) or {}).get("background") is True
