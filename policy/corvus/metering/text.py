"""Upper bounds of token counts, from bytes alone (PRC-7).

A tokeniser takes 60 to 110 ms for 500 KB, so none is used where a request waits. The bound is one
token for three bytes of ASCII, and one for two bytes of anything else, each rounded up. It is meant
for prose and code; texts made to cost much, such as long runs of rare symbols, can exceed it, and
so do thinking that is hidden and the few tokens that frame a tool call.
"""

from __future__ import annotations

import re

FRAME_TOKENS = 32
"""Bound of the tokens that set the messages of a short request apart, beyond those of its JSON."""

HIDDEN_TOKENS = 800
"""Most that a provider adds about the tools, schemas or citations of one request.

Recorded: up to 570 tokens above the bytes of the request.
"""

ASCII_BYTES_PER_TOKEN = 3
_OTHER_BYTES_PER_TOKEN = 2
_KEPT_BYTES = 1024 * 1024
_ASCII = bytes(range(0x80))


def token_bound(ascii_bytes: int, other_bytes: int) -> int:
    """Return the most tokens that so many bytes are taken for, rounded up.

    Args:
        ascii_bytes: Bytes below 0x80, >= 0.
        other_bytes: All other bytes of the UTF-8 text, >= 0.
    """
    return -(-ascii_bytes // ASCII_BYTES_PER_TOKEN) - (-other_bytes // _OTHER_BYTES_PER_TOKEN)


def input_token_bound(text: bytes) -> int:
    """Return the most tokens that a text is taken to hold: ASCII / 3 plus all else / 2.

    The JSON of a request counts as text, too, which is above what providers count for prose and
    code. What is not in the request escapes it, see ``corvus.calls.plan``.
    """
    other = other_bytes_of(text)
    return token_bound(len(text) - other, other)


def other_bytes_of(text: bytes) -> int:
    """Count the bytes that are not ASCII."""
    return 0 if text.isascii() else len(text.translate(None, _ASCII))


class RelayedText:
    """Counts the text that a model wrote, in case its provider never says how much it was.

    Most answers do say, so blocks are kept unread, up to 1 MB, until they are needed.

    Args:
        pattern: Finds the pieces of text in a block; the piece is the first group.
    """

    def __init__(self, pattern: re.Pattern[bytes]) -> None:
        self._pattern = pattern
        self._blocks: list[bytes] = []
        self._kept_bytes = 0
        self._ascii_bytes = 0
        self._other_bytes = 0

    def add(self, block: bytes) -> None:
        """Take the next bytes of an answer; a piece of text that is cut between two is lost."""
        self._blocks.append(block)
        self._kept_bytes += len(block)
        if self._kept_bytes > _KEPT_BYTES:
            self._count()

    @property
    def bytes_seen(self) -> int:
        """Bytes of text so far, in the escaped form that JSON gives them."""
        self._count()
        return self._ascii_bytes + self._other_bytes

    @property
    def token_bound(self) -> int:
        """Upper bound of the tokens of that text."""
        self._count()
        return token_bound(self._ascii_bytes, self._other_bytes)

    def _count(self) -> None:
        for piece in self._pattern.findall(b"".join(self._blocks)):
            other = other_bytes_of(piece)
            self._ascii_bytes += len(piece) - other
            self._other_bytes += other
        self._blocks.clear()
        self._kept_bytes = 0


WHOLE_BODY = re.compile(rb"(.+)", re.DOTALL)
"""Takes all of an answer for text: what a model wrote may also stand there as numbers and keys."""


def string_of(*keys: str) -> re.Pattern[bytes]:
    """Return a pattern for the JSON strings under any of some keys."""
    names = "|".join(keys)
    return re.compile(rf'"(?:{names})"\s*:\s*"([^"\\]*+(?:\\.[^"\\]*+)*+)"'.encode(), re.DOTALL)
