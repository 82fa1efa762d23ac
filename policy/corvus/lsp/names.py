"""The names of budgets in a file: where each is given, where it is used, and its change."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams

from corvus.config.toml.tokens import Value
from corvus.config.toml.values import quoted
from corvus.lsp.view import View

_SLUG: Final = re.compile(r"[a-z0-9]+(?:[_-][a-z0-9]+)*")
_LONGEST: Final = 64
_TAKEN: Final = ("session", "day", "month", "mission")
"""The names of the budgets that ``[cost]`` and ``[mission]`` state."""


class Mention(NamedTuple):
    """One place that names a budget.

    Attributes:
        name: The budget.
        start: Where the string begins, with its quote.
        end: Where it ends.
        is_definition: Whether the budget is named so here.
    """

    name: str
    start: int
    end: int
    is_definition: bool


def mentions(view: View) -> Iterator[Mention]:
    """Yield every place that names a budget: ``name`` of a budget, ``budgets`` of a target."""
    for spot in view.structure.spots:
        value = spot.value
        if value is None:
            continue
        if _is_name(spot.route):
            yield from _mention(view, value, is_definition=True)
        elif spot.route[:2] == ("governance", "notify") and spot.route[-1] == "budgets":
            for item in value.items:
                yield from _mention(view, item, is_definition=False)


def prepare(view: View, position: types.Position) -> types.PrepareRenamePlaceholder | None:
    """Return the name at a position that can be changed."""
    mention = _at(view, position)
    if mention is None:
        return None
    written = view.text.body[mention.start : mention.end]
    quotes = 3 if written.startswith(('"""', "'''")) else 1
    return types.PrepareRenamePlaceholder(
        view.text.range(mention.start + quotes, mention.end - quotes), mention.name
    )


def rename(view: View, position: types.Position, new: str) -> tuple[types.WorkspaceEdit, str]:
    """Return the edits that give a budget another name, and what its user should know.

    Raises:
        JsonRpcInvalidParams: There is no budget at the position, or the name cannot be used.
    """
    mention = _at(view, position)
    if mention is None:
        raise JsonRpcInvalidParams("there is no name of a budget here")
    everywhere = [*mentions(view)]
    if not _SLUG.fullmatch(new) or len(new) > _LONGEST:
        raise JsonRpcInvalidParams(
            f"a name has lower-case letters, digits, - and _, at most {_LONGEST}, not {new!r}"
        )
    if new in _TAKEN or any(each.name == new and each.is_definition for each in everywhere):
        raise JsonRpcInvalidParams(f"there is a budget {new!r} already")
    edits = [
        types.TextEdit(view.text.range(each.start, each.end), quoted(new))
        for each in everywhere
        if each.name == mention.name
    ]
    warning = (
        f"History stays under the old name: overrides, resets, refusals and audit events of "
        f"{mention.name!r} are not those of {new!r}, whose spend is counted from the ledger."
    )
    return view.edit(edits), warning


def definition(view: View, position: types.Position) -> types.Location | None:
    """Return where the budget is named that is named at a position."""
    mention = _at(view, position)
    if mention is None:
        return None
    for each in mentions(view):
        if each.is_definition and each.name == mention.name:
            return types.Location(view.uri, view.text.range(each.start, each.end))
    return None


def references(view: View, position: types.Position) -> list[types.Location]:
    """Return every place that names the budget at a position."""
    mention = _at(view, position)
    if mention is None:
        return []
    return [
        types.Location(view.uri, view.text.range(each.start, each.end))
        for each in mentions(view)
        if each.name == mention.name
    ]


def _is_name(route: tuple[str | int, ...]) -> bool:
    return len(route) == 4 and route[:2] == ("cost", "budgets") and route[-1] == "name"


def _mention(view: View, value: Value, *, is_definition: bool) -> Iterator[Mention]:
    name = view.structure.string(value)
    if name:
        yield Mention(name, value.start, value.end, is_definition)


def _at(view: View, position: types.Position) -> Mention | None:
    offset = view.text.offset(position)
    return next((each for each in mentions(view) if each.start <= offset <= each.end), None)
