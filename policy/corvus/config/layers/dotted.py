"""Reads the key of a setting as a user types it: ``cost.prices."gpt-4.1".input``.

TOML's dotted keys, and after a name the index of an item as messages write it: ``budgets[0]``.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from corvus.config.toml.tokens import DOT, KEY_PART, SPACES, is_escape, unquote
from corvus.config.toml.values import Route

_INDEX = re.compile(r"\[([0-9]{1,6})\]")
_ESCAPES = re.compile(r"\\(?:u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)")


class DottedKey(NamedTuple):
    """A key, and the offset behind it and its spaces."""

    route: Route
    end: int


def read_key(text: str) -> DottedKey | None:
    """Read the key at the start of a text; ``None`` when there is none."""
    route: Route = ()
    pos = _behind_spaces(text, 0)
    while part := KEY_PART.match(text, pos):
        if any(not is_escape(escape) for escape in _escapes(part.group())):
            return None
        route += (unquote(part.group()),)
        pos = part.end()
        while index := _INDEX.match(text, pos):
            route += (int(index[1]),)
            pos = index.end()
        dot = DOT.match(text, pos)
        if dot is None:
            return DottedKey(route, _behind_spaces(text, pos))
        pos = dot.end()
    return None


def whole_key(text: str) -> Route | None:
    """Read a text that is a key and nothing else; ``None`` when it is not."""
    found = read_key(text)
    return found.route if found and found.end == len(text) else None


def _escapes(token: str) -> list[str]:
    return _ESCAPES.findall(token) if token.startswith('"') else []


def _behind_spaces(text: str, pos: int) -> int:
    spaces = SPACES.match(text, pos)
    return spaces.end() if spaces else pos
