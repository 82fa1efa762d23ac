"""Lines above budgets that say where they stand: ``today $12.40 of $20.00, 3 refused``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from lsprotocol import types

from corvus.lsp.hover import limit_of
from corvus.lsp.view import View

_BY_DEFAULT: Final = ("session", "day", "month")
"""The budgets of ``[cost]`` whose limits hold without being stated."""


def lenses(view: View) -> list[types.CodeLens]:
    """Return a line above each budget, and above each limit of ``[cost]`` and ``[mission]``."""
    return [
        types.CodeLens(view.text.range(start, start), types.Command(words, ""))
        for start, words in _lines(view)
    ]


def _lines(view: View) -> Iterator[tuple[int, str]]:
    spend = view.spend
    for section in view.structure.sections:
        if section.route == ("cost",):
            yield from (
                (section.header[0], f"{spend[name].words} (default)")
                for name in _BY_DEFAULT
                if name in spend and spend[name].is_default and spend[name].has_limit
            )
        name = view.budget_name(section.route) if section.route else None
        if name is not None and name in spend and len(section.route or ()) == 3:
            yield section.header[0], spend[name].words
    for spot in view.structure.spots:
        if spot.value is not None and len(spot.route) == 2:
            name = limit_of(view, spot.route)
            if name is not None and name in spend:
                yield spot.key[0], spend[name].words
