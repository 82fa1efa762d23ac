"""What may be written at the cursor: keys, values, headers, models and codes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Final, NamedTuple

from lsprotocol import types

from corvus.config.check.codes import CODES
from corvus.config.check.ignore import may_ignore
from corvus.config.model.aliases import ALIASES
from corvus.config.model.defaults import AT_MOST_ONE, EXACTLY_ONE
from corvus.config.toml.values import Route, header, quoted, shown
from corvus.lsp import knowledge, prices
from corvus.lsp.cursor import Cursor, Where, cursor_at
from corvus.lsp.view import View

_CODES: Final = re.compile(
    r"corvus:[ \t]*ignore(?:-file)?[ \t]*\[(?:[^\],]*,)*[ \t]*([a-z0-9.-]*)\Z"
)
_DIRECTIVE: Final = re.compile(r"#[ \t]*(c?o?r?v?u?s?:?[ \t]*[a-z-]*)\Z")
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
_ROOM: Final = 400
"""Most models in one answer; more come while the name is written."""


class Offer(NamedTuple):
    """One thing that may be written.

    Attributes:
        label: What the editor lists.
        text: What it writes.
        kind: What it is.
        detail: A few words next to the label.
        about: Its meaning.
        rank: Where it is listed, the lowest first.
    """

    label: str
    text: str
    kind: types.CompletionItemKind
    detail: str = ""
    about: str = ""
    rank: int = 1


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
            offers = _values(view, cursor)
        case Where.COMMENT:
            cursor, offers = _comment(cursor)
    place = view.text.range(cursor.start, cursor.end)
    written = view.text.body[cursor.start : offset]
    items = [_item(offer, place, written) for offer in offers]
    many = len(items) >= _ROOM
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
        for model in _models(cursor.word.rpartition('"')[2]):
            text = header(("cost", "prices", model.name))
            yield _model(model, text, text)


def _has_header(view: View, route: Route) -> bool:
    return any(section.route == route for section in view.structure.sections)


def _keys(view: View, cursor: Cursor) -> Iterator[Offer]:
    table = cursor.table
    if table is None:
        return
    if table == ("cost", "prices"):
        yield from _priced_models(view, cursor)
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
            about=facts.meaning if facts else f"A key of the {view.dialect} runtime.",
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
    for model in _models(cursor.word):
        if model.name in there:
            continue
        key = prices.key(model.name)
        price = prices.bundled_price(model.name) if ends_here else None
        text = f"{key} = {prices.inline(price, known)}" if price else key
        yield _model(model, key, text)


def _models(word: str) -> list[prices.KnownModel]:
    fitting = [model for model in prices.models() if word.lower() in model.name.lower()]
    return fitting[:_ROOM]


def _model(model: prices.KnownModel, label: str, text: str) -> Offer:
    rank = 2 if "/" in model.name else 1
    return Offer(label, text, types.CompletionItemKind.Value, model.provider, rank=rank)


def _values(view: View, cursor: Cursor) -> Iterator[Offer]:
    route = cursor.table
    if route is None:
        return
    facts = knowledge.facts(route)
    words = _choices(view, cursor, route, facts)
    if words:
        yield from _words(word for word in words if word not in cursor.items)
    elif facts is not None and facts.kind == "boolean":
        yield from (_literal(word) for word in ("true", "false"))
    elif facts is not None and facts.default and not cursor.quote:
        yield _literal(facts.default)._replace(detail="default")


def _choices(
    view: View, cursor: Cursor, route: Route, facts: knowledge.KeyFacts | None
) -> Iterable[str]:
    """Return the words that a value, or an item of it, may be; nothing where it may be any."""
    words = knowledge.items(route) if cursor.is_item else ()
    if words or (facts is not None and facts.choices):
        return words or (facts.choices if facts is not None else ())
    if _names_models(route):
        return [model.name for model in _models(cursor.word.rstrip("*"))]
    if "provider" in route[-2:]:
        return prices.providers()
    if route[-1] == "timezone":
        return _zones(cursor.word)
    if route[-1] == "budgets" and route[:1] == ("governance",):
        return _budgets(view)
    return ()


def _names_models(route: Route) -> bool:
    return route[:2] == ("cost", "downgrade") or (route[-1] == "model" and "match" in route)


def _words(words: Iterable[str]) -> Iterator[Offer]:
    for place, word in enumerate(words):
        text = quoted(word)
        yield Offer(text, text, types.CompletionItemKind.EnumMember, rank=min(place, 99))


def _literal(text: str) -> Offer:
    return Offer(text, text, types.CompletionItemKind.Value)


def _budgets(view: View) -> tuple[str, ...]:
    """Return the names of the budgets of a file, and those that every file has."""
    spots = view.structure.spots
    own = (
        view.structure.string(spot.value)
        for spot in spots
        if spot.route[:2] == ("cost", "budgets") and spot.route[-1] == "name"
    )
    return (*(name for name in own if name), "session", "day", "month", "mission")


@cache
def _all_zones() -> tuple[str, ...]:
    from zoneinfo import available_timezones

    return tuple(sorted(available_timezones()))


def _zones(word: str) -> list[str]:
    return [zone for zone in _all_zones() if word.lower() in zone.lower()][:_ROOM]


def _comment(cursor: Cursor) -> tuple[Cursor, list[Offer]]:
    """Offer codes in a comment that ignores findings, and the comment itself."""
    codes = _CODES.search(cursor.word)
    if codes is not None:
        kind = types.CompletionItemKind.EnumMember
        offers = [
            Offer(code, code, kind, CODES[code].severity.value, CODES[code].title)
            for code in sorted(CODES)
            if may_ignore(code)
        ]
        return cursor._replace(start=cursor.start + codes.start(1)), offers
    directive = _DIRECTIVE.search(cursor.word)
    if directive is None:
        return cursor, []
    kind = types.CompletionItemKind.Snippet
    offers = [
        Offer(f"corvus: {word}[]", f"corvus: {word}[", kind, about=about)
        for word, about in (
            ("ignore", "Ignore a finding of this line, or of the next one; a reason is forced."),
            ("ignore-file", "Ignore a finding in the whole file; a reason is forced."),
        )
    ]
    return cursor._replace(start=cursor.start + directive.start(1)), offers
