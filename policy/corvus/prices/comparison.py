"""Holds the author's own prices against the bundled book (PRC-10).

An own price answers alone: nothing is taken from the bundled entry that it stands before. So what
it lacks has no price, and what it states differently is charged differently. Some of that is meant;
this module says what there is, and calls an error only what can hardly be meant.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from corvus.model.decision import AmbiguousModel
from corvus.model.price import Price, Rates
from corvus.model.usage import TokenKind
from corvus.prices.lookup import PriceBooks
from corvus.prices.stated import rate_text

_EQUAL_PERCENT = 1
_OTHER_UNIT = 10


class Level(StrEnum):
    """How much a remark matters."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Kind(StrEnum):
    """What a remark is about."""

    UNIT = "unit"
    DIFFERENT = "different"
    LACKING = "lacking"
    OUTDATED = "outdated"
    FUTURE = "future"
    UNLISTED = "unlisted"
    EQUAL = "equal"


LEVELS: Mapping[Kind, Level] = {
    Kind.UNIT: Level.ERROR,
    Kind.DIFFERENT: Level.WARNING,
    Kind.LACKING: Level.WARNING,
    Kind.OUTDATED: Level.WARNING,
    Kind.FUTURE: Level.NOTE,
    Kind.UNLISTED: Level.NOTE,
    Kind.EQUAL: Level.NOTE,
}


@dataclass(frozen=True, slots=True)
class Remark:
    """Something about one own price.

    Attributes:
        key: Its key in ``[cost.prices]``.
        kind: What it is about.
        message: One sentence.
        rate: Of which kind of token or tool; ``None`` is the whole price.
        own: What the author states, decimal USD.
        book: What the book says, decimal USD.
        entry: The entry of the book.
    """

    key: str
    kind: Kind
    message: str
    rate: str | None = None
    own: str | None = None
    book: str | None = None
    entry: str | None = None

    @property
    def level(self) -> Level:
        """How much it matters."""
        return LEVELS[self.kind]


def compare(own: Price, book: PriceBooks, on: date) -> Iterator[Remark]:
    """Yield what there is to say of one own price on a UTC day.

    Args:
        own: The author's entry.
        book: The book below it, without prices of the author's.
        on: The day.
    """
    if own.effective_from is not None and own.effective_from > on:
        yield Remark(own.key, Kind.FUTURE, f"it is in force from {own.effective_from}")
    listed = _listed(own, book, on)
    if listed is None:
        near = ", ".join(book.resembling(own.key))
        hint = f"; names that are close: {near}" if near else ""
        yield Remark(own.key, Kind.UNLISTED, f"the book has no price to compare with{hint}")
        return
    yield from _outdated(own, listed)
    remarks = [*_compare_rates(own, listed)]
    yield from remarks
    if not remarks and own.rates == listed.rates and own.tiers == listed.tiers:
        said = f"it asks what {listed.entry} asks, and can be left out"
        yield Remark(own.key, Kind.EQUAL, said, entry=listed.entry)


def _listed(own: Price, book: PriceBooks, on: date) -> Price | None:
    try:
        return book.find(own.model, provider=own.provider or None, on=on) or book.find(
            own.key, on=on
        )
    except AmbiguousModel:
        return None


def _outdated(own: Price, listed: Price) -> Iterator[Remark]:
    since, later = own.effective_from, listed.effective_from
    if since is not None and later is not None and later > since:
        said = f"it is of {since}, and the book has a price of {later}"
        yield Remark(own.key, Kind.OUTDATED, said, entry=listed.entry)


def _compare_rates(own: Price, listed: Price) -> Iterator[Remark]:
    yield from _compare(_Pair(own, listed, "", own.rates, listed.rates))
    tiers = {tier.above_tokens: tier.rates for tier in own.tiers}
    for tier in listed.tiers:
        where = f" above {tier.above_tokens:,} tokens"
        if tier.above_tokens in tiers:
            yield from _compare(_Pair(own, listed, where, tiers[tier.above_tokens], tier.rates))
        else:
            said = f"the book has other rates{where}, and it has none"
            yield Remark(own.key, Kind.LACKING, said, rate="tiers", entry=listed.entry)


@dataclass(frozen=True, slots=True)
class _Pair:
    """The rates of both sides for one length of context, and how to name that."""

    own: Price
    listed: Price
    where: str
    mine: Rates
    theirs: Rates


def _compare(pair: _Pair) -> Iterator[Remark]:
    lacking = [kind for kind in pair.theirs if kind not in pair.mine]
    for kind, rate in pair.theirs.items():
        stated = pair.mine.get(kind, rate)
        if _differ(stated, rate) and not _follows_output(kind, pair):
            yield _difference(kind, pair)
    if lacking:
        named = ", ".join(f"{kind} ({rate_text(kind, pair.theirs[kind])})" for kind in lacking)
        said = f"the book prices more{pair.where}: {named}; calls that use it have no price here"
        yield Remark(pair.own.key, Kind.LACKING, said, entry=pair.listed.entry)


def _follows_output(kind: TokenKind, pair: _Pair) -> bool:
    """Return whether a difference is only that of output, which reasoning costs the same as."""
    return kind is TokenKind.REASONING and all(
        rates.get(kind) == rates.get(TokenKind.OUTPUT) for rates in (pair.mine, pair.theirs)
    )


def _differ(stated: int, rate: int) -> bool:
    """Return whether two rates are more than a hundredth of the book's apart."""
    return abs(stated - rate) * 100 > rate * _EQUAL_PERCENT


def _difference(kind: TokenKind, pair: _Pair) -> Remark:
    stated, rate = pair.mine[kind], pair.theirs[kind]
    mine, book = rate_text(kind, stated), rate_text(kind, rate)
    said = f"{kind} is {mine}{pair.where}, and {pair.listed.entry} has {book}"
    found = Kind.DIFFERENT
    if stated and rate and max(stated, rate) >= min(stated, rate) * _OTHER_UNIT:
        times = max(stated, rate) // min(stated, rate)
        said += f", {times:,} times {'less' if stated > rate else 'more'}: is it of another unit?"
        found = Kind.UNIT
    return Remark(pair.own.key, found, said, kind, mine, book, pair.listed.entry)
