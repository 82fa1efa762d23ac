"""The globs of budgets (CFG-10): what is wrong with one, what one matches, whether two may meet.

A malformed glob matches nothing, silently, so it is refused before it is used. The grammar is
DuckDB's, which sums the spend of the ledger: ``*``, ``?``, sets such as ``[a-z]`` and ``[!0-9]``,
and a backslash before a character that stands for itself. Nothing is repaired.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from corvus.base.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re

_COMPARED_MAX = 1_000_000
"""Pairs of pieces that two globs may have to be compared."""
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


def literal(glob: str) -> str | None:
    """Return the one text that a sound glob matches; ``None`` where it matches several."""
    pieces = [*_pieces(glob)]
    return "".join(text for _, text in pieces) if all(kind == "is" for kind, _ in pieces) else None


def globs_meet(one: str, other: str) -> bool:
    """Return whether there is a text that two sound globs match.

    Globs that are too long to compare may meet.
    """
    rows, columns = [*map(_characters, _pieces(one))], [*map(_characters, _pieces(other))]
    if len(rows) * len(columns) > _COMPARED_MAX:
        return True
    # below[at]: whether the rest of `one` behind this row meets `other` from a column on.
    below = [all(column is None for column in columns[at:]) for at in range(len(columns) + 1)]
    for row in reversed(rows):
        meets = [row is None and below[-1]]
        for at in range(len(columns) - 1, -1, -1):
            column = columns[at]
            if row is None or column is None:  # a star stands for nothing, or takes one more
                meets.append(below[at] or meets[-1])
            else:
                meets.append(below[at + 1] and _share(row, column))
        below = meets[::-1]
    return below[0]


class _Characters(Record):
    """What one character may be: inside the ranges, or outside all of them."""

    inside: bool
    ranges: tuple[tuple[int, int], ...]

    def has(self, character: int) -> bool:
        """Return whether a code point is one of them."""
        return any(low <= character <= high for low, high in self.ranges) is self.inside


def _characters(piece: tuple[str, str]) -> _Characters | None:
    """Return what a piece of a glob stands for; ``None`` for any number of characters."""
    match piece:
        case "many", _:
            return None
        case "one", _:
            return _Characters(False, ())
        case "is", character:
            return _Characters(True, ((ord(character), ord(character)),))
        case _, content:
            ranges = ((ord(low), ord(high)) for low, high in _ranges(content))
            return _Characters(not content.startswith("!"), tuple(ranges))


def _share(one: _Characters, other: _Characters) -> bool:
    """Return whether a character is in both: if any, one at an edge of a range or next to it."""
    edges = (edge for pair in (*one.ranges, *other.ranges) for edge in pair)
    near = {point for edge in edges for point in (edge - 1, edge, edge + 1)} or {ord("a")}
    return any(one.has(point) and other.has(point) for point in near if point >= 0)


@lru_cache(maxsize=1024)
def _compiled(glob: str) -> re.Pattern[str]:
    import re

    return re.compile("".join(map(_pattern, _pieces(glob))), re.DOTALL)


def _pattern(piece: tuple[str, str]) -> str:
    """Write a piece of a glob for ``re``."""
    import re

    match piece:
        case "many", _:
            return ".*"
        case "one", _:
            return "."
        case "is", character:
            return re.escape(character)
        case _, content:
            ranges = (
                re.escape(low) if low == high else f"{re.escape(low)}-{re.escape(high)}"
                for low, high in _ranges(content)
            )
            return f"[{'^' if content.startswith('!') else ''}{''.join(ranges)}]"


def _pieces(glob: str) -> Iterator[tuple[str, str]]:
    """Yield the pieces of a sound glob: ``many``, ``one``, ``is`` a character, ``of`` a set."""
    at = 0
    while at < len(glob):
        match glob[at]:
            case "*":
                yield "many", ""
            case "?":
                yield "one", ""
            case "\\":
                at += 1
                yield "is", glob[at]
            case "[":
                end = _end_of_set(glob, at)
                assert end is not None, "a malformed glob is refused when the policy is compiled"
                yield "of", glob[at + 1 : end]
                at = end
            case character:
                yield "is", character
        at += 1


def _ranges(content: str) -> Iterator[tuple[str, str]]:
    """Yield the ranges of a set; a ``-`` between two characters makes one of them."""
    members = content.removeprefix("!")
    at = 0
    while at < len(members):
        if members[at + 1 : at + 2] == "-" and at + 2 < len(members):
            yield members[at], members[at + 2]
            at += 3
        else:
            yield members[at], members[at]
            at += 1


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
