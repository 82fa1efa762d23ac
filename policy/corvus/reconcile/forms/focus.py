"""FOCUS files of any version: cost and usage of many services, of which those of models count.

``EffectiveCost`` is compared, which has commitments spread over the usage that they pay; where
there is none, ``BilledCost``. ``ListCost`` is the same before discounts. A file may hold a choice
of services, so a model that it does not name is left out of the comparison rather than taken for
unbilled.

Version 1.3 brought ``ServiceProviderName``, and 1.4 took ``ProviderName`` and ``PublisherName``
away.

Source: FOCUS Specification v1.0 to v1.4, "Cost and Usage", at https://focus.finops.org, read
    2026-11-28.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import cast

from corvus.base.errors import BillRefused
from corvus.model.usage import TokenKind
from corvus.prices.names import tier_of
from corvus.reconcile.charge import Bill, Charge, ChargeKind, Form, Kind, Line, Offer
from corvus.reconcile.contents import Content
from corvus.reconcile.forms.openai import token_kind
from corvus.reconcile.forms.reader import Context, Draft, Reader
from corvus.reconcile.values import (
    amount,
    instant_of,
    refuse_currency,
    refuse_long,
    text,
)

COST_AND_USAGE = Form("focus", None, is_whole=False)
_MEASURES = frozenset(
    {
        *("BilledCost", "EffectiveCost", "ListCost", "ContractedCost", "ConsumedQuantity"),
        *(
            "PricingQuantity",
            "ListUnitPrice",
            "ContractedUnitPrice",
            "PricingCurrencyListUnitPrice",
        ),
        *("PricingCurrencyEffectiveCost", "PricingCurrencyContractedUnitPrice"),
        *("BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodEnd", "InvoiceId"),
        *("InvoiceDetailId", "CommitmentDiscountQuantity"),
    }
)
"""What may change between two exports of one line."""
_COSTS = frozenset({"effectivecost", "billedcost"})
_TOKEN_UNITS = frozenset({"token", "tokens"})
_MODEL_KEYS = ("x_answeringmodel", "x_requestedmodel")
_DETAIL_KEYS = ("x_model", "model", "x_modelid", "modelid", "x_modelname", "modelname", "x_sku")
_CATEGORIES = {"tax": ChargeKind.TAX, "credit": ChargeKind.CREDIT, "adjustment": ChargeKind.CREDIT}


def _read(content: Content, context: Context) -> Bill:
    lower = {name.lower(): name for name in content.columns}
    cost = next(name for name in ("effectivecost", "billedcost") if name in lower)
    bill = Bill(content.name, COST_AND_USAGE, [])
    drafts: dict[str, Draft] = {}
    others: Counter[str] = Counter()
    for place, written in content.rows():
        row = {name.lower(): value for name, value in written.items()}
        seller = _biller(row, context)
        if context.provider not in (None, seller):
            others[seller or "an unknown provider"] += 1
            continue
        if not _is_of_models(row):
            others["other services"] += 1
            continue
        if seller is None:
            raise BillRefused(f"{place}: the line names no provider that is known")
        draft = drafts.setdefault(
            seller, Draft(COST_AND_USAGE, seller, content.sha256, content.name)
        )
        refuse_currency(row.get("billingcurrency"), place)
        _take(row, place, cost, draft, written)
    if not drafts:
        raise BillRefused(f"{content.name}: no line of {context.provider or 'a known provider'}")
    if len(drafts) > 1:
        raise BillRefused(
            f"{content.name}: lines of {', '.join(sorted(drafts))}; name one with --provider"
        )
    for draft in drafts.values():
        bill.sheets += draft.finish()
    bill.notes += [f"lines of {whose} left out: {many:,}" for whose, many in sorted(others.items())]
    return bill


def _take(
    row: Mapping[str, str], place: str, cost: str, draft: Draft, written: Mapping[str, str]
) -> None:
    start = instant_of(row["chargeperiodstart"], place)
    category = _CATEGORIES.get(row.get("chargecategory", "").strip().lower())
    if category is None and row.get("chargeperiodend"):
        refuse_long(start, instant_of(row["chargeperiodend"], place), place)
    paid = amount(row[cost], place)
    listed = text(row.get("listcost"))
    kind = category or _kind(row)
    quantity: int | None = None
    if category is None and (row.get("consumedunit") or "").strip().lower() in _TOKEN_UNITS:
        used = amount(row.get("consumedquantity") or "0", place)
        quantity = int(used) if used >= 0 and used == used.to_integral_value() else None
    line = Line(
        None if category else _model(row),
        kind,
        Offer(tier_of(text(row.get("x_servicetier")))),
        text(row.get("subaccountid")),
        row.get("chargedescription", "") if category else "",
    )
    charge = Charge(
        amount_usd=paid,
        list_usd=amount(listed, place) if listed and category is None else None,
        quantity=quantity if isinstance(kind, TokenKind) else None,
    )
    sheet = draft.add(start.date(), line, charge)
    if quantity is not None and kind is ChargeKind.USAGE:
        sheet.add(
            Line(line.model, ChargeKind.TOKENS, line.offer, line.project), Charge(quantity=quantity)
        )
    sheet.identities.add(
        hash(tuple(value for name, value in written.items() if name not in _MEASURES))
    )


def _biller(row: Mapping[str, str], context: Context) -> str | None:
    """Return who bills a line, by the book's name: as the ledger has it, else the first known."""
    details = _details(row)
    own = details.get("x_provider")
    names = (
        *(row.get("x_provider"), own, row.get("invoiceissuername")),
        *(row.get("serviceprovidername"), row.get("providername"), row.get("publishername")),
    )
    return next((found for name in names if (found := context.provider_of(name))), None)


def _is_of_models(row: Mapping[str, str]) -> bool:
    category = (row.get("servicecategory") or "").strip().lower()
    return not category or category == "ai and machine learning"


def _details(row: Mapping[str, str]) -> dict[str, str]:
    written = row.get("skupricedetails") or ""
    try:
        found: object = json.loads(written) if written.lstrip().startswith("{") else {}
    except (ValueError, RecursionError):
        return {}
    pairs = cast("dict[str, object]", found).items()
    return {name.lower(): value for name, value in pairs if isinstance(value, str)}


def _model(row: Mapping[str, str]) -> str | None:
    details = _details(row)
    return next(_models(row, details), None)


def _models(row: Mapping[str, str], details: Mapping[str, str]) -> Iterator[str]:
    for found in (
        *(row.get(key) for key in _MODEL_KEYS),
        *(details.get(key) for key in _DETAIL_KEYS),
        *(row.get(key) for key in ("skuid", "resourcename", "chargedescription")),
    ):
        if known := text(found):
            yield known


def _kind(row: Mapping[str, str]) -> Kind:
    words = re.findall(r"[a-z0-9]+", (row.get("skumeter") or "").lower())
    return token_kind([word.removesuffix("s") for word in words]) if words else ChargeKind.USAGE


READERS = (
    Reader(
        COST_AND_USAGE,
        _read,
        columns=(
            "chargeperiodstart",
            "billingcurrency",
            frozenset({"effectivecost", "billedcost"}),
        ),
    ),
)
