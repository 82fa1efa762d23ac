"""Settlements to lines of JSON and back, complete enough to be applied by another process."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

from corvus.base.money import NanoUSD
from corvus.base.time import instant_at, microseconds
from corvus.model.pending import PendingKind, PendingSettlement
from corvus.model.price import Price, Tier
from corvus.model.reservation import Outcome, Settlement, Source
from corvus.model.usage import TokenKind, Usage
from corvus.store.bodies import dumped

_VERSION = 1


def line_of(pending: PendingSettlement) -> str:
    """Write a settlement as one line, without its end."""
    known = pending.settlement
    return dumped(
        {
            "version": _VERSION,
            "kind": pending.kind.value,
            "reservation": pending.reservation_id,
            "key": pending.settlement_key,
            "settlement": None if known is None else _settlement_body(known),
        }
    )


def pending_of(line: str) -> PendingSettlement | None:
    """Read a line; ``None`` when it is no settlement of ours."""
    try:
        body = json.loads(line)
        if body["version"] != _VERSION:
            return None
        kind, told = PendingKind(body["kind"]), body.get("settlement")
        if (kind in (PendingKind.RELEASE, PendingKind.FORGET)) is not (told is None):
            return None
        known = None if told is None else _settlement_of(told)
        return PendingSettlement(kind, str(body["reservation"]), str(body["key"]), known)
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError):
        return None


def _settlement_body(one: Settlement) -> dict[str, Any]:
    first = one.first_token_at
    body = {
        "usage": {name: getattr(one.usage, name) for name in Usage.__dataclass_fields__},
        "cost": one.cost_nano_usd,
        "source": one.source.value,
        "outcome": one.outcome.value,
        "answering_model": one.answering_model,
        "price": None if one.price is None else _price_body(one.price),
        "service_tier": one.service_tier,
        "provider_request_id": one.provider_request_id,
        "first_token_at": None if first is None else microseconds(first),
    }
    return {name: value for name, value in body.items() if value is not None}


def _settlement_of(body: dict[str, Any]) -> Settlement:
    get = body.get
    cost, first, price = get("cost"), get("first_token_at"), get("price")
    if cost is not None and (isinstance(cost, bool) or not isinstance(cost, int) or cost < 0):
        raise ValueError("a cost is an integer >= 0")
    return Settlement(
        usage=Usage(**body["usage"]),
        cost_nano_usd=None if cost is None else NanoUSD(cost),
        source=Source(body["source"]),
        outcome=Outcome(body["outcome"]),
        answering_model=get("answering_model"),
        price=None if price is None else _price_of(price),
        service_tier=get("service_tier"),
        provider_request_id=get("provider_request_id"),
        first_token_at=None if first is None else instant_at(first),
    )


def _price_body(one: Price) -> dict[str, Any]:
    return {
        "provider": one.provider,
        "model": one.model,
        "book": one.book,
        "entry": one.entry,
        "rates": {kind.value: rate for kind, rate in one.rates.items()},
        "tiers": [
            [tier.above_tokens, {kind.value: rate for kind, rate in tier.rates.items()}]
            for tier in one.tiers
        ],
        "from": one.effective_from.isoformat() if one.effective_from else None,
        "source": one.source,
    }


def _price_of(body: dict[str, Any]) -> Price:
    day = body["from"]
    return Price(
        provider=body["provider"],
        model=body["model"],
        book=body["book"],
        entry=body["entry"],
        rates=_rates(body["rates"]),
        tiers=tuple(Tier(above, _rates(rates)) for above, rates in body["tiers"]),
        effective_from=None if day is None else date.fromisoformat(day),
        source=body["source"],
    )


def _rates(body: dict[str, Any]) -> dict[TokenKind, Any]:
    return {TokenKind(kind): rate for kind, rate in body.items()}
