"""What a request says about its cost before it is made (PRC-7).

Input is bounded from the bytes of the whole request, so its JSON counts as text, too. That is above
what providers count for prose and code, and far above it for pictures sent inside the request. What
is not in the request escapes it: earlier turns that the provider keeps, files named by id or
address, what a server tool fetches, contexts that are read again to be shortened. ``reads_more``
tells of the kinds that show. What providers tell a model about tools, schemas and citations has a
bound of its own.

Refuses nothing: members that are not what they should be count as absent; the provider will say so.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from policy.metering.endpoints import Endpoint
from policy.metering.facts import (
    Json,
    Unusable,
    as_object,
    count,
    json_object,
    member,
    objects,
    text_or_none,
)
from policy.metering.text import other_bytes_of, token_bound

FRAME_TOKENS = 32
"""Bound of the tokens that set the messages of a short request apart, beyond those of its JSON."""

HIDDEN_TOKENS = 800
"""Most that a provider tells a model about the tools, schemas or citations of one request.

Recorded: up to 570 tokens above the bytes of the request.
"""

_ADDED_INPUT = (
    "previous_response_id",
    "conversation",
    "prompt",
    "container",
    "mcp_servers",
    "context_management",
)
_OWN_TOOLS = (None, "function", "custom")
_HIDDEN_INPUT = re.compile(
    rb'"(?:tools?|functions|response_format|output_format|output_config|citations|text)"\s*:\s*[\[{]'
)
_NAMED_INPUT = re.compile(rb'"(?:file_id|file_url)"\s*:\s*"|"(?:url|image_url)"\s*:\s*"https?:')
_SPACE = re.compile(r"[ \t\r\n]*")
_MAXIMA = {
    Endpoint.CHAT: ("max_completion_tokens", "max_tokens"),
    Endpoint.RESPONSES: ("max_output_tokens",),
    Endpoint.MESSAGES: ("max_tokens",),
}


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """What matters of a request.

    Attributes:
        model: Model asked for; ``None`` when none is named.
        input_tokens: Upper bound of the input.
        max_output_tokens: Most that all answers together may have, thinking included; ``None`` when
            the request sets no maximum. 0 for embeddings.
        is_stream: Whether the answer is to come as events.
        asks_usage: Whether a chat stream is to say what it used.
        choices: How many answers are asked for, >= 1.
        service_tier: As asked for; the tier that served the call is in the answer.
        reads_more: The provider adds input of its own to what the request holds, so that
            ``input_tokens`` is no bound.
    """

    model: str | None
    input_tokens: int
    max_output_tokens: int | None
    is_stream: bool
    asks_usage: bool
    choices: int
    service_tier: str | None
    reads_more: bool


def read_request(endpoint: Endpoint, body: bytes) -> RequestFacts | None:
    """Read a request; ``None`` when its body is no JSON object.

    Args:
        endpoint: Where it is sent.
        body: UTF-8 JSON.
    """
    request = json_object(body)
    if request is None:
        return None
    choices = max(1, _count(request, "n") or 1) if endpoint is Endpoint.CHAT else 1
    return RequestFacts(
        model=text_or_none(request, "model"),
        input_tokens=input_token_bound(body)
        + (HIDDEN_TOKENS if _HIDDEN_INPUT.search(body) else FRAME_TOKENS),
        max_output_tokens=_max_output(endpoint, request, choices),
        is_stream=request.get("stream") is True and endpoint is not Endpoint.EMBEDDINGS,
        asks_usage=member(request, "stream_options").get("include_usage") is True,
        choices=choices,
        service_tier=text_or_none(request, "service_tier"),
        reads_more=_reads_more(request) or _NAMED_INPUT.search(body) is not None,
    )


def input_token_bound(body: bytes) -> int:
    """Return the most tokens that a request is taken to hold: ASCII / 3 plus all else / 2."""
    other = other_bytes_of(body)
    return token_bound(len(body) - other, other)


def with_usage_requested(body: bytes) -> bytes:
    """Make a chat request ask for usage in its stream; every other byte stays as it is.

    Args:
        body: UTF-8 JSON. What is no streaming request, or asks already, is returned unchanged.
    """
    request = json_object(body)
    if request is None or request.get("stream") is not True:
        return body
    options = as_object(request.get("stream_options")) or {}
    if options.get("include_usage") is True:
        return body
    wanted = json.dumps({**options, "include_usage": True}, separators=(",", ":"))
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return body
    if "stream_options" in request:
        start, end = _span_of_last(text, "stream_options")
        return (text[:start] + wanted + text[end:]).encode()
    start = text.index("{") + 1
    return (f'{text[:start]}"stream_options":{wanted},{text[start:]}').encode()


def _max_output(endpoint: Endpoint, request: Json, choices: int) -> int | None:
    if endpoint is Endpoint.EMBEDDINGS:
        return 0
    stated = [_count(request, key) for key in _MAXIMA[endpoint]]
    most = next((one for one in stated if one is not None), None)
    if endpoint is Endpoint.MESSAGES and most is not None:
        # NOTE: with interleaved thinking the budget may be larger than max_tokens.
        most = max(most, _count(member(request, "thinking"), "budget_tokens") or 0)
    return None if most is None else most * choices


def _reads_more(request: Json) -> bool:
    """Tell whether the provider is asked to add input: kept turns, or tools that it runs itself."""
    return any(request.get(key) for key in _ADDED_INPUT) or any(
        tool.get("type") not in _OWN_TOOLS for tool in objects(request, "tools")
    )


def _count(of: Json, key: str) -> int | None:
    """Return the count under a key; ``None`` when there is none that could be meant."""
    if of.get(key) is None:
        return None
    try:
        return count(of, key)
    except Unusable:
        return None


def _span_of_last(text: str, wanted: str) -> tuple[int, int]:
    """Return where the value of a member of the outermost object stands.

    Args:
        text: A valid JSON object.
        wanted: Key of the member; of several, the last one counts, as in every decoder.
    """
    decoder = json.JSONDecoder()
    found = (0, 0)
    at = text.index("{")
    while text[at] != "}":
        key: Any
        key, at = decoder.raw_decode(text, _after_space(text, at + 1))
        start = _after_space(text, _after_space(text, at) + 1)
        _, end = decoder.raw_decode(text, start)
        if key == wanted:
            found = (start, end)
        at = _after_space(text, end)
    return found


def _after_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at
