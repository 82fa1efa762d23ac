"""Under which names requests state how much may be written, and how large such a number may be.

A vendor reads one or two of these names and ignores the rest, so the largest of all stated counts
(PRC-7). Only a name that the API of an endpoint defines makes a request bounded; another one can
only raise the bound. A number that a vendor may take for "no maximum", such as -1, text, or ten
digits, is refused.

Source:
    API references of OpenAI (chat, responses), Anthropic (messages), OpenRouter, vLLM, llama.cpp,
    Ollama, Hugging Face TGI, DashScope and Google's OpenAI-compatible API, read 2026-11-28.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from msgspec import Raw

from corvus.metering.members import (
    VALUE_BYTES_MAX,
    Malformed,
    begins_with,
    is_null,
    members_of,
    number_of,
)
from corvus.metering.provider import Endpoint, Form

COUNT_MAX = 10_000_000
"""Largest count that is taken for one, inclusive."""

MAXIMA = (
    "max_tokens",
    "max_completion_tokens",
    "max_output_tokens",
    "max_new_tokens",
    "max_tokens_to_sample",
    "max_gen_len",
    "max_gen_tokens",
    "max_generated_tokens",
    "max_length",
    "maxTokens",
    "maxCompletionTokens",
    "maxOutputTokens",
    "maxNewTokens",
    "maxTokensToSample",
    "maxTokenCount",
    "n_predict",
    "num_predict",
)
ANSWERS = (
    "n",
    "best_of",
    "num_choices",
    "num_generations",
    "num_return_sequences",
    "candidate_count",
    "candidateCount",
)
THINKING = (
    "thinking_budget",
    "thinkingBudget",
    "reasoning_budget",
    "max_reasoning_tokens",
    "max_thinking_tokens",
)
"""Names of what may be thought on top of the answer."""

THINKING_ROOM = 1_024
"""Least that a maximum leaves for the answer beyond a stated budget for thinking.

Source:
    platform.claude.com/docs/en/build-with-claude/extended-thinking ("budget_tokens must be less
    than max_tokens"), read 2026-11-28; so much is left for the answer by a rule of ours.
"""

_DYNAMIC = -1
"""Google's budget for thinking that is the model's to choose, within its maximum."""

_NESTED_THINKING = ("budget_tokens", "max_tokens", *THINKING)
GROUPS = (
    "options",
    "parameters",
    "generation_config",
    "generationConfig",
    "generation_options",
    "sampling_params",
    "extra_body",
    "google",
    "inferenceConfig",
    "textGenerationConfig",
    "additionalModelRequestFields",
)
"""Objects in which some vendors look for the names above."""

THOUGHTS = (
    "thinking",
    "reasoning",
    "thinking_config",
    "thinkingConfig",
    "reasoning_config",
    "reasoningConfig",
    "chat_template_kwargs",
)
DEPTH_MAX = 4
"""How deep objects of options are looked into, inside each other."""


class InvalidMaximum(ValueError):
    """A request states a count that is none."""


class Maxima(NamedTuple):
    """How much a request allows to be written.

    Attributes:
        output_tokens: Most of one answer; ``None`` when the endpoint's own maximum is not stated.
        other_tokens: Largest that is stated under any name, thinking included; 0 for none.
        thinking_tokens: Largest budget for thinking that is stated; 0 for none.
        extra_tokens: What may be thought on top of that.
        answers: How many answers may be written, >= 1.
    """

    output_tokens: int | None
    other_tokens: int
    thinking_tokens: int
    extra_tokens: int
    answers: int


def maxima_of(endpoint: Endpoint, members: Mapping[str, Raw]) -> Maxima:
    """Read what a request states.

    Raises:
        InvalidMaximum: A count is not in 1..=10,000,000.
        Malformed: An object that may hold one names a member twice, or is longer than 64 KB.
    """
    group = endpoint.maxima_in
    places = [members] if group is None else _objects(members, endpoint.spellings(group))
    names = [spelt for name in endpoint.maxima for spelt in endpoint.spellings(name)]
    own = [_count(name, place[name]) for place in places for name in names if name in place]
    stated = [count for count in own if count is not None]
    found = _Largest(_DYNAMIC if endpoint.form is Form.GOOGLE else 0)
    for place in places_of(members):
        found.take(place)
    largest = max((*stated, found.output_tokens, found.thinking_tokens))
    return Maxima(
        output_tokens=largest if stated else None,
        other_tokens=largest,
        thinking_tokens=max(found.thinking_tokens, found.extra_tokens),
        extra_tokens=found.extra_tokens,
        answers=found.answers,
    )


class _Largest:
    """The largest of each kind, in whatever object it stands.

    Args:
        least: Smallest budget for thinking.
    """

    def __init__(self, least: int) -> None:
        self._least = least
        self.output_tokens = self.thinking_tokens = self.extra_tokens = 0
        self.answers = 1

    def take(self, members: Mapping[str, Raw]) -> None:
        """Read an object, and what it says about thinking."""
        self.output_tokens = max(self.output_tokens, *_counts(members, MAXIMA))
        self.answers = max(self.answers, *_counts(members, ANSWERS))
        self.extra_tokens = max(self.extra_tokens, *_counts(members, THINKING, self._least))
        for inner in _objects(members, THOUGHTS):
            stated = _counts(inner, _NESTED_THINKING, self._least)
            self.thinking_tokens = max(self.thinking_tokens, *stated)


def _counts(members: Mapping[str, Raw], names: tuple[str, ...], least: int = 1) -> list[int]:
    stated = [_count(name, members[name], least) for name in names if name in members]
    return [0, *(count for count in stated if count is not None)]


def places_of(members: Mapping[str, Raw], depth: int = 0) -> Iterator[Mapping[str, Raw]]:
    """Yield the members of a request, and of the objects in which some vendors look for more.

    Raises:
        Malformed: One of these objects names a member twice, or is longer than 64 KB.
    """
    yield members
    if depth < DEPTH_MAX:
        for inner in _objects(members, GROUPS):
            yield from places_of(inner, depth + 1)


def _objects(members: Mapping[str, Raw], names: tuple[str, ...]) -> Iterator[Mapping[str, Raw]]:
    for name in names:
        if name in members and begins_with(members[name], b"{"):
            if len(memoryview(members[name])) > VALUE_BYTES_MAX:
                raise Malformed("json_invalid", f"{name} takes more than 64 KB")
            yield members_of(members[name])


def _count(name: str, text: Raw, least: int = 1) -> int | None:
    if is_null(text):
        return None
    found = number_of(text)
    if found is None or not least <= found <= COUNT_MAX:
        raise InvalidMaximum(
            f"{name} must be a whole number from {least} to {COUNT_MAX:,}: anything else may mean "
            "that there is no maximum, which no budget can hold"
        )
    return found
