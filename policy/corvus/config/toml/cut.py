"""What a key or table takes up in the text, so that it can be taken out and nothing else.

A key goes with its line and the comment behind it, a table with the comment lines right above its
header; an entry in braces and an item in brackets go with one comma. It knows nothing of settings.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from corvus.config.toml.document import Document
from corvus.config.toml.finding import Stretch
from corvus.config.toml.tokens import Entry, Header, Value, opened
from corvus.config.toml.values import Route

_COMMENT_LINE: Final = re.compile(r"[ \t]*#")
_BLANK_LINES: Final = re.compile(r"(?:[ \t]*\r?\n)+")


class _Block(NamedTuple):
    """A header and the entries below it; the entries before the first header have none."""

    table: Route
    header: Header | None
    entries: list[Entry]


def cut_out(document: Document, route: Route) -> tuple[Stretch, ...]:
    """Return the stretches that make up a key or table, by place and without overlap.

    Args:
        document: A document that could be parsed.
        route: A key or table, or one item of an array.

    Returns:
        Nothing where the document does not have it, or a comment between items is in the way.
    """
    stretches: list[Stretch] = []
    for block in _blocks(document):
        if block.header and block.table[: len(route)] == route:
            stretches.append(_whole_block(document.text, block))
            continue
        for entry in block.entries:
            names = (*block.table, *(key.name for key in entry.keys))
            if names[: len(route)] == route:
                stretches.append(_whole_lines(document.text, entry))
            elif route[: len(names)] == names:
                stretches += _inside(document.text, entry.value, route[len(names) :])
    return tuple(_joined(stretches))


def _blocks(document: Document) -> list[_Block]:
    blocks = [_Block((), None, [])]
    sizes: dict[Route, int] = {}
    for statement in document.statements():
        if isinstance(statement, Header):
            blocks.append(_Block(opened(statement, sizes), statement, []))
        elif isinstance(statement, Entry):
            blocks[-1].entries.append(statement)
    return blocks


def _whole_lines(text: str, entry: Entry) -> Stretch:
    return _ended(text, _line_start(text, entry.keys[0].start), _line_end(text, entry.value.end))


def _whole_block(text: str, block: _Block) -> Stretch:
    assert block.header is not None, "the caller has looked"
    start = _with_comments(text, _line_start(text, block.header.start))
    last = block.entries[-1].value.end if block.entries else block.header.end
    end = _line_end(text, last)
    if blank := _BLANK_LINES.match(text, end):
        end = blank.end()
    return _ended(text, start, end)


def _with_comments(text: str, start: int) -> int:
    """Return where the comment lines right above a line start; those of the file stay with it."""
    first = start
    while first and _COMMENT_LINE.match(text, above := _line_start(text, first - 1)):
        first = above
    return first or start


def _ended(text: str, start: int, end: int) -> Stretch:
    """Take the line end above along where the last line of the text has none."""
    if end == len(text) and not text.endswith("\n") and start:
        start -= 2 if text[start - 2 : start] == "\r\n" else 1
    return Stretch(start, end)


def _inside(text: str, value: Value, rest: Route) -> list[Stretch]:
    """Return what makes up an entry or item inside braces and brackets."""
    first = rest[0]
    if isinstance(first, int):
        if first >= len(value.items):
            return []
        if rest[1:]:
            return _inside(text, value.items[first], rest[1:])
        return _one_of(text, [Stretch(item.start, item.end) for item in value.items], first, value)
    places = [Stretch(entry.keys[0].start, entry.value.end) for entry in value.entries]
    found: list[Stretch] = []
    for index, entry in enumerate(value.entries):
        names = tuple(key.name for key in entry.keys)
        if names[: len(rest)] == rest:
            found += _one_of(text, places, index, value)
        elif rest[: len(names)] == names:
            found += _inside(text, entry.value, rest[len(names) :])
    return found if len(found) < 2 else []


def _one_of(text: str, places: Sequence[Stretch], index: int, value: Value) -> list[Stretch]:
    """Return one of several things in brackets with one comma, unless a comment is in the way."""
    place = places[index]
    if len(places) == 1:
        found = Stretch(value.start + 1, value.end - 1)
    elif index:
        found = Stretch(places[index - 1].end, place.end)
    else:
        found = Stretch(place.start, places[1].start)
    around = text[found.start : place.start] + text[place.end : found.end]
    return [] if "#" in around else [found]


def _joined(stretches: list[Stretch]) -> list[Stretch]:
    whole: list[Stretch] = []
    for stretch in sorted(stretches):
        if whole and stretch.start <= whole[-1].end:
            whole[-1] = Stretch(whole[-1].start, max(stretch.end, whole[-1].end))
        else:
            whole.append(stretch)
    return whole


def _line_start(text: str, offset: int) -> int:
    return text.rfind("\n", 0, offset) + 1


def _line_end(text: str, offset: int) -> int:
    newline = text.find("\n", offset)
    return len(text) if newline < 0 else newline + 1
