"""Undoes the ``content-encoding`` of a request, so that it is metered by what it says (PRX-1).

A few kilobytes can become gigabytes, so a body is decoded in pieces and no further than it may be
large. What is cut, broken, or goes on after its end is refused: two readers would see two requests.

Brotli and zstd are decoded by libraries of the extras ``gateway`` and ``clients``; where one is
missing its encoding counts as unknown.

Source:
    RFC 9110 8.4 (encodings), RFC 1950 to 1952, RFC 7932, RFC 8878 with RFC 9659 (the window of
    zstd), read 2026-11-29.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Generator, Iterator
from importlib.util import find_spec
from typing import Any, Protocol, cast

PIECE_BYTES = 262_144
"""About how much is decoded at a time; no piece is more than twice as large."""
ENCODINGS_MAX = 4
"""Most encodings of one body, one upon the other, inclusive."""
PARTS_MAX = 10_000
"""Most members of gzip, or frames of zstd, in one body, inclusive."""
BLOCKS_MAX = 200_000
"""Most blocks of zstd in one body, inclusive; of usual ones, some gigabytes have so many."""
WINDOW_BYTES_MAX = 8_388_608
"""Largest window of zstd over HTTP, inclusive, but for a frame that is its own window."""
ABOUT_ENCODED = ("content-digest", "content-encoding", "content-md5", "digest", "repr-digest")
"""Headers that say something of the bytes in an encoding, and nothing of what they hold."""

_FED_BYTES = 65_536
_GZIP, _ZLIB, _RAW = 31, 15, -15
_ALIASES = {"x-gzip": "gzip"}
_LIBRARIES = {"br": "brotli", "zstd": "zstandard"}


class _Brotli(Protocol):
    def process(self, data: bytes, output_buffer_limit: int) -> bytes: ...
    def is_finished(self) -> bool: ...
    def can_accept_more_data(self) -> bool: ...


class EncodingUnknown(ValueError):
    """A ``content-encoding`` that is not read; the message names those that are."""


class EncodingBroken(ValueError):
    """Bytes that are not what their ``content-encoding`` says; the message names it."""


class DecodedTooLarge(ValueError):
    """A body that is larger than it may be once it is decoded."""


def readable() -> tuple[str, ...]:
    """Return the encodings that are read here, in lower case."""
    return tuple(
        name for name in _DECODERS if name not in _LIBRARIES or find_spec(_LIBRARIES[name])
    )


def encodings_of(header: str) -> tuple[str, ...]:
    """Return what is to be undone, the last applied first; none for a plain body.

    Args:
        header: All values of ``content-encoding``, joined by commas.

    Raises:
        EncodingUnknown: One of them is not read, or they are too many.
    """
    words = [word.strip(" \t").lower() for word in header.split(",")]
    given = [word for word in words if word]
    names = [_ALIASES.get(word, word) for word in given if word != "identity"]
    if not names:
        return ()
    read = readable()
    if len(given) > ENCODINGS_MAX or any(name not in read for name in names):
        detail = f"a body may be in {', '.join(read)}, at most {ENCODINGS_MAX} of them in a row"
        raise EncodingUnknown(f"content-encoding {header[:100]!r} is not read: {detail}")
    return tuple(reversed(names))


def decoding(name: str, data: bytes, limit: int) -> Iterator[bytes]:
    """Yield what a body holds, in pieces of about ``PIECE_BYTES``.

    Args:
        name: One of ``readable``.
        data: The whole body; an empty one holds nothing.
        limit: Bytes that may come out, inclusive.

    Raises:
        EncodingBroken: It is cut, or no such data, or something stands behind its end.
        DecodedTooLarge: More than ``limit`` would come out.
    """
    size = 0
    try:
        for piece in _DECODERS[name](memoryview(data), limit) if data else ():
            size += len(piece)
            if size > limit:
                raise DecodedTooLarge(f"more than {limit:,} bytes come out")
            yield piece
    except (DecodedTooLarge, EncodingBroken):
        raise
    except Exception as fault:  # each library has errors of its own
        raise _broken(name, "it cannot be decoded") from fault


def decoded(header: str, data: bytes, limit: int) -> bytes:
    """Return what a body holds, all its encodings undone.

    Args:
        header: All values of ``content-encoding``, joined by commas.
        data: The whole body.
        limit: Bytes that may come out of each encoding, inclusive.

    Raises:
        EncodingUnknown: An encoding is not read.
        EncodingBroken: The body is not in it.
        DecodedTooLarge: More than ``limit`` would come out.
    """
    for name in encodings_of(header):
        data = b"".join(decoding(name, data, limit))
    return data


def _gzip(data: memoryview, _: int) -> Iterator[bytes]:
    begin, members = 0, 0
    while begin < len(data):
        members += 1
        if members > PARTS_MAX:
            raise _broken("gzip", f"it has more than {PARTS_MAX:,} members")
        begin = yield from _inflated("gzip", data, begin, _GZIP)


def _deflate(data: memoryview, _: int) -> Iterator[bytes]:
    """Read what RFC 9110 calls deflate, or the bare data that some clients send by that name."""
    is_zlib = len(data) > 1 and data[0] & 15 == 8 and (data[0] << 8 | data[1]) % 31 == 0
    end = yield from _inflated("deflate", data, 0, _ZLIB if is_zlib else _RAW)
    if end < len(data):
        raise _broken("deflate", _GOES_ON)


def _inflated(name: str, data: memoryview, begin: int, window: int) -> Generator[bytes, None, int]:
    """Yield what one stream of zlib holds; return the position behind its end."""
    stream = zlib.decompressobj(window)
    while not stream.eof:
        fed = data[begin : begin + _FED_BYTES]
        piece = stream.decompress(fed, PIECE_BYTES)
        begin += len(fed) - len(stream.unconsumed_tail) - len(stream.unused_data)
        if piece:
            yield piece
        elif not fed and not stream.eof:
            raise _broken(name, _CUT)
    return begin


def _brotli(data: memoryview, _: int) -> Iterator[bytes]:
    import brotli

    stream = cast(_Brotli, cast(Any, brotli).Decompressor())
    for begin in range(0, len(data), _FED_BYTES):
        if stream.is_finished():
            raise _broken("br", _GOES_ON)
        piece = stream.process(
            data[begin : begin + _FED_BYTES].tobytes(), output_buffer_limit=PIECE_BYTES
        )
        while piece:
            yield piece
            piece = stream.process(b"", output_buffer_limit=PIECE_BYTES)
        if not (stream.is_finished() or stream.can_accept_more_data()):
            raise _broken("br", "it cannot be decoded")
    if not stream.is_finished():
        raise _broken("br", _CUT)


def _zstd(data: memoryview, limit: int) -> Iterator[bytes]:
    import zstandard

    _require_whole_frames(data, limit)
    # NOTE: the reader takes cut data for whole data, which is why the frames are walked first.
    decoder = zstandard.ZstdDecompressor(max_window_size=max(WINDOW_BYTES_MAX, limit))
    with decoder.stream_reader(data, read_across_frames=True) as reader:
        while piece := reader.read(PIECE_BYTES):
            yield piece


def _require_whole_frames(data: memoryview, limit: int) -> None:
    """Walk over the frames of zstd (RFC 8878 3.1) without decoding them.

    Raises:
        EncodingBroken: They are cut, too many, or need too large a window.
        DecodedTooLarge: One of them says that it holds more than ``limit``.
    """
    import zstandard

    begin, blocks = 0, 0
    for _ in range(PARTS_MAX):
        if begin == len(data):
            return
        if int.from_bytes(data[begin : begin + 4], "little") & ~15 == 0x184D2A50:
            begin += 8 + int.from_bytes(data[begin + 4 : begin + 8], "little")
            _require(begin <= len(data), _CUT)
            continue
        head = data[begin : begin + 18]
        frame = zstandard.get_frame_parameters(head)
        is_own_window = bool(head[4] & 0x20)
        if is_own_window and frame.content_size > limit:
            raise DecodedTooLarge(f"more than {limit:,} bytes come out")
        if not is_own_window and frame.window_size > WINDOW_BYTES_MAX:
            raise _broken("zstd", f"its window is over {WINDOW_BYTES_MAX:,} bytes (RFC 9659)")
        begin += zstandard.frame_header_size(head)
        is_last = False
        while not is_last:
            block = int.from_bytes(data[begin : begin + 3], "little")
            is_last = bool(block & 1)
            is_run = block >> 1 & 3 == 1
            begin += 3 + (1 if is_run else block >> 3)
            blocks += 1
            _require(begin <= len(data), _CUT)
            _require(blocks <= BLOCKS_MAX, f"it has more than {BLOCKS_MAX:,} blocks")
        begin += 4 if frame.has_checksum else 0
        _require(begin <= len(data), _CUT)
    _require(begin == len(data), f"it has more than {PARTS_MAX:,} frames")


def _require(is_so: bool, fault: str) -> None:
    if not is_so:
        raise _broken("zstd", fault)


def _broken(name: str, fault: str) -> EncodingBroken:
    return EncodingBroken(f"the body is not {name} as its content-encoding says: {fault}")


_CUT = "it ends early"
_GOES_ON = "something stands behind its end"
_DECODERS: dict[str, Callable[[memoryview, int], Iterator[bytes]]] = {
    "gzip": _gzip,
    "deflate": _deflate,
    "br": _brotli,
    "zstd": _zstd,
}
