"""The difference of two texts as a patch: the bytes that a tool such as ``patch`` applies."""

from __future__ import annotations

import difflib


def unified_diff(before: bytes, after: bytes, name: str) -> bytes:
    r"""Return a unified diff; empty when nothing differs.

    Only ``\\n`` ends a line: a carriage return or a rarer separator belongs to it.

    Args:
        before: The old bytes, UTF-8.
        after: The new bytes, UTF-8.
        name: The file, relative, without control characters.
    """
    lines = difflib.diff_bytes(
        difflib.unified_diff,
        _lines(before),
        _lines(after),
        f"a/{name}".encode(errors="surrogateescape"),
        f"b/{name}".encode(errors="surrogateescape"),
    )
    return b"".join(
        line if line.endswith(b"\n") else line + b"\n\\ No newline at end of file\n"
        for line in lines
    )


def _lines(text: bytes) -> list[bytes]:
    *whole, last = text.split(b"\n")
    return [line + b"\n" for line in whole] + ([last] if last else [])
