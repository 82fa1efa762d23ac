"""OpenAI's costs, as the API answers them and as a CSV. Amounts are USD, bucketed by UTC day.

A ``line_item`` names a model and what of it, such as ``gpt-4o-2024-08-06, cached input``, or a
service alone, such as ``file search tool calls``.

Source: https://platform.openai.com/docs/api-reference/usage/costs, read 2026-11-28; line items as
    programs that read these reports name them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from corvus.model.usage import TokenKind
from corvus.prices.names import VARIANTS, tier_of
from corvus.reconcile.charge import USUAL, Bill, Charge, ChargeKind, Form, Kind, Line, Offer
from corvus.reconcile.contents import Content
from corvus.reconcile.forms.reader import Context, Draft, Page, Reader
from corvus.reconcile.values import (
    amount,
    buckets,
    day_of,
    days_between,
    instant_of,
    is_credited,
    items,
    mapping,
    objects,
    refuse_currency,
    refuse_long,
    text,
    unread,
)

COSTS = Form("openai-costs", "openai")
COSTS_CSV = Form("openai-costs-csv", "openai")
_MEMBERS = (
    *("object", "amount", "line_item", "project_id", "project_name", "organization_id"),
    *("organization_name", "api_key_id", "quantity", "user_id", "user_email"),
)
_COLUMNS = (
    *("start_time", "end_time", "start_time_iso", "end_time_iso", "amount_value"),
    *("amount_currency", "line_item", "project_id", "project_name", "organization_id"),
    *("organization_name", "api_key_id", "quantity", "object", "user_id", "user_email"),
)
_DIMENSIONS = ("line_item", "project_id", "api_key_id")
_SPLIT = re.compile(r",\s*")
_FEES: tuple[tuple[str, str], ...] = (
    ("web search", "web_search"),
    ("file search", "file_search"),
    ("code interpreter", "code_container"),
    ("container", "code_container"),
)
"""Words of a line item, and the kind of use that they are, where that is a kind here."""


def _is_page(page: Page) -> bool:
    buckets = objects(page.get("data"))
    for bucket in buckets:
        for result in objects(bucket.get("results") or bucket.get("result")):
            return "start_time" in bucket and isinstance(result.get("amount"), dict)
    return bool(buckets) and all("start_time" in bucket for bucket in buckets)


def line_of(item: str | None, context: Context, project: str | None) -> Line:
    """Return what a line item is for."""
    if item is None:
        return Line(None, ChargeKind.USAGE, project=project)
    model, *rest = _SPLIT.split(item, maxsplit=1)
    if rest:
        words = re.findall(r"[a-z0-9]+", rest[0].lower())
        kind = token_kind(words)
        tier = next((tier_of(word) for word in words if word in VARIANTS), None)
        label = "" if isinstance(kind, TokenKind) else rest[0]
        return Line(model, kind, Offer(tier) if tier else USUAL, project, label)
    if context.is_model(item):
        return Line(item, ChargeKind.USAGE, project=project)
    lowered = item.lower()
    for words_of_fee, name in _FEES:
        if words_of_fee in lowered and name in set(TokenKind):
            return Line(None, TokenKind(name), project=project)
    kind = ChargeKind.CREDIT if is_credited(lowered) else ChargeKind.FEE
    return Line(None, kind, project=project, label=item)


def token_kind(words: list[str]) -> Kind:
    """Return the kind of token that the words behind a model's name mean."""
    side = next((word for word in ("input", "output") if word in words), None)
    modality = next((word for word in ("audio", "image", "video") if word in words), None)
    is_cached = bool({"cached", "cache"} & {*words})
    if side is None:
        return ChargeKind.USAGE
    if is_cached:
        name = f"cache_read_{modality}" if modality else "cache_read"
    else:
        name = f"{side}_{modality}" if modality else side
    if "reasoning" in words:
        name = "reasoning"
    return TokenKind(name) if name in set(TokenKind) else ChargeKind.USAGE


def _charge(value: object, quantity: object, place: str, kind: Kind) -> Charge:
    """Return a charge; a quantity counts where it is a whole number of tokens or uses."""
    known: int | None = None
    if quantity is not None and quantity != "" and isinstance(kind, TokenKind):
        number = amount(quantity, place)
        known = int(number) if number > 0 and number == number.to_integral_value() else None
    return Charge(amount_usd=amount(value, place), quantity=known)


def _read(content: Content, context: Context) -> Bill:
    bill = Bill(content.name, COSTS, [])
    fields: set[str] = set()
    for number, page in enumerate(content.pages):
        draft = Draft(COSTS, "openai", f"{content.sha256}:{number}", content.name)
        for place, bucket in buckets(page.get("data"), content.name):
            _read_bucket(bucket, place, draft, context)
        fields |= draft.fields
        bill.sheets += draft.finish(is_page=page.get("has_more") is True)
    bill.has_more = all(page.get("has_more") is True for page in content.pages)
    bill.notes += unread(fields, _MEMBERS, "fields")
    return bill


def _read_bucket(bucket: Mapping[str, Any], place: str, draft: Draft, context: Context) -> None:
    start = instant_of(bucket.get("start_time"), place)
    if bucket.get("end_time"):
        refuse_long(start, instant_of(bucket["end_time"], place), place)
    draft.cover(start.date())
    results = bucket.get("results") if "results" in bucket else bucket.get("result")
    for number, result in enumerate(items(results, place)):
        where = f"{place}.results[{number}]"
        row = mapping(result, where)
        draft.fields.update(row)
        draft.grouping.update(
            name for name in ("line_item", "project_id", "api_key_id") if row.get(name)
        )
        paid = mapping(row.get("amount"), where)
        refuse_currency(paid.get("currency"), where)
        line = line_of(text(row.get("line_item")), context, text(row.get("project_id")))
        draft.add(
            start.date(), line, _charge(paid.get("value"), row.get("quantity"), where, line.kind)
        )


def _read_csv(content: Content, context: Context) -> Bill:
    draft = Draft(COSTS_CSV, "openai", content.sha256, content.name)
    for place, row in content.rows():
        begun = row.get("start_time") or row.get("start_time_iso")
        if not row["amount_value"].strip():
            draft.cover(day_of(begun, place))  # a day on which nothing was billed
            continue
        refuse_currency(row.get("amount_currency"), place)
        ended = row.get("end_time") or row.get("end_time_iso")
        if ended:
            refuse_long(instant_of(begun, place), instant_of(ended, place), place)
        line = line_of(text(row.get("line_item")), context, text(row.get("project_id")))
        draft.grouping.update(name for name in ("line_item", "project_id") if row.get(name))
        charge = _charge(row["amount_value"], row.get("quantity"), place, line.kind)
        draft.add(day_of(begun, place), line, charge)
    notes = unread(content.columns, _COLUMNS, "columns")
    return Bill(content.name, COSTS_CSV, draft.finish(days_between(draft.days)), notes=notes)


READERS = (
    Reader(COSTS, _read, _is_page),
    Reader(
        COSTS_CSV,
        _read_csv,
        columns=("amount_value", frozenset({"start_time", "start_time_iso"})),
    ),
)
