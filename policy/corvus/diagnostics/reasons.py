"""What counts as the reason of a comment that ignores a finding."""

from __future__ import annotations

from typing import Final

PLACEHOLDER: Final = "say why"
"""Stands for a reason until the author of a comment writes one, and is none."""
_PLACEHOLDERS: Final = frozenset({PLACEHOLDER, "the reason", "reason", "todo"})
"""What editors, help and habit put there."""


def is_reason(text: str) -> bool:
    """Return whether a text may be a reason: it has a letter or digit, and is no placeholder."""
    plain = "".join(char if char.isalnum() else " " for char in text.casefold())
    words = " ".join(plain.split())
    return bool(words) and words not in _PLACEHOLDERS
