"""Takes secrets out of the words of a diagnostic, whatever rule quoted them.

Rules quote keys and values to be understood, and cannot all know what may be a secret. What a
document hides is found once (``secrets``), and no message, help, label or route repeats it.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from corvus.diagnostics.secrets import MASK, looks_like_secret, secret_ranges

if TYPE_CHECKING:
    from corvus.diagnostics.model import Diagnostic

_QUOTE: Final = re.compile(r"`(?P<ticked>[^`]*)`|\"(?P<quoted>[^\"]*)\"")
_WORD: Final = re.compile(r"[^\s`\"]{8,}")
"""A shorter secret may be a plain word, which is hidden only where it is quoted. So is a piece of
one: a word of ours may stand in a secret."""
_PIECE: Final = 4
"""A shorter piece of a secret tells nothing: a bracket, a comma, a letter."""


class Hidden:
    """What a document hides.

    Args:
        text: The document without byte order mark.
    """

    def __init__(self, text: str) -> None:
        pieces = (text[start:end].strip(" \t\r\n\"'") for start, end in secret_ranges(text))
        self._whole = frozenset(pieces) - {""}
        self._joined = "\n".join(self._whole)

    def has(self, piece: str, shortest: int) -> bool:
        """Tell whether a piece is a secret, or cut from one and of some length."""
        if piece in self._whole or looks_like_secret(piece):
            return True
        return len(piece) >= shortest and piece in self._joined

    def clean(self, words: str) -> str:
        """Return the words with ``***`` for each quotation, and each long word, of a secret."""
        words = _WORD.sub(
            lambda word: MASK if self.has(word[0], len(word[0]) + 1) else word[0], words
        )
        return _QUOTE.sub(self._cleaned, words)

    def _cleaned(self, quote: re.Match[str]) -> str:
        mark = quote[0][0]
        piece = quote[0][1:-1].strip("\"'").removesuffix("...")
        hides = self.has(piece, _PIECE) or secret_ranges(piece)
        return f"{mark}{MASK}{mark}" if hides else quote[0]


def conceal(diagnostic: Diagnostic, hidden: Hidden) -> Diagnostic:
    """Return the diagnostic without quotations of what its document hides."""
    clean = hidden.clean
    return replace(
        diagnostic,
        message=clean(diagnostic.message),
        label=clean(diagnostic.label),
        help=tuple(map(clean, diagnostic.help)),
        related=tuple(replace(one, message=clean(one.message)) for one in diagnostic.related),
        path=tuple(
            MASK if isinstance(part, str) and (hidden.has(part, 8) or secret_ranges(part)) else part
            for part in diagnostic.path
        ),
    )
