"""Cuts a binary event stream of AWS into its messages, wherever its chunks happen to end.

A message is the total length, the length of its headers, a CRC32 of these eight bytes, the
headers, the payload, and a CRC32 of all before, in big endian. What it is, its headers alone say:
words in a payload may be those of a model.

``botocore.eventstream`` reads the same. It is not used here: it slices what is left of its buffer
once for each header, takes messages of 24 MB, and loads botocore into processes that sign nothing.

What cannot be trusted, which is a wrong checksum, a length beyond the bounds, a header that is none
or one that comes twice, ends the reading for good. The bytes pass on all the same.

Source:
    https://docs.aws.amazon.com/AmazonS3/latest/API/RESTSelectObjectAppendix.html and
    https://smithy.io/2.0/aws/amazon-eventstream.html, read 2026-11-29; compared with botocore 1.44.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import NamedTuple
from zlib import crc32

MESSAGE_BYTES_MAX = 16 * 1024 * 1024
"""Longest message that is read, inclusive."""

HEADER_BYTES_MAX = 128 * 1024
"""Longest headers of one message, inclusive."""

TYPE = ":message-type"
"""Header that says whether a message is an ``event``, an ``exception`` or an ``error``."""

_PRELUDE = struct.Struct("!III")
_CRC = struct.Struct("!I")
_LENGTH = struct.Struct("!H")
_FRAME_BYTES = _PRELUDE.size + _CRC.size
_STRING, _BYTES = 7, 6
_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""Bytes of the values that have a fixed size, by their type."""


class Message(NamedTuple):
    """One message.

    Attributes:
        headers: Those whose values are texts.
        payload: As it came.
    """

    headers: Mapping[str, str]
    payload: bytes

    @property
    def event(self) -> str | None:
        """Which event it is; ``None`` where it is none."""
        return self.headers.get(":event-type") if self.headers.get(TYPE) == "event" else None

    @property
    def exception(self) -> str | None:
        """Name of the error that it reports; ``None`` where it reports none."""
        match self.headers.get(TYPE):
            case "exception":
                return self.headers.get(":exception-type", "")
            case "error":
                return self.headers.get(":error-code", "")
            case _:
                return None


class EventMessages:
    """The incremental part: holds the bytes of the message that is not complete yet.

    Attributes:
        is_broken: Something could not be trusted, and nothing after it is read.
    """

    def __init__(self) -> None:
        self.is_broken = False
        self._held = bytearray()
        self._wanted = _PRELUDE.size
        self._header_bytes: int | None = None

    @property
    def has_rest(self) -> bool:
        """Whether a message has begun and not ended."""
        return bool(self._held)

    def feed(self, chunk: bytes) -> Iterator[Message]:
        """Take the next bytes and yield the messages that they complete."""
        if self.is_broken:
            return
        self._held += chunk
        while len(self._held) >= self._wanted:
            if self._header_bytes is None:
                self._begin()
            else:
                message = self._end(self._header_bytes)
                if message is not None:
                    yield message
            if self.is_broken:
                self._held.clear()
                return

    def _begin(self) -> None:
        """Read how long the message is that begins here."""
        total, headers, crc = _PRELUDE.unpack_from(self._held)
        is_possible = _FRAME_BYTES + headers <= total <= MESSAGE_BYTES_MAX
        is_right = crc == crc32(memoryview(self._held)[: _PRELUDE.size - _CRC.size])
        if not is_possible or headers > HEADER_BYTES_MAX or not is_right:
            self.is_broken = True
            return
        self._wanted, self._header_bytes = total, headers

    def _end(self, header_bytes: int) -> Message | None:
        """Return the message that is complete; ``None`` when it cannot be trusted."""
        whole = bytes(memoryview(self._held)[: self._wanted])
        del self._held[: self._wanted]
        self._wanted, self._header_bytes = _PRELUDE.size, None
        body_at, crc_at = _PRELUDE.size + header_bytes, len(whole) - _CRC.size
        is_right = _CRC.unpack_from(whole, crc_at)[0] == crc32(memoryview(whole)[:crc_at])
        headers = _headers_of(whole[_PRELUDE.size : body_at]) if is_right else None
        if headers is None:
            self.is_broken = True
            return None
        return Message(headers, whole[body_at:crc_at])


def message_bytes(headers: Mapping[str, str], payload: bytes) -> bytes:
    """Return a message as it is sent.

    Args:
        headers: Names of at most 255 bytes, and texts of at most 65,535.
        payload: Short enough for a message.
    """
    written = bytearray()
    for name, value in headers.items():
        key, text = name.encode(), value.encode()
        written += b"%c%b%c%b%b" % (len(key), key, _STRING, _LENGTH.pack(len(text)), text)
    total = _FRAME_BYTES + len(written) + len(payload)
    lengths = struct.pack("!II", total, len(written))
    begun = lengths + _CRC.pack(crc32(lengths)) + written + payload
    return begun + _CRC.pack(crc32(begun))


def _headers_of(block: bytes) -> dict[str, str] | None:
    """Return the headers whose values are texts; ``None`` when the block cannot be read."""
    found: dict[str, str] = {}
    names: set[bytes] = set()
    at = 0
    try:
        while at < len(block):
            start = at + 1
            name = block[start : start + block[at]]
            at, kind = start + len(name) + 1, block[start + len(name)]
            size = _SIZES.get(kind)
            if size is None:
                if kind not in (_STRING, _BYTES):
                    return None
                (size,) = _LENGTH.unpack_from(block, at)
                at += _LENGTH.size
            value = block[at : at + size]
            at += size
            if at > len(block) or not name or name in names:
                return None
            names.add(name)
            if kind == _STRING:
                found[name.decode()] = value.decode()
    except (IndexError, struct.error, UnicodeDecodeError):
        return None
    return found
