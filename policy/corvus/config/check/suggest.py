"""Did-you-mean: the nearest of the words that would be right. difflib is loaded only here."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from corvus.base.period import Period

_OPPOSITES = (
    (
        ("allow", "enable", "permit"),
        ("block", "forbid", "deny", "denied", "disable", "exclude", "ignore"),
    ),
    (("max",), ("min",)),
    (("input",), ("output",)),
    (("read",), ("write",)),
    (
        *((period.removesuffix("y"),) for period in Period),  # of day and daily, too
        ("hour",),
        ("minute",),
        ("year",),
    ),
    (("cent",), ("usd", "dollar"), ("token",), ("percent", "pct")),
    (("second", "sec"), ("ms", "milli"), ("minute",)),
)
"""Word beginnings that contradict each other: a limit per day is no typo of one per month."""
_MOST = 5
"""How many near words are tried until one does not contradict."""
_SAME_LETTERS = 0.9
_SAME_PART = 0.7
_LONGEST = 64
"""A longer word is no typo of a key."""


def closest(word: str, candidates: Iterable[str], *, cutoff: float = 0.7) -> str | None:
    """Return the candidate a typo most likely stands for, ``None`` when none is near.

    Spelling variants count as near: case, and ``-`` for ``_``. A candidate that says the opposite
    does not.
    """
    return _closest(word, tuple(sorted(candidates)), cutoff) if len(word) <= _LONGEST else None


@lru_cache(maxsize=1024)
def _closest(word: str, candidates: tuple[str, ...], cutoff: float) -> str | None:
    from difflib import get_close_matches

    by_plain = {_plain(candidate): candidate for candidate in candidates}
    near = get_close_matches(_plain(word), by_plain, n=_MOST, cutoff=cutoff)
    return next(
        (
            by_plain[candidate]
            for candidate in near
            if not _contradict(word, candidate) and _is_alike(_plain(word), candidate)
        ),
        None,
    )


def _is_alike(word: str, candidate: str) -> bool:
    """Return whether every part of a word has its like in the candidate, or nearly all letters do.

    ``allowed_tools`` shares most of its letters with ``allowed_roots``, and is no typo of it.
    """
    from difflib import SequenceMatcher

    def likeness(one: str, other: str) -> float:
        return SequenceMatcher(None, one, other).ratio()

    if likeness(word.replace("_", ""), candidate.replace("_", "")) >= _SAME_LETTERS:
        return True
    parts = candidate.split("_")
    return all(
        max(likeness(part, other) for other in parts) >= _SAME_PART for part in word.split("_")
    )


def _contradict(word: str, candidate: str) -> bool:
    for sides in _OPPOSITES:
        side, other = _side(word, sides), _side(candidate, sides)
        if side is not None and other is not None and side != other:
            return True
    return False


def _side(word: str, sides: tuple[tuple[str, ...], ...]) -> int | None:
    for part in re.split(r"[^a-z]+", _plain(word)):
        for index, side in enumerate(sides):
            if part.startswith(side):
                return index
    return None


def _plain(word: str) -> str:
    return word.casefold().replace("-", "_")
