"""Usage as "Cost and Usage" data of FOCUS 1.4, 1.3 or 1.2, which FinOps tools read.

A call is a row for each kind of token and each fee that it used, named by ``SkuMeter``, where the
recorded rates of its price entry give exactly its cost; the parts of a call add up to what the
ledger says, to the last nano-USD. Where they do not, as for a cost that the provider stated or a
price with tiers, the call is one row of all its tokens: a cost by kind was never known. The counts
by kind follow in columns of ours (``x_…``), after those of the specification, so that their sums
are right in both cases.

What is billed is the recorded cost; ``ListCost`` is what the price books make of the call where
the provider stated another one. Who serves the model (``ServiceProviderName``), whose machines run
it (``HostProviderName``) and who sends the invoice (``InvoiceIssuerName``) are three: of a platform
that resells models of others, the name of the model says whose it is.

Refuses to invent: an unpriced call is no row, as its cost is unknown and may not be NULL; there is
no unit price, as rates stand in the price book, not in the ledger's calls; and the account that is
billed is not known beyond the name of the provider, unless the user names it.

NOTE: of the rules of focus-validator 2.0.1 for 1.2, CSV and Parquet pass all that apply and that a
program can check (202, on 2026-11-25) but one, ``InvoiceId-C-005-C``. It is one of two that exclude
each other; a charge that no invoice is known for follows the other, and the pair passes.

Source: FOCUS Specification v1.2 to v1.4, "Cost and Usage", read 2026-11-28, and the requirements of
    1.2 as focus-validator 2.0.1 has them (``model-1.2.json``), read 2026-11-25.
"""

from __future__ import annotations

from functools import cache

from corvus.model.usage import COUNT_OF, FEES, KINDS, TOKENS, TokenKind
from corvus.usage.exporters import Shape
from corvus.usage.exporters.fields import Exporter, Field
from corvus.usage.exporters.focus_columns import VERSIONS, columns_of

_PER_MILLION = 1_000_000
_TEXT = "VARCHAR"
_MONEY = "DECIMAL(28, 9)"
_COUNT = "DECIMAL(20, 1)"  # a whole number in a CSV would be read as an integer, no decimal

_RESELLERS = ("aws", "azure", "google", "openrouter")
"""Who bills models of others under the names of their makers."""
_HOSTS = ("aws", "azure", "google")
"""Who runs them on machines of its own."""
_MAKERS = {
    "(^|[./])anthropic[./]|claude": "anthropic",
    "(^|[./])openai[./]|(^|/)(gpt-|o[134](-|$)|chatgpt|codex|dall-e|text-embedding)": "openai",
    "(^|[./])google[./]|gemini|gemma": "google",
    "(^|[./])(amazon)[./]|(^|[./-])(nova|titan)-": "aws",
    "(^|[./])(x-ai|xai)[./]|grok": "x-ai",
    "(^|[./])deepseek[./]|deepseek": "deepseek",
    "(^|[./])(mistral|mistralai)[./]|mistral|codestral|magistral": "mistral",
    "(^|[./])(meta|meta-llama)[./]|llama": "meta",
    "(^|[./])cohere[./]|command-r": "cohere",
    "(^|[./])(moonshotai|moonshot)[./]|kimi": "moonshotai",
    "(^|[./])(qwen|alibaba)[./]|qwen": "alibaba",
}
"""Whose a model is that a reseller bills, by the form of its name; the first that fits counts."""

_COMPUTED = " + ".join(
    f"call.{count}::HUGEINT * coalesce(rates['{kind}'], 0)" for kind, count in COUNT_OF.items()
)
_IS_RATED = " AND ".join(
    f"(call.{count} = 0 OR rates['{kind}'] IS NOT NULL)" for kind, count in COUNT_OF.items()
)
_METERS = ", ".join(
    f"{{'kind': '{kind}', 'count': call.{count}, "
    f"'cost': (call.{count}::HUGEINT * coalesce(rates['{kind}'], 0)) // {_PER_MILLION}}}"
    for kind, count in COUNT_OF.items()
)
_ROWS = f"""(
    WITH book AS (
        SELECT entry, list(DISTINCT rates) AS versions FROM price_entry GROUP BY entry
    ),
    rated AS (
        SELECT call.*, book.versions IS NOT NULL AND call.source <> 'provider' AS is_rated,
            list_filter(book.versions, lambda rates: {_IS_RATED}
                AND abs(({_COMPUTED}) - call.cost_nano_usd::HUGEINT * {_PER_MILLION})
                    < {_PER_MILLION})[1] AS rates
        FROM usage_call AS call LEFT JOIN book ON book.entry = call.price_entry
    ),
    metered AS (
        SELECT call.*, if(is_rated AND rates IS NOT NULL,
            list_filter([{_METERS}], lambda meter: meter.count <> 0), NULL) AS meters
        FROM rated AS call
    ),
    parted AS (
        SELECT *, unnest(if(len(coalesce(meters, [])) > 0,
            list_transform(meters, lambda meter, place: {{
                'place': place, 'kind': meter.kind, 'count': meter.count,
                -- what rounding leaves is of the first part, so that the parts add up
                'cost': meter.cost + if(place = 1,
                    cost_nano_usd - list_sum(list_transform(meters, lambda one: one.cost)), 0)
            }}),
            [{{'place': 1::BIGINT, 'kind': NULL::VARCHAR, 'count': NULL::BIGINT,
                'cost': cost_nano_usd::HUGEINT}}])) AS part
        FROM metered
    )
    SELECT * EXCLUDE (part, meters, rates, is_rated), part.place AS place, part.kind AS meter,
        part.count AS metered, part.cost::BIGINT AS part_nano_usd
    FROM parted
)"""  # noqa: S608 - made of constants of this package


def _usd(nano: str) -> str:
    return f"({nano}::DECIMAL(19, 0) * 0.000000001::DECIMAL(9, 9))"


def _cases(column: str, values: dict[str, str], otherwise: str) -> str:
    branches = " ".join(
        f"WHEN regexp_matches({column}, '{pattern}') THEN '{value}'"
        for pattern, value in values.items()
    )
    return f"CASE {branches} ELSE {otherwise} END"


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"'{name}'" for name in names)


_USD = _usd("record.part_nano_usd")
_LIST_USD = (
    "if(record.meter IS NULL, "
    f"{_usd('coalesce(record.computed_cost_nano_usd, record.part_nano_usd)')}, {_USD})"
)
_TOKENS = f"coalesce(record.metered, {' + '.join(f'record.{name}' for name in TOKENS)})"
_UNIT = f"if(record.meter IN ({_listed(tuple(FEES))}), 'Requests', 'Tokens')"
_WORDS = {
    kind: kind.replace("_", " ").title().replace("5M", "5 Minutes").replace("1H", "1 Hour")
    for kind in KINDS
}
_METER = (
    "CASE record.meter "
    + " ".join(
        f"WHEN '{kind}' THEN '{words}{'' if kind in FEES else ' Tokens'}'"
        for kind, words in _WORDS.items()
    )
    + " ELSE 'Tokens' END"
)
_SKU = (
    "coalesce(regexp_replace(record.price_entry, '^[a-z]+:|@[^@]*$', '', 'g'), "
    "record.provider || '/' || record.requested_model)"
)
_PRICE = f"(coalesce(record.price_entry, {_SKU}) || coalesce('#' || record.meter, ''))"
_MAKER = (
    f"if(record.provider IN ({_listed(_RESELLERS)}), "
    f"{_cases('lower(record.requested_model)', _MAKERS, 'record.provider')}, record.provider)"
)
_HOST = f"if(record.provider IN ({_listed(_HOSTS)}), record.provider, {_MAKER})"
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
_CALL = "('1 call of ' || record.requested_model)"

_VALUES = {
    "BilledCost": (_MONEY, _USD),
    "BillingAccountId": (_TEXT, "coalesce($account::VARCHAR, record.provider)"),
    "BillingAccountName": (_TEXT, "coalesce($account::VARCHAR, record.provider)"),
    "BillingCurrency": (_TEXT, "'USD'"),
    "BillingPeriodEnd": ("TIMESTAMP", f"({_MONTH} + INTERVAL 1 MONTH)"),
    "BillingPeriodStart": ("TIMESTAMP", _MONTH),
    "ChargeCategory": (_TEXT, "'Usage'"),
    "ChargeClass": (_TEXT, "NULL::VARCHAR"),
    "ChargeDescription": (
        _TEXT,
        f"if(record.meter IS NULL, {_CALL}, {_METER} || ' of ' || {_CALL})",
    ),
    "ChargeFrequency": (_TEXT, "'Usage-Based'"),
    "ChargePeriodEnd": ("TIMESTAMP", _END),
    "ChargePeriodStart": ("TIMESTAMP", _START),
    "CommitmentDiscountStatus": (_TEXT, "NULL::VARCHAR"),
    "ConsumedQuantity": (_COUNT, _TOKENS),
    "ConsumedUnit": (_TEXT, _UNIT),
    "ContractedCost": (_MONEY, _USD),
    "EffectiveCost": (_MONEY, _USD),
    "HostProviderName": (_TEXT, _HOST),
    "InvoiceId": (_TEXT, "NULL::VARCHAR"),
    "InvoiceIssuerName": (_TEXT, "record.provider"),
    "ListCost": (_MONEY, _LIST_USD),
    "PricingCategory": (_TEXT, "'Standard'"),
    "PricingQuantity": (_COUNT, _TOKENS),
    "PricingUnit": (_TEXT, _UNIT),
    "ProviderName": (_TEXT, "record.provider"),
    "PublisherName": (_TEXT, "record.provider"),
    "ServiceCategory": (_TEXT, "'AI and Machine Learning'"),
    "ServiceName": (_TEXT, "record.provider"),
    "ServiceProviderName": (_TEXT, _MAKER),
    "ServiceSubcategory": (_TEXT, "'Generative AI'"),
    "SkuId": (_TEXT, _SKU),
    "SkuMeter": (_TEXT, _METER),
    "SkuPriceDetails": (_TEXT, _DETAILS),
    "SkuPriceId": (_TEXT, _PRICE),
    "SubAccountId": (_TEXT, "record.project"),
    "SubAccountName": (_TEXT, "record.project"),
    "Tags": (_TEXT, _TAGS),
}
"""What a metered call has of the columns of the specification: type and SQL."""


def _own_name(kind: TokenKind) -> str:
    """Return our name of the column that counts a kind."""
    count = COUNT_OF[kind].replace("_5m_", "_five_minute_").replace("_1h_", "_one_hour_")
    return "x_" + count.title().replace("_", "")


_OWN = (
    Field("x_CallId", _TEXT, "record.id::VARCHAR"),
    Field("x_RequestedModel", _TEXT, "record.requested_model"),
    Field("x_AnsweringModel", _TEXT, "record.answering_model"),
    Field("x_ServiceTier", _TEXT, "record.service_tier"),
    Field("x_CostSource", _TEXT, "record.source"),
    *(
        Field(
            _own_name(kind),
            "BIGINT",
            f"if(coalesce(record.meter, '{kind}') = '{kind}', record.{count}, 0)",
        )
        for kind, count in COUNT_OF.items()
    ),
    Field("x_CostIsAtLeast", "BOOLEAN", "record.at_least"),
)


@cache
def exporter_of(version: str) -> Exporter:
    """Return the exporter of a version of FOCUS of ``VERSIONS``."""
    theirs = [column.name for column in columns_of(version) if column.name in _VALUES]
    return Exporter(
        title="FOCUS",
        fields=(*(Field(name, *_VALUES[name]) for name in theirs), *_OWN),
        table=_ROWS,
        needs_cost=True,
        names_account=True,
        shape=Shape.CSV,
        order="record.admitted_at, record.id, record.place",
    )


EXPORTER = exporter_of(VERSIONS[0])
