"""Addresses that we print are those of the project's own metadata."""

from __future__ import annotations

import tomllib
from pathlib import Path

from corvus.base.links import HOMEPAGE, rule_page, schema_url
from corvus.config.check.codes import CODES

_PROJECT = Path(__file__).parents[2] / "pyproject.toml"


def test_the_homepage_is_that_of_the_package() -> None:
    urls = tomllib.loads(_PROJECT.read_text())["project"]["urls"]
    assert urls["Homepage"] == HOMEPAGE


def test_the_page_of_every_code_is_a_file_of_the_repository() -> None:
    """DIA-4."""
    start = f"{HOMEPAGE}/blob/main/"
    for code in CODES:
        assert (_PROJECT.parent / rule_page(code).removeprefix(start)).is_file()


def test_the_address_of_a_schema_has_its_version() -> None:
    start = "https://raw.githubusercontent.com/corvus-policy/corvus/main/"
    path = schema_url("diagnostics").removeprefix(start)
    assert path == "schemas/v1/diagnostics.schema.json"
    assert (_PROJECT.parent / path).is_file()
