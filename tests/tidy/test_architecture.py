"""What the documents name exists, and the rooms that they describe are those of the package."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "policy" / "corvus"
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
ROOM = re.compile(r"^\| `(\w+)(?:/|\.py)` \|", re.MULTILINE)
DOCUMENTS = (
    "CONTRIBUTING.md",
    "SECURITY.md",
    "README.md",
    *(p.relative_to(ROOT).as_posix() for p in (ROOT / "docs").rglob("*.md")),
)
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#]+)")
PATH = re.compile(
    r"(?<![\w./*-])((?:policy|tests|docs|tools|reports|schemas|examples|benchmarks|\.ci|\.github)"
    r"/[\w./-]+|[\w-]+/[\w/-]+\.(?:py|sql|toml|md))(?![\w*<])"
)
"""Paths of the repository, and those inside the package, such as ``calls/plan.py``."""
PLACEHOLDER = re.compile(r"(?<!\.github/)[A-Z]{4,}")
"""Stands in a path for a name that a reader chooses, or for a variable."""


def layers() -> list[set[str]]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        contracts = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    (contract,) = (one for one in contracts if one.get("containers") == ["corvus"])
    return [set(re.findall(r"\w+", layer)) for layer in contract["layers"]]


def test_the_table_has_every_room_of_the_package_and_no_other() -> None:
    rooms = {
        path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or any(path.glob("*.py"))
    }
    listed = ROOM.findall(ARCHITECTURE)
    assert set(listed) == rooms - {"__init__", "__pycache__"}
    assert len(listed) == len(set(listed))


def test_the_table_is_in_the_order_that_imports_point() -> None:
    listed = iter(ROOM.findall(ARCHITECTURE))
    assert [{next(listed, "") for _ in layer} for layer in layers()] == layers()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_path_that_a_document_names_exists(name: str) -> None:
    document = ROOT / name
    text = document.read_text(encoding="utf-8")
    links = [target for target in LINK.findall(text) if not (document.parent / target).exists()]
    assert links == []
    if document.parent.name in ("rules", "reference"):
        return  # written from code, whose examples name files of a reader
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    named = {path.rstrip("./") for path in PATH.findall(prose) if not PLACEHOLDER.search(path)}
    roots = (ROOT, PACKAGE, document.parent)
    assert {path for path in named if not any((root / path).exists() for root in roots)} == set()


def test_each_recipe_has_steps_an_example_and_a_proof() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    recipes = text.partition("## Recipes")[2].partition("\n## ")[0].split("\n### ")[1:]
    assert len(recipes) == 12
    for recipe in recipes:
        assert re.search(r"^1\. .*\n.*^2\. ", recipe, re.MULTILINE | re.DOTALL), recipe
        assert "\nExample: " in recipe, recipe
        assert re.search(r" Proof: `pytest tests/", recipe), recipe
