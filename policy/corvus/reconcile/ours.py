"""What the ledger knows of the days of a bill: counts and costs by model and offer.

A call counts in the UTC day of its admission, corrected calls as they are known now, archived ones
too. Nothing is written here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from corvus.ledger.ledger import Ledger
from corvus.model.usage import CONTEXT, COUNTS, KINDS, TokenKind
from corvus.prices.names import provider_id, tier_of
from corvus.reconcile.charge import Offer
from corvus.reconcile.names import Names
from corvus.reconcile.rates import RateCard

_PROVIDERS = "SELECT DISTINCT provider FROM usage_call"
_NAMES = """
SELECT DISTINCT coalesce(answering_model, requested_model), service_tier, admitted_at::DATE
FROM usage_call
WHERE admitted_at >= $first AND admitted_at < $after AND list_contains($providers, provider)
"""
_USED = f"""
WITH seen AS (
    SELECT *, ({" + ".join(CONTEXT)}) // greatest(calls, 1) AS context_tokens,
        cost_nano_usd IS NOT NULL AND source IN ('estimated', 'presumed') AND NOT at_least
            AS is_estimate
    FROM usage_call
    WHERE admitted_at >= $first AND admitted_at < $after AND list_contains($providers, provider)
)
SELECT admitted_at::DATE AS day, coalesce(answering_model, requested_model) AS model,
    service_tier, coalesce(tags['inference_geo'] = 'us', false) AS is_kept_in_us,
    coalesce(list_max(list_filter($thresholds, lambda above: above < context_tokens)), -1) AS above,
    sum(calls)::BIGINT,
    coalesce(sum(cost_nano_usd) FILTER (NOT is_estimate), 0)::BIGINT,
    coalesce(sum(cost_nano_usd) FILTER (is_estimate), 0)::BIGINT,
    coalesce(sum(calls) FILTER (cost_nano_usd IS NULL), 0)::BIGINT,
    coalesce(sum(calls) FILTER (at_least AND cost_nano_usd IS NOT NULL), 0)::BIGINT,
    {", ".join(f"sum({name})::BIGINT" for name in COUNTS)}
FROM seen
GROUP BY ALL
ORDER BY ALL
"""  # noqa: S608 - made of constants of this package


@dataclass(frozen=True, slots=True)
class Used:
    """What the calls of one day, model and offer used, as the ledger has them.

    Attributes:
        name: The model as the ledger names it, and …
        model: … the one name of it.
        certain_nano_usd: Their recorded cost, lower bounds included, …
        estimated_nano_usd: … and what is an estimate for want of anything better.
        unknown_calls: Those without a cost.
        at_least_calls: Those whose cost is a lower bound.
        by_kind: Cost of each kind; they add up to the certain cost. ``None`` where the books do not
            say how the cost is made up.
    """

    day: date
    name: str
    model: str
    offer: Offer
    calls: int
    certain_nano_usd: int
    estimated_nano_usd: int
    unknown_calls: int
    at_least_calls: int
    counts: Mapping[TokenKind, int]
    by_kind: Mapping[TokenKind, Fraction] | None


def read_used(
    ledger: Ledger, provider: str, days: Sequence[date], names: Names, card: RateCard
) -> list[Used]:
    """Return what the ledger has of a provider on some days.

    Args:
        ledger: Open for reading.
        provider: Who billed, by the book's name.
        days: UTC days, at least one.
        names: Is introduced to the names of the ledger.
        card: The rates.

    Raises:
        LedgerError: DuckDB could not read it.
    """
    with ledger.explaining():
        connection = ledger.connection
        written = [str(name) for (name,) in connection.execute(_PROVIDERS).fetchall()]
        bounds: dict[str, object] = {
            "first": min(days),
            "after": max(days) + timedelta(days=1),
            "providers": [name for name in written if provider_id(name) == provider],
        }
        found = connection.execute(_NAMES, bounds).fetchall()
        names.introduce(str(name) for name, *_ in found)
        thresholds = {
            tier.above_tokens
            for name, service_tier, day in found
            if (price := card.price(str(name), tier_of(service_tier), day)) is not None
            for tier in price.tiers
        }
        rows = connection.execute(_USED, {**bounds, "thresholds": sorted(thresholds)}).fetchall()
    wanted = set(days)
    return [_used(row, names, card) for row in rows if row[0] in wanted]


def _used(row: tuple[object, ...], names: Names, card: RateCard) -> Used:
    day, name, tier, is_kept_in_us, above, calls, certain, estimated, unknown, at_least, *counts = (
        row
    )
    assert isinstance(day, date), "a day of the ledger"
    numbers = [value if isinstance(value, int) else 0 for value in counts]
    by_count = {kind: number for kind, number in zip(KINDS, numbers, strict=True) if number}
    offer = Offer(
        tier_of(str(tier)) if tier is not None else None,
        _int(above) + 1,
        bool(is_kept_in_us),
    )
    return Used(
        day=day,
        name=str(name),
        model=names.canonical(str(name)),
        offer=offer,
        calls=_int(calls),
        certain_nano_usd=_int(certain),
        estimated_nano_usd=_int(estimated),
        unknown_calls=_int(unknown),
        at_least_calls=_int(at_least),
        counts=by_count,
        by_kind=_divided(
            _shares(str(name), offer, day, by_count, card),
            certain=_int(certain),
            calls=_int(calls),
            is_certain=not (_int(unknown) or _int(estimated)),
        ),
    )


def _int(value: object) -> int:
    assert isinstance(value, int), "a sum of the ledger"
    return value


def _shares(
    name: str, offer: Offer, day: date, counts: Mapping[TokenKind, int], card: RateCard
) -> dict[TokenKind, Fraction] | None:
    """Return what the books charge for each kind; ``None`` where one of them has no rate."""
    shares: dict[TokenKind, Fraction] = {}
    for kind, number in counts.items():
        rate = card.rate(name, kind, offer, day)
        if rate is None:
            return None
        shares[kind] = number * rate
    return shares


def _divided(
    shares: dict[TokenKind, Fraction] | None, *, certain: int, calls: int, is_certain: bool
) -> dict[TokenKind, Fraction] | None:
    """Divide a recorded cost into kinds by what the books charge.

    Where it is something else, each kind has its share of the difference, provided that the cost is
    that of all counts.
    """
    total = sum((shares or {}).values(), Fraction(0))
    if shares is None or abs(total - certain) <= calls:  # each call was rounded to a nano-USD
        return shares
    if not total or not is_certain:
        return None
    return {kind: share * certain / total for kind, share in shares.items()}
