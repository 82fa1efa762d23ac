"""Views of a text without a server, and what is offered in them."""

from __future__ import annotations

from collections.abc import Mapping

from lsprotocol import types

from corvus.config.check.check import Options, check_text
from corvus.lsp.completion import complete
from corvus.lsp.spend import BudgetSpend
from corvus.lsp.text import UTF16, Text
from corvus.lsp.view import View


def view_of(
    text: str, spend: Mapping[str, BudgetSpend] | None = None, name: str = "corvus.toml"
) -> View:
    """Return a view of a text that is ``corvus.toml``, or has another name, checked."""
    checked = check_text(text.encode(), name)
    source, known = Text(text, UTF16, 1), spend or {}
    return View(f"file:///{name}", name, source, checked, Options(), known, False)


def items(text: str) -> dict[str, types.CompletionItem]:
    """Return what is offered at ``|``, by label."""
    view = view_of(text.replace("|", "", 1))
    place = view.text.range(text.index("|"), text.index("|")).start
    return {item.label: item for item in complete(view, place).items}


def offered(text: str) -> dict[str, str]:
    """Return what is offered at ``|``: the text that each writes, by label."""
    return {
        label: item.text_edit.new_text
        for label, item in items(text).items()
        if isinstance(item.text_edit, types.TextEdit)
    }
