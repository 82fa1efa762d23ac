"""A budget has one name, in whichever way its string is written."""

from __future__ import annotations

import tomllib

from lsprotocol import types

from corvus.lsp.names import prepare, references, rename
from corvus.lsp.view import View
from tests.lsp.views import view_of

TEXT = '''\
[[cost.budgets]]
name = "\\u0061"
period = "day"
limit_usd = 5

[[governance.notify]]
name = "pager"
url_env = "PAGER"
budgets = ["\\u0061", """a""", \'\'\'
a\'\'\', 'a', "a", "b", """\\
    a""", 'a"']
'''


def place(view: View, mark: str) -> types.Position:
    offset = view.text.body.index(mark)
    return view.text.range(offset, offset).start


def test_a_rename_changes_every_string_that_spells_the_name() -> None:
    view = view_of(TEXT)
    for mark in ("\\u0061", "a'''", "'a', ", '"a", '):
        edit, _ = rename(view, place(view, mark), "c")
        lines = view.text.body.splitlines(keepends=True)
        (edits,) = (edit.changes or {}).values()
        text = view.text.body

        def offset(position: types.Position, lines: list[str] = lines) -> int:
            return sum(map(len, lines[: position.line])) + position.character

        for each in sorted(edits, key=lambda each: offset(each.range.start), reverse=True):
            text = text[: offset(each.range.start)] + each.new_text + text[offset(each.range.end) :]
        data = tomllib.loads(text)
        assert data["cost"]["budgets"][0]["name"] == "c"
        assert data["governance"]["notify"][0]["budgets"] == [*"ccccc", "b", "c", 'a"']
    assert len(references(view, place(view, "\\u0061"))) == 7


def test_the_place_of_a_name_is_what_stands_between_its_quotes() -> None:
    view = view_of(TEXT)
    for mark, written in (("\\u0061", "\\u0061"), ('a""", \'', "a"), ("'a', ", "a")):
        found = prepare(view, place(view, mark))
        assert isinstance(found, types.PrepareRenamePlaceholder)
        start, end = found.range.start, found.range.end
        assert view.text.body.splitlines()[start.line][start.character : end.character] == written
        assert found.placeholder == "a"


def test_a_string_that_cannot_be_read_names_nothing() -> None:
    for broken in ('"\\q"', '"\\ud800"', '"a', "12", '"""a'):
        view = view_of(f"[[cost.budgets]]\nname = {broken}\n")
        assert prepare(view, types.Position(1, 8)) is None
