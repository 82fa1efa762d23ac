"""Did-you-mean: the nearest of the words that would be right. difflib is loaded only here."""

from __future__ import annotations

from collections.abc import Iterable


def closest(word: str, candidates: Iterable[str]) -> str | None:
    """Return the candidate a typo most likely stands for, ``None`` when none is near.

    Spelling variants count as near: case, and ``-`` for ``_``.
    """
    from difflib import get_close_matches

    by_plain = {_plain(candidate): candidate for candidate in sorted(candidates)}
    near = get_close_matches(_plain(word), by_plain, n=1, cutoff=0.7)
    return by_plain[near[0]] if near else None


def _plain(word: str) -> str:
    return word.casefold().replace("-", "_")
