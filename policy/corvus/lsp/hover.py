"""What an editor shows of a key under the pointer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from lsprotocol import types

from corvus.base.links import rule_page
from corvus.config.check.codes import CODES
from corvus.config.layers.origins import masked
from corvus.config.model.aliases import Alias
from corvus.config.model.defaults import SCOPES
from corvus.config.model.dialects import host_keys
from corvus.config.toml.values import Route, shown, written
from corvus.lsp import knowledge, prices
from corvus.lsp.structure import Spot
from corvus.lsp.view import View

_CODES: Final = re.compile(r"#[ \t]*corvus:[ \t]*ignore(?:-file)?[ \t]*\[([^\]]*)\]")
_CODE: Final = re.compile(r"[a-z][a-z0-9.-]*")
_LONGEST: Final = 120
_LIMITS: Final[dict[Route, str]] = {
    **{("cost", key): scope for scope, key in SCOPES.items()},
    ("mission", "max_estimated_cost_cents"): "mission",
}
"""The keys that state the limit of a budget of their own, and its name."""


def hover(view: View, position: types.Position) -> types.Hover | None:
    """Return what is known of what stands at a position."""
    offset = view.text.offset(position)
    code = _code_at(view, offset)
    if code is not None:
        return code
    spot = view.structure.at(offset)
    if spot is None:
        return None
    parts = [part for part in _parts(view, spot) if part]
    if not parts:
        return None
    title = f"`{shown(spot.route)}`"
    content = types.MarkupContent(types.MarkupKind.Markdown, "\n\n".join((title, *parts)))
    return types.Hover(content, view.text.range(*spot.key))


def limit_of(view: View, route: Route) -> str | None:
    """Return the budget that a key, or the table of a budget, is about."""
    return _LIMITS.get(route) or view.budget_name(route)


def _parts(view: View, spot: Spot) -> Iterator[str]:
    route = spot.route
    deprecated = knowledge.alias(route)
    if deprecated is not None and (of_hosts := _read_by_hosts(view, deprecated)):
        yield of_hosts
        return
    facts = knowledge.facts(deprecated.new if deprecated else route)
    if deprecated is not None:
        yield (
            f"**Deprecated.** {deprecated.timeline} {deprecated.reason} "
            f"It counts {deprecated.old_unit} and is read as "
            f"`{shown(deprecated.new)}`, {deprecated.new_unit}."
        )
    if facts is None:
        yield _of_host(view, route)
        return
    if deprecated is None:
        yield facts.meaning
    yield _bounds(facts)
    yield _in_force(view, deprecated.new if deprecated else route)
    yield _spend(view, route)
    if route[:2] == ("cost", "prices") and len(route) > 2:
        yield _price(str(route[2]))


def _read_by_hosts(view: View, alias: Alias) -> str:
    """Return what a deprecated key means to the runtime whose file this is, if it reads it."""
    hosts = [each for each in alias.hosts if each.host in view.dialect.hosts]
    said = "; ".join(f"{each.host} reads this key as {each.meaning}" for each in hosts)
    return f"{said}. Corvus does not read it here." if said else ""


def _of_host(view: View, route: Route) -> str:
    table = str(route[0]) if len(route) > 1 else "top_level"
    if len(route) < 3 and route and route[-1] in host_keys(view.dialect, table):
        return f"A key of the runtime {view.dialect.words}; corvus does not look into it."
    return ""


def _bounds(facts: knowledge.KeyFacts) -> str:
    words = [facts.kind]
    if facts.choices:
        words = [" or ".join(f'`"{choice}"`' for choice in facts.choices)]
    if facts.range:
        words.append(facts.range)
    if facts.default and len(facts.default) <= _LONGEST:
        words.append(f"default `{facts.default}`")
    return " · ".join(words)


def _in_force(view: View, route: Route) -> str:
    setting = view.settings.get(route)
    if setting is None or setting.value is None:
        return ""
    value = written(masked(route, setting.value))
    value = value if len(value) <= _LONGEST else f"{value[:_LONGEST]}…"
    said = f"In force: `{value}`, from {_place(view, setting.origin.place)}"
    over = [_place(view, origin.place) for origin in setting.shadowed]
    return f"{said}, over {', '.join(over)}" if over else said


def _place(view: View, place: str) -> str:
    """Return where a value comes from, the file by its name alone."""
    return place.replace(view.name, Path(view.name).name)


def _spend(view: View, route: Route) -> str:
    budget = limit_of(view, route)
    spend = view.spend.get(budget) if budget else None
    return f"Spend: {spend.words}" if spend else ""


def _price(model: str) -> str:
    price = prices.bundled_price(model)
    if price is None:
        return "The bundled price book has no one price for this model."
    return f"Bundled price: {prices.words(price)}"


def _code_at(view: View, offset: int) -> types.Hover | None:
    """Return what a code in a comment means."""
    start, end = view.text.line_bounds(offset)
    found = _CODES.search(view.text.body, start, end)
    if found is None or not found.start(1) <= offset <= found.end(1):
        return None
    for code in _CODE.finditer(view.text.body, *found.span(1)):
        if code.start() <= offset <= code.end() and code.group() in CODES:
            info = CODES[code.group()]
            text = (
                f"`{info.code}` ({info.severity}): {info.title}\n\n{info.explanation}\n\n"
                f"{info.mend}\n\n[{info.code}]({rule_page(info.code)})"
            )
            content = types.MarkupContent(types.MarkupKind.Markdown, text)
            return types.Hover(content, view.text.range(*code.span()))
    return None
