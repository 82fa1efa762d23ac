"""Every link from page to page leads to a heading that is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, Page

LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)#([^)\s]+)\)")


def headings(page: Path) -> set[str]:
    """The names by which the headings of a page are linked, as GitHub makes them."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.M)
    names = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", name.lower()).replace(" ", "-") for name in names}


@pytest.mark.parametrize("path", PAGES, ids=[Page(path).name for path in PAGES])
def test_a_linked_heading_is_there(path: Path) -> None:
    for target, heading in LINK.findall(path.read_text(encoding="utf-8")):
        page = (path.parent / target) if target else path
        assert heading in headings(page), f"{target}#{heading}"


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    docs = ROOT / "docs"
    pages = {path.relative_to(docs).as_posix() for path in PAGES if path.is_relative_to(docs)}
    pages.remove("README.md")
    assert {page for page in pages if f"]({page})" not in index} == set()
