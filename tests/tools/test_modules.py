"""What is read in sources: imports of each kind, lines of each kind (tools.house.modules)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.checkout import Checkout, checkout_at
from tools.house.changes import CHANGES, Change, files_of, read_sources, spellings
from tools.house.modules import Import, Module, read_modules

SOURCE = '''"""Two lines
of docstring."""

import json  # a comment after code is code
from typing import TYPE_CHECKING

from corvus import two
from corvus.two import name

# a comment
if TYPE_CHECKING:
    from corvus.three import Three


def late() -> None:
    """Import late."""
    from corvus.four import four

    for one in four:
        print(one)
'''


@pytest.fixture
def module(tmp_path: Path) -> Module:
    package = tmp_path / "policy/corvus"
    package.mkdir(parents=True)
    for name in ("__init__", "two", "three", "four"):
        (package / f"{name}.py").write_text("")
    (package / "first.py").write_text(SOURCE)
    return read_modules(checkout_at(tmp_path))["first"]


def test_imports_differ_by_when_they_are_executed(module: Module) -> None:
    assert module.imports == (
        Import("four", is_type_only=False, is_lazy=True),
        Import("three", is_type_only=True, is_lazy=False),
        Import("two", is_type_only=False, is_lazy=False),
    )


def test_each_line_is_of_one_kind(module: Module) -> None:
    assert module.lines == {
        "all": 20,
        "code": 4,
        "docstring": 3,
        "blank": 6,
        "import": 6,
        "comment": 1,
    }


def test_functions_and_names_of_loops_are_found(module: Module) -> None:
    assert (module.functions, module.loop_names) == ((6,), ("one",))


def test_a_checkout_from_before_the_package_was_renamed_is_found(tmp_path: Path) -> None:
    (tmp_path / "policy").mkdir()
    (tmp_path / "policy/__init__.py").write_text("")
    assert checkout_at(tmp_path) == Checkout(tmp_path, tmp_path, "policy")
    with pytest.raises(FileNotFoundError, match="no package of corvus"):
        checkout_at(tmp_path / "policy")


def test_docstrings_and_comments_spell_nothing() -> None:
    text = '"""litellm"""\n\n# litellm\ndef read(rows: str = "x") -> None:\n    """litellm"""\n'
    assert "litellm" not in spellings(text)
    assert "LITELLM" in spellings("kind = Format.LITELLM\n")
    assert "litellm" in spellings('kind = "litellm"\n')


def test_every_one_of_the_twelve_changes_but_a_price_touches_a_file_today() -> None:
    assert len(CHANGES) == 12
    sources = read_sources(checkout_at())
    untouched = [change.name for change in CHANGES if not files_of(change, sources)]
    assert untouched in ([], ["price"])  # prices are data


def test_a_file_counts_by_its_name_too() -> None:
    change = Change("importer", "litellm", "litellm")
    assert files_of(change, {Path("a/litellm.py"): "", Path("b.py"): "x"}) == [Path("a/litellm.py")]
