"""Repeats pieces of a document in the words of a message, without what may be a secret.

A message is built of our own words and of pieces of the document. Only pieces are hidden, when they
are put in, and nothing is hidden afterwards: advice such as ``key = value`` would else be taken for
a secret. So whatever a document spells, be it a key, a value or a bracket, goes through here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from corvus.config.toml import values
from corvus.config.toml.values import Route

if TYPE_CHECKING:
    from corvus.diagnostics.secrets import Secrets

_NAME: Final = 8
"""A shorter name of a key that also stands inside a secret is a word like any other."""
_VALUE: Final = 4
"""A shorter piece of a secret reveals nothing: a bracket, a comma, a letter."""
_LONGEST: Final = 40
"""Longest piece of a broken document in characters; a longer one is cut."""
_LOOK: Final = 400
"""How much of a piece is looked at for that."""


class Quotes:
    """What messages repeat of one document, or of several layered ones.

    Args:
        *texts: The documents without byte order mark.
    """

    def __init__(self, *texts: str) -> None:
        self._texts = texts
        self._secrets: tuple[Secrets, ...] | None = None

    def shown(self, route: Route) -> str:
        """Write a route as a dotted key, quoted as TOML needs."""
        return values.shown(self.route(route))

    def header(self, route: Route) -> str:
        """Write a table as its header."""
        return values.header(self.route(route))

    def route(self, route: Route) -> Route:
        """Return a route with ``***`` for each name that may be a secret."""
        return tuple(part if isinstance(part, int) else self.name(part) for part in route)

    def name(self, key: str) -> str:
        """Return one name of a key."""
        return self._piece(key, _NAME)

    def value(self, text: str) -> str:
        """Return what stands in a document in place of a value."""
        return self._piece(text, _VALUE)

    def quoted(self, text: str) -> str:
        """Return a string in the quotes of TOML."""
        return values.quoted(self.value(text))

    def token(self, text: str, start: int) -> str:
        """Return what stands at an offset of the only document, shortened and in backticks."""
        return f"`{self._at(start, text)}`"

    def key(self, name: str, start: int) -> str:
        """Return the name that a key token at an offset of the only document spells, shortened."""
        return self._at(start, name)

    def hides(self, text: str) -> bool:
        """Return whether a text holds what may be a secret of the document."""
        return self.value(text) != text

    def hides_at(self, start: int, end: int) -> bool:
        """Return whether a secret stands between two offsets of the only document."""
        return self._known()[0].overlap(start, end) or self.hides(self._texts[0][start:end])

    def _at(self, start: int, text: str) -> str:
        from corvus.diagnostics.secrets import MASK

        cut = text if len(text) <= _LONGEST else text[:_LONGEST]
        if self._known()[0].overlap(start, start + len(cut)) or self.hides(text[:_LOOK]):
            return MASK
        return cut if cut == text else f"{cut}..."

    def _piece(self, text: str, shortest: int) -> str:
        from corvus.diagnostics.secrets import MASK

        return MASK if any(known.hides(text, shortest) for known in self._known()) else text

    def _known(self) -> tuple[Secrets, ...]:
        if self._secrets is None:
            from corvus.diagnostics.secrets import secrets_of

            self._secrets = tuple(map(secrets_of, self._texts))
        return self._secrets
