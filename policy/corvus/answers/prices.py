"""A price and why it answers, for ``corvus prices`` and ``corvus policy show`` (PRC-10).

Amounts are decimal text: USD per million tokens, and USD for one use of a tool.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Protocol, TypeVar

from corvus.answers.shape import (
    COUNT,
    Member,
    Schema,
    Shape,
    array,
    choice,
    count,
    document,
    listing,
    member,
    nullable,
    optional_nested,
    optional_text,
    text,
    texts,
    word,
)
from corvus.model.price import HourRates, Price, Rates, Tier
from corvus.model.usage import FEES, TokenKind
from corvus.prices.comparison import Kind, Level, Remark
from corvus.prices.match import Match
from corvus.prices.stated import rate_text

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DECIMAL: Schema = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?$"}
_DAY: Schema = {"type": "string", "format": "date"}


@dataclass(frozen=True, slots=True)
class PriceAnswer:
    """What ``corvus prices show`` found.

    Attributes:
        model: The name that was looked up.
        provider: Who bills, where it was named.
        on: The day, UTC.
        match: What answers.
        variants: Prices of other ways to be served, by the name of the variant.
        book_version: What the book that lies below the author's own is made of.
        book_sha256: The hash of that book.
        problem: Why nothing answers; ``None`` where something does.
    """

    model: str
    provider: str | None
    on: date
    match: Match
    variants: Mapping[str, Price]
    book_version: str
    book_sha256: str
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class _Variant:
    name: str
    price: Price


def _day(value: date | None) -> str | None:
    return value.isoformat() if value else None


def _texts(rates: Rates, *, fees: bool) -> dict[str, str]:
    return {
        kind.value: rate_text(kind, rate) for kind, rate in rates.items() if (kind in FEES) is fees
    }


def _rates_schema(description: str, kinds: list[TokenKind]) -> Schema:
    return {
        "type": "object",
        "properties": {kind.value: _DECIMAL for kind in kinds},
        "additionalProperties": False,
        "description": f"{description} A kind that is not there has no price and is never free.",
    }


_TOKEN_RATES = _rates_schema(
    "USD per million tokens, by kind.", [kind for kind in TokenKind if kind not in FEES]
)
_FEES = _rates_schema("USD for one use, by tool.", list(FEES))


class _Rated(Protocol):
    """What has rates."""

    @property
    def rates(self) -> Rates:
        """The rates."""
        ...


R = TypeVar("R", bound=_Rated)


def _rates(_holder: type[R]) -> tuple[Member[R], ...]:
    return (
        member("usd_per_million", _TOKEN_RATES, lambda held: _texts(held.rates, fees=False)),
        member("usd_per_use", _FEES, lambda held: _texts(held.rates, fees=True)),
    )


_TIER = Shape[Tier](
    member("above_tokens", {**COUNT, "description": "Context beyond which it holds."}),
    *_rates(Tier),
)
_HOURS = Shape[HourRates](
    member("days", array(choice(DAYS), "Days of the week, UTC."), lambda some: _days(some.days)),
    text("from", "First minute of the day, UTC.", lambda some: _clock(some.start_minute)),
    text("until", "The minute after the last.", lambda some: _clock(some.end_minute)),
    *_rates(HourRates),
    listing("tiers", _TIER, "By length of the context.", lambda some: some.tiers),
)
_IN_FORCE: tuple[Member[Price], ...] = (
    text("entry", "Name of the entry, as on usage records."),
    member(
        "effective_from",
        nullable({**_DAY, "description": "First day, UTC; null is always."}),
        lambda price: _day(price.effective_from),
    ),
    *_rates(Price),
    listing(
        "tiers",
        _TIER,
        "By length of the context; the longest that is passed holds for the whole call.",
        lambda price: price.tiers,
    ),
    listing(
        "hours",
        _HOURS,
        "By time of day, where it makes a difference; the rates above are "
        "then the highest of each kind.",
        lambda price: price.hours,
    ),
)
PRICE = Shape[Price](
    *_IN_FORCE,
    text("provider", "Who bills; empty for an own price of any provider."),
    text("model", "The model as its book calls it."),
    text("book", "Whose price it is: user is [cost.prices]."),
    texts("aliases", "Other whole names that the author gave it."),
    optional_text("source", "Where the author found it."),
)
"""One entry of a price book."""
_DATED = Shape[Price](*_IN_FORCE)


def _of_variant(part: Member[Price]) -> Member[_Variant]:
    return Member(part.schemas, lambda variant: part.write(variant.price), part.is_required)


_VARIANT = Shape[_Variant](
    text("variant", "How the call is served: batch, flex, priority, fast.", "name"),
    *map(_of_variant, _IN_FORCE),
)
SHOWN = Shape[PriceAnswer](
    text("model", "The name that was looked up."),
    optional_text("provider", "Who bills, where it was named."),
    member("on", {**_DAY, "description": "The day, UTC."}, lambda found: found.on.isoformat()),
    optional_text("found_by", "How the name leads to the entry.", lambda found: _how(found)),
    optional_nested("price", PRICE, lambda found: found.match.price),
    listing(
        "variants",
        _VARIANT,
        "Other ways to be served, with prices of their own.",
        lambda found: _variants(found.variants),
    ),
    listing("history", _DATED, "Every entry of the model by its first day.", "match.history"),
    optional_text("problem", "Why nothing answers."),
    texts(
        "nearest",
        "Names with a price that are close, where nothing answers.",
        lambda found: found.match.nearest,
    ),
    text("book_version", "What the bundled or pinned book is made of."),
    text("book_sha256", "Hash of that book."),
)


@dataclass(frozen=True, slots=True)
class CheckedPrices:
    """What ``corvus prices check`` has to say.

    Attributes:
        config: Where the prices are from, for a person.
        on: The day of the book's prices, UTC.
        count: How many own prices there are.
        remarks: About them, in file order.
    """

    config: str
    on: date
    count: int
    remarks: tuple[Remark, ...]


REMARK = Shape[Remark](
    word("level", Level, "How much it matters; error is what can hardly be meant."),
    word("kind", Kind, "What it is about."),
    text("price", "Key of the price in [cost.prices].", "key"),
    text("message", "For a person."),
    optional_text("rate", "Kind of token or tool; null is the whole price."),
    optional_text("own_usd", "What the author states, decimal text.", "own"),
    optional_text("book_usd", "What the book says, decimal text.", "book"),
    optional_text("entry", "The entry of the book."),
)
CHECKED = Shape[CheckedPrices](
    text("config", "Where the prices are from."),
    member("on", {**_DAY, "description": "Day of the book's prices."}, lambda all_: _day(all_.on)),
    count("own_prices", "How many own prices there are.", "count"),
    listing("remarks", REMARK, "In file order.", "remarks"),
)


def _how(found: PriceAnswer) -> str | None:
    return found.match.how.value if found.match.how else None


def _variants(variants: Mapping[str, Price]) -> list[_Variant]:
    return [_Variant(name, price) for name, price in variants.items()]


def _days(days: frozenset[int]) -> list[str]:
    return [DAYS[day] for day in sorted(days)]


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def hours_words(some: HourRates) -> str:
    """Return when rates hold, for a person: ``Mon-Fri 01:00-04:00 UTC``; every day without days.

    What holds all day stands last, for the times that are left.
    """
    if len(some.days) == len(DAYS) and some.end_minute - some.start_minute == 24 * 60:
        return "other times"
    times = f"{_clock(some.start_minute)}-{_clock(some.end_minute)} UTC"
    return times if len(some.days) == len(DAYS) else f"{_day_words(sorted(some.days))} {times}"


def _day_words(days: list[int]) -> str:
    short = [DAYS[day][:3].title() for day in days]
    is_run = len(days) > 2 and all(later == day + 1 for day, later in pairwise(days))
    return f"{short[0]}-{short[-1]}" if is_run else ",".join(short)


def price_document() -> Schema:
    """Return the published schema of ``corvus prices show --format json``."""
    return document("price", SHOWN.schema, title="A price, and why it answers for a model")
