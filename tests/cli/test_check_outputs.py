"""Formats and reports of ``corvus check``: where they go, what they replace, and how they fail."""

from __future__ import annotations

import io
import json
import os
import stat
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from corvus.cli.check import main
from corvus.cli.exits import Exit
from corvus.diagnostics.formats import FORMATS

Capture = pytest.CaptureFixture[str]
ROOT = Path(__file__).parents[2]
FAILS = "[cost]\ndayly_limit_usd = 5\n"


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("GITHUB_WORKSPACE", "CI_PROJECT_DIR"):
        monkeypatch.delenv(name, raising=False)
    Path("good.toml").write_text("[cost]\nenabled = false\n")
    Path("fails.toml").write_text(FAILS)


@pytest.mark.parametrize("style", FORMATS)
@pytest.mark.parametrize(
    ("name", "code"), [("good.toml", Exit.CLEAN), ("fails.toml", Exit.FINDINGS), ("x", Exit.USAGE)]
)
def test_a_format_never_changes_the_exit_code(style: str, name: str, code: Exit) -> None:
    assert main([name, "--format", style]) == code
    assert main([name, "--output-format", style, "--report", f"{style}=report"]) == code


@pytest.mark.parametrize("style", FORMATS)
def test_a_report_holds_what_the_format_prints(style: str, capsys: Capture) -> None:
    main(["fails.toml", "--format", style])
    printed = capsys.readouterr().out
    main(["fails.toml", "--quiet", "--report", f"{style}=report"])
    if style in {"text", "github", "azure"}:  # without the summary, as --quiet asks
        printed = printed.removesuffix(
            "1 error in 1 file\nchecked as native: no key of a host runtime\n"
            "1 fixable with `--fix --unsafe-fixes`\n"
        ).rstrip("\n")
        printed += "\n"
    assert Path("report").read_text(encoding="utf-8") == printed


def test_several_reports_of_one_run(capsys: Capture) -> None:
    reports = [f"--report={style}=out.{style}" for style in FORMATS]
    assert main(["fails.toml", *reports]) == Exit.FINDINGS
    assert capsys.readouterr().out.startswith("error[unknown-key]")
    assert json.loads(Path("out.sarif").read_text())["version"] == "2.1.0"
    assert ET.parse("out.junit").getroot().get("failures") == "1"
    assert Path("out.concise").read_text().startswith("fails.toml:2:1: error")
    assert sorted(path.name for path in Path().iterdir() if "tmp" in path.name) == []


def test_json_and_its_lines_hold_to_the_published_schema(capsys: Capture) -> None:
    schema = json.loads((ROOT / "schemas/diagnostics.schema.json").read_text())
    main(["fails.toml", "absent.toml", "--format", "json"])
    whole = json.loads(capsys.readouterr().out)
    validator: Any = Draft202012Validator(schema)
    validator.validate(whole)
    assert whole["diagnostics"][0]["fix"]["edits"][0]["replacement"] == "daily_limit_usd"
    main(["fails.toml", "absent.toml", "--format", "jsonl"])
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line) for line in lines] == whole["diagnostics"]


def test_one_report_may_take_standard_output(capsys: Capture) -> None:
    main(["fails.toml", "--report", "json=-", "--report", "junit=out.xml"])
    assert json.loads(capsys.readouterr().out)["summary"]["errors"] == 1
    assert Path("out.xml").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--report", "json=-", "--report", "sarif=-"], "standard output takes one format"),
        (["--format", "text", "--report", "sarif=-"], "standard output takes one format"),
        (["--report", "json=a", "--report", "sarif=./a"], "two reports would be written to ./a"),
        (["--report", "yaml=a"], "the format must be one of text, concise, json"),
        (["--report", "json"], "a path is missing"),
        (["--report", "json="], "a path is missing"),
        (["--report", "json=absent/a.json"], "there is no directory absent"),
        (["--report", "json=."], "it is a directory"),
        (["--report", "json=good.toml/a"], "there is no directory good.toml"),
        (["--report", "\x1b=a"], "--report \\x1b=a"),
    ],
)
def test_a_report_that_cannot_be_meant_stops_before_the_check(
    arguments: list[str], message: str, capsys: Capture
) -> None:
    assert main(["good.toml", *arguments]) == Exit.USAGE
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err


def test_a_report_never_takes_the_place_of_a_checked_file(capsys: Capture) -> None:
    os.link("fails.toml", "linked")
    Path("pointer").symlink_to("fails.toml")
    for target in ("fails.toml", "./fails.toml", "pointer"):
        assert main(["fails.toml", "--report", f"json={target}"]) == Exit.USAGE
        assert Path("fails.toml").read_text() == FAILS
        assert "it is a file that was checked" in capsys.readouterr().err
    assert main(["fails.toml", "--report", "json=linked"]) == Exit.FINDINGS
    assert Path("fails.toml").read_text() == FAILS


@pytest.mark.usefixtures("unprivileged")
def test_a_report_that_cannot_be_written_is_exit_2_after_the_findings(capsys: Capture) -> None:
    Path("locked").mkdir()
    Path("locked").chmod(0o500)
    arguments = ["good.toml", "--report", "json=locked/a", "--report", "junit=out.xml"]
    assert main(arguments) == Exit.USAGE
    out, err = capsys.readouterr()
    assert out.startswith("ok: no problems")
    assert err.startswith("corvus check: error: the report is not written: locked/a ")
    assert Path("out.xml").exists()


def test_a_report_replaces_another_whole_and_keeps_its_permissions() -> None:
    path = Path("report")
    path.write_text("x" * 100_000)
    path.chmod(0o640)
    main(["good.toml", "--report", "concise=report"])
    assert path.read_text() == ""
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_report_through_a_link_leaves_the_link() -> None:
    Path("real").write_text("")
    Path("link").symlink_to("real")
    main(["fails.toml", "--report", "json=link"])
    assert Path("link").is_symlink()
    assert json.loads(Path("real").read_text())["version"] == 1
    Path("real").unlink()
    main(["fails.toml", "--report", "json=link"])
    assert json.loads(Path("real").read_text())["version"] == 1


def test_a_report_to_what_is_no_regular_file_leaves_it_in_place(capsys: Capture) -> None:
    os.mkfifo("pipe")
    reader = os.open("pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert main(["good.toml", "--report", "gitlab=pipe"]) == Exit.CLEAN
        assert os.read(reader, 100) == b"[]\n"
    finally:
        os.close(reader)
    assert stat.S_ISFIFO(os.stat("pipe").st_mode)
    assert main(["good.toml", "--report", "gitlab=/dev/null"]) == Exit.CLEAN
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


@pytest.mark.parametrize(
    ("level", "name", "code"),
    [
        ("error", "warns.toml", Exit.CLEAN),
        ("warning", "warns.toml", Exit.FINDINGS),
        ("note", "warns.toml", Exit.FINDINGS),
        ("never", "warns.toml", Exit.CLEAN),
        ("never", "fails.toml", Exit.CLEAN),
        ("never", "absent.toml", Exit.USAGE),
        ("never", "*.tmol", Exit.USAGE),
    ],
)
def test_the_fail_level_decides_the_exit_code(level: str, name: str, code: Exit) -> None:
    """DIA-5; what was not read is no pass, whatever the level."""
    Path("warns.toml").write_text("[cost]\nwarn_at_percent = 100\n")
    assert main([name, "--fail-on", level]) == code


def test_strict_is_a_fail_level_and_the_last_one_counts() -> None:
    Path("warns.toml").write_text("[cost]\nwarn_at_percent = 100\n")
    assert main(["warns.toml", "--strict", "--fail-on", "never"]) == Exit.CLEAN
    assert main(["warns.toml", "--fail-on", "never", "--strict"]) == Exit.FINDINGS


def test_the_summary_says_that_something_was_not_checked(capsys: Capture) -> None:
    main(["good.toml", "absent.toml", "*.tmol"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2:] == [
        "checked as native: no key of a host runtime",
        "2 inputs were not checked: this is no pass",
    ]


def test_what_is_ignored_is_counted(capsys: Capture) -> None:
    """Somebody who reads the log sees that a clean result has been arranged."""
    Path("ours.toml").write_text(
        "[cost]\nours = 1 # corvus: ignore[unknown-key] our own tool reads it\n"
        "warn_at_percent = 100 # corvus: ignore[extreme-threshold] paged by hand\n"
    )
    assert main(["ours.toml", "--strict"]) == Exit.CLEAN
    assert capsys.readouterr().out.splitlines() == [
        "ok: no problems in 1 file",
        "checked as native: no key of a host runtime",
        "2 findings ignored by comments",
    ]
    main(["ours.toml", "--format", "json"])
    assert json.loads(capsys.readouterr().out)["files"][0]["ignored"] == 2


def test_reports_are_written_although_nobody_reads_the_output() -> None:
    command = f"{sys.executable} -m corvus check fails.toml --report json=out.json | true"
    environment = {"PYTHONPATH": str(ROOT / "policy"), "PATH": os.environ["PATH"]}
    subprocess.run(command, shell=True, check=True, env=environment, capture_output=True)
    assert json.loads(Path("out.json").read_text())["summary"]["errors"] == 1


def test_github_actions_changes_nothing_by_itself(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    main(["fails.toml"])
    usual = capsys.readouterr().out
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    main(["fails.toml"])
    assert capsys.readouterr().out == usual


@pytest.mark.parametrize("variable", ["GITHUB_WORKSPACE", "CI_PROJECT_DIR"])
def test_paths_in_reports_start_at_the_checkout(
    variable: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "teams" / "a"
    folder.mkdir(parents=True)
    (folder / "b.toml").write_text(FAILS)
    monkeypatch.setenv(variable, str(tmp_path))
    monkeypatch.chdir(folder)
    main(["b.toml", "--format", "gitlab"])
    assert json.loads(capsys.readouterr().out)[0]["location"]["path"] == "teams/a/b.toml"
    monkeypatch.setenv(variable, "/elsewhere")
    main(["b.toml", "--format", "gitlab"])
    assert json.loads(capsys.readouterr().out)[0]["location"]["path"] == "b.toml"


def test_the_same_bytes_in_every_locale() -> None:
    Path("é.toml").write_text('["ключ"]\n', encoding="utf-8")
    outputs: set[bytes] = set()
    for encoding in ("utf-8", "ascii", "latin-1"):
        run = subprocess.run(
            [sys.executable, "-m", "corvus", "check", "é.toml", "--format", "junit"],
            capture_output=True,
            check=False,
            env={
                "PYTHONPATH": str(ROOT / "policy"),
                "PYTHONIOENCODING": encoding,
                "PYTHONUTF8": "1",
            },
        )
        outputs.add(run.stdout)
    assert len(outputs) == 1
    assert ET.fromstring(outputs.pop()).find(".//testcase[@name='é.toml']") is not None


def test_a_name_that_is_not_utf8_is_in_every_report() -> None:
    name = os.fsdecode(b"\xff.toml")
    Path(name).write_text(FAILS)
    for style in FORMATS:
        assert main([name, "--report", f"{style}=report"]) == Exit.FINDINGS
        assert Path("report").read_text(encoding="utf-8")
    main([name, "--report", "sarif=report"])
    assert '"uri": "%FF.toml"' in Path("report").read_text()


def test_standard_input_can_be_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(FAILS.encode())))
    assert main(["-", "--report", "sarif=-", "--stdin-filename", "a.toml"]) == Exit.FINDINGS


def test_a_plain_check_imports_nothing_that_writes_reports() -> None:
    """PRF-1: who does not ask for a report does not pay for it."""
    others = [
        "corvus.cli.check_outputs", "corvus.config.check.fixes",
        "corvus.config.check.ignore", "corvus.diagnostics.explanation",
        "corvus.diagnostics.fingerprint", "corvus.diagnostics.outcome",
        *(f"corvus.diagnostics.formats.{name}"
          for name in ("github", "gitlab", "json", "junit", "sarif")),
    ]  # fmt: skip
    Path("wrong.toml").write_text("[cost]\nwarn_at_percent = 150\n")
    script = (
        "import sys\nfrom corvus.cli.main import main\n"
        "before = set(sys.modules)\n"
        "main(['check', 'good.toml']); main(['check', 'wrong.toml'])\n"
        f"print([name for name in {others!r} if name in sys.modules and name not in before])\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(ROOT / "policy")},
    )
    assert run.stdout.splitlines()[-1] == "[]", run.stderr


@pytest.mark.parametrize("style", ["sarif", "github", "gitlab", "junit", "json"])
def test_a_format_imports_no_other(style: str) -> None:
    script = (
        "import sys\nfrom corvus.cli.main import main\n"
        f"main(['check', 'fails.toml', '--format', {style!r}])\n"
        "print([one for one in ('sarif', 'github', 'gitlab', 'junit')"
        " if f'corvus.diagnostics.formats.{one}' in sys.modules])\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(ROOT / "policy")},
    )
    expected = [] if style == "json" else [style]
    assert run.stdout.splitlines()[-1] == str(expected), run.stderr


@pytest.mark.parametrize("style", FORMATS)
def test_an_output_file_gets_what_would_be_printed(style: str, capsys: Capture) -> None:
    main(["fails.toml", "--quiet", "--format", style])
    printed = capsys.readouterr().out
    assert main(["fails.toml", "--quiet", "--format", style, "-o", "out"]) == Exit.FINDINGS
    assert capsys.readouterr() == ("", "")
    assert Path("out").read_text(encoding="utf-8") == printed


def test_paths_of_reports_start_at_the_repository(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path(".git").mkdir()
    Path("team").mkdir()
    Path("team/fails.toml").write_text(FAILS)
    monkeypatch.chdir("team")
    for style in ("azure", "checkstyle", "gitlab", "rdjson", "rdjsonl", "sarif"):
        main(["fails.toml", "--format", style])
        assert "team/fails.toml" in capsys.readouterr().out
