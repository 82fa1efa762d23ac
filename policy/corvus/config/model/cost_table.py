"""The settings of token spend: ``[cost]`` and its budgets."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Literal, Self, TypeAlias

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from corvus.base.period import CALENDAR_PERIODS, STATED_PERIODS, listed
from corvus.config.model.defaults import LADDER, LIMITS_USD, ZERO_LIMIT, budget_faults
from corvus.config.model.fields import (
    LIVE,
    NATIVE_ONLY,
    Amount,
    Attribute,
    Attributes,
    Globs,
    Ladder,
    LimitOfPart,
    Models,
    Percent,
    Percents,
    Slug,
    StrictTable,
    Text,
    Whole,
    Window,
    Zone,
    about,
)
from corvus.config.model.price_table import PriceSettings

if TYPE_CHECKING:
    _Period: TypeAlias = str
else:
    _Period = Literal[tuple(period.value for period in STATED_PERIODS)]

INCOHERENT = "incoherent"
"""The error of a budget whose keys do not go together; ``budget_faults`` says which."""


class BudgetSettings(StrictTable):
    """One named budget: a limit over one period, or window, for the calls that it matches."""

    name: Annotated[
        Slug, about("Unique name: lower-case letters, digits, `-`, `_`; at most 64 characters.")
    ]
    period: Annotated[
        _Period | None, about("How often the budget starts again, by the calendar.", LIVE)
    ] = None
    window: Annotated[
        Window | None,
        about(
            "In place of a period: a length of time such as `5h`, `30m` or `7d`, 1m to 366d. It "
            "opens with the first call and ends that long after; the next call opens the next.",
            LIVE,
        ),
    ] = None
    limit_usd: Annotated[
        Amount | None, about(f"Hard limit of each sum in USD. {ZERO_LIMIT}.", LIVE)
    ] = None
    limit_tokens: Annotated[
        Whole | None,
        about(f"Hard limit of each sum in tokens of all kinds. {ZERO_LIMIT}.", LIVE),
    ] = None
    limit_calls: Annotated[
        Whole | None, about(f"Hard limit of each sum in calls. {ZERO_LIMIT}.", LIVE)
    ] = None
    warn_at_percent: Annotated[
        Percent | None, about("The same as `thresholds` with this one percent.", LIVE)
    ] = None
    thresholds: Annotated[
        Percents | None,
        about(
            "Percents of the limit, 0 to 100; each is reported once for each window and sum, and "
            "from the lowest on calls warn. Empty: none. Left out: cost.warn_at_percent.",
            LIVE,
        ),
    ] = None
    match: Annotated[
        dict[Attribute, Globs],
        about(
            "Attribute of calls to a glob or a list of globs; a call must match one glob of each. "
            "Empty: every call."
        ),
    ] = Field(default_factory=dict[str, str | list[str]])
    per: Annotated[
        Attributes | None,
        about(
            "Attributes that divide the budget: each value has the whole limit for itself. "
            'A call without the attribute counts in the sum of "(none)". Left out: one sum.'
        ),
    ] = None
    limits: Annotated[
        dict[Text, LimitOfPart],
        about(
            "Exceptions to the limit: glob for the value of `per` to a limit in the same unit; the "
            "first that fits counts. Values of several attributes are joined by commas.",
            LIVE,
        ),
    ] = Field(default_factory=dict[str, int | Decimal])
    enforce: Annotated[
        Literal["block", "warn"],
        about("Whether a call beyond the limit is refused, or only reported.", LIVE),
    ] = "block"
    on_exceeded: Annotated[
        Ladder | None,
        about(
            "What is tried in order before a call is refused. Empty: nothing. "
            "Left out: cost.on_exceeded.",
            LIVE,
        ),
    ] = None
    timezone: Annotated[
        Zone,
        about(f"IANA time zone whose calendar decides {listed(CALENDAR_PERIODS)}.", LIVE),
    ] = "UTC"

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        stated = {key: getattr(self, key) for key in self.model_fields_set}
        if any(budget_faults(stated)):
            raise PydanticCustomError(INCOHERENT, "keys that exclude each other, or lack another")
        return self


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
    on_exceeded: Annotated[
        Ladder,
        about(
            "What is tried in order before a call is refused, by budgets that state none: `cap` "
            "lowers its output maximum to what fits, `wait` waits for what other calls hold, "
            "`downgrade` calls a cheaper model, `ask` parks it for a person. Empty: nothing.",
            LIVE,
            NATIVE_ONLY,
        ),
    ] = Field(default_factory=lambda: list(LADDER))
    cap_at_least_tokens: Annotated[
        int,
        Field(ge=1, le=1_000_000),
        about("Least output tokens that `cap` may leave a call, 1 to 1000000.", LIVE, NATIVE_ONLY),
    ] = 4096
    wait_seconds: Annotated[
        int,
        Field(ge=0, le=600),
        about(
            "Longest that `wait` waits for what other calls hold, seconds, 0 to 600.",
            LIVE,
            NATIVE_ONLY,
        ),
    ] = 20
    ask_seconds: Annotated[
        int,
        Field(ge=1, le=86_400),
        about("Longest that a call parked by `ask` waits, seconds, 1 to 86400.", LIVE, NATIVE_ONLY),
    ] = 300
    downgrade: Annotated[
        dict[Text, Models],
        about(
            "For `downgrade`: glob for a model to cheaper models, tried in order; the first glob "
            "that fits counts. Quote a name with a dot, a slash or a star.",
            LIVE,
            NATIVE_ONLY,
        ),
    ] = Field(default_factory=dict[str, list[str]])
    hold: Annotated[
        Literal["maximum", "expected"],
        about(
            "What is held for a call until its cost is known: the most that it may cost, or the "
            "99th percentile of what its model and agent really used, which it may overrun.",
            LIVE,
            NATIVE_ONLY,
        ),
    ] = "maximum"
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
