"""JSON is read strictly, and every value has a place (SCH-4)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corvus.answers.json_text import JsonFault, Places, Route, read

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(
    SCALARS.filter(lambda value: value not in (float("inf"), float("-inf"))),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def routes(value: object, route: Route = ()) -> Iterator[tuple[Route, object]]:
    yield route, value
    steps: Iterable[tuple[str | int, object]] = ()
    if isinstance(value, dict):
        steps = cast("dict[str | int, object]", value).items()
    elif isinstance(value, list):
        steps = enumerate(cast("list[object]", value))
    for step, inner in steps:
        yield from routes(inner, (*route, step))


@given(VALUES, st.sampled_from([None, 2]))
def test_the_place_of_every_value_holds_that_value(value: object, indent: int | None) -> None:
    text = json.dumps(value, indent=indent)
    assert read(text) == value
    places = Places(text)
    for route, inner in routes(value):
        place = places.of(route)
        assert place.route == route
        assert json.loads(text[place.start : place.end]) == inner


def test_the_place_of_a_member_starts_at_its_name() -> None:
    text = '{"a": [1, {"b c": 2}]}'
    place = Places(text).of(("a", 1, "b c"))
    assert text[place.name : place.end] == '"b c": 2'


def test_what_is_not_there_is_at_its_nearest_ancestor() -> None:
    text = '{"a": {"b": 1}}'
    place = Places(text).of(("a", "x", "y"))
    assert text[place.start : place.end] == '{"b": 1}'


@pytest.mark.parametrize(
    ("text", "offset", "word"),
    [
        ("", 0, "a value is missing"),
        ('{"a": 1, "a": 2}', 9, 'the name "a" stands twice'),
        ('{"o": {"a": 1, "\\u0061": 2}}', 15, 'the name "a" stands twice'),
        ('{"a": NaN}', 6, "NaN"),
        ("[1, -Infinity]", 4, "-Infinity"),
        ("[1e999]", 1, "too large"),
        ("[" + "9" * 5000 + "]", 0, "too many digits"),
        ('{"a": 1} x', 9, "something follows"),
        ('{"a" 1}', 5, "colon"),
        ("[1 2]", 3, "comma"),
        ('"abc', 0, "not closed"),
        ("[" * 100_000, 0, "nested too deeply"),
    ],
    ids=lambda part: str(part)[:20],
)
def test_what_is_not_json_is_refused_at_its_place(text: str, offset: int, word: str) -> None:
    with pytest.raises(JsonFault) as caught:
        read(text)
    assert word in str(caught.value)
    assert caught.value.offset == offset
