from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

import pytest

from corvus.base.errors import ImportRefused

if TYPE_CHECKING:
    from tests.usage.importers.conftest import Desk

SONNET = "claude-sonnet-4-5-20250929"
CSV = f"""timestamp,model,input_tokens,output_tokens,team
2026-11-16T10:00:00Z,{SONNET},10,20,red
2026-11-16 11:00:00,{SONNET},1,2,blue
"""


def row(number: int = 1, **rest: Any) -> dict[str, Any]:
    usual = {"timestamp": f"2026-11-16T10:00:{number:02}Z", "model": SONNET}
    return usual | {"input_tokens": 10, "output_tokens": 20} | rest


def test_csv_is_recognised_and_priced(desk: Desk) -> None:
    (desk.folder / "usage.csv").write_text(CSV)
    summary = desk.take(desk.folder / "usage.csv", columns={"tags.team": "team"})
    assert summary.files == {"generic": 1}
    assert (summary.read_lines, summary.new, summary.unpriced) == (2, 2, 0)
    assert desk.totals() == (2, 11, 22, 0, 0, 0, 0, 11 * 3_000 + 22 * 15_000)
    assert desk.ask(
        "SELECT admitted_at::VARCHAR, tags['team'], surface, outcome, provider FROM usage_record"
    ) == [
        ("2026-11-16 10:00:00", "red", "import", "completed", "anthropic"),
        ("2026-11-16 11:00:00", "blue", "import", "completed", "anthropic"),
    ]


def test_no_imported_call_has_the_mark_of_a_shadow_policy(desk: Desk) -> None:
    """It says what a policy of this store would have done, and no file can (PLN-2)."""
    text = CSV.replace(",red", ",0123456789abcdef:refused:day")
    (desk.folder / "usage.csv").write_text(text)
    columns = {"tags.corvus.shadow": "team", "tags.team": "team"}
    assert desk.take(desk.folder / "usage.csv", columns=columns).new == 2
    assert desk.ask("SELECT tags FROM usage_record ORDER BY admitted_at") == [
        ({"team": "0123456789abcdef:refused:day"},),
        ({"team": "blue"},),
    ]
    tags = {"corvus.shadow": "0123456789abcdef:refused:day"}
    lines = [row(number, tags=tags) for number in (1, 2)]
    assert desk.take(desk.write("more.jsonl", lines)).new == 2
    assert desk.ask("SELECT tags FROM usage_record WHERE admitted_at::TIME < '10:00:03'") == [
        ({"team": "0123456789abcdef:refused:day"},),
        (None,),
        (None,),
    ]


def test_csv_with_semicolons_bom_quotes_and_crlf_is_read(desk: Desk) -> None:
    text = (
        "timestamp;model;input_tokens;output_tokens;note\r\n"
        f'2026-11-16T10:00:00Z;{SONNET};1;2;"two\r\nlines; ""quoted"""\r\n'
        f"2026-11-16T10:00:01Z;{SONNET};3;4;\r\n"
    )
    (desk.folder / "usage.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert desk.take(desk.folder / "usage.csv", columns={"tags.note": "note"}).new == 2
    notes = desk.ask("SELECT tags['note'] FROM usage_record ORDER BY admitted_at")
    assert notes == [('two\r\nlines; "quoted"',), (None,)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_the_one_that_the_header_has_most(desk: Desk, delimiter: str) -> None:
    others = "".join(one for one in ",;\t" if one != delimiter)
    header = ["timestamp", "model", "input_tokens", "output_tokens", f'"no{others}te"']
    values = ["2026-11-16T10:00:00Z", SONNET, "1", "2", f'"{others * 9}"']
    rows = "\n".join(delimiter.join(row) for row in (header, values))
    (desk.folder / "usage.csv").write_text(rows)
    summary = desk.take(desk.folder / "usage.csv")
    assert (summary.new, summary.bad) == (1, ())
    assert desk.totals()[:3] == (1, 1, 2)


def test_bad_csv_rows_have_the_number_of_their_last_line(desk: Desk) -> None:
    lines = [
        b"timestamp,model,input_tokens,output_tokens,note",
        b'2026-11-16T10:00:00Z,m,1,2,"spans',
        b'two lines"',
        b"2026-11-16T10:00:00Z,m,1",
        b"2026-11-16T10:00:00Z,m,one,2,",
        b"2026-11-16T10:00:00Z,m,1,2,\xff",
        b"",
        b",m,1,2,",
        b"2026-11-16T10:00:00Z,m,,2,",
    ]
    (desk.folder / "usage.csv").write_bytes(b"\n".join(lines))
    summary = desk.take(desk.folder / "usage.csv")
    assert sorted((one.line, one.reason) for one in summary.bad) == [
        (4, "3 values instead of 5"),
        (5, "a count is no whole number of at most 10 digits, >= 0"),
        (6, "not UTF-8"),
        (8, "no timestamp"),
        (9, "no count of input or output tokens"),
    ]
    assert (summary.new, summary.read_lines) == (1, 6)


def test_missing_columns_are_refused_with_those_that_are_there(desk: Desk) -> None:
    (desk.folder / "usage.csv").write_text("when,model,in,out\n2026-11-16,m,1,2\n")
    with pytest.raises(ImportRefused) as refused:
        desk.take(desk.folder / "usage.csv")
    text = str(refused.value)
    assert "no column 'timestamp' for timestamp" in text
    assert "when, model, in, out" in text
    assert "--map timestamp=COLUMN" in text


def test_a_column_named_by_the_user_must_exist(desk: Desk) -> None:
    (desk.folder / "usage.csv").write_text(CSV)
    with pytest.raises(ImportRefused, match="no column 'sess' for session_id"):
        desk.take(desk.folder / "usage.csv", columns={"session_id": "sess"})


def test_a_field_that_does_not_exist_is_refused(desk: Desk) -> None:
    (desk.folder / "usage.csv").write_text(CSV)
    with pytest.raises(ImportRefused, match="no such field"):
        desk.take(desk.folder / "usage.csv", columns={"tokens": "team"})


def test_json_lines_are_mapped_by_column_or_dotted_path(desk: Desk) -> None:
    entry = {
        "when": 1794823200,
        "llm": {"name": "gpt-x", "vendor": "openai"},
        "usage": {"prompt": 7, "completion": 8, "cached": 100, "reasoning": 9},
        "a.b": "literal",
        "user": "ada",
    }
    desk.take(
        desk.write("usage.jsonl", [entry]),
        columns={
            "timestamp": "when",
            "model": "llm.name",
            "provider": "llm.vendor",
            "input_tokens": "usage.prompt",
            "output_tokens": "usage.completion",
            "cache_read_tokens": "usage.cached",
            "reasoning_tokens": "usage.reasoning",
            "session_id": "a.b",
            "user_name": "user",
        },
    )
    assert desk.ask(
        "SELECT admitted_at::VARCHAR, requested_model, provider, input_tokens, output_tokens, "
        "cache_read_tokens, reasoning_tokens, session_id, user_name, cost_nano_usd "
        "FROM usage_record"
    ) == [("2026-11-16 10:00:00", "gpt-x", "openai", 7, 8, 100, 9, "literal", "ada", None)]


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ("2026-11-16T10:00:00.250Z", "2026-11-16 10:00:00.25"),
        ("2026-11-16T10:00:00+05:30", "2026-11-16 04:30:00"),
        ("2026-11-16 10:00:00", "2026-11-16 10:00:00"),
        (1794823200, "2026-11-16 10:00:00"),
        (1794823200250, "2026-11-16 10:00:00.25"),
        ("1794823200.25", "2026-11-16 10:00:00.25"),
    ],
)
def test_instants_are_read_in_the_usual_forms(desk: Desk, stated: object, expected: str) -> None:
    desk.take(desk.write("usage.jsonl", [row(timestamp=stated)]))
    assert desk.ask("SELECT admitted_at::VARCHAR FROM usage_record") == [(expected,)]


@pytest.mark.parametrize(
    ("stated", "nano_usd"),
    [("0.1", 100_000_000), (1e-05, 10_000), (1, 1_000_000_000), ("0.0000000025", 2)],
)
def test_a_stated_cost_is_recorded_as_it_stands(desk: Desk, stated: object, nano_usd: int) -> None:
    summary = desk.take(desk.write("usage.jsonl", [row(cost_usd=stated)]))
    assert summary.new_cost_nano_usd == nano_usd
    assert desk.ask("SELECT cost_nano_usd, source, price_entry FROM usage_record") == [
        (nano_usd, "provider", None)
    ]


@pytest.mark.parametrize("stated", ["free", -0.1, "1e30", "NaN", "€ 1"])
def test_a_stated_cost_that_is_no_amount_is_not_believed(desk: Desk, stated: object) -> None:
    summary = desk.take(desk.write("usage.jsonl", [row(cost_usd=stated), row(2)]))
    assert (summary.new, summary.bad) == (2, ())
    assert [(note.text, note.lines) for note in summary.notes] == [
        ("the stated cost is no amount in 0..=10000000 USD and is not believed", 1)
    ]
    assert desk.ask("SELECT DISTINCT cost_nano_usd, source FROM usage_record") == [
        (10 * 3_000 + 20 * 15_000, "imported")
    ]


def test_equal_lines_of_a_growing_file_count_each_and_only_once(desk: Desk) -> None:
    desk.take(desk.write("usage.jsonl", [row(), row(), row(2)]))
    summary = desk.take(desk.write("usage.jsonl", [row(), row(), row(2), row(), row(3)]))
    assert (summary.new, summary.duplicate) == (2, 3)


def test_a_mapped_id_makes_a_call_known_whatever_else_changed(desk: Desk) -> None:
    desk.take(desk.write("a.jsonl", [row(id="x")]))
    summary = desk.take(desk.write("b.jsonl", [row(id="x", project="late"), row(id="y")]))
    assert (summary.new, summary.updated, summary.duplicate) == (1, 1, 0)
    # What one of them states holds, whichever comes first.
    assert desk.ask("SELECT project, calls FROM usage_call ORDER BY ALL") == [
        ("late", 1),
        (None, 1),
    ]


def test_a_copy_under_another_name_adds_nothing(desk: Desk) -> None:
    log = desk.write("usage.jsonl", [row(), row()])
    desk.take(log)
    log.rename(log.with_name("renamed.jsonl"))
    assert desk.take(log.with_name("renamed.jsonl")).new == 0


def test_bad_json_lines_have_their_numbers(desk: Desk) -> None:
    log = desk.write("usage.jsonl", [row(), "", "nope", row(2, output_tokens=-1), "[]"])
    summary = desk.take(log)
    assert [one.line for one in summary.bad] == [3, 4, 5]
    assert summary.new == 1


def test_packed_files_are_read(desk: Desk) -> None:
    log = desk.write("usage.jsonl", [row(), "nope", row(2)])
    (desk.folder / "usage.jsonl.gz").write_bytes(gzip.compress(log.read_bytes()))
    (desk.folder / "usage.csv.gz").write_bytes(gzip.compress(CSV.encode()))
    summary = desk.take(desk.folder / "usage.jsonl.gz", desk.folder / "usage.csv.gz")
    assert (summary.new, [one.line for one in summary.bad]) == (4, [2])


def test_one_unmapped_file_among_others_is_told_and_skipped(desk: Desk) -> None:
    desk.write("logs/a.jsonl", [row()])
    desk.write("logs/b.jsonl", [{"other": 1}])
    summary = desk.take(desk.folder / "logs")
    assert summary.new == 1
    assert [(one.file.name, one.line) for one in summary.bad] == [("b.jsonl", None)]
