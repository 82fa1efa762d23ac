"""``corvus today``: imports what is new, and shows the day on one screen (CLI-7)."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import tzlocal

from corvus.cli.everyday import today as command
from corvus.cli.exits import Exit
from corvus.cli.main import main
from corvus.usage.importers.known_logs import known_logs
from tests.cli.places import Place
from tests.fakes import FrozenClock
from tests.usage.importers.conftest import assistant

NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)
SONNET = "claude-sonnet-4-5-20250929"
COUNTS = {"input_tokens": 1_000_000, "output_tokens": 0}
"""3 USD of Sonnet."""


def log(path: Path, *instants: datetime, first: int = 1, **rest: Any) -> Path:
    """Write a log of Claude Code with a call of 3 USD at each instant."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [
        assistant(first + place, at=at.isoformat(), model=SONNET, usage=COUNTS, **rest)
        for place, at in enumerate(instants)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


@pytest.fixture
def logs(tmp_path: Path, clock: FrozenClock) -> Path:
    """Two calls of this day in UTC, one of yesterday evening, one of the week before."""
    assert clock.now() == NOON
    instants = (
        NOON - timedelta(hours=1),
        NOON - timedelta(hours=2),
        NOON - timedelta(hours=13),
        NOON - timedelta(days=8),
    )
    return log(tmp_path / "home/.claude/projects/-app/a.jsonl", *instants)


def as_json(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert main(["today", "--format", "json", *words]) == Exit.CLEAN
    return json.loads(capsys.readouterr().out)


def test_it_imports_and_adds_up_the_day_of_a_zone(
    logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = as_json(capsys, "--zone", "UTC")
    costs = {name: told[name]["cost_usd"] for name in ("today", "yesterday", "week", "month")}
    assert costs == {"today": 6.0, "yesterday": 3.0, "week": 9.0, "month": 12.0}
    assert told["yesterday_by_now"]["calls"] == 0
    assert (told["imported"]["programs"], told["imported"]["calls"]) == (["Claude Code"], 4)
    assert told["models"][0]["model"] == SONNET
    assert told["projects"][0]["project"] == "/home/dev/app"
    assert told["sessions"][0]["session_id"] == "session-a"
    # 23:00 of the 17th in UTC is the 18th in Berlin.
    again = as_json(capsys, "--zone", "Europe/Berlin")
    assert (again["today"]["cost_usd"], again["yesterday"]["cost_usd"]) == (9.0, 0.0)
    assert again["imported"]["calls"] == 0, "nothing is new"


def test_the_zone_is_that_of_the_machine(
    logs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    tzlocal.reload_localzone()
    assert as_json(capsys)["zone"] == "America/New_York"
    monkeypatch.undo()
    tzlocal.reload_localzone()


def test_yesterday_is_compared_at_the_same_time(
    tmp_path: Path, clock: FrozenClock, capsys: pytest.CaptureFixture[str]
) -> None:
    day = timedelta(days=1)
    log(
        tmp_path / "home/.claude/projects/-app/a.jsonl",
        NOON - day - timedelta(hours=1),
        NOON - day + timedelta(hours=1),
    )
    told = as_json(capsys, "--zone", "UTC")
    assert (told["yesterday"]["cost_usd"], told["yesterday_by_now"]["cost_usd"]) == (6.0, 3.0)


def test_a_screen_has_budgets_in_the_language_of_the_reader(
    place: Place,
    logs: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place.spend(50)
    assert place.run("today", "--zone", "UTC", "--format", "table") == Exit.CLEAN
    shown = capsys.readouterr().out
    assert "today, 2026-11-18 (UTC)  $6.50  3 calls, 2.0M tokens" in shown
    assert "yesterday $3.00, by this time $0.00; this week $9.50; this month $12.50" in shown
    (day,) = [line for line in shown.splitlines() if line.startswith("day")]
    assert ("exceeded" in day, "$6.50" in day) == (True, True), "what was imported counts"
    monkeypatch.setenv("LANG", "es_ES.UTF-8")
    assert place.run("today", "--zone", "UTC", "--format", "table") == Exit.CLEAN
    shown = capsys.readouterr().out
    assert "hoy, 2026-11-18 (UTC)" in shown
    assert "presupuesto" in shown


def test_lines_for_scripts(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["today", "--zone", "UTC"]) == Exit.CLEAN
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == ["date=2026-11-18", "zone=UTC", "today_cost_usd=6.0000"]
    assert f"model={SONNET} cost_usd=6.0000 calls=2 tokens=2000000" in lines


def test_as_of_imports_nothing(
    logs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = as_json(capsys, "--as-of", "2026-11-18T12:00:00Z", "--zone", "UTC")
    assert told["today"]["calls"] == 0
    assert not (tmp_path / "home/.local").exists()
    as_json(capsys)
    told = as_json(capsys, "--as-of", "2026-11-18T10:30:00Z", "--zone", "UTC")
    assert told["today"]["calls"] == 1


def test_logs_that_cannot_be_imported_are_said_and_the_rest_is_shown(
    place: Place,
    logs: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place.spend(50)
    place.run("ledger", "drain")
    capsys.readouterr()

    def refuse(*_: object) -> None:
        from corvus.base.errors import LedgerLocked

        raise LedgerLocked("the ledger is being written by process 7")

    monkeypatch.setattr(command, "_import", refuse)
    assert place.run("today", "--zone", "UTC", "--format", "table") == Exit.CLEAN
    shown = capsys.readouterr().out
    assert "$0.5000" in shown
    assert "logs were not imported: the ledger is being written by process 7" in shown


def test_an_unknown_zone_is_a_mistake_of_the_user(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["today", "--zone", "Berlin"]) == Exit.USAGE
    assert "IANA time zone" in capsys.readouterr().err


def test_without_arguments_it_is_the_answer_where_there_is_something_to_show(
    tmp_path: Path, clock: FrozenClock, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([]) == Exit.USAGE
    assert "Usage: corvus" in capsys.readouterr().out
    log(tmp_path / "home/.codex/sessions/notes.txt")
    assert main([]) == Exit.USAGE
    assert "Usage: corvus" in capsys.readouterr().out, "no file of that format"
    log(tmp_path / "home/.claude/projects/-app/a.jsonl", NOON)
    assert main([]) == Exit.CLEAN
    assert "today_cost_usd=3.0000" in capsys.readouterr().out


def test_folders_that_a_program_was_told_to_use(tmp_path: Path) -> None:
    one = log(tmp_path / "work/projects/-a/a.jsonl", NOON).parents[1]
    two = log(tmp_path / "own/projects/-a/a.jsonl", NOON).parents[1]
    log(tmp_path / "home/.claude/projects/-a/a.jsonl", NOON)
    moved = {"HOME": str(tmp_path / "home"), "CLAUDE_CONFIG_DIR": f"{one.parent}, {two.parent}"}
    assert [logs.folder for logs in known_logs(moved)] == [one, two]
    usual = {"HOME": str(tmp_path / "home")}
    assert [logs.folder for logs in known_logs(usual)] == [tmp_path / "home/.claude/projects"]


def test_a_folder_is_read_in_the_format_of_its_program_alone(
    tmp_path: Path, clock: FrozenClock, capsys: pytest.CaptureFixture[str]
) -> None:
    """The answer of a tool that looks like an export is no usage."""
    folder = log(tmp_path / "home/.claude/projects/-app/a.jsonl", NOON).parent
    rows = {"created_at": NOON.isoformat(), "model": SONNET, "prompt_tokens": 10**6}
    (folder / "tool-results").mkdir()
    (folder / "tool-results/usage.jsonl").write_text(json.dumps(rows | {"completion_tokens": 1}))
    told = as_json(capsys, "--zone", "UTC")
    assert told["today"]["calls"] == 1


@pytest.mark.parametrize("store", ["path", "url"])
def test_nothing_comes_unasked_into_a_ledger_that_is_not_the_users_own(
    tmp_path: Path,
    clock: FrozenClock,
    logs: Path,
    postgres_url: str,
    capsys: pytest.CaptureFixture[str],
    store: str,
) -> None:
    """Logs of all folders of a machine are no business of a team, whose budgets they count in."""
    named = tmp_path / "team.duckdb" if store == "path" else postgres_url
    (tmp_path / "corvus.toml").write_text(f'[governance.ledger]\n{store} = "{named}"\n')
    if store == "url":
        main(["store", "init"])
    assert main([]) == Exit.USAGE if store == "path" else True
    capsys.readouterr()
    told = as_json(capsys, "--zone", "UTC")
    assert (told["today"]["calls"], told["imported"]["left_out"]) == (0, True)
    assert main(["today", "--format", "table"]) == Exit.CLEAN
    assert "were not imported into" in capsys.readouterr().out.replace("\n", " ")
    asked = as_json(capsys, "--zone", "UTC", "--import")
    assert (asked["today"]["calls"], asked["imported"]["left_out"]) == (2, False)


def test_a_config_that_names_no_ledger_leaves_the_users_own(
    tmp_path: Path, clock: FrozenClock, logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "corvus.toml").write_text("[cost]\nenabled = true\n")
    assert as_json(capsys, "--zone", "UTC")["today"]["calls"] == 2


@pytest.mark.parametrize(
    "config", ["[cost]\nenabeld = true\n", '[governance.ledger]\nurl = "postgresql://[::1]:1/x"\n']
)
def test_without_arguments_help_is_there_whatever_is_broken(
    tmp_path: Path, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "corvus.toml").write_text(config)
    assert main([]) == Exit.USAGE
    assert "Usage: corvus" in capsys.readouterr().out
