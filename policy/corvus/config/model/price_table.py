"""The settings of prices: ``[cost.prices]`` with its tiers, and the book that is pinned.

The keys of rates are the kinds of ``TokenKind``; what each of them is for stands in one table here.
An explicit 0 is a free kind; a kind that is left out has no price and is never free (PRC-2).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Annotated, Any, Final, TypeAlias

from pydantic import AfterValidator, ConfigDict, Field, create_model
from pydantic_core import PydanticCustomError

from corvus.config.model.defaults import is_ascending
from corvus.config.model.fields import (
    NATIVE_ONLY,
    Amount,
    Fee,
    FilePath,
    Names,
    Sha256,
    StrictTable,
    Text,
    about,
)
from corvus.model.usage import FEES, TokenKind

UNORDERED: Final = "ascending"
"""The error of tiers that do not go up; ``cost_keys`` says which."""

_REQUIRED: Final = (TokenKind.INPUT, TokenKind.OUTPUT)
_MEANINGS: Final[Mapping[TokenKind, str]] = {
    TokenKind.INPUT: "fresh input tokens",
    TokenKind.OUTPUT: "output tokens",
    TokenKind.CACHE_READ: "cached input tokens",
    TokenKind.CACHE_WRITE_5M: "tokens written to the 5-minute cache",
    TokenKind.CACHE_WRITE_1H: "tokens written to the 1-hour cache",
    TokenKind.REASONING: "reasoning tokens",
    TokenKind.WEB_SEARCH: "web search",
    TokenKind.INPUT_AUDIO: "tokens of audio input",
    TokenKind.INPUT_IMAGE: "tokens of image input",
    TokenKind.INPUT_VIDEO: "tokens of video input",
    TokenKind.CACHE_READ_AUDIO: "cached tokens of audio input",
    TokenKind.CACHE_READ_IMAGE: "cached tokens of image input",
    TokenKind.OUTPUT_AUDIO: "tokens of audio output",
    TokenKind.OUTPUT_IMAGE: "tokens of image output",
    TokenKind.OUTPUT_VIDEO: "tokens of video output",
    TokenKind.FILE_SEARCH: "search in stored files",
    TokenKind.CODE_CONTAINER: "container that code runs in",
}
"""What a rate is for; of a fee, what one use of it is."""


def _rates(kinds: Iterable[TokenKind], *marks: str) -> dict[str, Any]:
    return {kind.value: _rate(kind, *marks) for kind in kinds}


def _rate(kind: TokenKind, *marks: str) -> object:
    """Return the field of a rate, as ``create_model`` takes it."""
    what = _MEANINGS[kind]
    if kind in FEES:
        fee = f"USD for one {what}, not for a thousand. Left out: no price, never free."
        return Annotated[Fee | None, about(fee, *marks)], None
    if kind in _REQUIRED:
        return Annotated[Amount, about(f"USD per million {what}. 0 is free.")], ...
    without = "the price of output" if kind is TokenKind.REASONING else "no price, never free"
    said = f"USD per million {what}. Left out: {without}."
    return Annotated[Amount | None, about(said, *marks)], None


_TOKEN_KINDS: Final = tuple(kind for kind in TokenKind if kind not in FEES)
_TierRates = create_model("_TierRates", __base__=StrictTable, **_rates(_TOKEN_KINDS))
_PriceRates = create_model("_PriceRates", __base__=StrictTable, **_rates(TokenKind, NATIVE_ONLY))


class TierSettings(_TierRates):
    """The rates of the whole call once its context is longer than a number of tokens.

    A kind that is left out has no price in the tier: nothing is taken from the rates below it.
    """

    above_tokens: Annotated[
        int,
        Field(ge=1, le=1_000_000_000),
        about(
            "Tokens of context, cached ones included, from beyond which these rates hold for the "
            "whole call, 1 to 1000000000."
        ),
    ]


def _ascending(tiers: list[TierSettings]) -> list[TierSettings]:
    if not is_ascending(tier.above_tokens for tier in tiers):
        raise PydanticCustomError(UNORDERED, "each tier above the one before it")
    return tiers


_Tiers: TypeAlias = Annotated[list[TierSettings], AfterValidator(_ascending)]


class PriceSettings(_PriceRates):
    """The price of one model: USD per million tokens by kind, and USD for one use of a tool.

    An explicit 0 is a free kind; a kind that is left out has no price and is never free.
    """

    tiers: Annotated[
        _Tiers,
        about(
            "Rates by the length of the context, from the shortest on; the fees are those of the "
            "price. A kind that a tier leaves out has no price there.",
            NATIVE_ONLY,
        ),
    ] = Field(default_factory=list[TierSettings])
    aliases: Annotated[
        Names,
        about("Other whole names that mean this model, whoever bills; no globs.", NATIVE_ONLY),
    ] = Field(default_factory=list[str])
    effective_from: Annotated[
        date | None,
        about("First UTC day in force, a date such as 2026-11-01. Left out: always.", NATIVE_ONLY),
    ] = None
    source: Annotated[
        Text | None, about("Where the price was found: a URL and a date.", NATIVE_ONLY)
    ] = None


class PriceBookSettings(StrictTable):
    """The price book that stands in for the bundled one, pinned by its hash."""

    model_config = ConfigDict(
        json_schema_extra={"dependentRequired": {"book": ["sha256"], "sha256": ["book"]}}
    )
    book: Annotated[
        FilePath | None,
        about(
            "Price book to take in place of the bundled one, as `corvus prices update` writes it; "
            "a relative path starts at the folder of this file. Left out: the bundled book."
        ),
    ] = None
    sha256: Annotated[
        Sha256 | None,
        about(
            "SHA-256 of that file, 64 hexadecimal digits in lower case, as sha256sum prints it: a "
            "book that was changed is refused."
        ),
    ] = None
