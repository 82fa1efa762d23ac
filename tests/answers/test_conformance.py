"""Documents of other programs are held against the published schemas (SCH-4)."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from corvus.answers import json_text
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


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_record_that_is_cut_before_a_good_one_is_told_at_its_own_line(end: str) -> None:
    good = json.dumps(right("audit-event"))
    text = f'{good}{end}{{"a":1{end}{good}{end}'
    assert said(text, "audit-event", "x.jsonl") == [(2, 7, "this is not JSON: a comma is missing")]
    found = judged(text, "audit-event", "x.jsonl").diagnostics[0].span
    assert found is not None
    assert text[: found.start.offset].endswith('{"a":1')


def test_only_a_line_feed_ends_a_line() -> None:
    """U+2028 and its like are characters of a string as any other."""
    good = json.dumps(right("audit-event") | {"reason": "a\u2028b\x85c"}, ensure_ascii=False)
    assert judged(f"{good}\n{good}\n", "audit-event") == Judged(2, ())
    assert said(f"{good}\n\u2028\n", "audit-event", "x.jsonl") == [
        (2, 1, "this is not JSON: a value is missing")
    ]


def test_a_text_of_many_mistakes_is_scanned_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A scan for every finding made four times the items take sixteen times as long."""
    scans: list[int] = []
    scan = json_text.scan_places

    def counted(text: str) -> list[json_text.Place]:
        scans.append(len(text))
        return scan(text)

    monkeypatch.setattr(json_text, "scan_places", counted)
    text = json.dumps([{"ä": 1, "b": "x" * 50}] * 3000, ensure_ascii=False)
    found = judged(text, "budget-exceeded").diagnostics
    assert len(found) == 9000
    assert len(scans) == 1
    last = found[-1].span
    assert last is not None
    assert text.encode()[last.start.byte_offset : last.end.byte_offset].startswith(b'"b": "x')


KEY = "sk-live-1234567890abcdef1234567890"


SECRET_NAMES: list[dict[str, Any]] = [
    {KEY: 1},
    {"api_key": "opensesame42", "opensesame42": 1},
    {"x": {"a": {KEY: 1}}, KEY: [{}]},
]


@pytest.mark.parametrize("members", SECRET_NAMES, ids=["shape", "value of a secret", "within"])
@pytest.mark.parametrize("is_line", [True, False])
def test_a_name_that_may_be_a_secret_is_masked(members: dict[str, Any], is_line: bool) -> None:
    """As ``corvus check`` does with what it repeats of a config."""
    text = json.dumps(right("usage-record") | members, indent=None if is_line else 1)
    found = judged(text, "usage-record").diagnostics
    assert any("`/***` is not known to the schema" in one.message for one in found)
    assert all(secret not in repr(found) for secret in (KEY, "opensesame42"))


def test_a_masked_name_takes_no_other_finding_with_it() -> None:
    found = judged(json.dumps(right("usage-record") | {KEY: 1, f"{KEY}2": 1}), "usage-record")
    assert [one.path for one in found.diagnostics] == [("***",), ("***",)]


def test_what_stands_behind_a_token_of_null_is_no_secret() -> None:
    text = json.dumps(right("usage-record") | {"token": None, "requested_modell": "x"})
    ((*_, message),) = said(text, "usage-record")
    assert message == "`/requested_modell` is not known to the schema"


def test_a_secret_that_stands_twice_as_a_name_is_masked() -> None:
    ((*_, message),) = said(f'{{"{KEY}": 1, "{KEY}": 2}}', "usage-record")
    assert message == 'this is not JSON: the name "***" stands twice'


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
