r"""Text that PostgreSQL can keep, and columns of text as one value.

PostgreSQL keeps no NUL and no half of a surrogate pair, and its JSON operators fail on a body with
``\u0000`` anywhere in it. So these are kept in another way, and given back as they were. U+0001
marks what was changed, and is changed itself. The bytes of two texts compare as the texts do, but
for halves of pairs, which no other store keeps at all.

A bulk statement takes one text for each column, cut up at the server: a list costs the client twice
as much (measured). What cuts, and what stands for NULL, is found in no text that is kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

BETWEEN: Final = "\x01\x01"
"""What stands between the values of a column."""
ABSENT: Final = "\x01\x05"
"""What stands for NULL."""

_CHANGED = re.compile("\\\\u000[01]|\\\\\\\\|[\x00\x01]|\\\\?[\ud800-\udfff]")
_KEPT = re.compile(
    "\\\\u0001\\\\u0002|\\\\u0001\\\\u0003|\\\\u0001\\\\u0004[0-9a-f]{4}|\\\\\\\\"
    "|\x01\x02|\x01\x03|\x01\x04[0-9a-f]{4}"
)
_INNER = {
    "\\u0000": "\\u0001\\u0002",
    "\\u0001": "\\u0001\\u0003",
    "\\\\": "\\\\",
    "\x00": "\x01\x02",
    "\x01": "\x01\x03",
}
_OUTER = {kept: given for given, kept in _INNER.items()}


def kept(text: str) -> str:
    """Return a text as PostgreSQL keeps it; most texts are kept as they are."""
    return _CHANGED.sub(_inner, text) if _may_change(text) else text


def given(text: str) -> str:
    """Return a text that PostgreSQL has kept."""
    if "\x01" not in text and "\\u0001" not in text:
        return text
    return _KEPT.sub(_outer, text)


def given_row(row: Sequence[Any]) -> tuple[Any, ...]:
    """Return a row that PostgreSQL has kept."""
    return tuple(given(value) if type(value) is str else value for value in row)


def parameters(values: Iterable[object]) -> list[object]:
    """Return the values of a look, as they are kept."""
    return [_plain(value) for value in values]


def packed(rows: Iterable[Sequence[Any]]) -> list[str]:
    """Return the columns of rows, each as one text that ``column`` of a statement cuts up.

    Args:
        rows: Of ``str``, ``int`` and ``None``; all of the same width, at least one.
    """
    return [_packed_column(values) for values in zip(*rows, strict=True)]


def _packed_column(values: Sequence[Any]) -> str:
    """Begin with a separator, so that a single empty text is not taken for no value at all."""
    texts = [
        value if type(value) is str else ABSENT if value is None else str(value) for value in values
    ]
    if _may_change("".join(value for value in values if type(value) is str)):
        texts = [
            kept(value) if type(value) is str else text
            for value, text in zip(values, texts, strict=True)
        ]
    return BETWEEN + BETWEEN.join(texts)


def _may_change(text: str) -> bool:
    if "\x00" in text or "\x01" in text or "\\u000" in text:
        return True
    if text.isascii():
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _inner(found: re.Match[str]) -> str:
    text = found[0]
    if text in _INNER:
        return _INNER[text]
    code = f"{ord(text[-1]):04x}"
    if len(text) == 1:
        return f"\\u0001\\u0004{code}"  # what JSON understands, should it be JSON
    return f"\\\x01\x04{code}"  # it is none


def _outer(found: re.Match[str]) -> str:
    text = found[0]
    return _OUTER[text] if text in _OUTER else chr(int(text[-4:], 16))


def _plain(value: object) -> object:
    """Return a value without a type of ours, for which the client would look for an adapter."""
    if isinstance(value, str):
        return kept(str(value))
    return int(value) if isinstance(value, int) else value
