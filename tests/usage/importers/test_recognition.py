"""Every file is recognised for what it is, by what stands in it (IMP-1)."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from corvus.base.errors import ImportRefused
from corvus.usage.importers.importer import Layout, importer_named
from corvus.usage.importers.recognition import Recognition, layout_of, recognise

if TYPE_CHECKING:
    from tests.usage.importers.conftest import Desk

CALL = {"timestamp": "2026-11-16T10:00:00Z", "model": "m", "input_tokens": 1, "output_tokens": 2}
HEADER = "timestamp,model,input_tokens,output_tokens\n"


def found(tmp_path: Path, name: str, content: str | bytes, wanted: str | None = None) -> Any:
    path = tmp_path / name
    raw = content.encode() if isinstance(content, str) else content
    path.write_bytes(raw)
    return recognise(path, path, raw, importer_named(wanted) if wanted else None)


def shape(recognition: object) -> tuple[str, Layout]:
    assert isinstance(recognition, Recognition), recognition
    return recognition.importer.name, recognition.layout


@pytest.mark.parametrize("before", ["Notes, taken by hand\n", "a;b;c\n\n", "[2026] x\n", "\0\1,\n"])
def test_the_first_line_that_is_an_object_decides(tmp_path: Path, before: str) -> None:
    text = before + json.dumps(CALL) + "\n"
    assert shape(found(tmp_path, "usage.jsonl", text)) == ("generic", Layout.LINES)
    assert shape(found(tmp_path, "usage", text)) == ("generic", Layout.LINES)


def test_prose_before_a_session_log_costs_its_own_lines_only(desk: Desk, line: Any) -> None:
    log = desk.write("log.jsonl", ["My sessions, by hand", "", line(1), "two, words", line(2)])
    summary = desk.take(log)
    assert (summary.files, summary.new) == ({"claude-code": 1}, 2)
    assert [bad.line for bad in summary.bad] == [1, 4]


def test_a_line_that_is_cut_by_the_head_is_an_object(tmp_path: Path) -> None:
    text = "prose, before\n" + '{"sessionId": "s", "type": "user", "x": "' + "y" * 70_000
    path = tmp_path / "log.jsonl"
    path.write_text(text)
    recognition = recognise(path, path, text.encode()[:65_536], None)
    assert shape(recognition) == ("claude-code", Layout.LINES)


@pytest.mark.parametrize(
    "header",
    [
        "timestamp,model,input_tokens,output_tokens",
        "Created At;Model Name;Prompt Tokens;Completion Tokens",
        "startTime,request_id,spend,model",
    ],
)
def test_a_table_is_one_by_columns_that_are_known(tmp_path: Path, header: str) -> None:
    assert shape(found(tmp_path, "export.txt", header + "\n"))[1] is Layout.CSV


def test_a_text_with_other_columns_is_no_table_but_says_how_it_becomes_one(tmp_path: Path) -> None:
    reason = found(tmp_path, "export.txt", "when,llm,in,out\n1,2,3,4\n")
    assert isinstance(reason, str)
    assert "(in, llm, out, when)" in reason
    assert "--map FIELD=COLUMN" in reason
    assert shape(found(tmp_path, "export.csv", "when,llm,in,out\n")) == ("generic", Layout.CSV)


@pytest.mark.parametrize(
    ("name", "content", "layout"),
    [
        ("a.json", '{\n "a": 1\n}', Layout.DOCUMENT),
        ("a.json", '{"a": 1,\n "b": 2}', Layout.DOCUMENT),
        ("a.json", '[{"a": 1}]', Layout.DOCUMENT),
        ("a.json", "[\n]", Layout.DOCUMENT),
        ("a.json", '{"a": 1}', Layout.LINES),
        ("a.jsonl", '{"a": 1,\n{"a": 2}\n', Layout.LINES),
        ("a.jsonl", "{\n{\n", Layout.LINES),
        ("a.jsonl", '{\n "a": {"b": 1}\n}\n', Layout.DOCUMENT),
        ("a.jsonl", '{\n "a": "b', Layout.DOCUMENT),
        ("a.jsonl", '{"type":"user","sessionId":\n' * 3, Layout.LINES),
        ("a.jsonl", "", Layout.LINES),
        ("a.csv", "", Layout.CSV),
        ("a.txt", "[1] one\n", None),
        ("a.txt", "a, b\n", None),
    ],
)
def test_a_layout_is_found_by_trying(
    tmp_path: Path, name: str, content: str, layout: Layout | None
) -> None:
    assert layout_of(tmp_path / name, content.encode(), None) is layout


def test_json_over_several_lines_is_no_log_of_lines(tmp_path: Path) -> None:
    """A session of another program has the words of a session log, too."""
    text = json.dumps({"sessionId": "s", "type": "x", **CALL}, indent=1)
    assert shape(found(tmp_path, "session.json", text)) == ("generic", Layout.DOCUMENT)


def test_words_of_a_session_log_inside_of_another_object_make_none(tmp_path: Path) -> None:
    text = json.dumps({"type": "session.start", "data": {"sessionId": "s"}})
    assert shape(found(tmp_path, "events.jsonl", text)) == ("generic", Layout.LINES)


BILLS = {
    "costs.json": {
        "data": [
            {
                "results": [
                    {"object": "organization.costs.result", "amount": {"value": 1}},
                ]
            }
        ]
    },
    "anthropic.json": {
        "data": [
            {
                "starting_at": "2026-11-01T00:00:00Z",
                "ending_at": "2026-11-02T00:00:00Z",
                "results": [{"amount": "1.5", "currency": "USD"}],
            }
        ]
    },
    "focus.jsonl": {"BilledCost": 1, "ChargePeriodStart": "2026-11-01"},
    "costs.csv": "start_time,amount_value,amount_currency,line_item\n",
    "focus.csv": "BilledCost,EffectiveCost,ChargePeriodStart,ServiceName\n",
    "azure.csv": "Date,MeterCategory,PreTaxCost\n",
    "cur.csv": "identity/LineItemId,lineItem/UnblendedCost\n",
}


@pytest.mark.parametrize("name", BILLS)
@pytest.mark.parametrize("wanted", [None, "openai"])
def test_a_bill_is_refused_with_what_to_do(tmp_path: Path, name: str, wanted: str | None) -> None:
    content = BILLS[name]
    text = content if isinstance(content, str) else json.dumps(content)
    reason = found(tmp_path, name, text, wanted)
    assert isinstance(reason, str)
    assert reason.endswith("compare it with: corvus reconcile")


def test_a_bill_as_parquet_is_refused(desk: Desk) -> None:
    import duckdb

    path = desk.folder / "focus.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT 1 AS BilledCost, 2 AS ChargePeriodStart) TO '{path}'")
    with pytest.raises(ImportRefused, match="a FOCUS file says what is charged"):
        desk.take(path)


def test_a_folder_is_read_whole_each_file_by_itself(desk: Desk, line: Any) -> None:
    desk.write("logs/deep/a.jsonl", [line(1)])
    desk.write("logs/b.ndjson", [CALL])
    desk.write("logs/c.json", [json.dumps([CALL | {"model": "n"}], indent=1)])
    desk.write("logs/d.csv", [HEADER + "2026-11-16T10:00:01Z,m,1,2"])
    (desk.folder / "logs" / "e.csv.gz").write_bytes(
        gzip.compress(f"{HEADER}2026-11-16T10:00:02Z,m,1,2".encode())
    )
    desk.write("logs/f.TSV", [HEADER.replace(",", "\t") + "2026-11-16T10:00:03Z\tm\t1\t2"])
    desk.write("logs/settings.json", ['{\n "theme": "dark"\n}'])
    desk.write("logs/readme.md", ["# words"])
    desk.write("logs/picture.png", [b"\x89PNG"])
    summary = desk.take(desk.folder / "logs")
    assert (summary.files, summary.new) == ({"claude-code": 1, "generic": 5}, 6)
    assert summary.bad == ()
    notes = {note.file.name if note.file else "": note.text for note in summary.notes}
    assert notes["logs"] == (
        "files passed over, as no format that is read has them: .md (1), .png (1)"
    )
    assert notes["settings.json"].startswith("not read, as corvus knows no usage in it: no column")


def test_a_file_of_columns_that_nobody_knows_is_refused_when_it_was_named(desk: Desk) -> None:
    with pytest.raises(ImportRefused, match="no column 'timestamp'"):
        desk.take(desk.write("settings.json", ['{\n "theme": "dark"\n}']))


def test_a_file_without_a_call_says_what_it_has(desk: Desk) -> None:
    lines = [{"type": "summary", "leafUuid": "u"}, {"type": "user", "sessionId": "s"}]
    summary = desk.take(desk.write("log.jsonl", lines))
    assert summary.new == 0
    assert [note.text for note in summary.notes] == [
        "0 calls; read as claude-code, its lines are summary, user"
    ]


def test_a_file_that_is_read_as_something_else_says_what_it_looks_like(
    desk: Desk, line: Any
) -> None:
    summary = desk.take(desk.write("log.jsonl", [line(1)]), format="litellm")
    (text,) = (note.text for note in summary.notes)
    assert text.startswith("0 calls; read as litellm, its lines are assistant")
    assert text.endswith("it looks like claude-code: name the format with --from")


def test_nothing_is_said_of_the_new_end_of_a_log_without_calls(desk: Desk, line: Any) -> None:
    desk.take_new(desk.write("log.jsonl", [line(1)]))
    desk.write("log.jsonl", [line(1), {"type": "user", "sessionId": "s"}])
    assert desk.take_new(desk.folder / "log.jsonl").notes == ()
