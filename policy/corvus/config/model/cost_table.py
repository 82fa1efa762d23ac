"""The settings of token spend: ``[cost]``, its prices and its budgets."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from pydantic import Field

from corvus.base.period import CALENDAR_PERIODS, Period, listed
from corvus.config.model.defaults import LIMITS_USD, ZERO_LIMIT
from corvus.config.model.fields import (
    LIVE,
    NATIVE_ONLY,
    Amount,
    Percent,
    Slug,
    StrictTable,
    Text,
    Zone,
    about,
)

if TYPE_CHECKING:
    _Period: TypeAlias = str
else:
    _Period = Literal[tuple(period.value for period in Period)]

Attribute: TypeAlias = Literal["model", "provider", "project", "user", "agent", "surface"]
"""What a named budget can match on."""


class PriceSettings(StrictTable):
    """The price of one model in USD per million tokens, by kind of token.

    An explicit 0 is a free kind; a kind that is left out has no price and is never free.
    """

    input: Annotated[Amount, about("USD per million fresh input tokens. 0 is free.")]
    output: Annotated[Amount, about("USD per million output tokens. 0 is free.")]
    cache_read: Annotated[
        Amount | None,
        about("USD per million cached input tokens. Left out: no price, never free.", NATIVE_ONLY),
    ] = None
    cache_write_5m: Annotated[
        Amount | None,
        about(
            "USD per million tokens written to the 5-minute cache. Left out: no price, never free.",
            NATIVE_ONLY,
        ),
    ] = None
    cache_write_1h: Annotated[
        Amount | None,
        about(
            "USD per million tokens written to the 1-hour cache. Left out: no price, never free.",
            NATIVE_ONLY,
        ),
    ] = None
    reasoning: Annotated[
        Amount | None,
        about("USD per million reasoning tokens. Left out: the price of output.", NATIVE_ONLY),
    ] = None
    effective_from: Annotated[
        date | None,
        about("First UTC day in force, a date such as 2026-11-01. Left out: always.", NATIVE_ONLY),
    ] = None
    source: Annotated[
        Text | None, about("Where the price was found: a URL and a date.", NATIVE_ONLY)
    ] = None


class BudgetSettings(StrictTable):
    """One named budget: a limit over one period for the requests it matches."""

    name: Annotated[
        Slug, about("Unique name: lower-case letters, digits, `-`, `_`; at most 64 characters.")
    ]
    period: Annotated[
        _Period,
        about("How often the budget starts again.", LIVE),
    ]
    limit_usd: Annotated[Amount, about(f"Hard limit in USD. {ZERO_LIMIT}.", LIVE)]
    warn_at_percent: Annotated[
        Percent | None,
        about("Threshold in percent of the limit, 0 to 100. Left out: cost.warn_at_percent.", LIVE),
    ] = None
    match: Annotated[
        dict[Attribute, Text],
        about("Request attribute to glob; a request must match all. Empty: every request."),
    ] = Field(default_factory=dict[Attribute, str])
    timezone: Annotated[
        Zone,
        about(f"IANA time zone whose calendar decides {listed(CALENDAR_PERIODS)}.", LIVE),
    ] = "UTC"


class CostSettings(StrictTable):
    """Limits, thresholds and prices of token spend."""

    enabled: Annotated[bool, about("Whether token spend is governed at all.", LIVE)] = False
    session_limit_usd: Annotated[
        Amount, about(f"Limit in USD for each session. {ZERO_LIMIT}.", LIVE)
    ] = LIMITS_USD["session_limit_usd"]
    daily_limit_usd: Annotated[
        Amount, about(f"Limit in USD for each UTC day. {ZERO_LIMIT}.", LIVE)
    ] = LIMITS_USD["daily_limit_usd"]
    monthly_limit_usd: Annotated[
        Amount, about(f"Limit in USD for each UTC month. {ZERO_LIMIT}.", LIVE)
    ] = LIMITS_USD["monthly_limit_usd"]
    warn_at_percent: Annotated[
        Percent,
        about("Threshold in percent of a limit from which calls warn, 0 to 100.", LIVE),
    ] = 80
    allow_override: Annotated[bool, about("Whether a block may be lifted for one call.", LIVE)] = (
        False
    )
    unpriced_models: Annotated[
        Literal["deny", "warn"],
        about(
            "A call whose model has no price: refuse it, or record its cost as unknown.",
            LIVE,
            NATIVE_ONLY,
        ),
    ] = "deny"
    default_output_tokens: Annotated[
        int,
        Field(ge=1, le=1_000_000),
        about(
            "Output tokens assumed for a request that states no maximum, 1 to 1000000.",
            LIVE,
            NATIVE_ONLY,
        ),
    ] = 500
    reservation_ttl_seconds: Annotated[
        int,
        Field(ge=1, le=86_400),
        about(
            "Seconds until the hold of a caller that died is settled, 1 to 86400.",
            LIVE,
            NATIVE_ONLY,
        ),
    ] = 900
    prices: Annotated[
        dict[str, PriceSettings],
        about("Own prices by model, before the bundled ones. Quote a name with a dot or a slash."),
    ] = Field(default_factory=dict[str, PriceSettings])
    budgets: Annotated[
        list[BudgetSettings],
        about("Named budgets in addition to the limits above, in order.", NATIVE_ONLY),
    ] = Field(default_factory=list[BudgetSettings])
