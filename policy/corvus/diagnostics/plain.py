"""Makes text of strangers safe to print, and measures it.

A file name, key or value may hold terminal escapes, line breaks or marks that reverse the reading
direction; printed as they are they could forge output. Everything that does not show is spelled out
instead.
"""

from __future__ import annotations

import unicodedata
from typing import Final

_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp"})
_SHORT: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def escape(text: str) -> str:
    """Return the text with everything invisible spelled out, so that it stays on one line."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(escape_character, text))


def escape_character(char: str) -> str:
    """Return a character as it may be printed: itself, or a backslash escape."""
    if unicodedata.category(char) not in _UNSEEN:
        return char
    if char in _SHORT:
        return _SHORT[char]
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def width(text: str) -> int:
    """Return how many terminal columns an escaped text takes."""
    if text.isascii():
        return len(text)
    return sum(map(_character_width, text))


def _character_width(char: str) -> int:
    if unicodedata.category(char) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1
