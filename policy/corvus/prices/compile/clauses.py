"""Turns the match clauses of genai-prices into declared aliases (PRC-4).

Substring matching is not carried over: what an id may look like is written out, anchored at both
ends, or the compile fails.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from corvus.prices.compile.records import (
    ClauseAnd,
    ClauseContains,
    ClauseEndsWith,
    ClauseEquals,
    ClauseOr,
    ClauseRegex,
    ClauseStartsWith,
    MatchLogic,
)
from corvus.prices.names import family

_UNANCHORED_TAIL = re.compile(r"\^((?:[A-Za-z0-9-]|\\\.)+)-\\d")


@dataclass
class Aliases:
    """How one model may be called.

    Attributes:
        ids: Whole ids.
        families: Stems that a known suffix may follow (``names.family``).
        anchored: The same, and a cloud may put a region, a vendor or a path before it.
        patterns: Regular expressions over the whole id.
    """

    ids: set[str] = field(default_factory=set[str])
    families: set[str] = field(default_factory=set[str])
    anchored: set[str] = field(default_factory=set[str])
    patterns: set[str] = field(default_factory=set[str])


def aliases(match: MatchLogic) -> Aliases:
    """Return the declared aliases of a match clause.

    Raises:
        ValueError: The clause cannot be anchored.
    """
    found = Aliases()
    _collect(match, found)
    return found


def _collect(match: MatchLogic, into: Aliases) -> None:
    if isinstance(match, ClauseOr):
        for clause in match.or_:
            _collect(clause, into)
    else:
        _collect_one(match, into)


def _collect_one(match: MatchLogic, into: Aliases) -> None:
    match match:
        case ClauseEquals():
            into.ids.add(match.equals)
        case ClauseEndsWith():
            into.ids.add(match.ends_with.removeprefix("/"))
        case ClauseStartsWith():
            into.families.add(family(match.starts_with))
        case ClauseContains():
            into.anchored.add(family(match.contains))
        case ClauseRegex():
            _collect_pattern(match.regex, into)
        case _:
            into.families.add(family(_narrowed(match)))


def _collect_pattern(pattern: str, into: Aliases) -> None:
    if pattern.startswith("^") and pattern.endswith("$"):
        into.patterns.add(pattern[1:-1])
    elif open_tail := _UNANCHORED_TAIL.fullmatch(pattern):
        into.families.add(family(open_tail[1].replace("\\", "") + "-"))
    else:
        raise ValueError(f"cannot anchor the pattern {pattern!r}")


def _narrowed(match: MatchLogic) -> str:
    """Return the prefix of "starts with X and is no speech model"; no family has such a suffix."""
    match match:
        case ClauseAnd(and_=[ClauseStartsWith() as start, ClauseRegex() as rest]):
            if rest.regex.startswith("^(?!"):
                return start.starts_with
        case _:
            pass
    raise ValueError(f"cannot anchor {match}")
