"""``corvus schema`` lists, prints, and holds documents against a schema (SCH-4)."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from corvus.answers.published import published_schemas
from corvus.cli.main import main
from corvus.cli.schema import NAMES
from tests.cli.places import ROOT
from tests.conftest import RecordCalls

Capture = pytest.CaptureFixture[str]
BROKEN = ROOT / "examples" / "first-light" / "broken.toml"


def test_the_names_are_those_of_the_schemas(capsys: Capture) -> None:
    assert (*published_schemas(),) == NAMES
    assert main(["schema", "list"]) == 0
    listed = capsys.readouterr().out
    assert tuple(line.split()[0] for line in listed.splitlines()) == NAMES
    assert main(["schema"]) == 0
    assert capsys.readouterr().out == listed


def test_the_list_for_programs_has_the_addresses(capsys: Capture) -> None:
    assert main(["schema", "list", "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["url"] for row in rows] == [schema.url for schema in published_schemas().values()]


@pytest.mark.parametrize("name", [*NAMES, "config.native"])
def test_a_schema_is_printed_byte_for_byte(name: str, capsys: Capture) -> None:
    assert main(["schema", "show", name]) == 0
    printed = capsys.readouterr().out
    (path,) = (ROOT / "schemas").glob(f"*{name.removeprefix('config.')}.schema.json")
    assert printed == path.read_text()
    if name in NAMES:
        assert main(["schema", name]) == 0
        assert capsys.readouterr().out == printed


@pytest.mark.parametrize("words", [["show", "audit-evnt"], ["check", "audit-evnt", "x.json"]])
def test_an_unknown_name_is_a_usage_error_with_the_right_one(
    words: list[str], capsys: Capture
) -> None:
    assert main(["schema", *words]) == 2
    assert "audit-event" in capsys.readouterr().err


def test_what_check_prints_follows_its_schema(tmp_path: Path, capsys: Capture) -> None:
    main(["check", "--format", "json", str(BROKEN)])
    report = tmp_path / "report.json"
    report.write_text(capsys.readouterr().out)
    assert main(["schema", "check", "diagnostics", str(report)]) == 0
    assert capsys.readouterr().out == "ok: 1 document of diagnostics\n"


def test_what_export_writes_follows_its_schema(
    tmp_path: Path, record_calls: RecordCalls, capsys: Capture
) -> None:
    call: dict[str, object] = {"admitted_at": "2026-04-06 08:00:00", "cost_nano_usd": 5}
    ledger = record_calls(tmp_path / "ledger.duckdb", call, call | {"requested_model": "é"})
    out = tmp_path / "usage.jsonl"
    assert main(["usage", "export", "--ledger", str(ledger), "-o", str(out)]) == 0
    capsys.readouterr()
    assert main(["schema", "check", "usage-record", str(out)]) == 0
    assert capsys.readouterr().out == "ok: 2 documents of usage-record\n"


def test_a_finding_is_one_line_with_place_and_pointer(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "a.json"
    path.write_text('{\n  "position": "1"\n}\n')
    assert main(["schema", "check", "audit-event", str(path)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == (
        f"{path}:2:15: error[schema-mismatch] `/position` must be an integer, not a string"
    )
    assert lines[-1] == "2 errors in 1 document of audit-event"


def test_findings_for_programs_follow_the_schema_of_diagnostics(
    tmp_path: Path, capsys: Capture
) -> None:
    bad, report = tmp_path / "a.json", tmp_path / "report.json"
    bad.write_text('{"position": "1"')
    assert main(["schema", "check", "audit-event", "--format", "json", str(bad)]) == 1
    report.write_text(capsys.readouterr().out)
    assert main(["schema", "check", "diagnostics", str(report)]) == 0


def test_a_file_that_cannot_be_read_is_exit_2_and_the_others_are_judged(
    tmp_path: Path, capsys: Capture
) -> None:
    """CFG-3, DIA-5."""
    bad = tmp_path / "a.json"
    bad.write_text("{")
    words = ["schema", "check", "audit-event", str(bad), str(tmp_path / "b.json"), str(tmp_path)]
    assert main(words) == 2
    printed = capsys.readouterr().out
    for code in ("not-json", "file-missing", "file-unreadable"):
        assert f"error[{code}]" in printed


def test_standard_input_is_a_file(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"[1]")))
    assert main(["schema", "check", "audit-event", "-"]) == 1
    assert capsys.readouterr().out.startswith("<stdin>:1:2: error[schema-mismatch] `/0` must be an")


def test_a_config_is_left_to_the_check_of_configs(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "corvus.toml"
    path.write_text("")
    assert main(["schema", "check", "native", str(path)]) == 2
    assert "`corvus check " in capsys.readouterr().err


def test_a_config_that_is_written_as_json_is_judged(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "corvus.json"
    path.write_text('{"cost": {"daly_limit_usd": 5}}')
    assert main(["schema", "check", "native", str(path)]) == 1
    assert "(Did you mean `daily_limit_usd`?)" in capsys.readouterr().out
