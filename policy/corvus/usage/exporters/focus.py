"""Usage as cost and usage data of FOCUS 1.2, which FinOps tools read.

One row for each call, as it is known now. A call is what is priced and rounded, once; a row for
each kind of token would need a cost of its own, which nobody recorded and whose sum would differ
from what every report says. The counts by kind follow in columns of ours (``x_…``), after the
columns of the specification.

Refuses to invent: an unpriced call is no row, as its cost is unknown and may not be NULL; there is
no unit price, as a call has one for each kind of token; and the account that is billed is not known
beyond the name of the provider, unless the user names it.

NOTE: of the rules of focus-validator 2.0.1 for 1.2, CSV and Parquet pass all that apply and that a
program can check (202, on 2026-11-25) but one, ``InvoiceId-C-005-C``. It is one of two that exclude
each other; a charge that no invoice is known for follows the other, and the pair passes.

Source: FOCUS Specification v1.2, "Cost and Usage", and its requirements as focus-validator 2.0.1
    has them (``model-1.2.json``), read 2026-11-25.
"""

from __future__ import annotations

from corvus.model.usage import COUNTS, TOKENS
from corvus.usage.exporters import Shape
from corvus.usage.exporters.lines import Exporter, Field

_USD = "(record.cost_nano_usd::DECIMAL(19, 0) * 0.000000001::DECIMAL(9, 9))"
_TOKENS = f"({' + '.join(f'record.{name}' for name in TOKENS)})"
_SKU = (
    "coalesce(regexp_replace(record.price_entry, '^[a-z]+:|@[^@]*$', '', 'g'), "
    "record.provider || '/' || record.requested_model)"
)
_PRICE = f"coalesce(record.price_entry, {_SKU})"
_START = "date_trunc('second', record.admitted_at)"
_END = "(date_trunc('second', greatest(record.admitted_at, record.settled_at)) + INTERVAL 1 SECOND)"
_MONTH = "date_trunc('month', record.admitted_at)"
_OWN_TAGS = (
    *("project", "user_name", "agent", "subagent", "token", "branch"),
    *("session_id", "mission_id", "surface"),
)
_NO_TAGS = "MAP([]::VARCHAR[], []::VARCHAR[])"
_TAGS = (
    f"to_json(map_concat(coalesce(record.tags, {_NO_TAGS}), map_from_entries(list_filter(["
    + ", ".join(f"ROW('corvus/{name}', record.{name})" for name in _OWN_TAGS)
    + "], lambda tag: tag[2] IS NOT NULL))))::VARCHAR"
)
_DETAILS = (
    'to_json(struct_pack("x_Provider" := record.provider, "x_Sku" := '
    f'{_SKU}, "x_PriceBook" := record.price_book))::VARCHAR'
)
_TEXT = "VARCHAR"
_MONEY = "DECIMAL(28, 9)"
_COUNT = "DECIMAL(20, 1)"  # a whole number in a CSV would be read as an integer, no decimal

_COUNTS = (
    "x_InputTokens",
    "x_OutputTokens",
    "x_CacheReadTokens",
    "x_CacheWriteFiveMinuteTokens",
    "x_CacheWriteOneHourTokens",
    "x_ReasoningTokens",
    "x_WebSearchRequests",
)
_FIELDS = (
    Field("BilledCost", _MONEY, _USD),
    Field("BillingAccountId", _TEXT, "coalesce($account::VARCHAR, record.provider)"),
    Field("BillingAccountName", _TEXT, "coalesce($account::VARCHAR, record.provider)"),
    Field("BillingCurrency", _TEXT, "'USD'"),
    Field("BillingPeriodEnd", "TIMESTAMP", f"({_MONTH} + INTERVAL 1 MONTH)"),
    Field("BillingPeriodStart", "TIMESTAMP", _MONTH),
    Field("ChargeCategory", _TEXT, "'Usage'"),
    Field("ChargeClass", _TEXT, "NULL::VARCHAR"),
    Field("ChargeDescription", _TEXT, "('1 call of ' || record.requested_model)"),
    Field("ChargeFrequency", _TEXT, "'Usage-Based'"),
    Field("ChargePeriodEnd", "TIMESTAMP", _END),
    Field("ChargePeriodStart", "TIMESTAMP", _START),
    Field("CommitmentDiscountStatus", _TEXT, "NULL::VARCHAR"),
    Field("ConsumedQuantity", _COUNT, _TOKENS),
    Field("ConsumedUnit", _TEXT, "'Tokens'"),
    Field("ContractedCost", _MONEY, _USD),
    Field("EffectiveCost", _MONEY, _USD),
    Field("InvoiceId", _TEXT, "NULL::VARCHAR"),
    Field("InvoiceIssuerName", _TEXT, "record.provider"),
    Field("ListCost", _MONEY, _USD),
    Field("PricingCategory", _TEXT, "'Standard'"),
    Field("PricingQuantity", _COUNT, _TOKENS),
    Field("PricingUnit", _TEXT, "'Tokens'"),
    Field("ProviderName", _TEXT, "record.provider"),
    Field("PublisherName", _TEXT, "record.provider"),
    Field("ServiceCategory", _TEXT, "'AI and Machine Learning'"),
    Field("ServiceName", _TEXT, "record.provider"),
    Field("ServiceSubcategory", _TEXT, "'Generative AI'"),
    Field("SkuId", _TEXT, _SKU),
    Field("SkuMeter", _TEXT, "'Tokens'"),
    Field("SkuPriceDetails", _TEXT, _DETAILS),
    Field("SkuPriceId", _TEXT, _PRICE),
    Field("SubAccountId", _TEXT, "record.project"),
    Field("SubAccountName", _TEXT, "record.project"),
    Field("Tags", _TEXT, _TAGS),
    Field("x_CallId", _TEXT, "record.id::VARCHAR"),
    Field("x_RequestedModel", _TEXT, "record.requested_model"),
    Field("x_AnsweringModel", _TEXT, "record.answering_model"),
    Field("x_ServiceTier", _TEXT, "record.service_tier"),
    Field("x_CostSource", _TEXT, "record.source"),
    *(
        Field(name, "BIGINT", f"record.{count}")
        for name, count in zip(_COUNTS, COUNTS, strict=True)
    ),
)
"""The columns of the specification that a metered call has, by name, and then our own."""

EXPORTER = Exporter(
    title="FOCUS",
    fields=_FIELDS,
    table="usage_call",
    needs_cost=True,
    names_account=True,
    shape=Shape.CSV,
)
