"""The flat form of a body: one ``key=value`` word for each member (CLI-1)."""

from __future__ import annotations

from corvus.answers.kv import kv_words


def test_what_would_be_misread_is_quoted_and_nothing_is_none() -> None:
    body = {"a": "x", "b": "two words", "c": None, "d": True, "e": 1, "f": {"g": [1]}, "h": "none"}
    assert kv_words(body) == [
        "a=x",
        'b="two words"',
        "c=none",
        "d=true",
        "e=1",
        r'f="{\"g\":[1]}"',
        'h="none"',
    ]
