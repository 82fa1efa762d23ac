"""Reads the input of calls that have no messages: texts and tokens (PRC-7).

A prompt is a text, a list of texts, the numbers of tokens, or a list of lists of these. Each text
and each list of tokens is answered on its own, so several prompts are as many answers. Numbers are
counted, for ``1,1,1`` is more tokens than its bytes say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

import msgspec
from msgspec import Raw

from corvus.metering.members import Malformed, begins_with, is_null

PROMPTS_MAX = 20_000
"""Most prompts of one request, inclusive; OpenAI takes 2,048."""

_TOKENS = re.compile(rb"\[[\s\d,]*\]")
_LISTS_OF_TOKENS = re.compile(rb"\[(?:\s*+\[[\s\d,]*+\]\s*+,?)*+\s*\]")
_HEAD_BYTES = 1_000
_TEXTS = msgspec.json.Decoder(list[str])


class Prompts(NamedTuple):
    """What a member with prompts holds.

    Attributes:
        many: How many answers it is given, >= 1.
        number_tokens: Tokens that it spells out as numbers.
    """

    many: int = 1
    number_tokens: int = 0


def prompts_of(name: str | None, members: Mapping[str, Raw]) -> Prompts:
    """Read the prompts of a request.

    Args:
        name: Of the member that holds them; ``None`` where none does.
        members: Of the request.

    Raises:
        Malformed: It is anything else, or too many.
    """
    text = members.get(name) if name is not None else None
    if name is None or text is None or is_null(text) or begins_with(text, b'"'):
        return Prompts()
    data = bytes(memoryview(text))
    if not begins_with(text, b"["):
        raise Malformed("json_invalid", f"{name} must be a text, a list of texts, or tokens")
    if _begins_with_text(data):
        return Prompts(_at_most(name, len(_texts(name, data))))
    if _TOKENS.fullmatch(data):
        return Prompts(1, tokens_in(data))
    if _LISTS_OF_TOKENS.fullmatch(data):
        return Prompts(_at_most(name, data.count(b"[") - 1), tokens_in(data))
    raise Malformed("json_invalid", f"{name} must be a text, a list of texts, or tokens")


def tokens_in(data: bytes) -> int:
    """Return the most numbers that a JSON list holds, in all lists inside it."""
    return data.count(b",") + 1


def _begins_with_text(data: bytes) -> bool:
    return data[1:_HEAD_BYTES].lstrip()[:1] == b'"'


def _texts(name: str, data: bytes) -> list[str]:
    if data.count(b'"') - data.count(b'\\"') > 2 * PROMPTS_MAX:
        raise _too_many(name)
    try:
        return _TEXTS.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Malformed("json_invalid", f"{name} must be a list of texts alone") from None


def _at_most(name: str, many: int) -> int:
    if many > PROMPTS_MAX:
        raise _too_many(name)
    return max(many, 1)


def _too_many(name: str) -> Malformed:
    return Malformed("json_invalid", f"{name} has more than {PROMPTS_MAX:,} texts")
