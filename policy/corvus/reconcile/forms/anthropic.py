"""Anthropic's cost and usage reports, of the Admin API old and new, and of the Console.

Amounts of the API are text in cents with fractions. ``list_amount`` is before discounts. The cost
report does not have the Priority Tier.

Source: https://platform.claude.com/docs/en/manage-claude/usage-cost-api and the references of
    ``cost_report``, ``usage_report/messages``, ``analytics/cost`` and ``analytics/usage`` there,
    and headers of exports of the Console, read 2026-11-28.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, cast

from corvus.model.usage import TokenKind
from corvus.prices.names import tier_of
from corvus.reconcile.charge import Bill, Charge, ChargeKind, Form, Kind, Line, Offer
from corvus.reconcile.contents import Content
from corvus.reconcile.forms.reader import Context, Draft, Page, Reader
from corvus.reconcile.values import (
    amount,
    buckets,
    count,
    day_of,
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

_LONG_CONTEXT = 200_001
_KINDS: dict[str, Kind] = {
    "uncached_input_tokens": TokenKind.INPUT,
    "input_tokens": TokenKind.INPUT,
    "input_no_cache": TokenKind.INPUT,
    "output_tokens": TokenKind.OUTPUT,
    "output": TokenKind.OUTPUT,
    "cache_read_input_tokens": TokenKind.CACHE_READ,
    "input_cache_read": TokenKind.CACHE_READ,
    "cache_creation.ephemeral_5m_input_tokens": TokenKind.CACHE_WRITE_5M,
    "ephemeral_5m_input_tokens": TokenKind.CACHE_WRITE_5M,
    "input_cache_write_5m": TokenKind.CACHE_WRITE_5M,
    "cache_creation.ephemeral_1h_input_tokens": TokenKind.CACHE_WRITE_1H,
    "ephemeral_1h_input_tokens": TokenKind.CACHE_WRITE_1H,
    "input_cache_write_1h": TokenKind.CACHE_WRITE_1H,
}
_DIMENSIONS = (
    *("model", "token_type", "cost_type", "service_tier", "context_window", "inference_geo"),
    *("speed", "workspace_id", "api_key_id", "actor", "product", "description", "account_id"),
    *("service_account_id", "usage_type"),
)
_COSTS = (*_DIMENSIONS, "amount", "list_amount", "currency", "requests")
_COUNTS = (
    *_DIMENSIONS,
    *("uncached_input_tokens", "cache_read_input_tokens", "cache_creation", "output_tokens"),
    *("server_tool_use", "total_tokens", "requests"),
)

COST = Form("anthropic-cost", "anthropic", leaves_out="priority")
USAGE = Form("anthropic-usage", "anthropic", states_amounts=False)
ANALYTICS_COST = Form("anthropic-analytics-cost", "anthropic")
ANALYTICS_USAGE = Form("anthropic-analytics-usage", "anthropic", states_amounts=False)
CONSOLE_COST = Form("anthropic-console-cost", "anthropic", leaves_out="priority")


def _first(page: Page) -> Mapping[str, Any]:
    """Return the first result of a page, with the members of its bucket."""
    for bucket in objects(page.get("data")):
        if "starting_at" not in bucket:
            return {}
        results = objects(bucket.get("results"))
        if "results" not in bucket or results:
            return {**bucket, **(results[0] if results else {})}
    return {}


def _rows(page: Page, file: str, draft: Draft) -> Iterator[tuple[str, datetime, Mapping[str, Any]]]:
    """Yield place, beginning and members of each result, of either shape of the reports."""
    for place, one in buckets(page.get("data"), file):
        start = instant_of(one.get("starting_at"), place)
        if one.get("ending_at") is not None:
            refuse_long(start, instant_of(one["ending_at"], place), place)
        draft.cover(start.date())
        flat = {**one.get("group", {}), **one.get("cost", {}), **one.get("usage", {})}
        results = items(one["results"], place) if "results" in one else [flat]
        for at, result in enumerate(results):
            where = f"{place}.results[{at}]" if "results" in one else place
            row = mapping(result, where)
            draft.fields.update(row)
            draft.grouping.update(name for name in _DIMENSIONS if row.get(name) is not None)
            yield where, start, row


def _offer(row: Mapping[str, Any]) -> Offer:
    tier = tier_of(text(row.get("service_tier")) or text(row.get("usage_type")))
    if tier in ("message", "standard"):
        tier = None
    if text(row.get("speed")) == "fast":
        tier = "fast"
    context = text(row.get("context_window"))
    is_long = context is not None and not context.startswith(("0", "≤", "<"))
    return Offer(tier, _LONG_CONTEXT if is_long else 0, row.get("inference_geo") == "us")


def _kind(row: Mapping[str, Any]) -> tuple[Kind, str]:
    """Return what a cost is for, and its words where the kind does not say it."""
    cost_type = text(row.get("cost_type")) or ""
    described = (text(row.get("description")) or "").lower()
    if cost_type == "web_search" or (not cost_type and "web search" in described):
        return TokenKind.WEB_SEARCH, ""
    is_of_none = cost_type not in ("", "tokens", "token")
    if (is_of_none or text(row.get("model")) is None) and is_credited(f"{cost_type} {described}"):
        return ChargeKind.CREDIT, cost_type or described
    if is_of_none:
        return ChargeKind.FEE, cost_type
    token_type = text(row.get("token_type")) or ""
    return _KINDS.get(token_type, ChargeKind.USAGE), "" if token_type in _KINDS else token_type


def _project(row: Mapping[str, Any]) -> str | None:
    return text(row.get("workspace_id")) or text(row.get("workspace"))


def _read_costs(form: Form, content: Content) -> Bill:
    bill = Bill(content.name, form, [])
    fields: set[str] = set()
    for number, page in enumerate(content.pages):
        draft = Draft(form, "anthropic", f"{content.sha256}:{number}", content.name)
        for place, start, row in _rows(page, content.name, draft):
            refuse_currency(row.get("currency"), place)
            listed = row.get("list_amount")
            kind, label = _kind(row)
            draft.add_bucket(
                start,
                Line(text(row.get("model")), kind, _offer(row), _project(row), label),
                Charge(
                    amount_usd=amount(row.get("amount"), place, cents=True),
                    list_usd=None if listed is None else amount(listed, place, cents=True),
                    requests=None if row.get("requests") is None else count(row["requests"], place),
                ),
            )
        fields |= draft.fields
        bill.sheets += draft.finish(is_page=page.get("has_more") is True)
    bill.has_more = all(page.get("has_more") is True for page in content.pages)
    bill.notes += unread(fields, _COSTS, "fields")
    return bill


def _counts(row: Mapping[str, Any], place: str) -> Iterator[tuple[Kind, int]]:
    for name in ("uncached_input_tokens", "cache_read_input_tokens", "output_tokens"):
        yield _KINDS[name], count(row.get(name), f"{place}.{name}")
    written: object = row.get("cache_creation")
    if isinstance(written, dict):
        for name, value in mapping(cast("object", written), place).items():
            if name in _KINDS:
                yield _KINDS[name], count(value, f"{place}.{name}")
    elif written is not None:
        yield TokenKind.CACHE_WRITE_5M, count(written, f"{place}.cache_creation")
    used = mapping(row.get("server_tool_use") or {}, place)
    yield TokenKind.WEB_SEARCH, count(used.get("web_search_requests"), f"{place}.web_search")


def _read_usage(form: Form, content: Content) -> Bill:
    bill = Bill(content.name, form, [])
    fields: set[str] = set()
    for number, page in enumerate(content.pages):
        draft = Draft(form, "anthropic", f"{content.sha256}:{number}", content.name)
        for place, start, row in _rows(page, content.name, draft):
            model, offer, project = text(row.get("model")), _offer(row), _project(row)
            for kind, quantity in _counts(row, place):
                if quantity:
                    line = Line(model, kind, offer, project)
                    draft.add_bucket(start, line, Charge(quantity=quantity))
            if row.get("requests") is not None:
                calls = count(row["requests"], place)
                line = Line(model, ChargeKind.USAGE, offer, project)
                draft.add_bucket(start, line, Charge(requests=calls))
        fields |= draft.fields
        bill.sheets += draft.finish(is_page=page.get("has_more") is True)
    bill.has_more = all(page.get("has_more") is True for page in content.pages)
    bill.notes += unread(fields, _COUNTS, "fields")
    return bill


_CONSOLE = (
    *("usage_date_utc", "model", "workspace", "api_key", "usage_type", "context_window"),
    *("token_type", "cost_usd", "list_price_usd", "cost_type", "inference_geo", "speed"),
    *("api_key_id", "api_key_status"),
)


def _read_console(content: Content, context: Context) -> Bill:
    draft = Draft(CONSOLE_COST, "anthropic", content.sha256, content.name)
    for place, row in content.rows():
        kind, label = _kind(row)
        draft.grouping.update(name for name in _DIMENSIONS if text(row.get(name)))
        draft.add(
            day_of(row["usage_date_utc"], place),
            Line(text(row.get("model")), kind, _offer(row), _project(row), label),
            Charge(amount_usd=amount(row["cost_usd"], place)),
        )
    notes = unread(content.columns, _CONSOLE, "columns")
    return Bill(content.name, CONSOLE_COST, draft.finish(), notes=notes)


READERS = (
    Reader(
        ANALYTICS_COST,
        lambda content, context: _read_costs(ANALYTICS_COST, content),
        lambda page: {"group", "cost"} <= _first(page).keys(),
    ),
    Reader(
        ANALYTICS_USAGE,
        lambda content, context: _read_usage(ANALYTICS_USAGE, content),
        lambda page: {"group", "usage"} <= _first(page).keys(),
    ),
    Reader(
        COST,
        lambda content, context: _read_costs(COST, content),
        lambda page: "amount" in _first(page) and "currency" in _first(page),
    ),
    Reader(
        USAGE,
        lambda content, context: _read_usage(USAGE, content),
        lambda page: "uncached_input_tokens" in _first(page),
    ),
    Reader(CONSOLE_COST, _read_console, columns=("usage_date_utc", "model", "cost_usd")),
)
