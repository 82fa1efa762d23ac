"""The entry for SchemaStore names the published schema; its test files say what is right (SCH-2).

Source:
    CONTRIBUTING.md of SchemaStore, "How to add a JSON Schema", and the checks of its ``cli.js``,
    read 2026-11-28: name, description, fileMatch and url; no name or description says "schema".
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from corvus.base.links import SCHEMAS, schema_url

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "docs" / "schemastore"
ENTRY: dict[str, Any] = json.loads((FOLDER / "catalog-entry.json").read_text())


def faults(path: Path) -> list[str]:
    """Return what the schema of the entry says of a document, found by its address."""
    home = ROOT / "schemas" / ENTRY["url"].removeprefix(f"{SCHEMAS}/")
    validator: Any = Draft202012Validator(json.loads(home.read_text()))
    return [one.message for one in validator.iter_errors(tomllib.loads(path.read_text()))]


def test_the_entry_is_one_that_the_catalog_takes() -> None:
    assert set(ENTRY) == {"name", "description", "fileMatch", "url"}
    assert "schema" not in f"{ENTRY['name']} {ENTRY['description']}".lower()
    assert ENTRY["fileMatch"] == ["corvus.toml"]


def test_its_address_is_the_id_of_the_published_schema() -> None:
    assert ENTRY["url"] == schema_url("config.native")
    home = ROOT / "schemas" / ENTRY["url"].removeprefix(f"{SCHEMAS}/")
    assert json.loads(home.read_text())["$id"] == ENTRY["url"]


@pytest.mark.parametrize("path", sorted((FOLDER / "test").iterdir()), ids=lambda path: path.name)
def test_a_document_that_shall_pass_passes(path: Path) -> None:
    assert faults(path) == []


@pytest.mark.parametrize(
    "path", sorted((FOLDER / "negative_test").iterdir()), ids=lambda path: path.name
)
def test_a_document_that_shall_fail_fails_once(path: Path) -> None:
    assert len(faults(path)) == 1
