"""Reads JSON strictly, and says where in the text a value stands (SCH-4).

The standard library reads; its answer has no places, so that the text is scanned a second time, by
``Places``, and only where something is to be reported. Strict means RFC 8259: no NaN, no number
beyond a double, no name twice in one object, which readers would understand in different ways.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple, NoReturn

from corvus.config.toml.quotes import Quotes

Route = tuple[str | int, ...]
"""Names and indices from the root of a document to a value."""

_SPACE = re.compile(r"[ \t\n\r]*")
_STRINGS = json.JSONDecoder()
_SCALAR = re.compile(r"[^\s,\]}]*")


class JsonFault(ValueError):
    """A text is not JSON.

    Attributes:
        offset: Where, in code points from its start.
        is_extra: Whether a document ended there, and something follows.
    """

    def __init__(self, message: str, offset: int, *, is_extra: bool = False) -> None:
        super().__init__(message)
        self.offset = offset
        self.is_extra = is_extra


class Place(NamedTuple):
    """Where a value of a document stands, as offsets into the text; the end is exclusive.

    Attributes:
        name: Where its name starts; its own start in an array and at the root.
    """

    route: Route
    name: int
    start: int
    end: int


class _Refused(Exception):
    """What the reader of the standard library takes and JSON does not have."""


def read(text: str) -> Any:
    """Return the value of a document.

    Raises:
        JsonFault: It is not JSON.
    """
    try:
        return json.loads(
            text, object_pairs_hook=_members, parse_constant=_refuse, parse_float=_float
        )
    except json.JSONDecodeError as fault:
        is_extra = fault.msg == "Extra data"
        raise JsonFault(_in_words(fault.msg), fault.pos, is_extra=is_extra) from None
    except RecursionError:
        raise JsonFault("values are nested too deeply", 0) from None
    except _Refused:
        raise next(_refused(text)) from None
    except ValueError:  # an integer of more digits than Python reads
        raise JsonFault("a number has too many digits", 0) from None


class Places:
    """Where the values of a document stand.

    The text is scanned once, at the first look, however many values are looked for.

    Args:
        text: A document that ``read`` takes.
    """

    def __init__(self, text: str) -> None:
        self._text = text

    def of(self, route: Sequence[str | int]) -> Place:
        """Return where the value of a route stands; of its nearest ancestor where it does not."""
        for length in range(len(route), -1, -1):
            if place := self._known.get(tuple(route[:length])):
                return place
        return Place((), 0, 0, len(self._text))

    @cached_property
    def _known(self) -> dict[Route, Place]:
        return {place.route: place for place in scan_places(self._text)}


def quotes_of(text: str) -> Quotes:
    """Return what messages may repeat of a document, and hide where it may be a secret.

    Each member is judged on a line of its own: behind a name like that of a secret, the rest of a
    line counts as one.

    Args:
        text: One that the standard library reads.
    """
    try:
        return Quotes(json.dumps(json.loads(text), indent=1, ensure_ascii=False))
    except RecursionError:
        return Quotes(text)


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise _Refused
    return members


def _refuse(_name: str) -> NoReturn:
    raise _Refused


def _float(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise _Refused
    return number


def _refused(text: str) -> Iterator[JsonFault]:
    """Yield what ``read`` refuses in a text that the standard library takes, by place."""
    seen: set[Route] = set()
    for place in scan_places(text):
        written = text[place.start : place.end]
        if place.route in seen:
            name = quotes_of(text).name(str(place.route[-1]))
            yield JsonFault(f"the name {json.dumps(name)} stands twice", place.name)
        elif written in {"NaN", "Infinity", "-Infinity"}:
            yield JsonFault(f"{written} is no JSON", place.start)
        elif written[:1] in "-0123456789" and written and math.isinf(float(written)):
            yield JsonFault("a number is too large", place.start)
        seen.add(place.route)
    yield JsonFault("a value is no JSON", 0)


def scan_places(text: str) -> list[Place]:
    """Return the places of all values of a document that can be read, parents first."""
    found: list[Place] = []
    try:
        _scan(text, _skip(text, 0), (), None, found)
    except RecursionError:
        found.clear()
    return sorted(found, key=lambda place: (place.start, -place.end))


def _scan(text: str, start: int, route: Route, name: int | None, found: list[Place]) -> int:
    """Append the places of a value and of all in it; return where it ends."""
    match text[start : start + 1]:
        case "{":
            end = _scan_members(text, start, route, found)
        case "[":
            end = _scan_items(text, start, route, found)
        case '"':
            end = _STRINGS.raw_decode(text, start)[1]
        case _:
            scalar = _SCALAR.match(text, start)
            end = scalar.end() if scalar else start
    found.append(Place(route, start if name is None else name, start, end))
    return end


def _scan_members(text: str, start: int, route: Route, found: list[Place]) -> int:
    at = _skip(text, start + 1)
    while text[at] != "}":
        key, end = _STRINGS.raw_decode(text, at)
        value = _skip(text, _skip(text, end) + 1)
        at = _skip(text, _scan(text, value, (*route, str(key)), at, found))
        at = _skip(text, at + 1) if text[at] == "," else at
    return at + 1


def _scan_items(text: str, start: int, route: Route, found: list[Place]) -> int:
    at, index = _skip(text, start + 1), 0
    while text[at] != "]":
        at = _skip(text, _scan(text, at, (*route, index), None, found))
        at = _skip(text, at + 1) if text[at] == "," else at
        index += 1
    return at + 1


def _skip(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return space.end() if space else at


_WORDS = {
    "Extra data": "something follows the end of the document",
    "Expecting value": "a value is missing",
    "Expecting property name enclosed in double quotes": "a name in double quotes is missing",
    "Expecting ':' delimiter": "a colon is missing",
    "Expecting ',' delimiter": "a comma is missing",
    "Unterminated string starting at": "a string is not closed",
    "Illegal trailing comma before end of object": "a comma stands before the closing brace",
    "Illegal trailing comma before end of array": "a comma stands before the closing bracket",
}
"""What the standard library says, in the words of corvus; Python 3.13 says more of commas."""


def _in_words(message: str) -> str:
    return _WORDS.get(message, f"{message[:1].lower()}{message[1:]}")
