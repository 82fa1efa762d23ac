"""What the price books charge for a kind of use, by model, offer and day, in nano-USD of one."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

from corvus.model.decision import UnpricedModel
from corvus.model.price import Price
from corvus.model.usage import COUNT_OF, TOKENS, TokenKind
from corvus.prices.lookup import PriceBooks
from corvus.reconcile.charge import Offer

_PER = 1_000_000
_US_SURCHARGE = Fraction(11, 10)


def is_fee(kind: TokenKind) -> bool:
    """Return whether a kind counts uses rather than tokens."""
    return COUNT_OF[kind] not in TOKENS


class RateCard:
    """The rates of one provider.

    Args:
        books: The author's book and the bundled one.
        provider: Who bills, by the book's name.
    """

    def __init__(self, books: PriceBooks, provider: str) -> None:
        self._books = books
        self._provider = provider
        self._prices: dict[tuple[str, str | None, date], Price | None] = {}

    def price(self, model: str, tier: str | None, day: date) -> Price | None:
        """Return the price of a model as it is served, or ``None`` where it has none."""
        key = (model, tier, day)
        if key not in self._prices:
            name = f"{model}-{tier}" if tier else model
            try:
                found = self._books.find(name, provider=self._provider, on=day)
            except UnpricedModel:
                found = None
            self._prices[key] = found
        return self._prices[key]

    def rate(self, model: str, kind: TokenKind, offer: Offer, day: date) -> Fraction | None:
        """Return nano-USD for one token or use, or ``None`` where the books do not say."""
        price = self.price(model, offer.service_tier, day)
        if price is None:
            return None
        rates = price.rates_for(offer.context_tokens)
        per_million = rates.get(kind)
        if per_million is None and kind is TokenKind.REASONING:
            per_million = rates.get(TokenKind.OUTPUT)
        if per_million is None:
            return None
        rate = Fraction(per_million, _PER)
        return rate * _US_SURCHARGE if offer.is_kept_in_us and not is_fee(kind) else rate
