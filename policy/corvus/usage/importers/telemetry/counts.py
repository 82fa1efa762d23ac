"""The disjoint counts of a call, from what its attributes state.

By the conventions, input includes cached tokens and tokens of every modality, and output includes
reasoning. Where a total is stated it decides what stands inside; where none is, parts that are more
than the whole stand next to it. Which of several modalities was cached is not guessed.
"""

from __future__ import annotations

import operator
from itertools import product
from typing import NamedTuple

from corvus.usage.importers.importer import BadRecord
from corvus.usage.importers.telemetry.spellings import MODALITIES, Field
from corvus.usage.importers.telemetry.stated_counts import Stated, written

_APART = MODALITIES[1:]
"""The modalities that have kinds of their own; text is what is left."""

_INPUTS, _CACHE_READS, _OUTPUTS = (
    {one: Field(f"{one}_{side}") for one in MODALITIES}
    for side in ("input", "cache_read", "output")
)
_ENTERED = frozenset((*_INPUTS.values(), *_CACHE_READS.values()))
_CACHE_STATED = frozenset(_CACHE_READS.values())
_MADE = frozenset(_OUTPUTS.values())

_TOO_LARGE = "its parts are more than the count of tokens that includes them"


class _Inside(NamedTuple):
    """What stands inside the count of input and of output."""

    cached: bool
    tool_input: bool
    reasoning: bool

    def differences(self, other: _Inside) -> int:
        """Return in how many ways another differs."""
        return sum(map(operator.ne, self, other))


_ALL = tuple(map(_Inside._make, product((True, False), repeat=3)))
_ORDERED = {usual: tuple(sorted(_ALL, key=usual.differences)) for usual in _ALL}
"""Every way, those first that differ least from the usual one."""


def disjoint(found: Stated) -> dict[str, object]:
    """Return the fields of a record, whose kinds do not overlap.

    Raises:
        BadRecord: A part is more than the count that includes it.
    """
    read, put = _read(found), written(found)
    entered, produced = _input(found, read + put), _output(found)
    reasoning = found.of(Field.REASONING) or found.of(Field.THOUGHTS)
    inside = _inside(found, entered, produced)
    whole = entered + (0 if inside.tool_input else found.of(Field.TOOL_INPUT))
    whole += 0 if inside.cached else read + put
    produced += 0 if inside.reasoning else reasoning
    cached_apart = {one: found.of(_CACHE_READS[one]) for one in _APART}
    given = {one: _uncached(found.of(_INPUTS[one]), cached_apart[one]) for one in _APART}
    made = {one: found.of(_OUTPUTS[one]) for one in _APART}
    hour = min(found.of(Field.CACHE_WRITE_1H), put)
    video_read = cached_apart.pop("video")
    counts = {
        "input_tokens": whole - read - put - sum(given.values()),
        "output_tokens": produced - reasoning - sum(made.values()),
        "cache_read_tokens": read - sum(cached_apart.values()),
        "cache_write_5m_tokens": put - hour,
        "cache_write_1h_tokens": hour,
        "reasoning_tokens": reasoning,
        "web_search_requests": found.of(Field.WEB_SEARCH),
        **{f"input_{one}_tokens": count for one, count in given.items()},
        **{f"cache_read_{one}_tokens": count for one, count in cached_apart.items()},
        **{f"output_{one}_tokens": count for one, count in made.items()},
    }
    if min(counts.values()) < 0:
        raise BadRecord(_TOO_LARGE)
    fields: dict[str, object] = {name: count for name, count in counts.items()}
    fields["states_modalities"] = _states_modalities(found, whole, produced)
    is_mixed = read and sum(given.values()) and _CACHE_STATED.isdisjoint(found.counts)
    if found.doubts or video_read or is_mixed:  # no book has a rate for cached video
        fields["unknown_cost"] = True
    return fields


def apart(found: Stated) -> dict[str, object]:
    """Return the fields of a record whose counts are stated without overlap."""
    hour, put = found.of(Field.CACHE_WRITE_1H), found.of(Field.CACHE_WRITE)
    fields: dict[str, object] = {
        "input_tokens": sum(map(found.of, (Field.INPUT, Field.TEXT_INPUT, Field.TOOL_INPUT))),
        "output_tokens": found.of(Field.OUTPUT) + found.of(Field.TEXT_OUTPUT),
        "cache_read_tokens": found.of(Field.CACHE_READ) + found.of(Field.TEXT_CACHE_READ),
        "cache_write_5m_tokens": max(put - hour, 0) + found.of(Field.CACHE_WRITE_5M),
        "cache_write_1h_tokens": hour,
        "reasoning_tokens": found.of(Field.REASONING) or found.of(Field.THOUGHTS),
        "web_search_requests": found.of(Field.WEB_SEARCH),
    }
    for one in _APART:
        fields[f"input_{one}_tokens"] = found.of(_INPUTS[one])
        fields[f"output_{one}_tokens"] = found.of(_OUTPUTS[one])
    for one in _APART[:2]:
        fields[f"cache_read_{one}_tokens"] = found.of(_CACHE_READS[one])
    fields["states_modalities"] = any(kind.startswith(MODALITIES) for kind in found.counts)
    return fields


def _read(found: Stated) -> int:
    by_modality = sum(found.of(_CACHE_READS[one]) for one in MODALITIES)
    read = found.of(Field.CACHE_READ) or by_modality
    return read or (0 if written(found) else found.of(Field.CACHED))


def _input(found: Stated, cached: int) -> int:
    if Field.INPUT in found.counts:
        return found.counts[Field.INPUT]
    if Field.UNCACHED in found.counts:
        return found.counts[Field.UNCACHED] + cached
    return sum(found.of(_INPUTS[one]) for one in MODALITIES)


def _output(found: Stated) -> int:
    if Field.OUTPUT in found.counts:
        return found.counts[Field.OUTPUT]
    return sum(found.of(_OUTPUTS[one]) for one in MODALITIES)


def _uncached(given: int, cached: int) -> int:
    return given - cached if cached <= given else given


def _inside(found: Stated, entered: int, produced: int) -> _Inside:
    """Return what stands inside: what fits the total, of that the usual; else the usual."""
    cached = _read(found) + written(found)
    reasoning = found.of(Field.REASONING) or found.of(Field.THOUGHTS)
    tool = found.of(Field.TOOL_INPUT)
    usual = _Inside(not found.is_apart, tool_input=False, reasoning=not _has_thoughts(found))
    possible = [
        inside
        for inside in _ORDERED[usual]
        if (cached <= entered or not inside.cached)
        and (reasoning <= produced or not inside.reasoning)
        and (inside.cached == usual.cached or not found.is_apart)
    ]
    stated_total = found.counts.get(Field.TOTAL)
    for inside in possible if stated_total is not None else ():
        total = entered + produced
        total += 0 if inside.cached else cached
        total += 0 if inside.reasoning else reasoning
        total += 0 if inside.tool_input else tool
        if total == stated_total:
            return inside
    return possible[0]


def _has_thoughts(found: Stated) -> bool:
    """Return whether reasoning stands next to the output, as Gemini names and counts it."""
    return bool(found.of(Field.THOUGHTS)) and not found.of(Field.REASONING)


def _states_modalities(found: Stated, whole: int, produced: int) -> bool:
    """Return whether both sides of a call say which modality their tokens are."""
    stated_kinds = found.counts.keys()
    knows_input = whole == 0 or not _ENTERED.isdisjoint(stated_kinds)
    return knows_input and (produced == 0 or not _MADE.isdisjoint(stated_kinds))
