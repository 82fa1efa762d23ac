"""Reads requests to models that are invoked directly, each in the words of its vendor (PRC-7).

Requests in Anthropic's words are read as Messages are, unless the model is known to be another
vendor's: a word of Anthropic's in them changes nothing then. Any other must state its maximum where
its vendor reads it: to state one in its name would need to know what else the vendor takes. How the
answers are metered, ``corvus.metering.bedrock.taps`` says.

Source:
    https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html, read 2026-11-29.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from msgspec import Raw

from corvus.metering.bedrock.converse import nova_content
from corvus.metering.bedrock.tiers import GUARDRAIL, LATENCY, TIER, tier_stated
from corvus.metering.content import Content, content_of
from corvus.metering.maxima import MAXIMA, InvalidMaximum, places_of
from corvus.metering.members import begins_with, is_null, members_of, number_of
from corvus.metering.provider import Endpoint


class _Place(NamedTuple):
    """Where a vendor reads how long an answer may be.

    Attributes:
        group: Object of the body; ``None`` is the body itself.
        names: Any of them.
    """

    group: str | None
    names: tuple[str, ...]


_PLACES = (
    (r"amazon\.nova", _Place("inferenceConfig", ("maxTokens", "max_new_tokens"))),
    (r"amazon\.titan-text", _Place("textGenerationConfig", ("maxTokenCount",))),
    (r"meta\.", _Place(None, ("max_gen_len",))),
    (r"openai\.", _Place(None, ("max_completion_tokens", "max_tokens"))),
    (r"ai21\.j2", _Place(None, ("maxTokens",))),
    (
        r"(?:ai21|cohere|deepseek|google|minimax|mistral|moonshot|moonshotai|nvidia|qwen|writer|zai)\.",
        _Place(None, ("max_tokens",)),
    ),
)
_KNOWN = [(re.compile(start), place) for start, place in _PLACES]
_VECTORS = re.compile(r"amazon\.(?:titan-embed|nova-2-multimodal-embed)|cohere\.embed")
_NOVA = re.compile(r"amazon\.nova")
_REGION = re.compile(r"(?:[a-z]{2,6}|us-gov)\.(?=[a-z0-9]+\.)")
_ELSEWHERE = re.compile(r"image|video|audio|media|document|file|url|uri|s3", re.IGNORECASE)
"""In the name of a member that may hold, or name, what is no text."""


def invoke_content(
    endpoint: Endpoint, members: Mapping[str, Raw], model: str, headers: Mapping[str, str]
) -> Content:
    """Read a request.

    Args:
        endpoint: Where it is sent.
        members: Of its body.
        model: That its path names; it may be a name of the customer's own.
        headers: By name in lower case.

    Raises:
        Malformed: It has a shape that no vendor reads, or too many parts.
        InvalidMaximum: It states none where its vendor reads one.
    """
    name = _REGION.sub("", model.rpartition("/")[2], count=1)
    found = nova_content(members) if _NOVA.match(name) else content_of(endpoint, members)
    found.tier = tier_stated(headers.get(TIER), headers.get(LATENCY))
    found.bills_more |= bool(headers.get(GUARDRAIL))
    place = next((place for start, place in _KNOWN if start.match(name)), None)
    if "anthropic_version" in members and place is None:
        return found
    found.reads_more |= any(
        _ELSEWHERE.search(member) and not is_null(text) for member, text in members.items()
    )
    if _VECTORS.match(name):
        found.writes = False
    else:
        found.output_tokens = _maximum(members, place)
    return found


def _maximum(members: Mapping[str, Raw], place: _Place | None) -> int:
    """Return the maximum that a request states where its model reads it.

    Raises:
        InvalidMaximum: There is none.
    """
    stated = max(_stated(members, place), default=0)
    if stated < 1:
        group, names = place or _Place(None, ("max_tokens",))
        path = f"{group}.{names[0]}" if group else names[0]
        raise InvalidMaximum(
            f"state {path}: without it nobody can say how long the answer of a model may be that "
            "is invoked in its own words; Converse takes all models and needs none"
        )
    return stated


def _stated(members: Mapping[str, Raw], place: _Place | None) -> Iterator[int]:
    """Yield the maxima of a place, or of all where a vendor is not known."""
    names = MAXIMA if place is None else place.names
    if place is None:
        inner = [*places_of(members)]
    elif place.group is None:
        inner = [members]
    else:
        group = members.get(place.group)
        inner = [members_of(group)] if group is not None and begins_with(group, b"{") else []
    for each in inner:
        yield from (number_of(each[name]) or 0 for name in names if name in each)
