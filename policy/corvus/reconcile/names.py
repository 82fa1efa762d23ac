"""Brings the names of bills and of the ledger together: one model, one name (PRC-4).

Names mean what the price books declare for them. One that no book has means the model of the other
side that it is a dated or written-out form of; else it stands for itself. Never a part of a name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from corvus.model.decision import AmbiguousModel
from corvus.prices.lookup import PriceBooks
from corvus.prices.names import LONG_CONTEXT, SPELLINGS, provider_id, stems

_SELLERS = {
    "amazon": "aws",
    "amazon web services": "aws",
    "google cloud": "google",
    "google cloud platform": "google",
    "microsoft": "azure",
    "microsoft azure": "azure",
}
"""Sellers as bills write them, to the book's names, where the first word does not say it."""
_LEGAL = re.compile(
    r",?\s+(?:inc|llc|ltd|pbc|corp|corporation|limited|opco|emea sarl)\.?(?=,|\s|$)"
)


class Names:
    """The names of models, as one provider and the ledger write them.

    Args:
        books: The author's book and the bundled one.
        provider: Who bills, by the book's name.
        aliases: Names in the files that mean another name of them.
    """

    def __init__(self, books: PriceBooks, provider: str, aliases: Mapping[str, str]) -> None:
        self._provider = provider
        self._aliases = aliases
        self._books = (PriceBooks(), books)  # an own key must not tear a model's names apart
        self._known: dict[str, str | None] = {}
        self._introduced: set[str] = set()
        self._strangers: set[str] = set()
        self._others: dict[str, str] = {}

    def canonical(self, name: str) -> str:
        """Return the one name of a model."""
        listed = self._listed(name)
        if listed is not None:
            return listed
        plain = _plain(self._aliases.get(name, name))
        return self._others.get(plain, plain)

    def is_listed(self, name: str) -> bool:
        """Return whether a price book has the model."""
        return self._listed(name) is not None

    def introduce(self, names: Iterable[str]) -> None:
        """Learn the names of both sides: of those in no book, a dated one means the plain one."""
        fresh = set(names)
        self._introduced |= fresh
        self._strangers |= {
            _plain(self._aliases.get(name, name)) for name in fresh if not self._listed(name)
        }
        for name in self._strangers:
            shorter = [stem for stem, suffix in stems(name) if suffix and stem in self._strangers]
            if shorter:
                self._others[name] = min(shorter, key=len)

    def introduced(self) -> list[str]:
        """Return the names of both sides, as they are written there."""
        return sorted(self._introduced)

    def _listed(self, name: str) -> str | None:
        if name not in self._known:
            self._known[name] = self._look_up(name)
        return self._known[name]

    def _look_up(self, name: str) -> str | None:
        spellings = dict.fromkeys((self._aliases.get(name, name), name, _plain(name)))
        for books in self._books:
            for spelling in spellings:
                try:
                    found = books.history(spelling, provider=self._provider)
                except AmbiguousModel:
                    continue
                if found:
                    return found[-1].model
        return None


def _plain(name: str) -> str:
    """Return a name as ids are written: ``Claude Haiku 4.5`` is ``claude-haiku-4-5``."""
    plain = name.strip().removesuffix(LONG_CONTEXT)
    return re.sub(r"[\s.]+", "-", plain.lower()) if " " in plain else plain.lower()


def provider_of(name: str | None, books: PriceBooks) -> str | None:
    """Return the book's name of a seller as a bill writes it: ``Anthropic, PBC`` is ``anthropic``.

    A name that the books do not know is nobody's.
    """
    if name is None or not name.strip():
        return None
    lowered = _LEGAL.sub("", name.strip().lower()).strip(" ,.")
    for spelling in (lowered, lowered.replace(" ", "-"), lowered.replace(" ", "")):
        found = _SELLERS.get(spelling) or provider_id(spelling)
        if spelling in _SELLERS or spelling in SPELLINGS or books.knows_provider(found):
            return found
    return None
