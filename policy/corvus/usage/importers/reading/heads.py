"""Which keys the first object of a file has, although only the beginning of the file is known.

A word inside of a text does not make a key: logs of agents quote other logs.
"""

from __future__ import annotations

import re
from functools import lru_cache

# A text that the beginning of a file cuts off ends there: nothing inside of it is looked at again.
_TOKEN = re.compile(rb'"((?:[^"\\]|\\.)*+)(?:"\s*(:)?|\\?\Z)|[{}\[\]]', re.DOTALL)
_DEEPEST = 6


@lru_cache(4)
def first_keys(head: bytes) -> frozenset[str]:
    """Return the keys of the first object, and dotted those of the objects inside of it.

    An array stands for its items: the keys of ``messages[].tokens`` are ``messages.tokens``.

    Args:
        head: The beginning of JSON lines, or of a document.
    """
    found: set[str] = set()
    path: list[str] = []  # the key that each open object or array stands under
    key = ""
    for token in _TOKEN.finditer(head):
        mark = token[0][:1]
        if mark in b"{[":
            path.append(key)
            key = ""
        elif mark in b"}]":
            if path:
                path.pop()
            key = ""
            if not path:
                break
        elif token[2] and len(path) <= _DEEPEST:
            key = token[1].decode("utf-8", "replace")
            found.add(".".join((*filter(None, path), key)))
    return frozenset(found)
