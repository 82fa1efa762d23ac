"""Finds the names that are close to a misspelt one, at a cost that does not grow with the book.

A refused call gets them, so whoever asks for many unknown models must not hold up the others.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from difflib import get_close_matches

_PIECE = 3
_COMPARED_MAX = 40
_NAME_CHARACTERS_MAX = 100
_CUTOFF = 0.7


class Nearest:
    """Names, by the pieces of three characters that they hold.

    Args:
        names: In the order in which equally close ones are returned.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._by_piece: defaultdict[str, list[str]] = defaultdict(list)
        for name in names:
            for piece in _pieces(name):
                self._by_piece[piece].append(name)

    def find(self, name: str, most: int) -> list[str]:
        """Return up to ``most`` names that are close, closest first; none for a very long one."""
        if len(name) > _NAME_CHARACTERS_MAX:
            return []
        shared = Counter(near for piece in _pieces(name) for near in self._by_piece.get(piece, ()))
        likely = [near for near, _ in shared.most_common(_COMPARED_MAX)]
        return get_close_matches(name, likely, n=most, cutoff=_CUTOFF)


def _pieces(name: str) -> set[str]:
    return {name[at : at + _PIECE] for at in range(max(1, len(name) - _PIECE + 1))}
