"""``corvus report`` answers by name in the format asked for, or says what to type (REP-3)."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from corvus.base import errors
from corvus.cli.report import app

NOW = ["--as-of", "2026-04-06T12:00:00Z"]


@pytest.fixture
def ledger(tmp_path: Path, record_calls: Callable[..., Path]) -> Path:
    call = {"admitted_at": "2026-04-06 08:00:00", "output_tokens": 20}
    return record_calls(tmp_path / "ledger.duckdb", call | {"cost_nano_usd": 1_250_000_000})


def corvus_report(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def refused(result: Result, kind: type[errors.PolicyError]) -> str:
    assert isinstance(result.exception, kind), result.output
    return str(result.exception)


def test_list_names_every_shipped_report() -> None:
    result = corvus_report("list")
    assert result.exit_code == 0
    names = [line.split()[0] for line in result.output.splitlines()]
    folder = Path(__file__).parents[2] / "reports"
    files = [file.relative_to(folder).with_suffix("").as_posix() for file in folder.rglob("*.sql")]
    assert len(files) >= 26
    assert names == [f"report={name}" for name in sorted(files)]


def test_list_shows_a_broken_file_beside_the_others(tmp_path: Path) -> None:
    (tmp_path / "mine.sql").write_text("SELECT 1")
    rows = json.loads(corvus_report("list", "--reports-dir", tmp_path, "--format", "json").output)
    own = [row for row in rows if row["origin"] == "user"]
    assert len(rows) == 1 + len([row for row in rows if row["origin"] == "shipped"]) > 26
    assert [row["report"] for row in own] == ["mine"]
    assert own[0]["summary"].startswith("broken: ")


@pytest.mark.parametrize(("columns", "are_shown"), [("80", False), ("120", True)])
def test_a_narrow_list_keeps_what_reports_tell(
    monkeypatch: pytest.MonkeyPatch, columns: str, are_shown: bool
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    head = corvus_report("list", "--format", "table").output.splitlines()[0]
    assert ("parameters" in head) == are_shown


def test_a_name_that_is_near_to_none_is_not_guessed() -> None:
    assert "did you mean" not in refused(corvus_report("usage"), errors.ReportNotFound)


@pytest.mark.parametrize("columns", ["40", "80"])
def test_list_never_breaks_the_name_of_a_report(
    monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    lines = corvus_report("list", "--format", "table").output.splitlines()
    assert any(line.split()[:1] == ["spend/history-by-session"] for line in lines)
    assert max(len(line) for line in lines) <= int(columns)


def test_list_as_a_table_names_summary_and_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    output = corvus_report("list", "--format", "table").output
    assert "spend/by-model" in output
    assert "parameters" in output


def test_list_refuses_an_unknown_format() -> None:
    assert "table, kv or json" in refused(
        corvus_report("list", "--format", "xml"), errors.ReportParameterInvalid
    )


def test_show_prints_the_file_as_it_is() -> None:
    shipped = Path(__file__).parents[2] / "reports" / "spend" / "by-model.sql"
    if not shipped.is_file():
        pytest.skip("runs against an installed wheel: reports/ is not beside the tests")
    assert corvus_report("show", "by-model").output == shipped.read_text()


def test_without_a_terminal_the_default_is_kv(ledger: Path) -> None:
    assert corvus_report("by-model", "--ledger", ledger).output.splitlines() == [
        "report=spend/by-model",
        "rows=1",
        "provider=openai model=gpt-5 calls=1 unpriced_calls=0 input_tokens=10 output_tokens=20 "
        "cache_read_tokens=0 cache_write_5m_tokens=0 cache_write_1h_tokens=0 reasoning_tokens=0 "
        "web_search_requests=0 cost_usd=1.2500 share_percent=100.00",
    ]


def test_lines_name_the_zone_of_their_days(ledger: Path) -> None:
    """REP-6: days without the name of their zone are no days of it."""
    words = ["history-by-day", "--zone", "America/New_York", "--ledger", ledger]
    assert corvus_report(*words).stdout.splitlines()[:2] == [
        "report=spend/history-by-day",
        "zone=America/New_York",
    ]


def test_options_may_stand_before_the_name(ledger: Path) -> None:
    before = corvus_report("--ledger", ledger, "--format", "csv", "by-model")
    assert before.output == corvus_report("by-model", "--ledger", ledger, "--format", "csv").output


def test_table_leaves_out_columns_of_zeros_and_says_so(ledger: Path) -> None:
    output = corvus_report("by-model", "--ledger", ledger, "--format", "table").output
    assert "1.2500" in output
    assert "0 throughout: unpriced_calls, cache_read_tokens" in output.replace("\n", " ")


def test_a_chart_is_written_as_svg(ledger: Path, tmp_path: Path) -> None:
    file = tmp_path / "days.svg"
    words = ["history-by-day", "--param", "days=2", "--chart", file, "--ledger", ledger, *NOW]
    result = corvus_report(*words)
    assert result.exit_code == 0, result.output
    drawn = ElementTree.fromstring(file.read_text())
    bars = drawn.findall("{http://www.w3.org/2000/svg}rect")[1:]
    assert len(bars) == 2
    assert max(float(bar.get("width", "")) for bar in bars) == 480


def test_a_chart_is_written_as_png(ledger: Path, tmp_path: Path) -> None:
    file = tmp_path / "days.png"
    words = ["history-by-day", "--param", "days=2", "--chart", file, "--ledger", ledger, *NOW]
    result = corvus_report(*words)
    assert result.exit_code == 0, result.output
    with Image.open(file) as image:
        assert (image.format, image.size) == ("PNG", (1904, 224))
        colours = image.getcolors(1 << 20) or []
    filled = sum(count for count, colour in colours if colour == (0x1F, 0x6F, 0x8B))
    assert filled == 2 * 480 * 2 * 16, "one of two days has a bar, of full width"


@pytest.mark.parametrize("name", ["days.pdf", "a.b/days", "days.svg.gz"])
def test_a_chart_is_an_svg_or_a_png_file(name: str) -> None:
    result = corvus_report("history-by-day", "--chart", name)
    assert "a file.svg or a file.png" in refused(result, errors.ReportParameterInvalid)


def test_a_chart_stands_before_the_name_of_a_report_as_well(ledger: Path, tmp_path: Path) -> None:
    for words in (["--chart", "history-by-day"], ["--chart", tmp_path / "d.svg", "history-by-day"]):
        result = corvus_report(*words, "--param", "days=2", "--ledger", ledger, *NOW)
        assert result.exit_code == 0, result.output


def test_chart_draws_a_bar_for_each_row(ledger: Path) -> None:
    words = ["history-by-day", "--param", "days=2", "--chart", "--ledger", ledger, *NOW]
    lines = corvus_report(*words).output.splitlines()
    assert lines[-2] == f"2026-04-05  {' ' * 30}  0.0000"
    assert lines[-1] == f"2026-04-06  {'█' * 30}  1.2500"


def test_json_names_the_report_and_its_parameters(ledger: Path) -> None:
    words = ["by-model", "--since", "7d", "--until", "today", "--format", "json"]
    body = json.loads(corvus_report(*words, "--ledger", ledger, *NOW).output)
    assert body["report"] == "spend/by-model"
    assert body["parameters"] == {
        "since": "2026-03-30T12:00:00Z",
        "until": "2026-04-07T00:00:00Z",
        "session": None,
        "project": None,
    }
    assert body["rows"][0]["cost_nano_usd"] == 1_250_000_000


@pytest.mark.parametrize("suffix", ["csv", "json", "jsonl", "md", "parquet"])
def test_suffix_of_the_output_file_decides_the_format(
    ledger: Path, tmp_path: Path, suffix: str
) -> None:
    target = tmp_path / f"out.{suffix}"
    result = corvus_report("by-model", "--ledger", ledger, "-o", target)
    assert (result.exit_code, result.output) == (0, "")
    start = {"csv": b"provider,", "json": b"{\n", "jsonl": b'{"', "md": b"| ", "parquet": b"PAR1"}
    assert target.read_bytes().startswith(start[suffix])


def test_reports_of_an_own_folder_run_like_the_shipped(ledger: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "calls.sql").write_text(
        "-- title: Calls\n-- summary: All calls.\n-- column: calls BIGINT calls\n"
        "-- reads: usage_record\nSELECT COUNT(*) AS calls FROM usage_record;\n"
    )
    words = ["calls", "--reports-dir", tmp_path / "mine", "--ledger", ledger, "--format", "csv"]
    assert corvus_report(*words).output == "calls\n1\n"


def test_missing_ledger_says_what_to_type(tmp_path: Path) -> None:
    result = corvus_report("by-model", "--ledger", tmp_path / "absent.duckdb")
    assert "corvus usage import" in refused(result, errors.LedgerError)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["by-model", "--param", "modle=x"], "no parameter 'modle' (it has: since, until"),
        (["by-model", "--param", "session"], "--param reads NAME=VALUE, got 'session'"),
        (["by-model", "-p", "session=a", "-p", "session=b"], "session is given twice"),
        (
            ["by-model", "--since", "2026-04", "--until", "2026-02"],
            "is not before the end of",
        ),
        (["by-model", "--since", "soon"], "'soon' is not a time: try 7d"),
        (["history-by-session", "--since", "7d"], "takes no --since; its parameters"),
        (["history-by-day", "--since", "2020-01"], "days long, at most 366 are shown"),
        (["history-by-day", "-p", "days=367"], "days must be from 1 to 366, got 367"),
        (["by-model", "--format", "xml"], "--format must be one of table, kv"),
        (["by-model", "--format", "parquet"], "name a file with -o"),
        (["by-model", "--format", "table", "-o", "x.txt"], "a table is for a terminal"),
        (["by-model", "--format", "csv", "--chart"], "not in csv"),
        (["by-model", "--as-of", "noon"], "'noon' is not a time"),
    ],
)
def test_wrong_use_is_refused_and_says_why(ledger: Path, words: list[str], message: str) -> None:
    result = corvus_report(*words, "--ledger", ledger)
    assert message in refused(result, errors.ReportParameterInvalid)


def test_chart_of_a_report_that_declares_none_is_refused(ledger: Path, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "x.sql").write_text(
        "-- title: X\n-- summary: X.\n-- column: calls BIGINT calls\n"
        "-- reads: usage_record\nSELECT COUNT(*) AS calls FROM usage_record;\n"
    )
    words = ["x", "--chart", "--reports-dir", tmp_path / "own", "--ledger", ledger]
    assert "declares no chart" in refused(corvus_report(*words), errors.ReportError)


def test_output_into_a_missing_folder_is_refused(ledger: Path, tmp_path: Path) -> None:
    target = tmp_path / "absent" / "x.csv"
    result = corvus_report("by-model", "--ledger", ledger, "-o", target)
    assert "cannot write" in refused(result, errors.ReportError)


def test_unknown_report_is_refused_with_the_nearest(ledger: Path) -> None:
    result = corvus_report("by-modle", "--ledger", ledger)
    assert "did you mean spend/by-model?" in refused(result, errors.ReportNotFound)


def test_help_shows_an_example_of_every_command() -> None:
    for words in (["list"], ["show"], ["NAME"]):
        assert "Example: corvus report" in corvus_report(*words, "--help").output
    assert "list" in corvus_report("--help").output


def test_budgets_of_a_report_come_from_the_config_and_what_is_set_over_it(
    ledger: Path, tmp_path: Path
) -> None:
    config = tmp_path / "corvus.toml"
    config.write_text("[cost]\nenabled = true\ndaily_limit_usd = 1.0\nmonthly_limit_usd = 0.0\n")
    words = ["status-over-time", *NOW, "--ledger", ledger, "--config", config, "--format", "json"]
    for limit_usd, state in ((1, "exceeded"), (100, "allowed")):
        result = corvus_report(*words, "--set", f"cost.daily_limit_usd={limit_usd}.0")
        assert result.exit_code == 0, result.output
        rows = [row for row in json.loads(result.output)["rows"] if row["period"] == "day"]
        assert {row["limit_nano_usd"] for row in rows} == {limit_usd * 1_000_000_000}
        assert {row["state"] for row in rows if row["cost_nano_usd"] > 0} == {state}
