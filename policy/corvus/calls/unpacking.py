"""Unpacks an answer that came compressed although that was not requested, to read its usage.

The bytes that are relayed stay as they came. What cannot be unpacked leaves the usage unknown.
No more than ``LIMIT_BYTES`` are unpacked, which no answer of a model has.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Protocol, cast

LIMIT_BYTES = 256 * 1024 * 1024
"""Most that one answer is unpacked to, inclusive."""

_PIECE_BYTES = 256 * 1024
_ANY_HEADER = zlib.MAX_WBITS | 32


class _Inflating(Protocol):
    eof: bool
    unconsumed_tail: bytes

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class Unpacker:
    """One compressed answer.

    Args:
        start: Makes what unpacks it; ``None`` where its encoding is not known here.
    """

    def __init__(self, start: Callable[[], _Inflating] | None) -> None:
        self._stream = start() if start is not None else None
        self._seen_bytes = 0

    @property
    def is_whole(self) -> bool:
        """Whether all that came could be read, up to its end."""
        return self._stream is not None and self._stream.eof

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Take the next bytes and yield what they hold, in pieces."""
        stream, waiting, is_full = self._stream, chunk, False
        while stream is not None and (waiting or is_full) and not stream.eof:
            try:
                piece = stream.decompress(waiting, _PIECE_BYTES)
            except Exception:  # each library has errors of its own
                self._stream = None
                return
            waiting, is_full = stream.unconsumed_tail, len(piece) == _PIECE_BYTES
            self._seen_bytes += len(piece)
            if self._seen_bytes > LIMIT_BYTES:
                self._stream = None
                return
            yield piece


def unpacker_of(encoding: str) -> Unpacker | None:
    """Return what unpacks a ``content-encoding``; ``None`` for an answer that is not packed."""
    match encoding.strip().lower():
        case "" | "identity":
            return None
        case "gzip" | "x-gzip" | "deflate":
            return Unpacker(lambda: cast(_Inflating, zlib.decompressobj(_ANY_HEADER)))
        case _:
            return Unpacker(None)
