"""Most tokens that a PDF is billed as: the text of its pages, and a picture of each (PRC-7).

Pages and texts are counted in the file; its compressed parts are unpacked up to 4 MB. Where that
does not do, because a file is damaged, encrypted or larger, it counts by its bytes, as text.

Source:
    platform.claude.com/docs/en/build-with-claude/pdf-support ("1,500-3,000 tokens per page" of
    text, and each page as a picture), read 2026-11-28; OpenAI's guide "File inputs" likewise.
"""

from __future__ import annotations

import re
import zlib
from typing import NamedTuple

PAGE_TEXT_TOKENS = 4_000
"""Least that the text of a page is bounded by."""

_UNPACKED_MAX = 4 * 1024 * 1024
_STREAMS_MAX = 5_000
_STREAM = re.compile(rb"stream\r?\n")
_PAGE = re.compile(rb"/Type\s*/Page(?![A-Za-z])")
_COUNT = re.compile(rb"/Count\s+(\d{1,6})")
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


def document_of(data: bytes) -> Document | None:
    """Read a PDF; ``None`` when it is none, or cannot be read far enough."""
    if b"%PDF-" not in data[:1024] or b"/Encrypt" in data:
        return None
    unpacked = _unpacked(data)
    if unpacked is None:
        return None
    texts = (_outside(data), *unpacked)
    pages = max(sum(len(_PAGE.findall(text)) for text in texts), *map(_stated_pages, texts))
    if not pages:
        return None
    shown = sum(_shown_bytes(text) for text in texts)
    return Document(pages, max(pages * PAGE_TEXT_TOKENS, -(-shown // 2)))


def _stated_pages(text: bytes) -> int:
    return max((int(found) for found in _COUNT.findall(text)), default=0)


def _shown_bytes(text: bytes) -> int:
    """Return the size of all strings in a part that shows text."""
    if b"BT" not in text:
        return 0
    return sum(len(found) for found in _TEXT.findall(text))


def _outside(data: bytes) -> bytes:
    """Return the file without its streams, unless those are plain text themselves."""
    return b"\n".join(part for part, _ in _pieces(data))


def _pieces(data: bytes) -> list[tuple[bytes, bytes]]:
    """Split a file into what stands before a stream, and the stream."""
    found: list[tuple[bytes, bytes]] = []
    at = 0
    for start in _STREAM.finditer(data):
        if start.start() < at:
            continue
        end = data.find(b"endstream", start.end())
        end = len(data) if end < 0 else end
        found.append((data[at : start.start()], data[start.end() : end]))
        at = end + len(b"endstream")  # which ends as a stream begins
        if len(found) > _STREAMS_MAX:
            break
    found.append((data[at:], b""))
    return found


def _unpacked(data: bytes) -> list[bytes] | None:
    """Return the streams that are no pictures, unpacked; ``None`` when one of them cannot be."""
    pieces = _pieces(data)
    if len(pieces) > _STREAMS_MAX:
        return None
    found: list[bytes] = []
    left = _UNPACKED_MAX
    for before, stream in pieces:
        described = before[before.rfind(b"obj") :] if b"obj" in before else before
        if not stream or any(word in described for word in _PICTURE_DATA):
            continue
        text = _inflated(described, stream, left)
        if text is None:
            return None
        left -= len(text)
        found.append(text)
    return found


def _inflated(described: bytes, stream: bytes, most: int) -> bytes | None:
    if b"/Filter" not in described:
        return stream if len(stream) <= most else None
    if b"/FlateDecode" not in described:
        return None
    unpacking = zlib.decompressobj()
    try:
        text = unpacking.decompress(stream, most + 1)
    except zlib.error:
        return None
    return text if len(text) <= most else None
