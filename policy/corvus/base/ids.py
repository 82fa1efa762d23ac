"""Ids that sort by time: UUID version 7 (RFC 9562), so that rows of one time lie together."""

from __future__ import annotations

import os


def new_id(instant_us: int) -> str:
    """Return a new UUIDv7 as text.

    Args:
        instant_us: Microseconds since 1970 in UTC; its milliseconds are the first 48 bits.
    """
    noise = bytearray(os.urandom(10))
    noise[0] = 0x70 | noise[0] & 0x0F
    noise[2] = 0x80 | noise[2] & 0x3F
    text = f"{instant_us // 1000 & 0xFFFF_FFFF_FFFF:012x}{noise.hex()}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
