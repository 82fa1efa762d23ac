"""An edit of a request changes one value, and no other byte (EVA-14, PRX-2)."""

from __future__ import annotations

import json
import string
from typing import cast

from hypothesis import given, settings
from hypothesis import strategies as st

from corvus.metering.edits import Edit, applied, lowering, spans_of, stating
from corvus.metering.maxima import GROUPS, MAXIMA
from corvus.metering.members import members_of
from tests.metering.spellings import BLANKS, spelt
from tests.properties import examples

LETTERS = st.text(string.ascii_letters + 'é"\\ {}[],:😀', max_size=6)
OTHER = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**6) | LETTERS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(LETTERS, inner, max_size=3),
    max_leaves=6,
)
COUNTS = st.dictionaries(st.sampled_from(MAXIMA), st.integers(1, 10**6) | st.none(), max_size=4)


@st.composite
def bodies(draw: st.DrawFn) -> dict[str, object]:
    """Return a request: maxima under any name, at any place where some vendor reads them."""
    members: dict[str, object] = {**draw(st.dictionaries(LETTERS, OTHER, max_size=4))}
    members |= draw(COUNTS)
    for group in draw(st.lists(st.sampled_from(GROUPS), max_size=2, unique=True)):
        inner: dict[str, object] = {**draw(COUNTS), "x": draw(OTHER)}
        if draw(st.booleans()):
            inner[draw(st.sampled_from(GROUPS))] = draw(COUNTS)
        members[group] = inner
    names = draw(st.permutations([*members]))
    return {name: members[name] for name in names}


def lowered(value: object, most: int) -> object:
    """Lower maxima in a decoded document: the model that the edits are held against."""
    if not isinstance(value, dict):
        return value
    document = cast(dict[str, object], value)
    return {
        name: lowered(inner, most)
        if name in GROUPS
        else most
        if name in MAXIMA and isinstance(inner, int) and inner > most
        else inner
        for name, inner in document.items()
    }


def pieces(text: bytes, edits: list[Edit]) -> list[bytes]:
    """Return what the edits leave alone."""
    bounds = [0, *(at for edit in sorted(edits) for at in (edit.start, edit.end)), len(text)]
    return [text[start:end] for start, end in zip(bounds[::2], bounds[1::2], strict=True)]


@settings(max_examples=examples(1_000, by_day=40))
@given(st.data(), st.integers(1, 10**6))
def test_every_maximum_is_lowered_and_every_other_byte_stays(
    data: st.DataObject, most: int
) -> None:
    document = data.draw(bodies())
    text = data.draw(spelt(document)).encode()
    edits = lowering(text, members_of(text), most)
    after = applied(text, edits)
    assert json.loads(after) == lowered(document, most)
    assert after == (b"%d" % most).join(pieces(text, edits))
    assert all(edit.text == b"%d" % most for edit in edits)
    assert bool(edits) == (lowered(document, most) != document)


@settings(max_examples=examples(1_000, by_day=40))
@given(st.data())
def test_a_value_stands_where_its_span_says(data: st.DataObject) -> None:
    document = data.draw(bodies())
    text = (data.draw(BLANKS) + data.draw(spelt(document))).encode()
    spans = spans_of(text, members_of(text))
    assert spans.keys() == document.keys()
    for name, span in spans.items():
        assert json.loads(text[span.start : span.end]) == document[name]
        assert text[span.start : span.end] == text[span.start : span.end].strip()


@settings(max_examples=examples(1_000, by_day=40))
@given(st.data())
def test_a_member_is_stated_in_its_place_or_first(data: st.DataObject) -> None:
    document = data.draw(bodies())
    text = data.draw(spelt(document)).encode()
    stated: dict[str, bytes] = {"max_tokens": b"7", "model": b'"m"'}
    edits = stating(text, members_of(text), stated)
    after = applied(text, edits)
    assert json.loads(after) == {**document, "max_tokens": 7, "model": "m"}
    kept = pieces(text, edits)
    assert all(piece in after for piece in kept)
    assert sum(map(len, kept)) + sum(len(edit.text) for edit in edits) == len(after)
