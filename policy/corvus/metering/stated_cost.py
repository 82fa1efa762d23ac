"""Reads the cost that an answer itself states (PRC-9).

A vendor that bills by more than tokens says so in the usage of its answer. Which field is whose is
one table, by the name of the field: an upstream is whatever server a team has chosen, and one that
states a cost bills it. What is read is not yet believed: ``corvus.governor.cost.stated`` judges it
by what the books make of the call.

Amounts are decimals from the text of the number, and rounded to a nano-USD once, half to even.

Source:
    https://openrouter.ai/docs/cookbook/administration/usage-accounting (``cost``, in credits of one
    USD; with a key of one's own the fee alone, next to ``upstream_inference_cost``),
    https://docs.x.ai/developers/cost-tracking (ticks of 1e-10 USD, after discounts, with tools),
    https://docs.perplexity.ai/api-reference ("cost"), read 2026-11-28.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import Any

from corvus.base.money import MAX_LIMIT_USD, NanoUSD
from corvus.metering.facts import Json, as_object, member

_DIGITS = 60
_NANO_USD = Decimal(1)
_TICKS_PER_USD = 10_000_000_000
_MOST_USD = MAX_LIMIT_USD


class _NoAmount(ValueError):
    """What stands in the place of a cost is none."""


@dataclass(frozen=True, slots=True)
class StatedCost:
    """A cost as an answer states it.

    Attributes:
        field: Where it stands in the usage of the answer.
        nano_usd: Nano-USD, >= 0; ``None`` where what stands there is no amount.
        fault: What is wrong with it then, for a log; never quotes more of the answer.
        is_so_far: The answer broke off after it: a lower bound.
    """

    field: str
    nano_usd: NanoUSD | None
    fault: str = ""
    is_so_far: bool = False


def stated_cost(counts: Json) -> StatedCost | None:
    """Return the cost that the usage of an answer states; ``None`` where it states none.

    Args:
        counts: The usage object, as ``corvus.metering.facts.json_object`` decodes it.
    """
    for field, read in _FIELDS.items():
        value = counts.get(field)
        if value is None:
            continue
        try:
            with localcontext() as context:
                context.prec = _DIGITS
                amount_usd = read(value, counts)
                if amount_usd is not None:
                    return StatedCost(field, _nano_usd(amount_usd))
        except _NoAmount as fault:
            return StatedCost(field, None, str(fault))
    return None


def names_cost_twice(text: bytes) -> bool:
    """Return whether an object of an answer names one of the fields of a cost twice.

    Two readers may take either of them; ``json.loads`` keeps the last without a word.
    """
    found = False

    def keep(pairs: Iterable[tuple[str, object]]) -> Mapping[str, object]:
        nonlocal found
        kept: dict[str, object] = {}
        for name, value in pairs:
            found |= name in kept and name in _DECISIVE and kept[name] != value
            kept[name] = value
        return kept

    json.loads(text, object_pairs_hook=keep)
    return found


def _in_usd(value: object, counts: Json) -> Decimal | None:
    """Return what OpenRouter or Perplexity charge, each in its form of ``cost``."""
    total = as_object(value)
    if total is not None:
        _refuse_other_money(total)
        return None if total.get("total_cost") is None else _amount(total["total_cost"])
    _refuse_other_money(counts)
    amount = _amount(value)
    own_key = counts.get("is_byok")
    if own_key is None or own_key is False:
        return amount
    if own_key is not True:
        raise _NoAmount("nobody can say whose key was used")
    upstream = member(counts, "cost_details").get("upstream_inference_cost")
    if upstream is None:
        raise _NoAmount("a fee alone: the cost at the provider whose key was used is missing")
    return amount + _amount(upstream)


def _refuse_other_money(holder: Json) -> None:
    currency = holder.get("currency")
    if currency is not None and (not isinstance(currency, str) or currency.upper() != "USD"):
        raise _NoAmount("another currency")


def _in_ticks(value: object, counts: Json) -> Decimal:
    ticks = _amount(value)
    if ticks % 1:
        raise _NoAmount("a part of a tick")
    return ticks / _TICKS_PER_USD


_FIELDS: Mapping[str, Callable[[Any, Json], Decimal | None]] = {
    "cost": _in_usd,
    "cost_in_usd_ticks": _in_ticks,
}
"""The fields of a usage object that state a cost; the first that says anything counts."""

_DECISIVE = frozenset(
    (*_FIELDS, "total_cost", "is_byok", "cost_details", "upstream_inference_cost", "usage")
)


def _amount(value: object) -> Decimal:
    """Return an amount, finite and not negative; what is below a nano-USD may still be in it."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise _NoAmount("a text" if isinstance(value, str) else "no finite number")
    amount = Decimal(value)
    if not amount.is_finite() or amount < 0:
        raise _NoAmount("a negative number" if amount.is_finite() else "no finite number")
    if amount > _MOST_USD * _TICKS_PER_USD:
        raise _NoAmount("more than anybody can owe")
    return amount


def _nano_usd(amount_usd: Decimal) -> NanoUSD:
    scaled = min(amount_usd, _MOST_USD).scaleb(9)
    return NanoUSD(int(scaled.quantize(_NANO_USD, rounding=ROUND_HALF_EVEN)))
