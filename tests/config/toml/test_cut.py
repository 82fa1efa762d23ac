"""What is cut out of a text is a key or table, its comments, and nothing else."""

from __future__ import annotations

import pytest

from corvus.config.toml.cut import cut_out
from corvus.config.toml.document import read_document
from corvus.config.toml.values import Route


def cut(text: str, route: Route) -> str:
    document, _ = read_document(text.encode(), "corvus.toml")
    assert document is not None
    for start, end in reversed(cut_out(document, route)):
        text = text[:start] + text[end:]
    assert read_document(text.encode(), "corvus.toml")[0] is not None
    return text


@pytest.mark.parametrize(
    ("text", "route", "expected"),
    [
        ("a = 1\nb = 2 # two\nc = 3\n", ("b",), "a = 1\nc = 3\n"),
        ("a = 1\nb = 2", ("b",), "a = 1"),
        ("a = 1\r\nb = 2", ("b",), "a = 1"),
        ("a = 1\r\nb = 2\r\nc = 3\r\n", ("b",), "a = 1\r\nc = 3\r\n"),
        ("# about b\nb = 2\n", ("b",), "# about b\n"),
        ("a = [\n  1,\n  2,\n] # all\nb = 1\n", ("a",), "b = 1\n"),
        ("x.a = 1\nx.b = 2\ny = 3\n", ("x",), "y = 3\n"),
        ("a = { b = 1, c = 2 }\n", ("a", "b"), "a = { c = 2 }\n"),
        ("a = { b = 1, c = 2 }\n", ("a", "c"), "a = { b = 1 }\n"),
        ("a = { b = 1 }\n", ("a", "b"), "a = {}\n"),
        ("a = [1, 2, 3]\n", ("a", 0), "a = [2, 3]\n"),
        ("a = [1, 2, 3]\n", ("a", 2), "a = [1, 2]\n"),
        ("a = [\n  1,\n  2,\n]\n", ("a", 1), "a = [\n  1,\n]\n"),
        ("a = [\n  1,\n  2,\n]\n", ("a", 0), "a = [\n  2,\n]\n"),
        ("[a]\nx = 1\n\n[b]\ny = 1\n", ("a",), "[b]\ny = 1\n"),
        ("[a]\nx = 1\n\n# of b\n[b]\ny = 1\n", ("b",), "[a]\nx = 1\n\n"),
        ("[a]\nx = 1\n\n# of b\n[b]\ny = 1\n", ("a",), "# of b\n[b]\ny = 1\n"),
        ("#:schema x\n[a]\nx = 1\n", ("a",), "#:schema x\n"),
        ("[[a]]\nx = 1\n[b]\n[[a]]\nx = 2\n[a.c]\n", ("a",), "[b]\n"),
        ("[[a]]\nx = 1\n[[a]]\nx = 2\n", ("a", 1), "[[a]]\nx = 1\n"),
        ("[a.b]\nx = 1\n[c]\n", ("a", "b", "x"), "[a.b]\n[c]\n"),
    ],
)
def test_only_the_key_and_what_belongs_to_it_goes(text: str, route: Route, expected: str) -> None:
    assert cut(text, route) == expected


@pytest.mark.parametrize(
    ("text", "route"),
    [
        ("a = 1\n", ("b",)),
        ("a = [1]\n", ("a", 1)),
        ("a = [\n  1, # one\n  2,\n]\n", ("a", 1)),
        ("a = [ # all\n  1\n]\n", ("a", 0)),
        ("a = { b.x = 1, b.y = 2 }\n", ("a", "b")),
    ],
)
def test_what_is_not_there_or_has_a_comment_in_the_way_stays(text: str, route: Route) -> None:
    assert cut(text, route) == text
