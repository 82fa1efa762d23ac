"""A placeholder is no reason."""

from __future__ import annotations

import pytest

from corvus.diagnostics.reasons import PLACEHOLDER, is_reason


@pytest.mark.parametrize(
    "text",
    ["", " - ", "…", PLACEHOLDER, "Say WHY.", "- say  why", "<reason>", "The reason", "TODO"],
)
def test_what_says_nothing_is_no_reason(text: str) -> None:
    assert not is_reason(text)


@pytest.mark.parametrize("text", ["1", "paged by hand", "they say why", "todo 17", "原因", "why"])
def test_whatever_else_has_a_letter_or_digit_may_be_one(text: str) -> None:
    assert is_reason(text)
