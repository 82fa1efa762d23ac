"""Prices calls in SQL, to the same nano-USD as ``corvus.prices.cost`` (PRC-6).

Fragments over two tables: ``used``, calls with the columns of a usage record, and ``rate``, a row
for each tier of a price, of those that differ by the hour for each part of a week
(``TIER_COLUMNS``). All arithmetic is on 128-bit integers, rounded once, half to even. Refuses to
guess: a used kind without a rate makes the sum NULL (PRC-2, PRC-5), and so does a sum of calls at a
price that differs by the hour (PRC-11).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from corvus.model.price import Price, Rates, Tier
from corvus.model.usage import CONTEXT, COUNT_OF, FEES, MODALITIES, TokenKind
from corvus.prices.modality import TEXT_KINDS, Doubt, doubts

_UNBOUNDED_TOKENS = 2**62
_DAYS = range(7)
_MINUTES = 24 * 60

_DOUBTS = tuple(f"doubt_{kind}" for kind in TEXT_KINDS)
_TIER = (
    *("weekday", "start_minute", "end_minute", "above_tokens", "up_to_tokens"),
    *TokenKind,
    *_DOUBTS,
)
TIER_COLUMNS = ", ".join(f"{name} BIGINT" for name in _TIER)
"""Columns of a table of tiers: the part of a week each is for (day, Monday 0, and minutes, UTC;
NULL is always), the context, nano-USD per million by kind of token (NULL has no price), and what a
count of text is worth that may hide a modality (``Doubt``)."""

TIER_MARKS = ", ".join("?" for _ in _TIER)
"""Places of an INSERT for the values of ``TIER_COLUMNS``."""

# Of a sum of many calls the average.
_CONTEXT = f"({' + '.join(f'used.{name}' for name in CONTEXT)}) // used.calls"
_MINUTE = "hour(used.admitted_at) * 60 + minute(used.admitted_at)"
IN_TIER = (
    f"{_CONTEXT} > rate.above_tokens AND {_CONTEXT} <= rate.up_to_tokens "
    "AND (rate.weekday IS NULL OR (rate.weekday = isodow(used.admitted_at) - 1 "
    f"AND {_MINUTE} >= rate.start_minute AND {_MINUTE} < rate.end_minute))"
)
"""Whether a tier is that of the context and of the instant of a call."""

IS_HOUR_UNKNOWN = "(used.calls > 1 AND rate.weekday IS NOT NULL)"
"""Whether a sum of calls, whose hours nobody knows, has a price that differs by the hour."""


def _millionths(kind: TokenKind, column: str) -> str:
    return f"if(used.{column} = 0, 0, used.{column}::HUGEINT * rate.{kind})"


TOKEN_MILLIONTHS = " + ".join(
    _millionths(kind, name) for kind, name in COUNT_OF.items() if kind not in FEES
)
"""What the tokens of a call cost, in millionths of a nano-USD; its fees cost the rest."""

FEE_MILLIONTHS = " + ".join(_millionths(kind, COUNT_OF[kind]) for kind in FEES)
"""What its searches and containers cost."""


_IS_STATED = " OR ".join(f"used.{COUNT_OF[kind]} <> 0" for kind in MODALITIES)
_WORST = ", ".join(f"if(used.{COUNT_OF[kind]} <> 0, rate.doubt_{kind}, 0)" for kind in TEXT_KINDS)
DOUBT = (
    f"CASE WHEN coalesce(used.states_modalities, false) OR {_IS_STATED} THEN {Doubt.NONE.value} "
    f"ELSE greatest({_WORST}) END"
)
"""What the cost of a call is worth, as ``corvus.prices.modality.doubt`` says; ``used`` has a column
``states_modalities``, too."""


def tier_rows(price: Price) -> Iterator[list[int | None]]:
    """Yield the values of ``TIER_COLUMNS`` for each tier of a price, in each part of a week."""
    if not price.hours:
        yield from _tiers([None, None, None], price.rates, price.tiers)
        return
    for day in _DAYS:
        for start, end, rates, tiers in _parts(price, day):
            yield from _tiers([day, start, end], rates, tiers)


def _parts(price: Price, day: int) -> Iterator[tuple[int, int, Rates, tuple[Tier, ...]]]:
    """Yield the parts of a day: from which minute until which, and what is charged then."""
    some = [one for one in price.hours if day in one.days]
    bounds = {0, _MINUTES, *(at for one in some for at in (one.start_minute, one.end_minute))}
    for start, end in pairwise(sorted(bounds)):
        covering = (one for one in some if one.start_minute <= start < one.end_minute)
        found = next(covering, price)
        yield start, end, found.rates, found.tiers


def _tiers(
    when: list[int | None], rates: Rates, above: tuple[Tier, ...]
) -> Iterator[list[int | None]]:
    tiers = [(-1, rates), *((tier.above_tokens, tier.rates) for tier in above)]
    bounds = [*(tokens for tokens, _ in tiers), _UNBOUNDED_TOKENS]
    for (_, applying), (start, end) in zip(tiers, pairwise(bounds), strict=True):
        doubted = doubts(applying)
        yield [
            *when,
            start,
            end,
            *(applying.get(kind) for kind in TokenKind),
            *(doubted[kind].value for kind in TEXT_KINDS),
        ]


def ten_millionths(tokens: str, fees: str, is_kept_in_us: str) -> str:
    """Write SQL for a cost in ten-millionths of a nano-USD, to be rounded by ``half_even``.

    A call that was kept within the United States pays a tenth more for its tokens.

    Args:
        tokens: SQL for what its tokens cost, in millionths of a nano-USD.
        fees: The same for its searches and containers.
        is_kept_in_us: SQL for whether it was kept there.

    Source: https://platform.claude.com/docs/en/manage-claude/data-residency and the same page of
        docs.aws.amazon.com/claude-platform ("a 1.1x pricing multiplier applies"), read 2026-11-24.
    """
    return f"(({tokens}) * if({is_kept_in_us}, 11, 10) + ({fees}) * 10)::HUGEINT"


def half_even(numerator: str, denominator: int) -> str:
    """Write SQL that divides a HUGEINT >= 0, rounding half to even (PRC-6); NULL beyond BIGINT."""
    half = denominator // 2
    return (
        f"TRY_CAST({numerator} // {denominator} + CASE "
        f"WHEN {numerator} % {denominator} > {half} THEN 1 "
        f"WHEN {numerator} % {denominator} = {half} "
        f"AND {numerator} // {denominator} % 2 = 1 THEN 1 "
        "ELSE 0 END AS BIGINT)"
    )
