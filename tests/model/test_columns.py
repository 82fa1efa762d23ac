"""The columns of a usage record are written once; the ledger and its readers follow the list."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import corvus
from corvus.base.resources import shipped
from corvus.ledger.ledger import open_ledger
from corvus.model.columns import COLUMNS

PACKAGE = Path(corvus.__file__).parent
LIST = PACKAGE / "model" / "columns.py"
MAPPED = {
    "ledger/migrations/0001_initial.sql",  # a migration is never edited
    "ledger/migrations/0017_roll_ups.sql",
    "usage/exporters/focus.py",  # says which column each column of the specification comes from
    "usage/importers/claude_code.py",  # say which columns the fields of a log fill
    "usage/importers/exports/litellm.py",
    "usage/importers/otel.py",
    "usage/importers/synonyms.py",
}
WORDS = {"id", "calls", "surface", "provider", "project", "agent", "tags", "source", "outcome"}
"""Names that are ordinary words too, which code says for other reasons."""


def test_the_list_is_the_table_of_a_migrated_ledger(tmp_path: Path) -> None:
    with open_ledger(tmp_path / "l.duckdb", write=True) as ledger:
        described = ledger.connection.execute("DESCRIBE usage_record").fetchall()
    table = [(name, kind, nullable == "YES") for name, kind, nullable, *_ in described]
    assert [(column.name, column.type, column.is_nullable) for column in COLUMNS] == table


def test_the_published_schema_is_that_of_the_list() -> None:
    schema = json.loads(shipped("schemas").joinpath("usage-record.schema.json").read_text())
    assert schema["properties"] == {column.name: column.json_schema() for column in COLUMNS}
    assert schema["required"] == [column.name for column in COLUMNS]


def test_no_other_file_spells_out_more_than_a_third_of_the_columns() -> None:
    names = {column.name for column in COLUMNS} - WORDS
    for path in [*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.sql")]:
        if path == LIST or path.relative_to(PACKAGE).as_posix() in MAPPED:
            continue
        spelled = names & set(re.findall(r"\w+", _literals(path)))
        assert len(spelled) <= len(COLUMNS) // 3, f"{path} spells out {sorted(spelled)}"


def _literals(path: Path) -> str:
    """Return the text of a file of SQL, or the literals of a module without its docstrings."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".sql":
        return text
    nodes = list(ast.walk(ast.parse(text)))
    prose = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    literals = [node for node in nodes if isinstance(node, ast.Constant) and id(node) not in prose]
    return " ".join(node.value for node in literals if isinstance(node.value, str))
