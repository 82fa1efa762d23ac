"""How a price was found for a name, for whoever asks why it answered (PRC-4, PRC-10)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from corvus.model.price import Price


class How(StrEnum):
    """By what a price answers a name."""

    OWN_KEY = "own key"
    OWN_ALIAS = "own alias"
    EXACT_ID = "exact id"
    ALIAS = "alias"
    FAMILY = "family"
    PATTERN = "pattern"
    EQUAL_AT_HOST = "the maker's price, found equal at the host"


@dataclass(frozen=True, slots=True)
class Match:
    """The answer to a name.

    Attributes:
        price: The price in force; ``None`` where there is none on that day.
        how: By what it answers; ``None`` where nothing of any day does.
        history: All prices of the name, ascending by their first day.
        variants: Other ways to be served that have prices, such as ``batch``.
        nearest: Up to three names that have a price and are close, where nothing answers.
    """

    price: Price | None
    how: How | None
    history: tuple[Price, ...] = ()
    variants: tuple[str, ...] = ()
    nearest: tuple[str, ...] = ()
