"""``corvus check`` beyond reporting: statistics, acceptance, settings (DIA-5, CFG-13)."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from corvus.cli.check import main

Capture = pytest.CaptureFixture[str]
WARNS = "[cost]\nwarn_at_percent = 100\n"


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.toml").write_text(WARNS)
    Path("b.toml").write_text(WARNS + "dayly_limit_usd = 5\n")


def test_statistics_count_by_code(capsys: Capture) -> None:
    assert main(["--statistics", "a.toml", "b.toml"]) == 1
    assert capsys.readouterr().out.splitlines()[:2] == [
        "2\textreme-threshold\t[ ] a threshold that always or never warns",
        "1\tunknown-key\t[*] a key or table that the file may not have",
    ]
    main(["--statistics", "--format", "json", "a.toml"])
    assert json.loads(capsys.readouterr().out) == [
        {
            "code": "extreme-threshold",
            "title": "a threshold that always or never warns",
            "count": 1,
            "fixable": 0,
        }
    ]


def test_comments_are_added_and_said(capsys: Capture) -> None:
    assert main(["--strict", "--add-ignore", "paged by hand", "a.toml"]) == 0
    assert capsys.readouterr().out.endswith(
        "1 finding ignored by comments\nAdded 1 ignore comment.\n"
    )
    text = Path("a.toml").read_text()
    assert main(["--add-ignore", "paged by hand", "a.toml"]) == 0
    assert capsys.readouterr().out.endswith("Added 0 ignore comments.\n")
    assert Path("a.toml").read_text() == text


def test_what_was_not_written_is_not_said(capsys: Capture) -> None:
    os.chmod(".", 0o500)
    try:
        code = main(["--add-ignore", "paged by hand", "a.toml"])
    finally:
        os.chmod(".", 0o700)
    if os.getuid() == 0:
        pytest.skip("root may write everywhere")
    out, err = capsys.readouterr()
    assert code == 2
    assert "Added 0 ignore comments." in out
    assert "error[" in err


def test_a_baseline_is_written_and_followed(capsys: Capture) -> None:
    assert main(["--strict", "--baseline", "base.json", "."]) == 2
    assert "there is no baseline base.json" in capsys.readouterr().err
    assert main(["--strict", "--baseline", "base.json", "--write-baseline", "."]) == 0
    assert capsys.readouterr().out.endswith(
        "3 findings accepted in base.json; other commands still refuse 1 unknown key of them\n"
    )
    written = Path("base.json").read_bytes()
    assert main(["--strict", "--baseline", "base.json", "."]) == 0
    Path("a.toml").write_text("[cost]\nenabled = true\n\n" + WARNS.removeprefix("[cost]\n"))
    assert main(["--strict", "--baseline", "base.json", "--write-baseline", "."]) == 0
    assert Path("base.json").read_bytes() == written
    Path("a.toml").write_text("[cost]\n")
    assert main(["--strict", "--baseline", "base.json", "."]) == 1
    assert "warning[unused-baseline]" in capsys.readouterr().out
    Path("base.json").write_text("{}")
    assert main(["--baseline", "base.json", "."]) == 2


def test_a_program_reads_its_format_alone(capsys: Capture) -> None:
    main(["--baseline", "base.json", "--write-baseline", "--format", "json", "."])
    out, err = capsys.readouterr()
    assert json.loads(out)["diagnostics"] == []
    assert "accepted in base.json" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--add-ignore", " \t"], "'--add-ignore' needs a reason"),
        (["--add-ignore", "a\nb"], "'--add-ignore' needs a reason"),
        (["--add-ignore", "say why"], "'--add-ignore' needs a reason"),
        (["--add-ignore", "why", "-"], "'--add-ignore' writes files"),
        (["--add-ignore", "why", "--fix"], "'--add-ignore' and '--fix' exclude each other"),
        (["--watch", "--diff"], "'--diff' and '--watch' exclude each other"),
        (["--write-baseline"], "'--write-baseline' needs '--baseline FILE'"),
        (["--statistics", "--report", "json=x"], "'--statistics' is printed only"),
        (["--severity", "unknown-key=off"], "`unknown-key` stays an error"),
        (["--severity", "extreme-treshold=off"], "did you mean `extreme-threshold`?"),
        (["--severity", "extreme-threshold=of"], "a severity is one of error, warning, note, off"),
    ],
)
def test_what_makes_no_sense_is_refused(
    arguments: list[str], message: str, capsys: Capture
) -> None:
    assert main([*arguments, "a.toml"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err


def test_settings_are_shown_with_their_origin(capsys: Capture) -> None:
    Path("corvus.toml").write_text(
        '[governance.check]\nexclude = ["drafts/"]\n'
        '[governance.check.severity]\nextreme-threshold = "note"\nlong-wait = "off"\n'
        '[governance.check.dialect]\n"agents/" = "zeroclaw"\n'
    )
    assert main(["--show-settings", "--severity", "long-wait=error", "--strict"]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == "settings of the checker for .: corvus.toml"
    for line in (
        'severity.extreme-threshold = "note" corvus.toml:4:1',
        'severity.long-wait = "error" --severity',
        'dialect."agents/" = "zeroclaw" corvus.toml:7:1',
        'exclude = ["drafts/"] corvus.toml:2:1',
        "respect-gitignore = true default",
        'fail-on = "warning" command line',
    ):
        assert line in lines
    Path("corvus.toml").unlink()
    main(["--show-settings", "a.toml"])
    assert "no corvus.toml with a table" in capsys.readouterr().out


def test_the_command_line_decides_the_severity(capsys: Capture) -> None:
    assert main(["--severity", "extreme-threshold=error", "a.toml"]) == 1
    assert main(["--severity", "extreme-threshold=off", "--strict", "a.toml"]) == 0
    assert "ok: no problems" in capsys.readouterr().out


def test_a_file_that_is_excluded_by_force_is_no_missing_one(capsys: Capture) -> None:
    """pre-commit names what changed, also when all of it is excluded."""
    Path("vendor").mkdir()
    Path("vendor/a.toml").write_text("[cots]\n")
    assert main(["vendor/a.toml"]) == 1
    assert main(["--force-exclude", "vendor/a.toml"]) == 0
    assert capsys.readouterr().out.endswith("ok: no problems in 0 files; 1 file excluded\n")
