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
    for place, name in _budgets(view):
        if name is not None and name in spend:
            yield place, spend[name].words
    for section in view.structure.sections:
        if section.route == ("cost",):
            yield from (
                (section.header[0], f"{spend[name].words} (default)")
                for name in _BY_DEFAULT
                if name in spend and spend[name].is_default and spend[name].has_limit
            )


def _budgets(view: View) -> Iterator[tuple[int, str | None]]:
    """Yield where each budget is stated, and its name if it has one."""
    for section in view.structure.sections:
        if section.route is not None and len(section.route) == 3:
            yield section.header[0], view.budget_name(section.route)
    for spot in view.structure.spots:
        if spot.value is None:
            continue
        if spot.route == ("cost", "budgets"):
            for index, item in enumerate(spot.value.items):
                yield item.start, view.budget_name((*spot.route, index))
        elif len(spot.route) == 2:
            yield spot.key[0], limit_of(view, spot.route)
