"""What is wrong with a glob of ``match``: a malformed one matches nothing, silently (CFG-10).

The grammar is DuckDB's, which sums the spend: ``*``, ``?``, sets such as ``[a-z]`` and ``[!0-9]``,
and a backslash before a character that stands for itself. Refuses to repair anything.
"""

from __future__ import annotations

_UNCLOSED = "has a `[` at character {} that no `]` closes; write `\\[` to mean it"


def glob_fault(glob: str) -> str | None:
    """Return why a glob is malformed, as the end of a sentence; ``None`` when it is sound.

    Args:
        glob: The glob, as the author wrote it. Case matters; there are no ``{a,b}`` alternatives.
    """
    at = 0
    while at < len(glob):
        match glob[at]:
            case "\\" if at + 1 == len(glob):
                return "ends with a backslash, which must stand before the character it means"
            case "\\":
                at += 2
            case "[":
                end = _end_of_set(glob, at)
                if end is None:
                    return _UNCLOSED.format(at + 1)
                if fault := _fault_in_set(glob[at + 1 : end]):
                    return fault
                at = end + 1
            case _:
                at += 1
    return None


def _end_of_set(glob: str, start: int) -> int | None:
    """Return where the set ends; a ``]`` that comes first in it stands for itself."""
    first = start + 2 if glob[start + 1 : start + 2] == "!" else start + 1
    end = glob.find("]", first + 1)
    return None if end < 0 else end


def _fault_in_set(content: str) -> str | None:
    if content.startswith("^"):
        return f"has the set `[{content}]`: write `[!…]` for all characters but these"
    members = content.removeprefix("!")
    for at in range(1, len(members) - 1):
        if members[at] == "-" and members[at - 1] > members[at + 1]:
            return f"has the set `[{content}]`, whose range {members[at - 1 : at + 2]} is empty"
    return None
