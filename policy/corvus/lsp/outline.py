"""The outline of a file: its tables, budgets by their names, and the keys of each."""

from __future__ import annotations

from lsprotocol import types

from corvus.config.toml.values import Route, header, shown
from corvus.lsp.structure import Section, Spot
from corvus.lsp.view import View

_SYMBOLS = {
    "table": types.SymbolKind.Object,
    "array": types.SymbolKind.Array,
    "scalar": types.SymbolKind.Property,
}


def outline(view: View) -> list[types.DocumentSymbol]:
    """Return the tables and keys of a file, in the order of the text."""
    found: list[types.DocumentSymbol] = []
    sections = iter(view.structure.sections)
    section = next(sections, None)
    table: Route | None = ()
    children = found
    for spot in view.structure.spots:
        while section is not None and section.header[0] <= spot.key[0]:
            table, children = section.route, list[types.DocumentSymbol]()
            if table is not None:
                found.append(_table(view, section, children))
            section = next(sections, None)
        if spot.value is not None and not spot.is_nested and table is not None:
            children.append(_key(view, spot, spot.route[len(table) :]))
    return found


def _table(
    view: View, section: Section, children: list[types.DocumentSymbol]
) -> types.DocumentSymbol:
    assert section.route is not None, "a table without a name is not listed"
    start, end = section.header[0], max(section.end, section.header[1])
    title = header(section.route)
    name = view.budget_name(section.route) if len(section.route) == 3 else None
    return types.DocumentSymbol(
        name=name or title,
        detail=title if name else None,
        kind=types.SymbolKind.Module,
        range=view.text.range(start, end),
        selection_range=view.text.range(*section.header),
        children=children,
    )


def _key(view: View, spot: Spot, name: Route) -> types.DocumentSymbol:
    assert spot.value is not None, "only entries are listed"
    return types.DocumentSymbol(
        name=shown(name),
        kind=_SYMBOLS[spot.value.kind],
        range=view.text.range(spot.key[0], max(spot.key[1], spot.value.end)),
        selection_range=view.text.range(*spot.key),
    )
