"""Prices calls in SQL, to the same nano-USD as ``corvus.prices.cost`` (PRC-6).

Fragments over two tables: ``used``, calls with the columns of a usage record, and ``rate``, a row
for each tier of a price (``TIER_COLUMNS``). All arithmetic is on 128-bit integers, rounded once,
half to even. Refuses to guess: a used kind without a rate makes the sum NULL (PRC-2, PRC-5).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from corvus.model.price import Price
from corvus.model.usage import CONTEXT, COUNTS, TokenKind

_UNBOUNDED_TOKENS = 2**62

TIER_COLUMNS = ", ".join(f"{name} BIGINT" for name in ("above_tokens", "up_to_tokens", *TokenKind))
"""Columns of a table of tiers: the context each is for, and nano-USD per million by kind of token;
NULL has no price."""

# Of a sum of many calls the average.
_CONTEXT = f"({' + '.join(f'used.{name}' for name in CONTEXT)}) // used.calls"
IN_TIER = f"{_CONTEXT} > rate.above_tokens AND {_CONTEXT} <= rate.up_to_tokens"
"""Whether a tier is that of the context of a call."""


def _millionths(kind: TokenKind, column: str) -> str:
    return f"if(used.{column} = 0, 0, used.{column}::HUGEINT * rate.{kind})"


*_TOKENS, SEARCH_MILLIONTHS = map(_millionths, TokenKind, COUNTS)
TOKEN_MILLIONTHS = " + ".join(_TOKENS)
"""What the tokens of a call cost, in millionths of a nano-USD; its searches cost the rest."""


def tier_rows(price: Price) -> Iterator[list[int | None]]:
    """Yield the values of ``TIER_COLUMNS`` for each tier of a price."""
    tiers = [(-1, price.rates), *((tier.above_tokens, tier.rates) for tier in price.tiers)]
    bounds = [*(above for above, _ in tiers), _UNBOUNDED_TOKENS]
    for (_, rates), (above, up_to) in zip(tiers, pairwise(bounds), strict=True):
        yield [above, up_to, *(rates.get(kind) for kind in TokenKind)]


def ten_millionths(tokens: str, searches: str, is_kept_in_us: str) -> str:
    """Write SQL for a cost in ten-millionths of a nano-USD, to be rounded by ``half_even``.

    A call that was kept within the United States pays a tenth more for its tokens.

    Args:
        tokens: SQL for what its tokens cost, in millionths of a nano-USD.
        searches: The same for its web searches.
        is_kept_in_us: SQL for whether it was kept there.

    Source: https://platform.claude.com/docs/en/manage-claude/data-residency and the same page of
        docs.aws.amazon.com/claude-platform ("a 1.1x pricing multiplier applies"), read 2026-11-24.
    """
    return f"(({tokens}) * if({is_kept_in_us}, 11, 10) + ({searches}) * 10)::HUGEINT"


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
