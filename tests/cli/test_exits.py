"""The exit codes are one table, and each has a place that ends with it (DIA-5)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import corvus
from corvus.cli import exits
from corvus.cli.exits import Exit

SOURCES = "\n".join(path.read_text() for path in Path(corvus.__file__).parent.rglob("*.py"))


@pytest.mark.parametrize("code", Exit)
def test_every_exit_code_has_a_producer(code: Exit) -> None:
    assert re.search(rf"\bExit\.{code.name}\b", SOURCES), "declared and never used"


@pytest.mark.parametrize("code", Exit)
def test_every_exit_code_is_in_the_table_for_readers(code: Exit) -> None:
    assert re.search(rf"^\| {code.value} \|", exits.__doc__ or "", re.MULTILINE)


def test_the_table_for_readers_has_no_other_code() -> None:
    documented = {
        int(row) for row in re.findall(r"^\| (\d+) \|", exits.__doc__ or "", re.MULTILINE)
    }
    assert documented == {int(code) for code in Exit}
