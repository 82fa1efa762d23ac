"""The values that may be written at the cursor, and the codes in a comment."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from functools import cache
from typing import Final, NamedTuple

from lsprotocol import types

from corvus.config.check.codes import CODES
from corvus.config.check.ignore import may_ignore
from corvus.config.check.rule_settings import refusal
from corvus.config.toml.values import Route, quoted
from corvus.lsp import knowledge, prices
from corvus.lsp.cursor import Cursor
from corvus.lsp.view import View

_CODES: Final = re.compile(
    r"corvus:[ \t]*+ignore(?:-file)?+[ \t]*+\[(?:[^\],]*+,)*+[ \t]*+([a-z0-9.-]*+)\Z"
)
_DIRECTIVE: Final = re.compile(r"#[ \t]*(c?o?r?v?u?s?:?[ \t]*[a-z-]*)\Z")
ROOM: Final = 400
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


def models(word: str) -> list[prices.KnownModel]:
    """Return models of the bundled book whose names hold what is written, at most ``ROOM``."""
    fitting = [model for model in prices.models() if word.lower() in model.name.lower()]
    return fitting[:ROOM]


def model_offer(model: prices.KnownModel, label: str, text: str) -> Offer:
    """Offer a model: those that a bare name means come first."""
    rank = 2 if "/" in model.name else 1
    return Offer(label, text, types.CompletionItemKind.Value, model.provider, rank=rank)


BUNDLED: Final = "bundled price"
"""The detail of a rate that the bundled book has."""


def bundled_rates(table: Route) -> dict[str, Decimal]:
    """Return what the bundled book asks by key of a table ``[cost.prices.<model>]``."""
    is_price = table[:2] == ("cost", "prices") and len(table) == 3
    price = prices.bundled_price(str(table[2])) if is_price else None
    return prices.rates(price) if price else {}


def has_models_as_keys(view: View, table: Route) -> bool:
    """Return whether the keys of a table are models."""
    if table in {("cost", "prices"), ("cost", "downgrade")}:
        return True
    if table[:2] != ("cost", "budgets") or table[3:] != ("limits",):
        return False
    structure = view.structure
    per = next((each.value for each in structure.spots if each.route == (*table[:3], "per")), None)
    return per is not None and [structure.string(item) for item in per.items] == ["model"]


SEVERITY: Final[Route] = ("governance", "check", "severity")
"""The table whose keys are codes."""


def codes_as_keys(cursor: Cursor) -> Iterator[Offer]:
    """Offer the codes whose severity can be stated."""
    for code in sorted(CODES):
        if code not in cursor.keys and refusal(code, "off") is None:
            about = CODES[code].title
            yield Offer(code, f'{code} = "off"', types.CompletionItemKind.Property, about=about)


def values(view: View, cursor: Cursor) -> Iterator[Offer]:
    """Offer the values of a key: its words, what such a value names, or its default."""
    route = cursor.table
    if route is None:
        return
    facts = knowledge.facts(route)
    words = _choices(view, cursor, route, facts)
    rate = bundled_rates(route[:-1]).get(str(route[-1]))
    if rate is not None:
        if not cursor.quote:
            yield _literal(f"{rate:f}")._replace(detail=BUNDLED)
    elif words:
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
        return [model.name for model in models(cursor.word.rstrip("*"))]
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
    return [zone for zone in _all_zones() if word.lower() in zone.lower()][:ROOM]


def comment(cursor: Cursor) -> tuple[Cursor, list[Offer]]:
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
