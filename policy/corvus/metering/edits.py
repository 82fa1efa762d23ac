"""Changes single values of a JSON text; every other byte stays as it is (EVA-14, PRX-2).

A request is never written again from what was decoded: order, spacing, escapes and numbers of its
own would change, and with them what caches and signatures of providers depend on.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from msgspec import Raw

from corvus.metering.maxima import DEPTH_MAX, GROUPS, MAXIMA
from corvus.metering.members import begins_with, is_null, members_of, number_of

_KEY = re.compile(rb'\s*"(?:[^"\\]|\\.)*"\s*:\s*', re.DOTALL)
_COMMA = re.compile(rb"\s*,")


class Edit(NamedTuple):
    """A piece of a text and what takes its place.

    Attributes:
        start: Offset of its first byte.
        end: Offset behind its last; ``start`` where something is put in.
        text: What stands there afterwards.
    """

    start: int
    end: int
    text: bytes


class Span(NamedTuple):
    """Where a value stands, from its first byte to behind its last."""

    start: int
    end: int


def applied(text: bytes, edits: Collection[Edit]) -> bytes:
    """Return a text with some edits, which do not overlap; those at one place in their order."""
    pieces: list[bytes] = []
    done = 0
    for edit in sorted(edits, key=lambda each: each.start):
        pieces += (text[done : edit.start], edit.text)
        done = edit.end
    return b"".join((*pieces, text[done:]))


def spans_of(text: bytes, members: Mapping[str, Raw], start: int = 0) -> dict[str, Span]:
    """Return where the values of an object stand.

    Args:
        text: All of a body.
        members: Of the object, as ``members_of`` returned them.
        start: Where the object begins, but for white space.
    """
    at = text.index(b"{", start) + 1
    spans: dict[str, Span] = {}
    for name, value in members.items():
        key = _KEY.match(text, at)
        assert key is not None, "members come in the order of the text"
        at = key.end() + len(memoryview(value))
        spans[name] = Span(key.end(), at)
        if comma := _COMMA.match(text, at):
            at = comma.end()
    return spans


def stating(
    text: bytes, members: Mapping[str, Raw], stated: Mapping[str, bytes], start: int = 0
) -> list[Edit]:
    """Return the edits that state members of an object.

    Args:
        text: All of a body.
        members: Of the object.
        stated: JSON by name; takes the place of a value of that name, else comes first.
        start: Where the object begins.
    """
    spans = spans_of(text, members, start)
    edits = [Edit(*spans[name], value) for name, value in stated.items() if name in spans]
    new = [b'"%s":%s' % (name.encode(), stated[name]) for name in stated if name not in spans]
    if new:
        opening = text.index(b"{", start) + 1
        edits.append(Edit(opening, opening, b",".join(new) + (b"," if members else b"")))
    return edits


def lowering(text: bytes, members: Mapping[str, Raw], most: int) -> list[Edit]:
    """Return the edits that lower every maximum above one, under whatever name it stands.

    A vendor reads one or two of the names, and nobody knows which (PRC-7).
    """
    return list(_lowering(text, members, most, (0, 0)))


def _lowering(
    text: bytes, members: Mapping[str, Raw], most: int, place: tuple[int, int]
) -> Iterator[Edit]:
    start, depth = place
    spans: Mapping[str, Span] = {}
    for name in members.keys() & {*MAXIMA, *GROUPS}:
        value = members[name]
        spans = spans or spans_of(text, members, start)
        if name in GROUPS:
            if depth < DEPTH_MAX and begins_with(value, b"{"):
                inner = (spans[name].start, depth + 1)
                yield from _lowering(text, members_of(value), most, inner)
        elif not is_null(value) and (number_of(value) or 0) > most:
            yield Edit(*spans[name], b"%d" % most)
