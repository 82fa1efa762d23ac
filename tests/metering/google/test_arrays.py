"""An array is cut into its elements, wherever its pieces end, with bounded memory (PRX-3)."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from corvus.metering.google.arrays import ArrayElements

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
OBJECTS = st.lists(st.dictionaries(st.text(), JSON, max_size=3), max_size=4)


def cut(cutter: ArrayElements, text: bytes, size: int) -> list[Any]:
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    return [json.loads(found) for piece in pieces for found in cutter.feed(piece)]


@given(OBJECTS, st.integers(1, 9), st.booleans())
def test_elements_are_whole_however_they_are_cut(
    elements: list[dict[str, Any]], size: int, ascii_only: bool
) -> None:
    text = json.dumps(elements, ensure_ascii=ascii_only).encode()
    cutter = ArrayElements()
    assert cut(cutter, text, size) == elements
    assert cutter.finish() == b""


def test_an_object_alone_is_its_only_element() -> None:
    assert cut(ArrayElements(), b' {"a": [1, {"b": "]}"}]} ', 3) == [{"a": [1, {"b": "]}"}]}]


def test_stray_brackets_close_nothing() -> None:
    assert cut(ArrayElements(), b']}[{"a":1}]]}[', 2) == [{"a": 1}]


def test_an_element_that_is_never_completed_comes_at_the_end() -> None:
    cutter = ArrayElements()
    assert cutter.feed(b'[{"a": "b') == []
    assert cutter.finish() == b'{"a": "b'


def test_no_more_than_the_limit_is_held() -> None:
    cutter = ArrayElements(limit_bytes=100)
    long = json.dumps({"a": "]}" * 5_000})
    text = f'[{{"a": 1}}, {long}, {{"b": 2}}]'.encode()
    assert cut(cutter, text, 50) == [{"a": 1}, {"b": 2}]
    assert cutter.has_overflowed
    assert len(cutter.finish()) == 0
