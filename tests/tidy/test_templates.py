"""What pages say comes from the catalogue: a template has no words of its own (DSH-2)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TEMPLATES = sorted(
    (Path(__file__).parents[2] / "policy/corvus/gateway/pages/templates").glob("*.html")
)
JINJA = re.compile(r"(?s)\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}")
CODE = re.compile(r"(?s)<code\b.*?</code>")
READ = re.compile(r"(?:aria-label|aria-valuetext|title|placeholder|alt|data-[a-z]+)=\"([^\"]*)\"")
ALLOWED = {"XXXX-XXXX"}
"""The shape of a code, the same in every language."""


def own_words(text: str) -> list[str]:
    """Return what a template says that is not from the catalogue; commands in code may be."""
    bare = JINJA.sub("", CODE.sub("", text))
    said = [*READ.findall(bare), *re.sub(r"(?s)<[^>]*>", "\n", bare).splitlines()]
    return [one.strip() for one in said if re.search(r"[^\W\d_]", one) and one not in ALLOWED]


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda one: one.stem)
def test_a_template_has_no_words_of_its_own(template: Path) -> None:
    assert own_words(template.read_text()) == []


def test_own_words_are_seen() -> None:
    assert own_words('<p>{{ t("a.b") }} left</p>') == ["left"]
    assert own_words('<p aria-label="Pages of {{ t("a") }}"></p>') == ["Pages of"]
    assert own_words('<code>corvus run</code> {{ t("a.b") }} · {# why #}') == []
