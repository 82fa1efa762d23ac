"""Prompts of all four forms are counted, and nothing else passes for one (PRC-7)."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from corvus.metering.members import Malformed
from corvus.metering.prompts import PROMPTS_MAX, Prompts, prompts_of

TOKENS = st.lists(st.integers(0, 200_000), min_size=1, max_size=8)


def prompts(value: object) -> Prompts:
    return prompts_of("prompt", {"prompt": Raw(json.dumps(value).encode())})


@given(st.text())
def test_one_text_is_one_prompt(text: str) -> None:
    assert prompts(text) == Prompts(1, 0)


@given(st.lists(st.text(), min_size=1, max_size=8))
def test_each_text_is_answered(texts: list[str]) -> None:
    assert prompts(texts).many == len(texts)


@given(TOKENS)
def test_tokens_are_one_prompt_and_each_counts(tokens: list[int]) -> None:
    found = prompts(tokens)
    assert found.many == 1
    assert found.number_tokens >= len(tokens)


@given(st.lists(TOKENS, min_size=1, max_size=8))
def test_each_list_of_tokens_is_answered_and_each_token_counts(lists: list[list[int]]) -> None:
    found = prompts(lists)
    assert found.many == len(lists)
    assert found.number_tokens >= sum(map(len, lists))


@pytest.mark.parametrize(
    "odd",
    [{"a": 1}, 7, True, ["a", 1], [1, "a"], [[1], "a"], [["a"]], [[[1]]], [1.5], [None], [{}]],
)
def test_anything_else_is_refused(odd: object) -> None:
    with pytest.raises(Malformed):
        prompts(odd)


def test_too_many_are_refused_without_being_built() -> None:
    for many in ("a", [1]):
        with pytest.raises(Malformed):
            prompts([many] * (PROMPTS_MAX + 1))
    assert prompts(["a"] * PROMPTS_MAX).many == PROMPTS_MAX


def test_spaces_between_lists_take_no_time() -> None:
    text = b"[" + b"[1]  ,   " * 5_000 + b"[1] x]"
    with pytest.raises(Malformed):
        prompts_of("prompt", {"prompt": Raw(text)})


def test_none_is_one_empty_prompt() -> None:
    assert prompts(None) == prompts_of("prompt", {}) == prompts_of(None, {}) == Prompts()
