"""Reads ``review.toml``, what people decided about the price book, each with its evidence.

Refuses a key that it does not know and a decision without evidence, so that a slip of the pen
changes no price. Amounts are USD per million, read as decimals.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from datetime import date
from decimal import Decimal
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar

REVIEW_PATH = Path(__file__).with_name("review.toml")

Amounts = Mapping[str, Decimal]
"""USD per million, by the names of kinds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One decision about the book.

    Attributes:
        evidence: What shows that it is right: an address, an announcement, both books.
        read: The day on which somebody looked.
    """

    evidence: str
    read: date


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantStart(Decision):
    """A variant was sold before the day on which the source learned of it.

    It reaches back no further than the standard price that it was stated next to.

    Attributes:
        provider: The book's id of the provider.
        variant: Such as ``batch``.
        models: Canonical ids of the book; ``*`` stands for any text.
        day: First UTC day of the offer, inclusive.
    """

    provider: str
    variant: str
    models: Sequence[str]
    day: date


@dataclass(frozen=True, slots=True, kw_only=True)
class SameRate(Decision):
    """The vendor asks the rate of one kind for another, which the source does not list.

    Attributes:
        provider: The book's id of the provider.
        models: Canonical ids of the book; ``*`` stands for any text.
        kinds: By the kind without a rate of its own, the kind whose rate it has.
    """

    provider: str
    models: Sequence[str]
    kinds: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fee(Decision):
    """Fees of models for what is counted in uses.

    Attributes:
        provider: The book's id of the provider.
        models: Canonical ids of the book; ``*`` stands for any text.
        rates: USD for a million uses, by kind.
    """

    provider: str
    models: Sequence[str]
    rates: Amounts


@dataclass(frozen=True, slots=True, kw_only=True)
class History(Decision):
    """All standard prices of a model, where the source cannot say them or says them wrongly.

    Attributes:
        provider: The book's id of the provider.
        models: Canonical ids of the book.
        replaces: Digest of what the source said of the model's prices then.
        entries: Tables with ``rates``, none of them where the price is unknown; where wanted
            ``day``, ``tiers`` (rates by the bound of the context), and ``hours`` (spans of UTC such
            as ``01:00-04:00``) with ``at_hours`` (their rates) and ``days`` (Monday 0).
    """

    provider: str
    models: Sequence[str]
    replaces: str
    entries: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Addition(Decision):
    """A model that the source lacks, or further names of one that it has.

    Attributes:
        provider: The book's id of the provider.
        model: Canonical id.
        names: Further whole ids.
        patterns: Further ids, as regular expressions over the whole id.
        like: The model of the same provider that it costs as.
        entries: Its prices, as those of :class:`History`.
        own: The provider made the model, so that the bare id means it.
    """

    provider: str
    model: str
    names: Sequence[str] = ()
    patterns: Sequence[str] = ()
    like: str = ""
    entries: Sequence[Mapping[str, Any]] = ()
    own: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Equal(Decision):
    """Models that cost at a host what their maker asks.

    Attributes:
        host: The book's id of the host.
        maker: The book's id of the maker.
        models: Canonical ids of the maker's models.
    """

    host: str
    maker: str
    models: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Media(Decision):
    """A host passes on what a maker asks for audio, pictures and video; the source leaves it out.

    Attributes:
        host: The book's id of the host.
        maker: The book's id of the maker.
        models: By the id of the host, that of the maker; both must ask the same for text.
    """

    host: str
    maker: str
    models: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Regions(Decision):
    """Regions of a host at whose prices a model without a region of its own is sold.

    Attributes:
        host: The book's id of the host.
        models: Canonical ids of the book; ``*`` stands for any text.
        regions: Such as ``us``; all others are unknown.
    """

    host: str
    models: Sequence[str]
    regions: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference(Decision):
    """The source and the second opinion differ by more than one percent.

    Attributes:
        provider: The book's id of the provider.
        models: Canonical ids of the book; ``*`` stands for any text.
        variant: Such as ``batch``; empty for the standard prices.
        above: Bound of the context, exclusive; 0 for the rates below all bounds.
        book: What the source says, by kind; a kind that it lacks is absent.
        second: What the second opinion says, by kind.
        decision: ``book`` keeps the source, ``second`` takes the other, ``unknown`` neither.
        day: The first UTC day that the decision changes; none is "always".
    """

    provider: str
    models: Sequence[str]
    variant: str = ""
    above: int = 0
    book: Amounts = field(default_factory=dict[str, Decimal])
    second: Amounts = field(default_factory=dict[str, Decimal])
    decision: Literal["book", "second", "unknown"]
    day: date | None = None


@dataclass(frozen=True, slots=True)
class Review:
    """All decisions, by what they are about."""

    variant_start: Sequence[VariantStart] = ()
    same_rate: Sequence[SameRate] = ()
    fee: Sequence[Fee] = ()
    history: Sequence[History] = ()
    addition: Sequence[Addition] = ()
    equal: Sequence[Equal] = ()
    media: Sequence[Media] = ()
    regions: Sequence[Regions] = ()
    difference: Sequence[Difference] = ()

    def starts(self, provider: str, model: str) -> dict[str, date]:
        """Return the first days of variants that are older than the source says."""
        return {
            one.variant: one.day
            for one in self.variant_start
            if one.provider == provider and fits(model, one.models)
        }

    def history_of(self, provider: str, model: str) -> History | None:
        """Return the standard prices of a model, where the review states them."""
        return next(
            (one for one in self.history if one.provider == provider and fits(model, one.models)),
            None,
        )


_TABLES: Mapping[str, type[Decision]] = {
    "variant_start": VariantStart,
    "same_rate": SameRate,
    "fee": Fee,
    "history": History,
    "addition": Addition,
    "equal": Equal,
    "media": Media,
    "regions": Regions,
    "difference": Difference,
}


class StaleDecision(ValueError):
    """The source no longer says what a decision is about."""


def fits(name: str, patterns: Sequence[str]) -> bool:
    """Return whether a name is one of these, which may have ``*`` for any text."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


@cache
def load_review(path: Path = REVIEW_PATH) -> Review:
    """Return the decisions of a file.

    Raises:
        ValueError: A table or a key is not known, or one is missing.
    """
    tables = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    if unknown := sorted(set(tables) - set(_TABLES)):
        raise ValueError(f"{path.name}: unknown tables {', '.join(unknown)}")
    found: dict[str, Any] = {
        name: tuple(_read(kind, row) for row in tables.get(name, ()))
        for name, kind in _TABLES.items()
    }
    return Review(**found)


_Kind = TypeVar("_Kind", bound=Decision)


def _read(kind: type[_Kind], row: Mapping[str, Any]) -> _Kind:
    known = {one.name: one for one in fields(kind)}
    unknown = sorted(set(row) - set(known))
    missing = sorted(
        name
        for name, one in known.items()
        if name not in row and one.default is MISSING and one.default_factory is MISSING
    )
    if unknown or missing or not row["evidence"].strip():
        raise ValueError(f"{kind.__name__} {dict(row)}: unknown {unknown}, missing {missing}")
    return kind(**row)
