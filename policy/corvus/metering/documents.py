"""Most tokens that a PDF is billed as: the text of its pages, and a picture of each (PRC-7).

Pages and texts are counted in the file; the files of one request are unpacked up to 8 MB together.
A file that cannot be read so far, because it is damaged, encrypted, larger, or spelt to be misread,
counts as the most pages that an API takes.

Source:
    platform.claude.com/docs/en/build-with-claude/pdf-support ("1,500-3,000 tokens per page" of
    text, and each page as a picture; at most 100 pages for most models), read 2026-11-28; OpenAI's
    guide "File inputs" likewise.
"""

from __future__ import annotations

import re
import zlib
from typing import NamedTuple

PAGE_TEXT_TOKENS = 4_000
"""Least that the text of a page is bounded by."""

UNREAD_PAGES = 100
"""Pages that a file counts as where they cannot be counted."""

LOOKED_BYTES_MAX = 8 * 1024 * 1024
"""Most bytes that are looked into for all files of one request, unpacked."""

_STREAMS_MAX = 5_000
_STRINGS_MAX = 50_000
_STREAM = re.compile(rb"stream\r?\n")
_PAGE = re.compile(rb"/Type\s*/Page(?![A-Za-z])")
_COUNT = re.compile(rb"/Count\s+(\d{1,6})")
_KIDS = re.compile(rb"/Kids(?![A-Za-z])\s*(\[[^\]]*\]|)")
_REFERENCE = re.compile(rb"(\d+)\s+\d+\s+R")
_ESCAPED_NAME = re.compile(rb"/([A-Za-z]{0,8}#[0-9A-Fa-f]{2}[A-Za-z0-9#]{0,24})")
_ESCAPE = re.compile(rb"#([0-9A-Fa-f]{2})")
_STRUCTURE = {b"Type", b"Page", b"Pages", b"Count", b"Kids", b"Encrypt", b"Filter"}
_TEXT = re.compile(rb"\((?:[^()\\]|\\.)*\)|<[0-9A-Fa-f\s]+>", re.DOTALL)
_PICTURE_DATA = (b"/DCTDecode", b"/JPXDecode", b"/CCITTFaxDecode", b"/Subtype/Image", b"/Image")


class Document(NamedTuple):
    """A PDF in a request.

    Attributes:
        pages: >= 1.
        text_tokens: Bound of the text of all pages.
    """

    pages: int
    text_tokens: int


class Room:
    """Bytes that may still be looked into; one for all files of a request."""

    def __init__(self) -> None:
        self.left = LOOKED_BYTES_MAX

    def take(self, size: int) -> bool:
        """Take room for a part; return whether there was enough."""
        self.left -= size
        return self.left >= 0


def unread() -> Document:
    """Return what a file counts as that cannot be read far enough."""
    return Document(UNREAD_PAGES, UNREAD_PAGES * PAGE_TEXT_TOKENS)


def document_of(data: bytes, room: Room) -> Document | None:
    """Read a PDF; ``None`` when it is none, or cannot be read far enough."""
    if b"%PDF-" not in data[:1024] or b"/Encrypt" in data:
        return None
    texts = _texts(data, room)
    kids = _kids(texts)
    if kids is None or any(map(_hides_structure, texts)):
        return None
    pages = max(kids, *map(_pages, texts), sum(len(_PAGE.findall(text)) for text in texts))
    if not pages:
        return None
    shown = sum(map(_shown_bytes, texts))
    return Document(pages, max(pages * PAGE_TEXT_TOKENS, -(-shown // 2)))


def _texts(data: bytes, room: Room) -> list[bytes]:
    """Return what a file says outside its streams, and in them; nothing when it cannot be read."""
    pieces = _pieces(data)
    outside = b"\n".join(part for part, _ in pieces)
    if len(pieces) > _STREAMS_MAX or not room.take(len(outside)):
        return []
    unpacked = _unpacked(pieces, room)
    return [] if unpacked is None else [outside, *unpacked]


def _pages(text: bytes) -> int:
    return max((int(found) for found in _COUNT.findall(text)), default=0)


def _kids(texts: list[bytes]) -> int | None:
    """Count what the page tree refers to; ``None`` where it cannot be trusted.

    A page that is referred to twice is shown twice, by some readers.
    """
    lists = [kids_list for text in texts for kids_list in _KIDS.findall(text)]
    kids = [number for kids_list in lists for number in _REFERENCE.findall(kids_list)]
    if not texts or b"" in lists or len(kids) != len(set(kids)):
        return None
    return len(kids)


def _hides_structure(text: bytes) -> bool:
    """Return whether a name that speaks of pages is spelt with escapes."""
    return b"#" in text and any(
        _ESCAPE.sub(_byte_of, name) in _STRUCTURE for name in set(_ESCAPED_NAME.findall(text))
    )


def _byte_of(escape: re.Match[bytes]) -> bytes:
    return bytes((int(escape[1], 16),))


def _shown_bytes(text: bytes) -> int:
    """Return the size of all strings in a part that shows text."""
    if b"BT" not in text:
        return 0
    if text.count(b"(") + text.count(b"<") > _STRINGS_MAX:
        return len(text)
    return sum(map(len, _TEXT.findall(text)))


def _pieces(data: bytes) -> list[tuple[bytes, bytes]]:
    """Split a file into what stands before a stream, and the stream."""
    found: list[tuple[bytes, bytes]] = []
    at = 0
    while (start := _STREAM.search(data, at)) is not None:
        end = data.find(b"endstream", start.end())
        end = len(data) if end < 0 else end
        found.append((data[at : start.start()], data[start.end() : end]))
        at = end + len(b"endstream")  # which ends as a stream begins
        if len(found) > _STREAMS_MAX:
            break
    found.append((data[at:], b""))
    return found


def _unpacked(pieces: list[tuple[bytes, bytes]], room: Room) -> list[bytes] | None:
    """Return the streams that are no pictures, unpacked; ``None`` when one of them cannot be."""
    found: list[bytes] = []
    for before, stream in pieces:
        described = before[before.rfind(b"obj") :] if b"obj" in before else before
        is_picture = b"/ObjStm" not in described and any(
            word in described for word in _PICTURE_DATA
        )
        if not stream or is_picture:
            continue
        text = _inflated(described, stream, room)
        if text is None:
            return None
        found.append(text)
    return found


def _inflated(described: bytes, stream: bytes, room: Room) -> bytes | None:
    if b"/Filter" not in described:
        return stream if room.take(len(stream)) else None
    if b"/FlateDecode" not in described or room.left <= 0:
        return None
    unpacking = zlib.decompressobj()
    try:
        text = unpacking.decompress(stream, room.left + 1)
    except zlib.error:
        return None
    return text if room.take(len(text)) else None
