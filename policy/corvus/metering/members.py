"""Decodes JSON that decides about money: once, strictly, and only as far as it is needed (PRC-7).

The members of an object come as slices of the text; what nobody needs is checked to be JSON and
never built, so that 28 MB of small objects take a tenth of a second and no memory. Refused is what
two parsers may read in two ways: other encodings than UTF-8, a byte order mark, members named twice
(also by escapes), and half surrogate pairs.
"""

from __future__ import annotations

import codecs
import threading
from typing import Any, cast

import msgspec
from msgspec import Raw

MEMBERS_MAX = 1_000
"""Most members of one object that is read."""

VALUE_BYTES_MAX = 64 * 1024
"""Longest value that is built, and not only looked at."""

_CHUNK_BYTES = 256 * 1024
_NUMBER_BYTES_MAX = 40
_NULL = b"null"


class Malformed(ValueError):
    """A text is no JSON that can be trusted.

    Attributes:
        code: ``json_invalid`` or ``json_ambiguous``.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class _Key(str):
    """The key of a member; msgspec calls a hook for each one, also for one that is repeated."""

    __slots__ = ()


def _count_key(_: type, key: object) -> _Key:
    _counter.keys += 1
    return _Key(key)


_counter = threading.local()
_OBJECTS = msgspec.json.Decoder(list[dict[_Key, Raw]], dec_hook=_count_key)


def require_utf8(text: bytes) -> None:
    """Check an encoding without keeping the decoded text.

    Raises:
        Malformed: The text is no UTF-8, or begins with a byte order mark.
    """
    if text.startswith(codecs.BOM_UTF8):
        raise Malformed("json_invalid", "the body begins with a byte order mark: leave it out")
    if text.isascii():
        return
    decoder = codecs.getincrementaldecoder("utf-8")()
    view = memoryview(text)
    try:
        for start in range(0, len(text), _CHUNK_BYTES):
            decoder.decode(view[start : start + _CHUNK_BYTES])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise Malformed("json_invalid", "the body must be UTF-8") from None


def members_of(text: bytes | Raw) -> dict[str, Raw]:
    """Return the members of a JSON object, each as the JSON that it was written in.

    Args:
        text: UTF-8, see ``require_utf8``.

    Raises:
        Malformed: It is no JSON object, has more than ``MEMBERS_MAX`` members, or names one twice.
    """
    seen: set[str] = set()

    def note(_: type, key: object) -> _Key:
        name = _Key(key)
        if name in seen:
            raise Malformed("json_ambiguous", f"the member {_shown(name)} is named twice")
        if len(seen) == MEMBERS_MAX:
            raise Malformed("json_invalid", f"an object has more than {MEMBERS_MAX:,} members")
        seen.add(name)
        return name

    decoder = msgspec.json.Decoder(dict[_Key, Raw], dec_hook=note)
    try:
        found = decoder.decode(memoryview(text))
    except msgspec.ValidationError as wrong:
        if isinstance(wrong.__cause__, Malformed):
            raise wrong.__cause__ from None
        raise Malformed("json_invalid", "the body must be a JSON object") from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise Malformed("json_invalid", "the body must be a JSON object, in valid JSON") from None
    return {name: found[name] for name in found}


def objects_of(text: bytes | Raw) -> list[dict[str, Raw]]:
    """Return the members of each object of a list, faster than ``members_of`` one by one.

    Args:
        text: A JSON list; empty is returned when it holds anything but objects.

    Raises:
        Malformed: An object names a member twice.
    """
    _counter.keys = 0
    try:
        found = _OBJECTS.decode(memoryview(text))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return []
    if _counter.keys != sum(map(len, found)):
        raise Malformed("json_ambiguous", "a part of a message names a member twice")
    return cast("list[dict[str, Raw]]", found)


def decoded(text: Raw | None) -> Any:
    """Return a small value; ``None`` also for one that is absent.

    Raises:
        Malformed: It is longer than 64 KB or cannot be decoded, such as a number beyond all floats.
    """
    if text is None:
        return None
    if len(memoryview(text)) > VALUE_BYTES_MAX:
        raise Malformed("json_invalid", "the body has an option of more than 64 KB")
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError, ValueError):
        raise Malformed("json_invalid", "the body has a value that cannot be read") from None


def text_of(text: Raw) -> str:
    """Return a text, however long.

    Raises:
        Malformed: It is anything else.
    """
    try:
        return msgspec.json.decode(text, type=str)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Malformed(
            "json_invalid", "the body has something else where a text must be"
        ) from None


def is_null(text: Raw | None) -> bool:
    """Whether a member is absent or null."""
    return text is None or bytes(memoryview(text)[:5]) == _NULL


def begins_with(text: Raw, opening: bytes) -> bool:
    """Whether a value is of the kind that begins so: ``{``, ``[`` or ``"``."""
    return bytes(memoryview(text)[:1]) == opening


def number_of(text: Raw) -> int | None:
    """Return a whole number; ``None`` for anything else, and for one of more than 40 digits.

    JSON has one kind of number: ``6000.0`` and ``6e3`` are 6000.
    """
    view = memoryview(text)
    if len(view) > _NUMBER_BYTES_MAX:
        return None
    try:
        value: object = msgspec.json.decode(text)
    except (msgspec.DecodeError, ValueError):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _shown(name: str) -> str:
    return repr(str(name[:60]))
