"""What recorded calls would have cost with other models (PLN-1).

Each call keeps its tokens; only the rates are those of the other model. A cache is of one model:
the low end takes it as it was recorded, the high end takes it for cold at the first call of a
session that is switched, which also covers a session that changes models in its middle. Where the
other model is of another maker, its tokenizer makes other counts of the same text, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from difflib import get_close_matches
from typing import Any, NamedTuple

from corvus.base.errors import PlanRefused, ReportError
from corvus.base.time import naive_utc
from corvus.ledger.counts import matches_sql
from corvus.ledger.ledger import Ledger
from corvus.model.budget import Budget, Measure
from corvus.model.decision import UnpricedModel
from corvus.model.policy import Policy
from corvus.planning.ledger_events import Span
from corvus.prices.lookup import PriceBooks
from corvus.reporting.other_model import OtherModel, reprice_as

LEAST_TOKENS_PERCENT, MOST_TOKENS_PERCENT = 75, 135
"""What part of its tokens a text may have by the tokenizer of another maker."""

_TOKENIZERS = ((False, 100, 100), (True, LEAST_TOKENS_PERCENT, MOST_TOKENS_PERCENT))

_KEEP = """
INSERT INTO planned_switch
SELECT cost.id, $number, $model, cost.calls, cost.cost_nano_usd,
    cost.low_nano_usd * $least // 100, (cost.high_nano_usd * $most + 99) // 100
FROM temp.other_model_cost AS cost
ANTI JOIN planned_switch AS before ON before.id = cost.id
WHERE list_contains($others, cost.provider || '/' || cost.model) = $is_other
"""
_CREATE = """
CREATE OR REPLACE TEMP TABLE planned_switch (
    id UUID, number INTEGER, model VARCHAR, calls BIGINT, cost BIGINT, low BIGINT, high BIGINT
)
"""
_NAMES = "SELECT DISTINCT provider, model FROM temp.other_model_cost ORDER BY ALL"
_SUMS = """
SELECT number, coalesce(sum(calls), 0)::BIGINT,
    coalesce(sum(cost) FILTER (WHERE low IS NOT NULL), 0)::BIGINT,
    coalesce(sum(low) FILTER (WHERE cost IS NOT NULL), 0)::BIGINT,
    coalesce(sum(high) FILTER (WHERE cost IS NOT NULL), 0)::BIGINT,
    coalesce(sum(calls) FILTER (WHERE cost IS NULL OR low IS NULL), 0)::BIGINT
FROM planned_switch GROUP BY number
"""
_OF_BUDGET = """
WITH was AS (
    SELECT used.*, switched.model AS other,
        coalesce(if(used.cost_nano_usd IS NULL, NULL, switched.low), used.cost_nano_usd) AS low,
        coalesce(if(used.cost_nano_usd IS NULL, NULL, switched.high), used.cost_nano_usd) AS high
    FROM usage_call AS used LEFT JOIN planned_switch AS switched ON switched.id = used.id
    WHERE admitted_at >= $since AND admitted_at < $until
), is_ AS (SELECT * REPLACE (coalesce(other, requested_model) AS requested_model) FROM was)
SELECT coalesce((SELECT sum(cost_nano_usd) FROM was WHERE {matches}), 0)::BIGINT,
    coalesce((SELECT sum(low) FROM is_ WHERE {matches}), 0)::BIGINT,
    coalesce((SELECT sum(high) FROM is_ WHERE {matches}), 0)::BIGINT
"""


class Switch(NamedTuple):
    """Calls of models that match a glob, and the model that would have answered them."""

    glob: str
    model: str


@dataclass(frozen=True, slots=True)
class SwitchCost:
    """What calls would have cost.

    Attributes:
        calls: Those that match.
        cost_nano_usd: What those cost that both sides price.
        low_nano_usd: What they would have cost at least.
        high_nano_usd: … and at most.
        unpriced_calls: Calls that one of the two does not price.
        is_other_maker: Whether some are of another maker, whose tokenizer counts otherwise.
    """

    switch: Switch
    calls: int
    cost_nano_usd: int
    low_nano_usd: int
    high_nano_usd: int
    unpriced_calls: int
    is_other_maker: bool


class BudgetCost(NamedTuple):
    """What the calls of a budget cost, and what they would have cost after all switches."""

    budget: str
    cost_nano_usd: int
    low_nano_usd: int
    high_nano_usd: int


@dataclass(frozen=True, slots=True)
class Switched:
    """What recorded calls would have cost with other models.

    Attributes:
        on: UTC day whose prices hold.
        costs: Of each switch, in order; a call belongs to the first that matches it.
        budgets: Of each budget of money whose calls would have cost another amount.
    """

    on: date
    costs: tuple[SwitchCost, ...]
    budgets: tuple[BudgetCost, ...]


def switch_of(text: str) -> Switch:
    """Read ``GLOB=MODEL``.

    Raises:
        PlanRefused: It is none.
    """
    glob, sign, model = text.rpartition("=")
    if not sign or not glob.strip() or not model.strip():
        raise PlanRefused(
            f"--switch takes GLOB=MODEL, such as 'claude-opus-*=claude-sonnet-4-5', got {text!r}"
        )
    return Switch(glob.strip(), model.strip())


def switched(
    ledger: Ledger, books: PriceBooks, policy: Policy, switches: Sequence[Switch], span: Span
) -> Switched:
    """Return what the calls of a span would have cost with other models.

    Args:
        ledger: Opened with the outbox.
        books: Prices, those of the last day of the span.
        policy: Whose budgets.
        switches: The first that matches a call holds.
        span: When the calls were admitted.

    Raises:
        PlanRefused: A model has no price.
        LedgerError: It cannot be read.
    """
    on = _last_day(span)
    with ledger.explaining():
        ledger.connection.execute(_CREATE)
    for switch in switches:
        _require_price(books, policy, switch, on)
    others = [_reprice(ledger, books, numbered, span) for numbered in enumerate(switches)]
    with ledger.explaining():
        sums: dict[int, tuple[int, int, int, int, int]] = {
            row[0]: row[1:] for row in ledger.connection.execute(_SUMS).fetchall()
        }
    costs = tuple(
        SwitchCost(switch, *sums.get(number, (0, 0, 0, 0, 0)), others[number])
        for number, switch in enumerate(switches)
    )
    money = [each for each in policy.budgets if each.measure is Measure.USD and each.limit]
    budgets = [_of_budget(ledger, budget, span) for budget in money]
    moved = tuple(
        each for each in budgets if {each.cost_nano_usd} != {each.low_nano_usd, each.high_nano_usd}
    )
    return Switched(on, costs, moved)


def _last_day(span: Span) -> date:
    return (span.until - timedelta.resolution).date()


def _require_price(books: PriceBooks, policy: Policy, switch: Switch, on: date) -> None:
    """Refuse a model without a price, and name what may be meant."""
    try:
        if books.find(switch.model, on=on) is not None:
            return
    except UnpricedModel as ambiguous:
        raise PlanRefused(f"--switch: {ambiguous}") from None
    own = get_close_matches(switch.model, [price.key for price in policy.prices], 1)
    near = ", ".join(dict.fromkeys((*own, *books.resembling(switch.model))))
    hint = f"did you mean {near}?" if near else "`corvus prices search` finds names"
    raise PlanRefused(f"--switch: {switch.model} has no price on {on}; {hint}")


def _reprice(ledger: Ledger, books: PriceBooks, numbered: tuple[int, Switch], span: Span) -> bool:
    """Keep what the calls of a switch would have cost; return whether the maker is another one."""
    number, switch = numbered
    on = _last_day(span)
    price = books.find(switch.model, on=on)
    assert price is not None, "it was looked for before"
    try:
        reprice_as(
            ledger.connection,
            books,
            OtherModel(switch.model, None, on, switch.glob),
            since=span.since,
            until=span.until,
        )
    except ReportError as fault:
        raise PlanRefused(f"--switch: {fault}") from None
    with ledger.explaining():
        names = ledger.connection.execute(_NAMES).fetchall()
        others = [
            f"{seller}/{name}"
            for seller, name in names
            if not _is_of_one_maker(name, switch.model, (seller, price.provider))
        ]
        for is_other, least, most in _TOKENIZERS:
            values: dict[str, Any] = {"number": number, "model": switch.model, "others": others}
            values |= {"is_other": is_other, "least": least, "most": most}
            ledger.connection.execute(_KEEP, values)
    return bool(others)


def _is_of_one_maker(name: str, other: str, sellers: tuple[str, str]) -> bool:
    """Return whether two models share a maker, as far as their names or sellers say so."""
    return sellers[0] == sellers[1] or _first_word(name) == _first_word(other)


def _first_word(model: str) -> str:
    return model.rpartition("/")[2].rpartition(".")[2].partition("-")[0].lower()


def _of_budget(ledger: Ledger, budget: Budget, span: Span) -> BudgetCost:
    matches, values = matches_sql(budget.match)
    bounds = {"since": naive_utc(span.since), "until": naive_utc(span.until)}
    with ledger.explaining():
        ((was, low, high),) = ledger.connection.execute(
            _OF_BUDGET.format(matches=matches), {**bounds, **values}
        ).fetchall()
    return BudgetCost(budget.name, was, low, high)
