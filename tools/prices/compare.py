"""Compares the bundled book with the second opinion, rate by rate (PRC-10).

Compared is every id that both know: each variant, each tier, each kind that both price. A kind that
the book lacks makes a cost unknown and is no difference; only a modality that would pass as text is
one. A difference of more than one percent must stand in ``review.toml`` with both figures.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from corvus.model.decision import AmbiguousModel
from corvus.model.price import Price, Rates
from corvus.model.usage import MODALITIES, TokenKind
from corvus.prices.compile.amounts import rates_from
from corvus.prices.compile.review import Difference, Review, fits
from corvus.prices.lookup import PriceBooks
from tools.prices.opinion import Opinions, Sheet

TOLERANCE_PERCENT = 1
_TEXT = {True: TokenKind.OUTPUT, False: TokenKind.INPUT}


@dataclass(frozen=True, slots=True)
class Compared:
    """One rate that two books state.

    Attributes:
        provider: The book's id of the provider.
        name: The id of the second opinion.
        model: Canonical id of the book's entry.
        variant: Such as ``batch``; empty for the standard price.
        above: Bound of the context, exclusive; 0 is none.
        kind: What is counted.
        ours: Nano-USD per million; ``None`` where the book lacks it.
        theirs: The same of the second opinion.
        reason: Evidence of the reviewed decision; empty where there is none.
    """

    provider: str
    name: str
    model: str
    variant: str
    above: int
    kind: TokenKind
    ours: int | None
    theirs: int
    reason: str = ""

    @property
    def differs(self) -> bool:
        """Whether the two are more than the tolerance apart, or the book takes media for text."""
        if self.ours is None:
            return True
        apart = abs(self.ours - self.theirs) * 100
        return apart > TOLERANCE_PERCENT * max(self.ours, self.theirs)

    def __str__(self) -> str:
        ours = "none" if self.ours is None else f"{self.ours / 10**9:g}"
        variant = f" {self.variant}" if self.variant else ""
        above = f" above {self.above:,} tokens" if self.above else ""
        return (
            f"{self.provider}/{self.name} ({self.model}){variant} {self.kind.value}{above}: "
            f"{ours}, second opinion {self.theirs / 10**9:g}"
        )


def compare(books: PriceBooks, opinions: Opinions, review: Review) -> Iterator[Compared]:
    """Yield every rate that both books state, by provider and id."""
    for provider, models in sorted(opinions.litellm.items()):
        for name, sheet in sorted(models.items()):
            for one in _of_model(books, provider, name, sheet, opinions):
                yield _with_reason(one, review)


def _of_model(
    books: PriceBooks, provider: str, name: str, sheet: Sheet, opinions: Opinions
) -> Iterator[Compared]:
    for variant, bounds in sheet.items():
        asked = f"{name}-{variant}" if variant else name
        try:
            price = books.find(asked, provider=provider, on=opinions.taken)
        except AmbiguousModel:
            continue
        if price is None:
            continue
        model = price.model.removesuffix(f"-{variant}") if variant else price.model
        stated = {_rounded(bound): rates for bound, rates in bounds.items()}
        for above in sorted({*stated, *(_rounded(tier.above_tokens) for tier in price.tiers)}):
            theirs = _at(stated, above)
            for kind, rate in theirs.items():
                ours = _ours(price, above)
                if not _is_unknown(ours, kind, rate):
                    yield Compared(
                        provider, name, model, variant, above, kind, ours.get(kind), rate
                    )


def _rounded(bound: int) -> int:
    """Return a bound in whole thousands: "from 200,000 on" and "above 200,000" are one tier."""
    return (bound + 500) // 1000 * 1000


def _ours(price: Price, above: int) -> Rates:
    return price.rates_for(above + 1) if above else price.rates


def _at(bounds: Mapping[int, Mapping[TokenKind, int]], above: int) -> Mapping[TokenKind, int]:
    """Return the rates stated above a bound; without a tier there, those below it."""
    return bounds[max((bound for bound in bounds if bound <= above), default=0)]


def _is_unknown(ours: Rates, kind: TokenKind, theirs: int) -> bool:
    """Return whether the book makes a cost of the kind unknown, so that nothing can be wrong."""
    if kind in ours:
        return False
    if kind not in MODALITIES:
        return True
    text = _TEXT[kind.value.startswith("output")]
    return ours.get(text) == theirs or any(one in ours for one in MODALITIES)


def _with_reason(one: Compared, review: Review) -> Compared:
    if not one.differs:
        return one
    reason = next((each.evidence for each in review.difference if _explains(each, one)), "")
    return Compared(
        one.provider, one.name, one.model, one.variant, one.above, one.kind, one.ours, one.theirs,
        reason,
    )  # fmt: skip


def _explains(decision: Difference, one: Compared) -> bool:
    kind = one.kind.value
    return (
        decision.provider == one.provider
        and fits(one.model, decision.models)
        and (decision.variant, decision.above) == (one.variant, one.above)
        and kind in decision.second
        and rates_from({kind: decision.second[kind]})[one.kind] == one.theirs
    )
