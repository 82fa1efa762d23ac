"""Turns the body of a proxied call into a request for admission (PRC-7, PRX-2).

The hold is meant never to be below the true cost: input as the dearest kind that the body allows,
output as the request's own maximum, else the policy's default. Where the provider adds input that
is not in the body, the bound of the input is doubled; no source here knows context windows.

Refuses what cannot be metered: bodies that are no JSON object or are compressed, calls without a
model, calls that go on in the background, and members named twice, which two parsers may read in
two ways.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from policy.gateway.upstreams import Target
from policy.gateway.wire import WireError
from policy.governor.bounds import dearest
from policy.governor.governor import Governor
from policy.governor.pricing import find_tier_price
from policy.metering.endpoints import Endpoint
from policy.metering.estimate import RequestFacts, read_request, with_usage_requested
from policy.metering.facts import json_object
from policy.model.gateway import Kind
from policy.model.request import Request
from policy.model.usage import TokenKind
from policy.prices.names import VARIANTS

_READS_MORE_FACTOR = 2
_DECISIVE = (
    b'"model"',
    b'"stream"',
    b'"stream_options"',
    b'"n"',
    b'"max_tokens"',
    b'"max_completion_tokens"',
    b'"max_output_tokens"',
    b'"service_tier"',
    b'"background"',
    b'"speed"',
)
_FAST = re.compile(rb'"speed"\s*:\s*"fast"')
_IN_US = re.compile(rb'"inference_geo"\s*:\s*"us"')
_HOUR = re.compile(rb'"ttl"\s*:\s*"1h"')


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, and what the call belongs to.

    Attributes:
        session_id: Every call has one (SES-1).
        surface: ``proxy``, or that of the command that started the proxy.
        user: Name of the token's holder.
    """

    session_id: str
    surface: str = "proxy"
    mission_id: str | None = None
    project: str | None = None
    agent: str | None = None
    user: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A call that can be metered.

    Attributes:
        request: What admission is asked for.
        facts: What the client's own body says.
        body: What is sent to the provider.
    """

    endpoint: Endpoint
    request: Request
    facts: RequestFacts
    body: bytes


def ask(
    governor: Governor, endpoint: Endpoint, target: Target, body: bytes, caller: Caller
) -> Asked:
    """Read a call.

    Raises:
        WireError: It cannot be metered.
    """
    facts = read_request(endpoint, body)
    if facts is None:
        raise WireError(400, "json_invalid", "the body must be a JSON object", is_final=True)
    if facts.model is None:
        raise WireError(400, "model_missing", "the body must name a model", is_final=True)
    _refuse_unmetered(body)
    try:
        request = _request(governor, facts.model, facts, (target, body, caller))
    except ValueError as wrong:
        raise WireError(400, "request_invalid", str(wrong), is_final=True) from None
    is_to_ask = endpoint is Endpoint.CHAT and facts.is_stream and not facts.asks_usage
    sent = with_usage_requested(body) if is_to_ask else body
    return Asked(endpoint, request, facts, sent)


def provider_of(governor: Governor, target: Target) -> str:
    """Return who bills: the upstream's name where a price book knows it, else its kind's maker."""
    name = target.upstream.name
    return name if governor.books.knows_provider(name) else target.upstream.kind.value


def _request(
    governor: Governor, model: str, facts: RequestFacts, told: tuple[Target, bytes, Caller]
) -> Request:
    target, body, caller = told
    provider = provider_of(governor, target)
    tier = _tier(facts, body)
    today = governor.store.clock.now().date()
    price = find_tier_price(governor.books, model, tier, provider, today)
    most = facts.max_output_tokens
    output = governor.policy.default_output_tokens * facts.choices if most is None else most
    read = facts.input_tokens * (_READS_MORE_FACTOR if facts.reads_more else 1)
    if _IN_US.search(body):  # a tenth more is asked for every token
        read, output = -(-read * 11 // 10), -(-output * 11 // 10)
    return governor.request(
        model,
        provider=provider,
        service_tier=tier,
        expected=dearest(price, read, output, _input_kinds(target, body)),
        session_id=caller.session_id,
        mission_id=caller.mission_id,
        surface=caller.surface,
        project=caller.project,
        agent=caller.agent,
        user=caller.user,
    )


def _tier(facts: RequestFacts, body: bytes) -> str | None:
    if _FAST.search(body):
        return "fast"
    return facts.service_tier if facts.service_tier in VARIANTS else None


def _input_kinds(target: Target, body: bytes) -> tuple[TokenKind, ...]:
    """Return as what input may be billed; OpenAI writes to its cache without being asked."""
    if target.upstream.kind is Kind.OPENAI:
        return (TokenKind.CACHE_WRITE_5M,)
    if b"cache_control" not in body:
        return ()
    if _HOUR.search(body):
        return TokenKind.CACHE_WRITE_5M, TokenKind.CACHE_WRITE_1H
    return (TokenKind.CACHE_WRITE_5M,)


def _refuse_unmetered(body: bytes) -> None:
    if (rb"\u00" in body or any(body.count(key) > 1 for key in _DECISIVE)) and _is_ambiguous(body):
        raise WireError(400, "json_ambiguous", "a member of the body is named twice", is_final=True)
    if b"background" in body and (json_object(body) or {}).get("background") is True:
        detail = "a response in the background says what it used to nobody; leave out background"
        raise WireError(400, "background_refused", detail, is_final=True)


def _is_ambiguous(body: bytes) -> bool:
    """Tell whether the outermost object has two members of one name."""
    is_repeated = False

    def note(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal is_repeated
        found = dict(pairs)
        is_repeated = len(found) < len(pairs)  # the outermost object is told last
        return found

    json.loads(body, object_pairs_hook=note)
    return is_repeated
