"""What is said of a code depends on whether its example is the text of a file (DIA-4)."""

from __future__ import annotations

import re

import pytest

from corvus.config.check.codes import CODES
from corvus.diagnostics.codes import CodeInfo, Severity
from corvus.diagnostics.explanation import (
    as_index,
    as_json,
    as_markdown,
    as_page,
    as_text,
    in_order,
)


@pytest.mark.parametrize("info", CODES.values(), ids=lambda info: info.code)
def test_an_example_that_is_a_situation_is_introduced_as_one(info: CodeInfo) -> None:
    words, fence = ("for", "toml") if info.bad_is_text else ("when", "text")
    assert f"\nReported {words}:\n" in as_text(info)
    assert f"\n\nReported {words}:\n\n```{fence}\n" in as_markdown(info)
    assert as_json(info)["bad_is_text"] == info.bad_is_text


def test_there_are_examples_of_both_kinds() -> None:
    assert {info.bad_is_text for info in CODES.values()} == {True, False}


@pytest.mark.parametrize("info", CODES.values(), ids=lambda info: info.code)
def test_a_page_says_what_the_command_says_of_the_code(info: CodeInfo) -> None:
    page = as_page(info)
    assert f"\n# {info.code}\n\n**{info.severity}**: {info.title}.\n" in page
    assert as_markdown(info) in page


def test_the_list_names_every_page_once_errors_first() -> None:
    rows = re.findall(
        r"^\| \[(\S+)\]\((\S+)\.md\) \| (\w+) \|", as_index(CODES.values()), re.MULTILINE
    )
    assert [row[0] for row in rows] == [info.code for info in in_order(CODES.values())]
    assert all(code == target for code, target, _ in rows)
    assert [severity for *_, severity in rows] == sorted(
        (severity for *_, severity in rows), key=["error", "warning", "note"].index
    )


def test_a_title_with_a_bar_does_not_split_a_row_of_the_list() -> None:
    info = CodeInfo("a-b", Severity.NOTE, "x | y", "E.", "b", "g", "M.")
    assert as_index([info]).splitlines()[-1] == r"| [a-b](a-b.md) | note | x \| y |"
