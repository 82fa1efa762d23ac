"""The lexical grammar of TOML 1.0 as patterns, and the tokens they yield.

Every pattern is possessive and tried at one known place, so matching is linear in the text, also on
hostile input. Nothing here builds values: ``tomli`` does that; these tokens only say *where*.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from corvus.config.toml.bounds import WHOLE
from corvus.config.toml.finding import Stretch
from corvus.config.toml.values import Route

ESCAPE: Final = r"\\(?:[btnfr\"\\]|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8})"
_BASIC: Final = rf'"(?:[^"\\\n]++|{ESCAPE})*+"'
_LITERAL: Final = r"'[^'\n]*+'"
_BARE: Final = r"[A-Za-z0-9_-]++"

KEY_PART: Final = re.compile(rf"{_BARE}|{_BASIC}|{_LITERAL}")
DOT: Final = re.compile(r"[ \t]*+\.[ \t]*+")
SPACES: Final = re.compile(r"[ \t]*+")
BLANKS: Final = re.compile(r"(?:[ \t\r\n]++|#[^\n]*+)*+")
LINE_END: Final = re.compile(r"[ \t]*+(?:#[^\n]*+)?+\r?+(?=\n|\Z)")

STRING: Final = re.compile(
    rf'"""(?:[^"\\]++|{ESCAPE}|\\[ \t]*+\r?+\n|"{{1,2}}(?!"))*+"{{3,5}}'
    r"|'''(?:[^']++|'{1,2}(?!'))*+'{3,5}"
    rf'|(?!"""|\'\'\')(?:{_BASIC}|{_LITERAL})'
)
"""A whole string of any of the four kinds, with valid escapes."""

LOOSE_STRING: Final = re.compile(
    r'"""(?:[^"\\]++|\\[\s\S]|"{1,2}(?!"))*+"{3,5}'
    r'|(?!""")"(?:[^"\\\n]++|\\[^\n])*+"'
)
"""A closed basic string whatever its escapes are."""

_DIGITS: Final = r"[0-9](?:_?[0-9])*+"
_DECIMAL: Final = r"(?:0|[1-9](?:_?[0-9])*+)"
_DATE: Final = r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
_TIME: Final = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]++)?+"
_ZONE: Final = r"(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
_AFTER: Final = r"(?=[ \t\r\n,\]}#]|\Z)"

PLAIN: Final = re.compile(
    rf"(?:(?P<date>{_DATE})(?:[Tt ]{_TIME}{_ZONE}?+)?+"
    rf"|{_TIME}"
    rf"|(?P<float>[+-]?+{_DECIMAL}(?:\.{_DIGITS}(?:[eE][+-]?+{_DIGITS})?+|[eE][+-]?+{_DIGITS}))"
    rf"|(?P<integer>[+-]?+{_DECIMAL}"
    r"|0x[0-9A-Fa-f](?:_?[0-9A-Fa-f])*+|0o[0-7](?:_?[0-7])*+|0b[01](?:_?[01])*+)"
    rf"|true|false|[+-]?+(?:inf|nan)){_AFTER}"
)
"""A number, boolean, date or time, up to the delimiter that must follow."""

_SIMPLE: Final = (
    r"""(?P<value>"[^"\\\n]*+"(?!")|'[^'\n]*+'(?!')|true|false"""
    r"|[+-]?+(?:0|[1-9][0-9]{0,17}+)(?:\.[0-9]{1,18}+)?+)"
)
SIMPLE_ENTRY: Final = re.compile(rf"(?P<key>{_BARE})[ \t]*+=[ \t]*+{_SIMPLE}{LINE_END.pattern}")
"""A whole line of a bare key and a short value: the common case, read in one step."""
SIMPLE_HEADER: Final = re.compile(
    rf"(?P<open>\[\[?+)(?P<keys>{_BARE}(?:\.{_BARE})*+)(?P<close>\]\]?+){LINE_END.pattern}"
)
"""A header of bare keys without spaces."""
SIMPLE_ITEM: Final = re.compile(rf"[ \t\r\n]*+{_SIMPLE}[ \t\r\n]*+,")
"""The same for an item of an array with its comma."""

JUNK: Final = re.compile(r"[^ \t\r\n,\]}#]*+")
FORBIDDEN: Final = re.compile(r"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)")
"""Characters that may stand nowhere in a document; so may NUL, which has its own diagnostic."""

_KEY: Final = rf"(?:{_BARE}|{_BASIC}|{_LITERAL})"
_DOTTED: Final = rf"{_KEY}(?:[ \t]*+\.[ \t]*+{_KEY})*+"
KEY_LINE: Final = re.compile(rf"[ \t]*+{_DOTTED}[ \t]*+=")
HEADER_LINE: Final = re.compile(
    rf"[ \t]*+\[\[?+[ \t]*+(?=[A-Za-z_]){_DOTTED}[ \t]*+\]\]?+{LINE_END.pattern}"
)
"""A line that can hardly be anything but a header, even where an array is still open."""
LOST_HEADER: Final = re.compile(rf"[ \t({{<]*+{_DOTTED}[ \t]*+\]{{1,2}}+{LINE_END.pattern}")
"""A line that ends as a header does but does not begin as one."""
ITEM_LINE: Final = re.compile(r"[ \t]*+(?:[\"'0-9+{\[-]|true\b|false\b|#|\r?+(?:\n|\Z))")
"""How a line begins that may stand between the brackets of an array."""
CONFLICT: Final = re.compile(r"<{7}[^<\n][\s\S]*?\n>{7}[^\n]*+")
"""What a version control system leaves of two versions: both of them, between markers."""
CLOSERS_LINE: Final = re.compile(rf"[ \t]*+[\]}}][\]}}, \t]*+{LINE_END.pattern}")

OPENER: Final = re.compile(r"[\[{]")
BRACKETS: Final = re.compile(r"[\[{]++|[\]}]++")
SKIP_IN_LINE: Final = re.compile(rf"(?:[^\"'#\[\]{{}}\n]++|{WHOLE})*+")
"""All that stands before the next bracket or line end outside strings and comments."""

ANY_ESCAPE: Final = re.compile(
    r"\\(?:u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|x[0-9A-Fa-f]{2}|[ \t]*+\r?+\n|[\s\S])"
)
"""A backslash and what belongs to it, valid or not."""
_UNESCAPE: Final = re.compile(ESCAPE)
_SHORT: Final = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", '"': '"', "\\": "\\"}


class KeyToken(NamedTuple):
    """One part of a dotted key: its name without quotes, and where it stands."""

    name: str
    start: int
    end: int

    @property
    def place(self) -> Stretch:
        """Where it stands."""
        return Stretch(self.start, self.end)


class Value(NamedTuple):
    """A value: a ``"scalar"``, an ``"array"`` of items or an inline ``"table"`` of entries."""

    kind: str
    start: int
    end: int
    items: tuple[Value, ...] = ()
    entries: tuple[Entry, ...] = ()


class Entry(NamedTuple):
    """``key = value``."""

    keys: tuple[KeyToken, ...]
    value: Value


class Header(NamedTuple):
    """``[table]`` or ``[[array of tables]]``, with the place of its brackets."""

    keys: tuple[KeyToken, ...]
    start: int
    end: int
    is_array: bool


class Gap(NamedTuple):
    """A header that could not be read: the entries after it belong to an unknown table."""

    start: int


Statement = Entry | Header | Gap


def opened(header: Header, sizes: dict[Route, int]) -> Route:
    """Return the route of the table that a header opens.

    Args:
        header: The header.
        sizes: Items of each array of tables so far, by its route; counted on here.
    """
    route: Route = ()
    for place, key in enumerate(header.keys):
        route += (key.name,)
        if header.is_array and place == len(header.keys) - 1:
            sizes[route] = sizes.get(route, 0) + 1
        if route in sizes:
            route += (sizes[route] - 1,)
    return route


def unquote(token: str) -> str:
    """Return the name that a key token spells."""
    if token[0] == "'":
        return token[1:-1]
    if token[0] != '"':
        return token
    body = token[1:-1]
    return _UNESCAPE.sub(_unescape, body) if "\\" in body else body


def _unescape(match: re.Match[str]) -> str:
    escape = match.group()
    return _SHORT[escape[1]] if len(escape) == 2 else chr(int(escape[2:], 16))


def is_escape(escape: str) -> bool:
    """Return whether a backslash sequence is one of TOML 1.0 and names a Unicode scalar value."""
    if escape[1] in "uU" and len(escape) > 2:
        code = int(escape[2:], 16)
        return code < 0xD800 or 0xDFFF < code <= 0x10FFFF
    return escape[1] in _SHORT or escape.endswith("\n")
