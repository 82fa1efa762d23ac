"""Every command and every option that the text of a page names exists, as it is spelt."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.forms import OPTIONS, mistake_in
from tests.docs.pages import PAGES, ROOT, Page

OF_OTHERS = {
    "README.md": {"--hypothesis-profile"},
    "docs/clients.md": {"--settings"},
    "CONTRIBUTING.md": {"--update-golden"},
}
"""Options of other programs that a page names."""
CHECKED = [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"]


@pytest.mark.parametrize("path", CHECKED, ids=[Page(path).name for path in CHECKED])
def test_every_command_that_is_named_exists(path: Path) -> None:
    page = Page(path)
    spans = [span for span in page.spans() if re.match(r"corvus( |$)", span)]
    assert [wrong for span in spans if (wrong := mistake_in(span))] == []


@pytest.mark.parametrize("path", CHECKED, ids=[Page(path).name for path in CHECKED])
def test_every_option_that_is_named_exists(path: Path) -> None:
    page = Page(path)
    named = {one for span in page.spans() for one in re.findall(r"^--[a-z0-9-]+", span)}
    assert named - OPTIONS - OF_OTHERS.get(page.name, set()) == set()
