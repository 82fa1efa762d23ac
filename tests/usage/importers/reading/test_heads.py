"""The keys of the first object, whatever its texts quote and wherever it is cut."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from corvus.usage.importers.reading.heads import first_keys

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def test_keys_of_inner_objects_are_dotted() -> None:
    found: dict[str, Any] = {
        "info": {"id": 1},
        "messages": [{"info": {"role": "a"}}, {"parts": []}],
        "n": 1,
    }
    assert first_keys(json.dumps(found).encode()) == {
        "info",
        "info.id",
        "messages",
        "messages.info",
        "messages.info.role",
        "messages.parts",
        "n",
    }


def test_a_quotation_is_no_key() -> None:
    quoted = json.dumps({"projectHash": "h", "a": "\\"})
    assert first_keys(json.dumps({"text": quoted, "b": ["x", "y:"]}).encode()) == {"text", "b"}


def test_only_the_first_of_several_lines_counts() -> None:
    assert first_keys(b'{"a": 1}\n{"b": 1}') == {"a"}
    assert first_keys(b'[{"a": 1}, {"b": 1}]') == {"a", "b"}


def test_a_text_that_is_cut_ends_the_search() -> None:
    assert first_keys(b'{"a": "' + b'\\"b\\": ' * 5) == {"a"}
    assert first_keys(b'{"a": "\\') == {"a"}
    assert first_keys(b"") == first_keys(b"]}") == frozenset()


@given(found=st.dictionaries(st.text("ab", min_size=1), JSON, max_size=4), end=st.integers(0, 500))
def test_what_is_cut_has_no_other_keys(found: dict[str, object], end: int) -> None:
    head = json.dumps(found).encode()
    assert found.keys() <= first_keys(head)
    assert first_keys(head[:end]) <= first_keys(head)
