"""The difference of two texts as a patch, as a tool such as ``patch`` applies it."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher

from corvus.diagnostics.secrets import hidden

_CONTEXT_LINES = 3


def unified_diff(before: bytes, after: bytes, name: str) -> bytes:
    r"""Return a unified diff; empty when nothing differs.

    Only ``\\n`` ends a line: a carriage return or a rarer separator belongs to it. Lines are
    compared as they are, and what may be a secret is shown as ``*``: that part does not apply.

    Args:
        before: The old bytes, UTF-8.
        after: The new bytes, UTF-8.
        name: The file, relative, without control characters.
    """
    lines = b"".join(_hunks(before, after))
    if not lines:
        return b""
    file = name.encode(errors="surrogateescape")
    return b"--- a/" + file + b"\n+++ b/" + file + b"\n" + lines


def _hunks(before: bytes, after: bytes) -> Iterator[bytes]:
    shown = _lines(_masked(before)), _lines(_masked(after))
    matcher = SequenceMatcher(None, _lines(before), _lines(after), autojunk=False)
    for group in matcher.get_grouped_opcodes(_CONTEXT_LINES):
        (_, old, _, new, _), (_, _, old_end, _, new_end) = group[0], group[-1]
        yield f"@@ -{_range(old, old_end)} +{_range(new, new_end)} @@\n".encode()
        for word, first, end, first_new, end_new in group:
            if word == "equal":
                yield from (_whole(b" " + line) for line in shown[0][first:end])
                continue
            yield from (_whole(b"-" + line) for line in shown[0][first:end])
            yield from (_whole(b"+" + line) for line in shown[1][first_new:end_new])


def _range(start: int, end: int) -> str:
    """Spell lines as a patch does: the first, and how many where that is not one."""
    count = end - start
    if count == 1:
        return str(start + 1)
    return f"{start + 1 if count else start},{count}"


def _whole(line: bytes) -> bytes:
    return line if line.endswith(b"\n") else line + b"\n\\ No newline at end of file\n"


def _masked(text: bytes) -> bytes:
    return hidden(text.decode(errors="surrogateescape")).encode(errors="surrogateescape")


def _lines(text: bytes) -> list[bytes]:
    *whole, last = text.split(b"\n")
    return [line + b"\n" for line in whole] + ([last] if last else [])
