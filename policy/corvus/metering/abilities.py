"""What models can do, as far as it is known, and what a request needs of one (EVA-14).

A call may be made with a cheaper model only where all that its request uses is known to exist
there: an unknown member, an unknown kind of content and an unknown model all mean no. Which words
of an API are which feature stands with its provider.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias, cast


class Feature(StrEnum):
    """What some models of an API have, and others do not."""

    CHAT = "chat"
    """Its calls may be made as chat completions."""

    PICTURES = "pictures"
    DOCUMENTS = "documents"
    SAMPLING = "sampling"
    """Temperature and the like, other than their defaults."""

    STOP = "stop"
    """Stop sequences, where not all models have them."""

    OLD_MAXIMUM = "old-maximum"
    """Reads the older of two names of the maximum."""

    PARALLEL_TOOLS = "parallel-tools"
    FREE_TOOLS = "free-tools"
    """Tools whose input is text and no JSON."""

    FORCED_TOOLS = "forced-tools"
    STRICT = "strict"
    """Answers and calls of tools that keep to a schema."""

    PREFILL = "prefill"
    """Continues an answer that the request begins."""

    LATER_SYSTEM = "later-system"
    """Instructions among the messages."""

    CONTEXT_EDITING = "context-editing"
    THINKING = "thinking"
    """Thinks, up to a budget that is stated."""

    NO_THINKING = "no-thinking"
    """Thinking can be switched off."""

    ADAPTIVE_THINKING = "adaptive-thinking"
    """Decides how much to think."""

    REASONING = "reasoning"
    """Reasons, and can say so in a summary."""

    WHOLE_REASONING = "whole-reasoning"
    """Reads the reasoning of all turns again, and not of the last alone."""

    VERBOSITY = "verbosity"
    EFFORT = "effort"
    """Low, medium and high."""

    NO_EFFORT = "effort-none"
    MINIMAL_EFFORT = "effort-minimal"
    VERY_HIGH_EFFORT = "effort-xhigh"
    GREATEST_EFFORT = "effort-max"


class Abilities(NamedTuple):
    """What is known of a model.

    Attributes:
        context_tokens: Most that it reads and writes together.
        output_tokens: Longest answer, thinking included; its provider enforces it.
        features: What it has.
        input_tokens: Most that it reads, where that is less than its context.
    """

    context_tokens: int
    output_tokens: int
    features: frozenset[Feature]
    input_tokens: int | None = None

    def takes(self, input_tokens: int, output_tokens: int) -> bool:
        """Return whether a request of some size fits.

        Args:
            input_tokens: Most that it may read.
            output_tokens: Most of one answer.
        """
        if input_tokens > (self.input_tokens or self.context_tokens):
            return False
        return input_tokens + output_tokens <= self.context_tokens


Needed: TypeAlias = Collection[Feature] | None
"""What a value needs of a model; ``None`` where nobody knows."""
Need: TypeAlias = Callable[[Any], Needed]
"""Returns what the value of a member needs."""

EFFORTS: Mapping[object, Feature] = {
    "none": Feature.NO_EFFORT,
    "minimal": Feature.MINIMAL_EFFORT,
    "low": Feature.EFFORT,
    "medium": Feature.EFFORT,
    "high": Feature.EFFORT,
    "xhigh": Feature.VERY_HIGH_EFFORT,
    "max": Feature.GREATEST_EFFORT,
}
_BETA_DATE = re.compile(r"-20\d\d-?\d\d-?\d\d\Z")
_DATED = re.compile(r"(.+?)(?:[-@](?:20\d{6}|20\d\d-\d\d-\d\d|latest))?(?:-v\d+(?::\d+)?)?")


class Vocabulary(NamedTuple):
    """Which words of an endpoint mean which features.

    Attributes:
        plain: Members that every model of its API takes.
        members: Members that need something, by what stands there.
        kinds: What kinds of content, of items and of tools need; ``role:NAME`` is a role.
        tool_members: Members of a tool, and what they need.
        always: What a call of the endpoint needs, whatever it says.
        betas: Names in a header by which a request switches features on, without their dates.
    """

    plain: frozenset[str]
    members: Mapping[str, Need]
    kinds: Mapping[str, Needed]
    tool_members: Mapping[str, Needed]
    always: frozenset[Feature] = frozenset()
    betas: Mapping[str, Needed] = MappingProxyType({})

    def of_beta(self, name: str) -> Needed:
        """Return what a feature needs that is switched on by a header."""
        return self.betas.get(_BETA_DATE.sub("", name))


def all_of(needs: Iterable[Needed]) -> frozenset[Feature] | None:
    """Return all that is needed; ``None`` where some of it is not known."""
    found: set[Feature] = set()
    for needed in needs:
        if needed is None:
            return None
        found.update(needed)
    return frozenset(found)


def always(*features: Feature) -> Need:
    """Return a need that is the same for every value."""
    return lambda _: features


def unless(usual: object, *features: Feature) -> Need:
    """Return a need that one value, the default of the API, does not have."""
    return lambda value: () if value == usual else features


def one_of(choices: Mapping[Any, Needed]) -> Need:
    """Return the need of a value that is one of some words; another word is not known."""
    return lambda value: choices.get(value) if isinstance(value, str) else None


def effort(value: object) -> Needed:
    """Return what a level of effort needs."""
    found = EFFORTS.get(value) if isinstance(value, str) else None
    return None if found is None else (found,)


def object_with(members: Mapping[str, Need]) -> Need:
    """Return the need of an object whose members need something; others are not known."""

    def need(value: object) -> Needed:
        if not isinstance(value, dict):
            return None
        return all_of(
            members[name](inner) if name in members else None
            for name, inner in cast(dict[str, object], value).items()
            if inner is not None
        )

    return need


def find(table: Iterable[tuple[re.Pattern[str], Abilities]], name: str) -> Abilities | None:
    """Return what is known of a model.

    Args:
        table: Patterns of whole names, without date and version.
        name: In lower case, without the route to it.
    """
    dated = _DATED.fullmatch(name)
    known = dated[1] if dated is not None else name
    return next((found for family, found in table if family.fullmatch(known)), None)
