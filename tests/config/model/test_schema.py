"""The published schemas say what the model says, as far as JSON Schema can (SCH-1 to SCH-3)."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from corvus.answers import schema as answers
from corvus.base.links import SCHEMAS
from corvus.cli.check import main
from corvus.config.check.check import Options, check_paths
from corvus.config.model.dialects import DIALECTS, Dialect, detect
from corvus.config.toml.values import Table, as_items, is_table, kind
from corvus.diagnostics.codes import Severity
from tools.generate import config_schemas, written
from tools.generate.config_schemas import document

ROOT = Path(__file__).parents[3]
GOLDEN = ROOT / "tests" / "golden"
FILES = sorted(GOLDEN.glob("*/*.toml")) + sorted(
    (ROOT / "tests/config/check/mistakes").glob("*.toml")
)
CORPUS = sorted((ROOT / ".." / "shared" / "configs").glob("*.toml"))
"""Real configs beside the checkout, where they are; they are no part of this project."""

BEYOND_SCHEMA = {
    "too-many-decimals": "decimal places cannot be counted without float arithmetic",
    "duplicate-budget-name": "two items cannot be compared by one key",
    "limit-never-binds": "keys cannot be compared",
    "notify-target": "which keys exclude each other depends on hosts and names",
    "unusable-sign-in": "it is about hosts, addresses, globs and a file of the machine",
    "notify-secret": "what is a secret is judged by its looks",
    "secret-as-name": "what is a secret is judged by its looks",
    "invalid-url": "parts of a URL are judged one by one, and by what they would reach",
    "invalid-host": "what a host is, a pattern says badly",
    "invalid-origin": "the same",
    "duplicate-upstream-kind": "two tables cannot be compared",
    "upstream-target": "what a key needs depends on others",
    "unusable-store-url": "parts of a URL are judged one by one",
    "readable-password": "it is a warning",
    "leases-without-url": "the URL may come from a variable",
    "invalid-severity": "which codes there are, the schema does not list",
    "no-limit-set": "it is a warning",
    "unusable-shadow": "it is about another file",
    "extreme-threshold": "it is a warning",
    "unpriced-default-model": "it is a warning",
    "deprecated-key": "it is a warning; the schema says deprecated",
}
BEYOND_SCHEMA_IN_FILES = {
    "unknown-key--table-typo-beside-a-host.zeroclaw": "it passes for a section of the host",
    "invalid-value--patterns": "which patterns of .gitignore are sound no pattern can say",
    "invalid-value--glob-of-a-list": "which globs are sound no pattern can say",
    "invalid-value--tiers": "that the numbers of a list go up no schema can say",
    "invalid-value--refuse-is-last": "of a list of any length no schema says what is last",
}
PUBLISHED = {
    name: written(schema)
    for name, schema in (config_schemas.published() | answers.published()).items()
}


def as_json(value: object) -> object:
    """Turn TOML data into what an editor hands to a schema: dates are RFC 3339 strings."""
    if is_table(value):
        return {key: as_json(inner) for key, inner in value.items()}
    if kind(value) == "array":
        return [as_json(inner) for inner in as_items(value)]
    return value.isoformat() if isinstance(value, date | datetime | time) else value


def accepts(dialect: Dialect, data: object) -> bool:
    return not [*messages(document(dialect), data)]


def messages(schema: Table, data: object) -> Iterator[str]:
    validator: Any = Draft202012Validator(schema)
    return (str(error.message) for error in validator.iter_errors(as_json(data)))


def tables_of(dialect: Dialect) -> dict[str, dict[str, Any]]:
    definitions: Any = document(dialect)["$defs"]
    return definitions


def dialect_of(path: Path, data: dict[str, object]) -> Dialect:
    middle = path.name.split(".")[1]
    return Dialect(middle) if middle in DIALECTS else detect(data, file=str(path)).dialect


def readable() -> Iterator[Path]:
    for path in (*FILES, *CORPUS):
        try:
            tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, RecursionError):
            continue
        yield path


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_a_schema_is_a_valid_schema_with_a_version(name: str) -> None:
    schema = json.loads(PUBLISHED[name])
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == f"{SCHEMAS}/v1/{name}"


@pytest.mark.parametrize("path", list(readable()), ids=lambda path: path.stem)
def test_model_and_schema_agree(path: Path) -> None:
    """SCH-3: on every golden and real document, except for what the schema says it cannot say."""
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    dialect = dialect_of(path, data)
    pin = dialect.value if dialect in DIALECTS else "auto"
    checked = check_paths([str(path)], Options(dialect=pin))
    errors = {one.code for one in checked.diagnostics if one.severity is Severity.ERROR}
    beyond = errors if path.stem in BEYOND_SCHEMA_IN_FILES else set(BEYOND_SCHEMA)
    accepted = any(accepts(host, data) for host in dialect.hosts or (dialect,))
    assert accepted is not bool(errors - beyond)


def test_a_whole_float_is_the_one_integer_that_only_the_model_refuses() -> None:
    """SCH-3: the difference is known, and the schema's own comment says so."""
    data = {"cost": {"warn_at_percent": 80.0}}
    assert accepts(Dialect.NATIVE, data)
    assert "80.0" in str(document(Dialect.NATIVE)["$comment"])


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_key_at_any_depth_is_described(dialect: Dialect) -> None:
    """SCH-2: an editor has something to show wherever a key can stand."""
    root: dict[str, Any] = document(dialect)
    silent: list[str] = []

    def look(schema: dict[str, Any], where: str) -> None:
        for key, body in schema.get("properties", {}).items():
            if not body.get("description"):
                silent.append(f"{where}.{key}")
            look(body, f"{where}.{key}")
        inner = schema.get("additionalProperties")
        if is_table(inner):
            if "$ref" not in inner and not inner.get("description"):
                silent.append(f"{where}.*")
            look(inner, f"{where}.*")
        look(schema.get("items", {}), f"{where}[]") if schema.get("items") else None

    look(root, dialect.value)
    for name, table in tables_of(dialect).items():
        look(table, name)
    assert silent == []


@pytest.mark.parametrize("dialect", DIALECTS)
def test_governed_tables_are_closed_and_described(dialect: Dialect) -> None:
    root: dict[str, Any] = document(dialect)
    for table in (root, *tables_of(dialect).values()):
        is_open = table is root and dialect.is_host  # a section of the host that is not known yet
        assert is_open or table["additionalProperties"] is False
        assert table["description"]
        for key, body in table["properties"].items():
            assert body["description"], key


def test_the_deprecated_key_carries_its_timeline() -> None:
    for dialect in (Dialect.NATIVE, Dialect.CORVUS):
        alias = tables_of(dialect)["AutonomySettings"]["properties"]["max_cost_per_day_cents"]
        assert alias["deprecated"] is True
        assert alias["x-deprecation"]["replacement"] == "autonomy.max_actions_per_hour"
        assert alias["x-deprecation"]["removed"] in alias["description"]


def test_a_key_that_the_host_reads_is_not_deprecated_in_its_schema() -> None:
    """DEP-7: an editor must not advise against a key without which the host does not start."""
    properties = tables_of(Dialect.ZEROCLAW)["AutonomySettings"]["properties"]
    key = properties["max_cost_per_day_cents"]
    assert "deprecated" not in key
    assert "the zeroclaw runtime reads it as its own cap" in key["description"].lower()


def test_a_section_that_is_not_known_yet_passes_in_the_file_of_a_host() -> None:
    data = {"default_temperature": 0.7, "swarm_router": {"enabled": True}}
    accepting = [dialect for dialect in DIALECTS if accepts(dialect, data)]
    assert accepting == [Dialect.CORVUS, Dialect.ZEROCLAW]
    assert not accepts(Dialect.CORVUS, {**data, "storage": {}})
    assert not accepts(Dialect.CORVUS, {"swarm_router": {}})


def test_every_amount_and_count_has_bounds() -> None:
    for table in tables_of(Dialect.NATIVE).values():
        for key, body in table["properties"].items():
            if body.get("type") in ("integer", ["integer", "number"]):
                assert {"minimum", "maximum"} <= set(body), key


def test_null_is_nowhere_because_toml_has_none() -> None:
    for dialect in DIALECTS:
        assert "null" not in PUBLISHED[f"config.{dialect}.schema.json"]


def test_the_json_output_follows_its_schema(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--format", "json", *(str(path) for path in FILES), "absent.toml", "nothing/*.toml"])
    output = json.loads(capsys.readouterr().out)
    assert [*messages(answers.diagnostics_document(), output)] == []
    assert output["summary"]["files"] == len(output["files"]) == len(FILES) + 1
    assert output["summary"]["errors"] > 30
