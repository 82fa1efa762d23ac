"""What is being written is known in any state of a text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corvus.config.toml.values import Route
from corvus.lsp.cursor import Cursor, Where, cursor_at
from corvus.lsp.structure import Structure

BUDGET = "[[cost.budgets]]\nname = 'a'\n[[cost.budgets]]\nname = 'b'\n"


def cursor(text: str) -> Cursor:
    return cursor_at(Structure(text.replace("|", "", 1)), text.index("|"))


@pytest.mark.parametrize(
    ("text", "where", "table", "word"),
    [
        ("|", Where.KEY, (), ""),
        ("[cost]\nda|", Where.KEY, ("cost",), "da"),
        ("[cost]\nx = 1\n|\n[mission]\n", Where.KEY, ("cost",), ""),
        ("[cost\nda|", Where.KEY, ("cost",), "da"),
        ("[[cost.budgets\nda|", Where.KEY, ("cost", "budgets", 0), "da"),
        ("[cost]\nprices.|", Where.KEY, ("cost", "prices"), ""),
        ('[cost.prices]\n"gpt-|', Where.KEY, ("cost", "prices"), "gpt-"),
        (f"{BUDGET}per|", Where.KEY, ("cost", "budgets", 1), "per"),
        (f"{BUDGET}match = {{ a = 1, m|", Where.KEY, ("cost", "budgets", 1, "match"), "m"),
        ("[cost]\nenabled = t|", Where.VALUE, ("cost", "enabled"), "t"),
        ("[cost]\nx = [\n  'a', # no ]\n  |\n]\n", Where.VALUE, ("cost", "x"), ""),
        ("[cost]\nx = { y = { z = 'q|", Where.VALUE, ("cost", "x", "y", "z"), "q"),
        ("[cost]\nx = ['a']\n[co|", Where.HEADER, (), "[co"),
        ("[cost.pr|]\n", Where.HEADER, ("cost",), "[cost.pr"),
        ("[cost] # corvus: ign|", Where.COMMENT, None, "# corvus: ign"),
        ("x = 1 # a|b", Where.COMMENT, None, "# a"),
        ("x = '# a|'", Where.VALUE, ("x",), "# a"),
        ("x = 1 |", Where.COMMENT, None, ""),
    ],
)
def test_what_stands_at_the_cursor(text: str, where: Where, table: Route | None, word: str) -> None:
    found = cursor(text)
    assert (found.where, found.table, found.word) == (where, table, word)


def test_items_and_keys_before_the_cursor_are_known() -> None:
    assert cursor("x = ['a', \"b\", '|").items == ("a", "b")
    assert cursor("x = { a = 1, b = [2], |").keys == ("a", "b")


@given(st.text(alphabet="ab =.,[]{}\"'#\n\\1", max_size=40), st.data())
def test_no_text_makes_it_fail(text: str, data: st.DataObject) -> None:
    structure = Structure(text)
    found = cursor_at(structure, data.draw(st.integers(0, len(text))))
    assert 0 <= found.start <= found.end <= len(text)
    for offset in range(len(text) + 1):
        structure.at(offset)


@pytest.mark.parametrize(
    "text",
    [
        'x = """|"""',
        'x = """\nenabled = |\n"""\n',
        "x = '''\n[cost]\nda|\n'''\n",
        '[cost]\nx = """\n# corvus: ignore[|',
        'x = """ \\""" da|"""',
        'y = \'"\'\nz = "\'\'\'"\nx = """\n[|',
    ],
)
def test_in_a_string_of_several_lines_nothing_is_being_written(text: str) -> None:
    assert cursor(text)[:3] == (Where.COMMENT, None, "")


@pytest.mark.parametrize(
    "text",
    ['x = """a"""\nda|', "# '''\nda|", "x = \"'''\nda|", "x = '''a''''\nda|", 'x = """a"""""\nda|'],
)
def test_behind_a_string_of_several_lines_keys_are_written(text: str) -> None:
    assert cursor(text)[:3] == (Where.KEY, (), "da")
