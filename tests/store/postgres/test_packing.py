from __future__ import annotations

import json

from hypothesis import example, given
from hypothesis import strategies as st

from corvus.store.postgres import packing

ANY = st.text(
    st.one_of(
        st.sampled_from("\x00\x01\x02\x03\x04\x05\x1d\x1e\\u0014ab\ud800\udfffé\U0001f600"),
        st.characters(),
        st.sampled_from(["\x01"]),
    ),
    max_size=12,
)
WHOLE = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@given(ANY)
@example("\\u0000")
@example("\\\\u0000")
@example("\\\ud800")
@example("\\\\\ud800")
@example("\\u0001\\u0002")
@example("\\u0001\\u0004d800")
def test_every_text_comes_back_and_is_one_that_postgresql_keeps(value: str) -> None:
    kept = packing.kept(value)
    assert packing.given(kept) == value
    assert "\x00" not in kept
    assert packing.BETWEEN not in kept
    assert packing.ABSENT not in kept
    kept.encode()


@given(st.recursive(ANY | st.integers() | st.none(), lambda inner: st.dictionaries(ANY, inner)))
def test_json_stays_json_that_says_the_same_in_the_words_of_columns(value: object) -> None:
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    kept = packing.kept(body)
    assert packing.given(kept) == body
    assert "\\u0000" not in kept.replace("\\\\", "")
    json.loads(kept)


@given(WHOLE)
def test_what_json_holds_is_kept_as_a_column_is(value: str) -> None:
    body = packing.kept(json.dumps([value], ensure_ascii=False))
    if "\\" not in value:  # a text of six characters that looks like an escape is no id
        assert json.loads(body) == [packing.kept(value)]


@given(WHOLE, WHOLE)
def test_texts_that_are_kept_compare_as_the_texts_do(one: str, other: str) -> None:
    if "\\" in one + other:
        return
    assert (packing.kept(one).encode() < packing.kept(other).encode()) == (
        one.encode() < other.encode()
    )


def test_most_texts_are_kept_as_they_are() -> None:
    for value in ("", "plain", "ünïcode", '{"a":"\\n"}', "a\x1eb"):
        assert packing.kept(value) is value


@given(st.lists(st.tuples(ANY | st.none(), st.integers() | st.none()), min_size=1, max_size=5))
def test_packed_columns_are_cut_up_into_what_was_packed(
    rows: list[tuple[str | None, int | None]],
) -> None:
    texts, numbers = packing.packed(rows)
    assert _cut(texts) == [value for value, _ in rows]
    assert [None if one is None else int(one) for one in _cut(numbers)] == [
        value for _, value in rows
    ]


def _cut(packed: str) -> list[str | None]:
    """Do what ``(string_to_array(x, between, absent))[2:]`` does."""
    values = packed.split(packing.BETWEEN)[1:]
    return [None if value == packing.ABSENT else packing.given(value) for value in values]
