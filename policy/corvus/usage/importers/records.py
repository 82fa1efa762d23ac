"""What the readers written in Python share: a record of a call, and how it is written for staging.

A reader turns one file into JSON lines whose keys are the fields of the generic format, one for
each call, with disjoint counts; the statement of the generic format then stages them. So identity,
validation, merging and pricing exist once. Refuses counts that contradict each other.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TypeAlias, cast

OnBytes: TypeAlias = Callable[[int], None]
"""Told now and then how many bytes of the file are read."""

Object: TypeAlias = Mapping[str, object]
"""A JSON object as it was read."""

MAX_COUNT = 10**10
NOTHING: Object = {}


class BadRecord(Exception):
    """A record that cannot be used; the message is the reason, for the user."""


@dataclass(slots=True)
class Copied:
    """What was written for a file.

    Attributes:
        numbers: Line of each record written: its number from 1 in the file, or in a document the
            position of its item.
        bad: Those that could not be used, with the reason.
        other: Lines that are not blank and report no usage.
    """

    numbers: array[int] = field(default_factory=lambda: array("q"))
    bad: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    other: int = 0


def write_records(
    found: Iterable[tuple[int, Iterator[Object] | str]], target: Path, copied: Copied
) -> Copied:
    """Write the records of a file as JSON lines.

    Args:
        found: Number of each line or item, and its records, or the reason why it cannot be read.
        target: Where to write.
        copied: Where to note what was written.

    Raises:
        OSError: The copy cannot be written.
    """
    with target.open("w", encoding="utf-8", errors="replace") as copy:
        for number, records in found:
            if isinstance(records, str):
                copied.bad.append((number, records))
            elif not _written(number, records, copy, copied):
                copied.other += 1
    return copied


def _written(number: int, records: Iterator[Object], copy: IO[str], copied: Copied) -> bool:
    is_used = False
    try:
        for record in records:
            copy.write(json.dumps(record, ensure_ascii=False) + "\n")
            copied.numbers.append(number)
            is_used = True
    except BadRecord as fault:
        copied.bad.append((number, str(fault)))
        return True
    return is_used


def object_at(parent: Object, *names: str) -> Object:
    """Return the object under the first of the names that has one, else an empty one.

    A text that holds a JSON object counts as it: exports of databases write them so.
    """
    for name in names:
        value = parent.get(name)
        if isinstance(value, str) and value.startswith("{"):
            value = _parsed(value)
        if isinstance(value, dict):
            return cast("Object", value)
    return NOTHING


def objects_at(parent: Object, *names: str) -> list[Object]:
    """Return the objects of the list under the first of the names that has one."""
    for name in names:
        value = parent.get(name)
        if isinstance(value, list):
            items = cast("list[object]", value)
            return [cast("Object", item) for item in items if isinstance(item, dict)]
    return []


def text_at(parent: Object, *names: str) -> str | None:
    """Return the first text that is not empty; numbers count as text, truth values do not."""
    for name in names:
        value = parent.get(name)
        if isinstance(value, str) and value.strip():
            return value.strip()
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
    return None


def count_at(parent: Object, *names: str) -> int | None:
    """Return the first count that is stated.

    Raises:
        BadRecord: It is no whole number in 0..10^10.
    """
    for name in names:
        value = parent.get(name)
        if value is None or value == "":
            continue
        return _count(name, value)
    return None


def _count(name: str, value: object) -> int:
    try:
        number = -1 if isinstance(value, bool) else float(cast("str | float", value))
    except (TypeError, ValueError):
        number = -1
    if not 0 <= number <= MAX_COUNT or number != int(number):
        raise BadRecord(f"{name} is no whole number of at most 10 digits, >= 0: {value!r}")
    return int(number)


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


@dataclass(frozen=True, slots=True)
class Counts:
    """Tokens as OpenAI counts them: input includes what was cached, output includes reasoning."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    reasoning: int = 0
    web_search: int = 0

    @property
    def is_zero(self) -> bool:
        """Tell whether nothing was used."""
        return self == Counts()

    def disjoint(self) -> dict[str, object]:
        """Return the fields of a record, whose kinds do not overlap.

        Raises:
            BadRecord: A part is more than the count that includes it.
        """
        cached = self.cache_read + self.cache_write_5m + self.cache_write_1h
        if cached > self.input or self.reasoning > self.output:
            raise BadRecord("its parts are more than the count of tokens that includes them")
        return {
            "input_tokens": self.input - cached,
            "output_tokens": self.output - self.reasoning,
            "cache_read_tokens": self.cache_read,
            "cache_write_5m_tokens": self.cache_write_5m,
            "cache_write_1h_tokens": self.cache_write_1h,
            "reasoning_tokens": self.reasoning,
            "web_search_requests": self.web_search,
        }
