"""Which keys hold secrets, by their names alone.

A value may never reach a terminal or a CI log because a message quoted it. The guess errs on the safe side: a
text beside a secret-looking name is hidden, a number or boolean never is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

MASK: Final = "***"

_SECRET: Final = re.compile(
    r"api[_-]?key|token|secret|passw|passphrase|authorization|bearer|credential|cookie|[_-]key\Z",
    re.IGNORECASE,
)
_COUNT: Final = re.compile(
    r"(?:max|min|limit|count|input|output|context|prompt|completion|cache|total|num|per|reserve)",
    re.IGNORECASE,
)
_NAME_OF: Final = re.compile(r"[_-](?:env|path|file|name|kind|type|id)\Z", re.IGNORECASE)


def looks_secret(key: str) -> bool:
    """Tell whether a key is named like one that holds a secret.

    ``max_tokens`` counts tokens and ``api_key_env`` names a variable: neither is a secret.
    """
    match = _SECRET.search(key)
    if match is None or _NAME_OF.search(key):
        return False
    return not (match.group().lower() == "token" and _COUNT.search(key))


def any_secret(path: Iterable[str | int]) -> bool:
    """Tell whether any part of a route of keys looks secret."""
    return any(isinstance(part, str) and looks_secret(part) for part in path)
