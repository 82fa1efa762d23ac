"""Addresses that we print are those of the project's own metadata."""

from __future__ import annotations

import tomllib
from pathlib import Path

from corvus.base.links import HOMEPAGE, rule_page

_PROJECT = Path(__file__).parents[2] / "pyproject.toml"


def test_the_homepage_is_that_of_the_package() -> None:
    urls = tomllib.loads(_PROJECT.read_text())["project"]["urls"]
    assert urls["Homepage"] == HOMEPAGE


def test_a_rule_has_a_page() -> None:
    assert rule_page("unknown-key") == f"{HOMEPAGE}/blob/main/docs/rules/unknown-key.md"
