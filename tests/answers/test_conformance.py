"""Documents of other programs are held against the published schemas (SCH-4)."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from corvus.answers.conformance import Judged, judge
from corvus.answers.published import CONFIG, find_schema, published_schemas
from corvus.config.model.dialects import Dialect
from tools.checkout import HERE


def example(schema: dict[str, Any], root: dict[str, Any]) -> Any:
    """Return the smallest document that a schema allows."""
    if "$ref" in schema:
        return example(root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root)
    if "anyOf" in schema:
        return example(schema["anyOf"][0], root)
    if words := schema.get("enum", [schema["const"]] if "const" in schema else []):
        return words[0]
    if schema.get("type") == "object":
        inner = schema.get("properties", {})
        return {name: example(inner[name], root) for name in schema.get("required", [])}
    if schema.get("type") == "string":
        is_hash = "{64}" in schema.get("pattern", "")
        return (
            "2026-11-28T09:30:00Z" if schema.get("format") == "date-time" else "1" * (64**is_hash)
        )
    usual: dict[str, Any] = {"array": [], "boolean": True}
    return usual.get(schema.get("type", ""), schema.get("minimum", 0))


def right(name: str) -> dict[str, Any]:
    schema = find_schema(name)
    assert schema is not None
    return example(schema.document, schema.document)


def judged(text: str | bytes, name: str, file: str = "x.json") -> Judged:
    schema = find_schema(name)
    assert schema is not None
    data = text.encode() if isinstance(text, str) else text
    return judge(io.BytesIO(data), file, schema)


def said(text: str | bytes, name: str, file: str = "x.json") -> list[tuple[int, int, str]]:
    found = judged(text, name, file).diagnostics
    return [
        (one.span.start.line, one.span.start.column, one.message)
        if one.span
        else (0, 0, one.message)
        for one in found
    ]


RECORDS = ("action-decision", "audit-event", "budget-exceeded", "usage-record")


def test_every_schema_of_the_folder_has_a_name_and_an_address() -> None:
    files = {path.name for path in (HERE / "schemas").glob("*.json")}
    assert {f"{schema.name}.schema.json" for schema in published_schemas().values()} == files
    assert [*published_schemas()][:3] == ["native", "corvus", "zeroclaw"]
    for name, schema in published_schemas().items():
        assert schema.document["$id"] == schema.url
        assert find_schema(schema.name) == find_schema(name) == schema
        assert schema.is_of_config == (name in {*Dialect})
    assert find_schema(f"{CONFIG}diagnostics") is None


@pytest.mark.parametrize("name", RECORDS)
def test_a_right_document_has_no_finding(name: str) -> None:
    assert judged(json.dumps(right(name)), name) == Judged(1, ())


@pytest.mark.parametrize("name", RECORDS)
def test_each_member_that_is_missing_is_one_finding(name: str) -> None:
    schema = find_schema(name)
    assert schema is not None
    for member in schema.document["required"]:
        document = {key: value for key, value in right(name).items() if key != member}
        assert said(json.dumps(document), name) == [(1, 1, f"the document lacks `{member}`")]


def test_several_that_are_missing_are_one_finding() -> None:
    document = right("usage-record")
    del document["cost_nano_usd"], document["requested_model"]
    ((*_, message),) = said(json.dumps(document), "usage-record")
    assert message.startswith("the document lacks `")
    assert "`cost_nano_usd`" in message
    assert "`requested_model`" in message


def test_a_member_that_is_not_known_is_told_at_its_name_with_what_was_meant() -> None:
    text = json.dumps(right("audit-event") | {"actr": "x"}, indent=1)
    (found,) = judged(text, "audit-event").diagnostics
    line = text.splitlines().index(' "actr": "x"') + 1
    assert found.span is not None
    assert (found.span.start.line, found.span.start.column) == (line, 2)
    assert found.message == "`/actr` is not known to the schema"
    assert found.help == ("Did you mean `actor`?",)
    assert found.path == ("actr",)


def test_a_wrong_type_is_told_at_the_value_which_is_not_repeated() -> None:
    document = right("usage-record") | {"input_tokens": "sk-ant-secret"}
    text = json.dumps(document)
    ((line, column, message),) = said(text, "usage-record")
    assert (line, column) == (1, text.index('"sk-ant-secret"') + 1)
    assert message == "`/input_tokens` must be an integer, not a string"


@pytest.mark.parametrize(
    ("value", "is_right"),
    [
        ("2026-11-28T09:30:00Z", True),
        ("2026-11-28T09:30:00.123456+00:00", True),
        ("2026-11-28 09:30:00Z", False),
        ("2026-13-28T09:30:00Z", False),
        ("2026-11-28T09:30:00", False),
        ("yesterday", False),
        ("2026-11-28T09:30:00Z\n", False),
    ],
)
def test_an_instant_is_one_of_rfc_3339(value: str, is_right: bool) -> None:
    found = said(json.dumps(right("audit-event") | {"recorded_at": value}), "audit-event")
    assert (found == []) is is_right
    if found:
        assert found[0][2].startswith("`/recorded_at` must be an instant")


def test_an_exact_amount_ends_where_its_digits_end() -> None:
    """``$`` of Python allows a newline at the end, that of JSON Schema does not."""
    document = right("audit-event")
    for value, wrong in (("5", 0), ("5\n", 1), ("5.0", 1), ("", 1)):
        text = json.dumps(document | {"removed_cost_nano_usd": value})
        assert len(said(text, "audit-event")) == wrong


def test_a_member_that_may_be_null_says_what_else_it_may_be() -> None:
    text = json.dumps(right("audit-event") | {"session_id": 5})
    ((*_, message),) = said(text, "audit-event")
    assert message == "`/session_id` must be a string, not a number"


@pytest.mark.parametrize("file", ["x.jsonl", "x.ndjson", "<stdin>", "x.json"])
def test_a_finding_in_a_line_is_told_at_that_line(file: str) -> None:
    good = json.dumps(right("audit-event"))
    bad = json.dumps(right("audit-event") | {"position": None})
    text = f"\ufeff{good}\n\n{bad}\n{good}\n"
    found = judged(text, "audit-event", file)
    assert found.documents == 3
    (one,) = found.diagnostics
    assert one.span is not None
    assert (one.span.start.line, one.span.start.column) == (3, bad.index("null") + 1)
    assert text.encode()[one.span.start.byte_offset : one.span.end.byte_offset] == b"null"
    assert text.lstrip("\ufeff")[one.span.start.offset : one.span.end.offset] == "null"


def test_an_array_is_judged_item_by_item() -> None:
    text = json.dumps([right("audit-event"), right("audit-event") | {"kind": 1}])
    found = judged(text, "audit-event")
    assert found.documents == 2
    assert [one.path for one in found.diagnostics] == [(1, "kind")]
    assert found.diagnostics[0].message.startswith("`/1/kind` must be")


def test_a_line_that_is_cut_off_is_told_and_the_others_are_judged() -> None:
    """What a program that was killed leaves at the end of its file."""
    good = json.dumps(right("audit-event"))
    found = judged(f"{good}\n{good[:40]}\n{good}", "audit-event", "x.jsonl")
    assert found.documents == 2
    assert [(one.code, one.span and one.span.start.line) for one in found.diagnostics] == [
        ("not-json", 2)
    ]


@pytest.mark.parametrize("text", ["", "  \n\n", "[]"])
@pytest.mark.parametrize("file", ["x.json", "x.jsonl"])
def test_no_document_is_no_pass(text: str, file: str) -> None:
    (one,) = judged(text, "audit-event", file).diagnostics
    assert (one.code, one.span) == ("not-json", None)


@pytest.mark.parametrize(
    ("data", "line"), [(b"{\n\xff}", 2), (b"\xff\xfe{\x00}\x00", 1)], ids=["byte", "utf-16"]
)
def test_what_is_not_utf_8_is_told_at_its_line(data: bytes, line: int) -> None:
    ((at, _, message),) = said(data, "audit-event")
    assert (at, "not UTF-8" in message) == (line, True)


def test_a_pointer_is_escaped() -> None:
    text = json.dumps(right("audit-event") | {"a/b~c\x1b": 1})
    ((*_, message),) = said(text, "audit-event")
    assert message.startswith("`/a~1b~0c\x1b` ")  # renderers spell out what does not show


def test_a_scalar_is_no_document_of_any_schema() -> None:
    assert said("5", "usage-record") == [(1, 1, "the document must be an object, not a number")]
