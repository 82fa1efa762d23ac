"""Sizes are a ratchet: what is large may shrink and not grow (``python -m tools sizes``)."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest

from tools.sizes import PACKAGE, grown, loose, measure, recorded

MODULES = sorted(PACKAGE.rglob("*.py"))
FOLDER_MODULES = 30
SAME_NAME = 3


def shown(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def test_nothing_grows_past_its_record() -> None:
    assert grown(measure(), recorded()) == []


def test_the_records_are_as_low_as_they_can_be() -> None:
    assert loose(measure(), recorded()) == [], "lower them: python -m tools sizes"


def test_what_grew_or_has_no_record_is_found() -> None:
    records = {"modules": {"a.py": 310}, "functions": {"a.py:f": 50}}
    same = {"modules": {"a.py": 310}, "functions": {"a.py:f": 50}}
    assert grown(same, records) == loose(same, records) == []
    worse = {"modules": {"a.py": 311, "b.py": 301}, "functions": {"a.py:f": 51, "a.py:g": 41}}
    assert len(grown(worse, records)) == 4
    better = {"modules": {}, "functions": {"a.py:f": 49}}
    assert loose(better, records) == ["modules: a.py", "functions: a.py:f"]


def test_no_folder_is_flat() -> None:
    """More modules side by side than one can keep apart."""
    count = Counter(shown(path.parent) for path in MODULES)
    assert {folder: many for folder, many in count.items() if many > FOLDER_MODULES} == {}


def test_no_file_name_is_everywhere() -> None:
    count = Counter(path.name for path in MODULES if path.name != "__init__.py")
    assert {name: many for name, many in count.items() if many > SAME_NAME} == {}


@pytest.mark.parametrize("path", MODULES, ids=shown)
def test_a_module_says_why_it_exists(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))
