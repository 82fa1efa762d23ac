"""``corvus init``: a starter that checks clean, word for word true, and overwrites nothing."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from corvus.cli.exits import Exit
from corvus.cli.main import main

Capture = pytest.CaptureFixture[str]
_COMMENTED = re.compile(r"^# (?=\[|\w+ = )", re.MULTILINE)


def test_the_starter_checks_clean_under_the_strictest_rules(capsys: Capture) -> None:
    assert main(["init"]) == Exit.CLEAN
    assert main(["check", "--strict", "corvus.toml"]) == Exit.CLEAN
    assert main(["policy", "show"]) == Exit.CLEAN
    shown = capsys.readouterr().out
    assert "cost_enabled=true" in shown
    assert "budget=day period=day limit_usd=10.0000" in shown


def test_so_does_every_example_in_its_comments(capsys: Capture) -> None:
    assert main(["init"]) == Exit.CLEAN
    text = Path("corvus.toml").read_text()
    Path("all.toml").write_text(_COMMENTED.sub("", text))
    assert main(["policy", "show", "--config", "all.toml"]) == Exit.CLEAN
    assert main(["check", "--strict", "all.toml"]) == Exit.CLEAN
    shown = capsys.readouterr().out
    assert "own_prices=1" in shown
    assert "budget=research period=week" in shown


def test_the_first_line_names_a_schema_that_is_there() -> None:
    assert main(["init"]) == Exit.CLEAN
    directive, name = Path("corvus.toml").read_text().splitlines()[0].split()
    assert directive == "#:schema"
    assert json.loads(Path(name).read_text())["title"] == "corvus.toml"


def test_the_commands_it_names_run(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "a b"
    assert main(["init", str(folder)]) == Exit.CLEAN
    said = capsys.readouterr().out
    assert f"corvus check '{folder}/corvus.toml'" in said
    assert main(["check", str(folder / "corvus.toml")]) == Exit.CLEAN
    assert main(["config", "show", "--origin", "--config", str(folder / "corvus.toml")]) == 0
    monkeypatch.chdir(folder)
    assert main(["init", "--force"]) == Exit.CLEAN
    assert "  corvus check\n" in capsys.readouterr().out
    assert main(["check"]) == Exit.CLEAN


@pytest.mark.parametrize("name", ["corvus.toml", "corvus.schema.json"])
def test_what_is_there_is_not_overwritten_unless_forced(name: str, capsys: Capture) -> None:
    Path(name).write_text("# mine\n")
    assert main(["init"]) == Exit.USAGE
    assert f"{name} exists" in capsys.readouterr().err
    assert [path.name for path in Path().iterdir()] == [name]
    assert Path(name).read_text() == "# mine\n"
    assert main(["init", "--force"]) == Exit.CLEAN
    assert Path(name).read_text() != "# mine\n"


def test_a_second_time_changes_nothing() -> None:
    assert main(["init"]) == Exit.CLEAN
    assert main(["init"]) == Exit.CLEAN


@pytest.mark.parametrize("path", ["no/where/corvus.toml", "file/corvus.toml", "file"])
def test_a_place_that_cannot_be_written_is_a_usage_error(path: str, capsys: Capture) -> None:
    Path("file").write_text("")
    assert main(["init", path]) == Exit.USAGE
    assert "error[edit-refused]" in capsys.readouterr().err


def test_a_broken_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "corvus.toml").symlink_to(tmp_path / "elsewhere.toml")
    assert main(["init"]) == Exit.USAGE
    assert not (tmp_path / "elsewhere.toml").exists()
