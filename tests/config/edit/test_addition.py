"""What is added is written as its table is written, and nothing else of the table changes."""

from __future__ import annotations

import pytest

from corvus.config.edit.addition import into_braces, into_lines, new_table

LINES = {
    "below an indented header": ("  [t]\n    a = 1\n", ["t"], ["n"], "    n = true\n"),
    "below a header without a line end": ("[t]", ["t"], ["n"], "\nn = true\n"),
    "in an array of tables": ("[[t.u]]\na = 1\n", ["t", "u", 0], ["n"], "n = true\n"),
    "beside a dotted key": (" t.a.b = 1 # x\n", ["t", "a"], ["n"], " t.a.n = true\n"),
    "a dotted key": ("[[t]]\n", ["t", 0], ["m", "n"], "m.n = true\n"),
    # tomlkit 0.15.2 writes the space away.
    "where tomlkit changes another line": (
        "[t]\nday = [2026-11-28 ]\n", ["t"], ["n"], "n = true\n",
    ),
    "beside a dotted key that tomlkit changes": (
        "t.days = [2026-11-28 ]\n", ["t"], ["n"], "t.n = true\n",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LINES)
def test_a_key_goes_behind_the_last_line(name: str) -> None:
    lines, table, names, text = LINES[name]
    assert into_lines(lines, table, names, "true") == (len(lines), text)


BRACES = {
    "one more": ("{ a = 1 }", ["n"], "{ a = 1, n = true }"),
    "without spaces": ("{a=1}", ["n"], "{a=1,n = true}"),
    "into none": ("{}", ["n"], "{ n = true }"),
    "a table in it": ("{ a = 1 }", ["m", "n"], "{ a = 1, m = { n = true } }"),
    "beside its dotted keys": ("{ m.a = 1, b = 2 }", ["m", "n"], "{ m.a = 1, m.n = true, b = 2 }"),
    "where tomlkit changes another entry": (
        "{ days = [2026-11-28 ] }", ["n"], "{ days = [2026-11-28 ], n = true }",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BRACES)
def test_a_key_goes_behind_the_last_entry(name: str) -> None:
    braces, names, expected = BRACES[name]
    at, text = into_braces(braces, names, "true")
    assert braces[:at] + text + braces[at:] == expected


def test_a_new_table_has_a_header_and_a_line_for_each_key() -> None:
    assert new_table(["a", "b c"], ["n"], "0x1F") == '[a."b c"]\nn = 0x1F\n'
    assert new_table(["a", "b"], [], '{ x = 1, y = ["z"] }') == '[a.b]\nx = 1\ny = ["z"]\n'
