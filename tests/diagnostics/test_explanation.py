"""What is said of a code depends on whether its example is the text of a file (DIA-4)."""

from __future__ import annotations

import pytest

from corvus.config.check.codes import CODES
from corvus.diagnostics.codes import CodeInfo
from corvus.diagnostics.explanation import as_json, as_markdown, as_text


@pytest.mark.parametrize("info", CODES.values(), ids=lambda info: info.code)
def test_an_example_that_is_a_situation_is_introduced_as_one(info: CodeInfo) -> None:
    words, fence = ("for", "toml") if info.bad_is_text else ("when", "text")
    assert f"\nReported {words}:\n" in as_text(info)
    assert f"\n\nReported {words}:\n\n```{fence}\n" in as_markdown(info)
    assert as_json(info)["bad_is_text"] == info.bad_is_text


def test_there_are_examples_of_both_kinds() -> None:
    assert {info.bad_is_text for info in CODES.values()} == {True, False}
