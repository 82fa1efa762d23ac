"""What genai-prices says of models and their prices, as far as a book needs it.

The names are those of genai-prices 0.2.3 (``genai_prices/types.py``), so that its data reads as it
is written. Of a field that is not here nothing is kept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, time
from decimal import Decimal
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Tier:
    """A price of the whole call once its context is longer than ``start`` tokens."""

    start: int
    price: Decimal


@dataclass(frozen=True, slots=True)
class TieredPrices:
    """A price by the length of the context, tiers ascending."""

    base: Decimal
    tiers: list[Tier]


class ModelPrice:
    """Prices by unit, in USD: an attribute for each unit that is priced, such as ``input_mtok``."""

    def __init__(self, **units: Decimal | TieredPrices | None) -> None:
        vars(self).update(units)

    def __getattr__(self, unit: str) -> Decimal | TieredPrices | None:
        """Return ``None`` for a unit that has no price."""
        if unit.startswith("__"):
            raise AttributeError(unit)
        return None

    def __eq__(self, other: object) -> bool:
        """Return whether the other has the same prices."""
        return isinstance(other, ModelPrice) and vars(self) == vars(other)

    __hash__ = None  # pyright: ignore[reportAssignmentType] - it can be changed


@dataclass(frozen=True, slots=True)
class StartDateConstraint:
    """A price is in force from a day on, UTC."""

    start_date: date


@dataclass(frozen=True, slots=True)
class TimeOfDateConstraint:
    """A price is in force between two times of each day; both have a zone."""

    start_time: time
    end_time: time


Constraint: TypeAlias = StartDateConstraint | TimeOfDateConstraint | None


@dataclass(frozen=True, slots=True)
class ConditionalPrice:
    """Prices that hold under a condition; the last that holds counts."""

    prices: ModelPrice
    constraint: Constraint = None


@dataclass(frozen=True, slots=True)
class PriceVariant:
    """Prices of calls that are served in another way, laid over the standard ones."""

    when: dict[str, str]
    prices: ModelPrice
    constraint: Constraint = None


@dataclass(frozen=True, slots=True)
class ClauseStartsWith:
    """A name begins so, in any case."""

    starts_with: str

    def is_match(self, text: str) -> bool:
        """Return whether it does."""
        return text.lower().startswith(self.starts_with.lower())


@dataclass(frozen=True, slots=True)
class ClauseEndsWith:
    """A name ends so, in any case."""

    ends_with: str

    def is_match(self, text: str) -> bool:
        """Return whether it does."""
        return text.lower().endswith(self.ends_with.lower())


@dataclass(frozen=True, slots=True)
class ClauseContains:
    """A name has this in it, in any case."""

    contains: str

    def is_match(self, text: str) -> bool:
        """Return whether it has."""
        return self.contains.lower() in text.lower()


@dataclass(frozen=True, slots=True)
class ClauseRegex:
    """A pattern is found in a name."""

    regex: str

    def is_match(self, text: str) -> bool:
        """Return whether it is."""
        return bool(re.search(self.regex, text))


@dataclass(frozen=True, slots=True)
class ClauseEquals:
    """A name is this one, in any case."""

    equals: str

    def is_match(self, text: str) -> bool:
        """Return whether it is."""
        return text.lower() == self.equals.lower()


@dataclass(frozen=True, slots=True)
class ClauseOr:
    """One of several clauses fits."""

    or_: list[MatchLogic]

    def is_match(self, text: str) -> bool:
        """Return whether one does."""
        return any(clause.is_match(text) for clause in self.or_)


@dataclass(frozen=True, slots=True)
class ClauseAnd:
    """All of several clauses fit."""

    and_: list[MatchLogic]

    def is_match(self, text: str) -> bool:
        """Return whether all do."""
        return all(clause.is_match(text) for clause in self.and_)


MatchLogic: TypeAlias = (
    ClauseStartsWith
    | ClauseEndsWith
    | ClauseContains
    | ClauseRegex
    | ClauseEquals
    | ClauseOr
    | ClauseAnd
)


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model: how it is called, and what it costs."""

    id: str
    match: MatchLogic
    prices: ModelPrice | list[ConditionalPrice] = field(default_factory=list[ConditionalPrice])
    price_variants: list[PriceVariant] | None = None


@dataclass(frozen=True, slots=True)
class Provider:
    """Who sells models."""

    id: str
    model_match: MatchLogic | None = None
    fallback_model_providers: list[str] | None = None
    models: list[ModelInfo] = field(default_factory=list[ModelInfo])
