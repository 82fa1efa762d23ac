"""Twelve renames and the removals that go with them: only the bytes of the key change."""

from __future__ import annotations

import tomllib

import pytest

from corvus.base.errors import EditRefused
from corvus.config.edit.edit import applied, remove_statement, rename
from corvus.config.toml.document import Document, read_document
from corvus.config.toml.values import Route


def parsed(text: str) -> Document:
    document, errors = read_document(text.encode(), "x.toml")
    assert document is not None, errors
    return document


RENAMES: dict[str, tuple[str, Route, str]] = {
    "leaf": (
        "[t]\n# before\nold   = 1_000 # behind\n\nz = 2\n",
        ("t", "old"),
        "[t]\n# before\nnew   = 1_000 # behind\n\nz = 2\n",
    ),
    "out-of-order table": (
        "[old.a]\nx = 1\n[other]\ny = 2\n[ old . b ]\nz = 3\n[old]\nw = 4\n",
        ("old",),
        "[new.a]\nx = 1\n[other]\ny = 2\n[ new . b ]\nz = 3\n[new]\nw = 4\n",
    ),
    "array of tables": (
        "[[old]]\nx = 1\n\n[[old]] # second\nx = 2\n",
        ("old",),
        "[[new]]\nx = 1\n\n[[new]] # second\nx = 2\n",
    ),
    "key in one item of an array of tables": (
        "[[t]]\nold = 1\n[[t]]\nold = 2\n",
        ("t", 1, "old"),
        "[[t]]\nold = 1\n[[t]]\nnew = 2\n",
    ),
    "nested array of tables": (
        "[[t]]\n[[t.old]]\nx = 1\n[[t.old]]\nx = 2\n[[t]]\n[[t.old]]\nx = 3\n",
        ("t", 0, "old"),
        "[[t]]\n[[t.new]]\nx = 1\n[[t.new]]\nx = 2\n[[t]]\n[[t.old]]\nx = 3\n",
    ),
    "inline table": (
        "t = {  a=1,old = 2 , b = { old = 3 } }\n",
        ("t", "old"),
        "t = {  a=1,new = 2 , b = { old = 3 } }\n",
    ),
    "dotted leaf": ("t . old = 1\nt.z = 2\n", ("t", "old"), "t . new = 1\nt.z = 2\n"),
    "dotted prefix": (
        "old.a = 1\nx = 0\nold . 'b' = 2\n",
        ("old",),
        "new.a = 1\nx = 0\nnew . 'b' = 2\n",
    ),
    "table with subtables": (
        "[old]\nx = 1\ns = 'old'\n[old.old]\ny = 1\n[old.old.z]\n",
        ("old",),
        "[new]\nx = 1\ns = 'old'\n[new.old]\ny = 1\n[new.old.z]\n",
    ),
    "quoted key": (
        "\"old\" = 1\n[t]\n'old' = 2\n",
        ("old",),
        "\"new\" = 1\n[t]\n'old' = 2\n",
    ),
    "literal quoted key": ("[t]\n'old' = 2\n", ("t", "old"), "[t]\n'new' = 2\n"),
    "line ends of Windows": (
        "[t]\r\n# é\r\nold = [\r\n  1,\r\n]\r\nz = 2\r\n",
        ("t", "old"),
        "[t]\r\n# é\r\nnew = [\r\n  1,\r\n]\r\nz = 2\r\n",
    ),
    "wide characters before": (
        "s = '🦀é'\nt = { 'é' = 1, old = '''\nold = 1''' }\n",
        ("t", "old"),
        "s = '🦀é'\nt = { 'é' = 1, new = '''\nold = 1''' }\n",
    ),
}


@pytest.mark.parametrize(("text", "route", "expected"), RENAMES.values(), ids=RENAMES)
def test_a_rename_changes_the_key_and_nothing_else(text: str, route: Route, expected: str) -> None:
    assert applied(text, rename(parsed(text), route, "new")) == expected


@pytest.mark.parametrize(
    ("name", "written"), [("new", "new"), ("a b", '"a b"'), ('q"', '"q\\""'), ("", '""')]
)
def test_a_new_name_is_quoted_where_toml_needs_it(name: str, written: str) -> None:
    text = "old = 1\n"
    renamed = applied(text, rename(parsed(text), ("old",), name))
    assert renamed == f"{written} = 1\n"
    assert tomllib.loads(renamed) == {name: 1}


REMOVALS: dict[str, tuple[str, Route, str]] = {
    "line": ("[t]\na = 1\nold = 2\nb = 3\n", ("t", "old"), "[t]\na = 1\nb = 3\n"),
    "comment before and behind": (
        "[t]\n# before\n  old = 2   # behind\nb = 3\n",
        ("t", "old"),
        "[t]\n# before\nb = 3\n",
    ),
    "several lines": ("[t]\nold = [ # open\n 1,\n]\nb = 3\n", ("t", "old"), "[t]\nb = 3\n"),
    "dotted": ("t.a = 1\nt.old = 2\n", ("t", "old"), "t.a = 1\n"),
    "last line without an end": ("[t]\na = 1\nold = 2", ("t", "old"), "[t]\na = 1"),
    "last line of Windows": ("[t]\r\na = 1\r\nold = 2", ("t", "old"), "[t]\r\na = 1"),
    "only line": ("old = 2", ("old",), ""),
    "line ends of Windows": ("a = 1\r\nold = 2\r\nb = 3\r\n", ("old",), "a = 1\r\nb = 3\r\n"),
    "first of inline": ("t = { old = 1, b = 2 }\n", ("t", "old"), "t = { b = 2 }\n"),
    "middle of inline": ("t = { a = 1, old=2,b = 3 }\n", ("t", "old"), "t = { a = 1, b = 3 }\n"),
    "last of inline": ("t = { a = 1 , old = 2 }\n", ("t", "old"), "t = { a = 1 }\n"),
    "all of inline": ("t = { old = 1 } # x\n", ("t", "old"), "t = {} # x\n"),
    "inline in an array": (
        "t = [ { old = 1, b = 2 }, { old = 3 } ]\n",
        ("t", 1, "old"),
        "t = [ { old = 1, b = 2 }, {} ]\n",
    ),
    "item of an array of tables": (
        "[[t]]\nold = 1\n[[t]]\nold = 2\n[t.u]\nold = 3\n",
        ("t", 1, "old"),
        "[[t]]\nold = 1\n[[t]]\n[t.u]\nold = 3\n",
    ),
    "key of the same name elsewhere": (
        "old = 1\n[t]\nold = 2\n[u]\nold = 3\n",
        ("t", "old"),
        "old = 1\n[t]\n[u]\nold = 3\n",
    ),
}


@pytest.mark.parametrize(("text", "route", "expected"), REMOVALS.values(), ids=REMOVALS)
def test_a_removal_takes_the_statement_and_the_comment_behind_it(
    text: str, route: Route, expected: str
) -> None:
    assert applied(text, remove_statement(parsed(text), route)) == expected


@pytest.mark.parametrize("text", ["[old]\nx = 1\n", "old.a = 1\nold.b = 2\n", "[[old]]\n"])
def test_a_table_of_several_statements_is_not_removed(text: str) -> None:
    with pytest.raises(EditRefused):
        remove_statement(parsed(text), ("old",))
