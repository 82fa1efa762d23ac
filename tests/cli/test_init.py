"""``corvus init``: a starter that checks clean, word for word true, and overwrites nothing."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from corvus.cli.exits import Exit
from corvus.cli.main import main
from corvus.model.budget import Rung
from corvus.runtime import open_runtime

Capture = pytest.CaptureFixture[str]
DOCS = Path(__file__).parents[2] / "docs/starters.md"
each_starter = pytest.mark.parametrize("starter", ["agent", "team"])
_COMMENTED = re.compile(r"^# (?=\[|\w+ = )", re.MULTILINE)


@each_starter
def test_a_starter_checks_clean_under_the_strictest_rules(starter: str, capsys: Capture) -> None:
    assert main(["init", "--for", starter]) == Exit.CLEAN
    assert main(["check", "--strict", "corvus.toml"]) == Exit.CLEAN
    assert main(["policy", "show"]) == Exit.CLEAN
    assert "cost_enabled=true" in capsys.readouterr().out


@each_starter
def test_so_does_every_example_in_its_comments(
    starter: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEAM_WEBHOOK_URL", "https://hooks.example/T0/B0")
    assert main(["init", "--for", starter]) == Exit.CLEAN
    text = Path("corvus.toml").read_text()
    Path("all.toml").write_text(_COMMENTED.sub("", text))
    assert main(["policy", "show", "--config", "all.toml"]) == Exit.CLEAN
    assert main(["check", "--strict", "all.toml"]) == Exit.CLEAN
    shown = capsys.readouterr().out
    for name in re.findall(r'^name = "(.+?)"', Path("all.toml").read_text(), re.MULTILINE):
        assert f"budget={name} " in shown or name == "team"


def test_without_a_word_a_coding_agent_can_use_the_whole_of_its_limits() -> None:
    """EVA-14: no limit for a session, ten dollars a day, and a ladder in place of a wall."""
    assert main(["init"]) == Exit.CLEAN
    budgets = {one.name: one for one in open_runtime(["corvus.toml"]).policy.budgets}
    assert budgets["session"].limit == 0
    assert budgets["day"].limit == 10 * 10**9
    assert budgets["day"].on_exceeded == (Rung.CAP, Rung.WAIT)


def test_for_a_team_each_user_has_an_own_sum() -> None:
    assert main(["init", "--for", "team"]) == Exit.CLEAN
    budgets = {one.name: one for one in open_runtime(["corvus.toml"]).policy.budgets}
    for name in ("each-day", "each-month"):
        assert budgets[name].per == ("user",)
        assert budgets[name].on_exceeded == (Rung.CAP, Rung.WAIT)


@each_starter
def test_the_docs_show_what_is_written(starter: str) -> None:
    assert main(["init", "--for", starter]) == Exit.CLEAN
    shown = re.findall(r"```toml\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert Path("corvus.toml").read_text() in shown


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


def test_keys_are_set_in_what_is_written(capsys: Capture) -> None:
    at = "governance.upstreams.anthropic"
    words = ["cost.daily_limit_usd=25", f"{at}.kind=anthropic", f"{at}.base_url=https://a.example"]
    assert main(["init", *(part for word in words for part in ("--set", word))]) == Exit.CLEAN
    text = Path("corvus.toml").read_text()
    assert "daily_limit_usd = 25\n" in text
    assert f'\n\n[{at}]\nkind = "anthropic"\nbase_url = "https://a.example"\n' in text
    assert main(["check", "--strict", "corvus.toml"]) == Exit.CLEAN
    capsys.readouterr()


@pytest.mark.parametrize("word", ["cost.enabled", "cost.daly_limit_usd=1", "cost.enabled=yes"])
def test_a_key_that_cannot_be_set_writes_nothing(word: str, capsys: Capture) -> None:
    assert main(["init", "--set", word]) == Exit.USAGE
    assert list(Path().iterdir()) == []
    assert "error[" in capsys.readouterr().err


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
