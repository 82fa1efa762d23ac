"""The globs of ``match`` (CFG-10): what is wrong with one, and what one matches.

A malformed glob matches nothing, silently, so it is refused before it is used. The grammar is
DuckDB's, which sums the spend of the ledger: ``*``, ``?``, sets such as ``[a-z]`` and ``[!0-9]``,
and a backslash before a character that stands for itself. Nothing is repaired.
"""

from __future__ import annotations

import re
from functools import lru_cache

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


def glob_matches(glob: str, text: str) -> bool:
    """Return whether a sound glob matches the whole of a text, as DuckDB's ``GLOB`` does.

    Args:
        glob: A glob without a fault.
        text: The value of an attribute.
    """
    return _compiled(glob).fullmatch(text) is not None


@lru_cache(maxsize=1024)
def _compiled(glob: str) -> re.Pattern[str]:
    pieces: list[str] = []
    at = 0
    while at < len(glob):
        match glob[at]:
            case "*":
                pieces.append(".*")
            case "?":
                pieces.append(".")
            case "\\":
                at += 1
                pieces.append(re.escape(glob[at]))
            case "[":
                end = _end_of_set(glob, at)
                assert end is not None, "a malformed glob is refused when the policy is compiled"
                pieces.append(_set_pattern(glob[at + 1 : end]))
                at = end
            case character:
                pieces.append(re.escape(character))
        at += 1
    return re.compile("".join(pieces), re.DOTALL)


def _set_pattern(content: str) -> str:
    """Write a set for ``re``; a ``-`` between two characters makes a range of them."""
    members = content.removeprefix("!")
    pieces: list[str] = []
    at = 0
    while at < len(members):
        if members[at + 1 : at + 2] == "-" and at + 2 < len(members):
            pieces.append(f"{re.escape(members[at])}-{re.escape(members[at + 2])}")
            at += 3
        else:
            pieces.append(re.escape(members[at]))
            at += 1
    return f"[{'^' if content.startswith('!') else ''}{''.join(pieces)}]"


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
