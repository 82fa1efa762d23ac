"""What may be written at the cursor: keys, values, headers, models and codes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from lsprotocol import types

from corvus.config.model.aliases import ALIASES
from corvus.config.model.defaults import AT_MOST_ONE, EXACTLY_ONE
from corvus.config.toml.values import Route, header, quoted, shown
from corvus.lsp import knowledge, prices
from corvus.lsp.cursor import Cursor, Where, cursor_at
from corvus.lsp.offers import (
    ROOM,
    SEVERITY,
    Offer,
    codes_as_keys,
    comment,
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
    """Return what may be written at a position."""
    offset = view.text.offset(position)
    cursor = cursor_at(view.structure, offset)
    match cursor.where:
        case Where.HEADER:
            offers = _headers(view, cursor)
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


def _headers(view: View, cursor: Cursor) -> Iterator[Offer]:
    is_array = cursor.word.startswith("[[")
    for route, many in knowledge.tables():
        if is_array and not many:
            continue
        if not many and _has_header(view, route):
            continue
        facts = knowledge.facts(route)
        text = f"[[{shown(route)}]]" if many else f"[{shown(route)}]"
        yield Offer(
            text, text, types.CompletionItemKind.Module, about=facts.meaning if facts else ""
        )
    if not is_array and (cursor.table or ())[:2] == ("cost", "prices"):
        for model in models(cursor.word.rpartition('"')[2]):
            text = header(("cost", "prices", model.name))
            yield model_offer(model, text, text)


def _has_header(view: View, route: Route) -> bool:
    return any(section.route == route for section in view.structure.sections)


def _keys(view: View, cursor: Cursor) -> Iterator[Offer]:
    table = cursor.table
    if table is None:
        return
    if table == ("cost", "prices"):
        yield from _priced_models(view, cursor)
        return
    if table == SEVERITY:
        yield from codes_as_keys(cursor)
        return
    there = {*cursor.keys} if cursor.is_inline else _written_keys(view, table, cursor)
    ends_here = not _ENTRY.match(view.text.body, cursor.end)
    price = prices.bundled_price(str(table[2])) if _is_price(table) else None
    asked = prices.rates(price) if price else {}
    for key in knowledge.keys_of(table, view.dialect):
        if key in there:
            continue
        route = (*table, key)
        facts = knowledge.facts(route)
        name = key if _BARE.fullmatch(key) else quoted(key)
        value = f"{asked[key]:f}" if key in asked else _opening(facts)
        yield Offer(
            label=key,
            text=f"{name} = {value}" if ends_here else name,
            kind=_kind(facts),
            detail=_detail(facts) if key not in asked else "bundled price",
            about=facts.meaning if facts else f"A key of the runtime {view.dialect.words}.",
            rank=_rank(key, table, there),
        )
    if not table:
        yield from (offer._replace(rank=5) for offer in _headers(view, cursor) if cursor.word == "")


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


def _is_price(table: Route) -> bool:
    return table[:2] == ("cost", "prices") and len(table) == 3


def _priced_models(view: View, cursor: Cursor) -> Iterator[Offer]:
    """Offer models below ``[cost.prices]``, with the price of the bundled book to begin with."""
    ends_here = not _ENTRY.match(view.text.body, cursor.end)
    there = _written_keys(view, ("cost", "prices"), cursor)
    known = knowledge.keys_of(("cost", "prices", "*"), view.dialect)
    for model in models(cursor.word):
        if model.name in there:
            continue
        key = prices.key(model.name)
        price = prices.bundled_price(model.name) if ends_here else None
        text = f"{key} = {prices.inline(price, known)}" if price else key
        yield model_offer(model, key, text)
