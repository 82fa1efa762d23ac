"""What may be written at the cursor: keys, values, headers, models and codes."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Final

from lsprotocol import types

from corvus.config.model.aliases import ALIASES
from corvus.config.model.defaults import AT_MOST_ONE, EXACTLY_ONE
from corvus.config.toml.values import Route, quoted
from corvus.lsp import knowledge, prices
from corvus.lsp.cursor import Cursor, Where, cursor_at
from corvus.lsp.headers import headers
from corvus.lsp.offers import (
    BUNDLED,
    ROOM,
    SEVERITY,
    Offer,
    bundled_rates,
    codes_as_keys,
    comment,
    has_models_as_keys,
    model_offer,
    models,
    values,
)
from corvus.lsp.view import View

_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_ENTRY: Final = re.compile(r"[ \t]*[=.]")
_OPENINGS: Final = {
    "string": '""',
    "string or list": '""',
    "list": "[]",
    "table": "{}",
    "boolean": "true",
}
"""What the value of a new entry begins as, by its type."""


def complete(view: View, position: types.Position) -> types.CompletionList:
    """Return what may be written at a position; settings are no part of a policy test."""
    if view.checked.is_test:
        return types.CompletionList(is_incomplete=False, items=[])
    offset = view.text.offset(position)
    cursor = cursor_at(view.structure, offset)
    match cursor.where:
        case Where.HEADER:
            offers = headers(view, cursor)
        case Where.KEY:
            offers = _keys(view, cursor)
        case Where.VALUE:
            offers = values(view, cursor)
        case Where.COMMENT:
            cursor, offers = comment(cursor)
    place = view.text.range(cursor.start, cursor.end)
    written = view.text.body[cursor.start : offset]
    items = [_item(offer, place, written) for offer in offers]
    many = len(items) >= ROOM
    return types.CompletionList(is_incomplete=many, items=items)


def _item(offer: Offer, place: types.Range, written: str) -> types.CompletionItem:
    # What is written decides by its first character whether names are in quotes.
    plain = offer.text if written[:1] in ("'", '"', "[") else offer.label
    if plain[:1] == "[" != written[:1] and offer.kind is types.CompletionItemKind.Module:
        plain = plain.strip("[]")
    return types.CompletionItem(
        label=offer.label,
        kind=offer.kind,
        detail=offer.detail or None,
        documentation=types.MarkupContent(types.MarkupKind.Markdown, offer.about)
        if offer.about
        else None,
        sort_text=f"{offer.rank:02}{offer.label}",
        filter_text=plain.replace("'", '"') if written[:1] != "'" else plain.replace('"', "'"),
        text_edit=types.TextEdit(place, offer.text),
    )


def _keys(view: View, cursor: Cursor) -> Iterator[Offer]:
    table = cursor.table
    if table is None:
        return
    if table == SEVERITY:
        yield from codes_as_keys(cursor)
        return
    there = {*cursor.keys} if cursor.is_inline else _written_keys(view, table, cursor)
    ends_here = not _ENTRY.match(view.text.body, cursor.end)
    if has_models_as_keys(view, table):
        yield from _models_as_keys(view, cursor, there, ends_here=ends_here)
        return
    rates = bundled_rates(table)
    for key in knowledge.keys_of(table, view.dialect):
        if key in there:
            continue
        route = (*table, key)
        facts = knowledge.facts(route)
        if not table and ends_here and facts is not None and facts.is_table:
            continue  # its header is offered: a table in one line leaves none for what is below it
        name = key if _BARE.fullmatch(key) else quoted(key)
        value = f"{rates[key]:f}" if key in rates else _opening(facts)
        yield Offer(
            label=key,
            text=f"{name} = {value}" if ends_here else name,
            kind=_kind(facts),
            detail=_detail(facts) if key not in rates else BUNDLED,
            about=facts.meaning if facts else f"A key of the runtime {view.dialect.words}.",
            rank=_rank(key, table, there),
        )
    if not table and ends_here:
        yield from (offer._replace(rank=5) for offer in headers(view, cursor))


def _written_keys(view: View, table: Route, cursor: Cursor) -> frozenset[str]:
    """Return the keys that a table has already, but for the one that is being written."""
    depth = len(table)
    return frozenset(
        str(spot.route[depth])
        for spot in view.structure.spots
        if spot.route[:depth] == table
        and len(spot.route) > depth
        and not spot.key[0] <= cursor.start <= spot.key[1]
    )


def _rank(key: str, table: Route, there: Iterable[str]) -> int:
    """Return where a key is listed: what must be there first, what may not be beside last."""
    groups = (*EXACTLY_ONE, *AT_MOST_ONE) if table[:2] == ("cost", "budgets") else ()
    for group in groups:
        if key in group and not {*group}.isdisjoint(there):
            return 9
    if key in ("name", "input", "output", "kind", "base_url"):
        return 0
    return 9 if any(alias.old[-1] == key for alias in ALIASES) else 1


def _opening(facts: knowledge.KeyFacts | None) -> str:
    """Return what stands behind the equals sign of a new entry: its default, or where it begins."""
    if facts is None:
        return ""
    if facts.default and len(facts.default) < 40:
        return facts.default
    return _OPENINGS.get(facts.kind, "")


def _kind(facts: knowledge.KeyFacts | None) -> types.CompletionItemKind:
    if facts is not None and facts.is_table:
        return types.CompletionItemKind.Module
    return types.CompletionItemKind.Property


def _detail(facts: knowledge.KeyFacts | None) -> str:
    if facts is None:
        return ""
    words = "/".join(facts.choices) if facts.choices else facts.kind
    return f"{words}, {facts.range}" if facts.range else words


def _models_as_keys(
    view: View, cursor: Cursor, there: Collection[str], *, ends_here: bool
) -> Iterator[Offer]:
    """Offer models as keys; below ``[cost.prices]`` with their bundled price to begin with."""
    table = cursor.table or ()
    are_prices = table == ("cost", "prices")
    known = knowledge.keys_of((*table, "*"), view.dialect)
    opening = _opening(knowledge.facts((*table, "*")))
    for model in models(cursor.word):
        if model.name in there:
            continue
        key = prices.key(model.name)
        price = prices.bundled_price(model.name) if are_prices and ends_here else None
        value = prices.inline(price, known) if price else opening
        text = f"{key} = {value}" if ends_here and (price or not are_prices) else key
        yield model_offer(model, key, text)
