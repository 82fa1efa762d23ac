"""Most tokens that a picture is billed as, from its size and the family of the model (PRC-7).

The size stands in the first bytes of a PNG, WebP or JPEG; where it cannot be read, the picture
counts as the largest that its family knows. So does a GIF, whose frames may be larger than it says.
Vendors cut pictures into tiles or patches after they scaled them down; where a family is not known,
the most expensive way to count is taken. Rounded up.

Source:
    For what the files of providers do not say (Gemma, Qwen-VL, Pixtral, Llama): patches of 16 px,
    at most 16,384, read 2026-11-28.
"""

from __future__ import annotations

import binascii
from typing import NamedTuple

_HEADS_CHARACTERS = (4 * 1024, 2 * 1024 * 1024)
_SIDE_MAX = 100_000
_SEGMENTS_MAX = 1_000
_TILES_MAX = 8
_TILE_PX = 512
_SIZED_JPEG = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_MAGIC = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a")


class Picture(NamedTuple):
    """A picture in a request.

    Attributes:
        width: In pixels; 0 when the size could not be read.
        height: As ``width``.
        is_low: Whether the request wants low detail.
    """

    width: int = 0
    height: int = 0
    is_low: bool = False


class Vision(NamedTuple):
    """How a family counts a picture: the larger of tiles and patches.

    Attributes:
        base: Tokens of every picture.
        tile: Tokens of each tile.
        side: Pixels of the side of a patch.
        percent: Tokens of a hundred patches.
        patches_max: Most patches, after scaling down.
    """

    base: int
    tile: int
    side: int
    percent: int
    patches_max: int

    def tokens_of(self, picture: Picture) -> int:
        """Return the most tokens that a picture is billed as."""
        return max(self._tiles(picture), self._patches(picture))

    def _tiles(self, picture: Picture) -> int:
        if picture.is_low:
            return self.base
        return self.base + self.tile * _tiles_of(picture)

    def _patches(self, picture: Picture) -> int:
        across, down = -(-picture.width // self.side), -(-picture.height // self.side)
        patches = min(across * down or self.patches_max, self.patches_max)
        return -(-patches * self.percent // 100)


PATCHES = Vision(2_240, 0, 16, 100, 16_384)
"""The most expensive way to count patches."""

MOST_EXPENSIVE = Vision(2_833, 5_667, 16, 100, 16_384)
"""The most expensive of all ways, tiles among them."""

OTHER_VISIONS = (
    (
        r"gemma|qwen|qvq|llama|mistral|ministral|magistral|pixtral|grok|glm|kimi|"
        r"deepseek|minimax|nova|command|internvl|doubao|ernie|hunyuan|molmo",
        PATCHES,
    ),
)
"""How models count whose own API is not among the providers, by the start of their names."""


def picture_of(base64: str, *, is_low: bool = False) -> Picture | None:
    """Return a picture from its base64; ``None`` when it does not begin as any picture does."""
    for characters in _HEADS_CHARACTERS:
        head = decoded(base64[:characters])
        if head is None or not _is_picture(head):
            return None
        width, height = _size_of(head)
        if 0 < width <= _SIDE_MAX and 0 < height <= _SIDE_MAX:
            return Picture(width, height, is_low)
        if not head.startswith(b"\xff\xd8"):
            break
    return Picture(is_low=is_low)


def decoded(base64: str) -> bytes | None:
    """Return the bytes that base64 stands for; ``None`` when it is none."""
    try:
        return binascii.a2b_base64(base64[: len(base64) // 4 * 4])
    except (binascii.Error, ValueError):
        return None


def _is_picture(head: bytes) -> bool:
    is_webp = head[:4] == b"RIFF" and head[8:12] == b"WEBP"
    return head.startswith(_MAGIC) or is_webp or head[4:12] in (b"ftypavif", b"ftypheic")


def _size_of(head: bytes) -> tuple[int, int]:
    """Return width and height; 0 where they cannot be read."""
    if head.startswith(b"\x89PNG") and head[12:16] == b"IHDR" and len(head) >= 24:
        return int.from_bytes(head[16:20]), int.from_bytes(head[20:24])
    if head.startswith(b"RIFF") and len(head) >= 30:
        return _webp_size(head)
    return _jpeg_size(head) if head.startswith(b"\xff\xd8") else (0, 0)


def _webp_size(head: bytes) -> tuple[int, int]:
    match head[12:16]:
        case b"VP8X":
            width, height = head[24:27], head[27:30]
            return int.from_bytes(width, "little") + 1, int.from_bytes(height, "little") + 1
        case b"VP8L":
            bits = int.from_bytes(head[21:25], "little")
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8 ":
            width, height = head[26:28], head[28:30]
            return (
                int.from_bytes(width, "little") & 0x3FFF,
                int.from_bytes(height, "little") & 0x3FFF,
            )
        case _:
            return 0, 0


def _jpeg_size(head: bytes) -> tuple[int, int]:
    at = 2
    for _ in range(_SEGMENTS_MAX):
        if at + 9 > len(head) or head[at] != 0xFF:
            break
        marker, length = head[at + 1], int.from_bytes(head[at + 2 : at + 4])
        if marker in _SIZED_JPEG:
            return int.from_bytes(head[at + 7 : at + 9]), int.from_bytes(head[at + 5 : at + 7])
        if marker == 0xFF:
            at += 1
            continue
        at += 2 + length if length >= 2 else len(head)
    return 0, 0


def _tiles_of(picture: Picture) -> int:
    """Return how many tiles cover a picture that was scaled to 768 px on its shorter side."""
    short, long = sorted((picture.width, picture.height))
    if not short:
        return _TILES_MAX
    scaled_long = min(-(-long * 768 // short), 2_048)
    return min(2 * -(-scaled_long // _TILE_PX), _TILES_MAX)
