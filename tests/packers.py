"""Puts bodies into each encoding that is read (PRX-1)."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from typing import Any, cast

import brotli
import zstandard

Pack = Callable[[bytes], bytes]

PACKERS: dict[str, Pack] = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": cast(Any, brotli).compress,
    "zstd": zstandard.ZstdCompressor().compress,
}
"""By the name of each encoding."""
