"""``corvus cost reset``: a new baseline that deletes nothing (RST, CLI-3)."""

from __future__ import annotations

import json
import signal
import subprocess

import pytest

from corvus import Usage
from corvus.cli.exits import Exit
from tests.cli.places import Place


@pytest.fixture
def made(place: Place) -> None:
    """Make the store: a reset where there is none is refused."""
    with place.runtime.bookkeeping.store():
        pass


def test_lines_are_the_upstreams_then_ours(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    """RST-2; the clock stands, so the reset takes the next free microsecond."""
    place.spend(75)
    place.spend(25, "b", times=2)
    assert place.run("cost", "reset", "--scope", "day", "--reason", "a test", "--yes") == Exit.CLEAN
    assert capsys.readouterr().out.splitlines() == [
        "scope=day",
        "removed_cost_usd=1.2500",
        "removed_requests=3",
        "effective_at=2026-11-18T12:00:00.000001+00:00",
        "session_id=none",
        "mission_id=none",
        "audit_event=1",
        "removed_cost_nano_usd=1250000000",
        "measure=usd",
        "removed=1.2500",
    ]
    (event,) = place.runtime.audit(10)
    assert (event.reason, event.budget, event.removed_requests) == ("a test", "day", 3)


def test_only_the_named_scope_starts_anew_and_history_keeps_the_spend(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    """RST-1."""
    place.spend(75)
    place.run("cost", "reset", "--scope", "day", "--yes")
    spent = {name: place.spent(name) for name in ("session", "day", "month")}
    assert spent == {"session": 75, "day": 0, "month": 75}
    capsys.readouterr()
    assert place.run("cost", "history", "--as-of", "2026-11-18T13:00:00Z") == Exit.CLEAN
    assert "total_cost_usd=0.7500" in capsys.readouterr().out


def test_nothing_to_remove_is_a_success_and_holds_stay(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    """RST-2."""
    place.hold(150)
    words = ["cost", "reset", "--scope", "session", "--session", "a", "--yes", "--format", "json"]
    assert place.run(*words) == Exit.CLEAN
    told = json.loads(capsys.readouterr().out)
    assert (told["removed_cost_usd"], told["removed_requests"]) == ("0.0000", 0)
    assert not place.hold(60)


@pytest.mark.usefixtures("made")
def test_a_reset_while_governance_is_disabled_is_refused_as_on_every_surface(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    """API-3: what changes something fails clearly; HTTP answers 409 by the same function."""
    words = ["--scope", "day", "--yes", "--set", "cost.enabled=false"]
    assert place.run("cost", "reset", *words) == Exit.USAGE
    assert "error[steering-refused]" in capsys.readouterr().err
    assert place.runtime.audit(9) == []


def test_a_script_must_say_yes(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """RST-3."""
    place.spend(75)
    assert place.run("cost", "reset", "--scope", "day") == Exit.USAGE
    told = capsys.readouterr()
    assert told.out == ""
    assert "--yes" in told.err
    assert place.spent("day") == 75


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--scope", "week"], "it has session, day, month, mission, opus-week"),
        (["--scope", "\x1b[31m"], "no budget '\\x1b[31m'"),
        (["--scope", "session"], "name one with --session"),
        (["--scope", "mission", "--session", "a"], "--session and --mission"),
    ],
)
def test_a_scope_that_cannot_be_found_is_a_usage_error(
    words: list[str], said: str, place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    assert place.run("cost", "reset", *words, "--yes") == Exit.USAGE
    assert said in capsys.readouterr().err
    assert place.runtime.audit(10) == []


def test_without_a_scope_nothing_is_reset(place: Place) -> None:
    assert place.run("cost", "reset", "--yes") == Exit.USAGE
    assert not place.store.exists()


def test_a_mission_that_has_ended_can_be_reset(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    with place.governor() as governor:
        mission = governor.session("a").mission("m1")
        with mission, mission.call("gpt-5", input_tokens=1) as call:
            call.used(Usage(10, 5))
    words = ["--scope", "mission", "--session", "a", "--mission", "m1", "--yes"]
    assert place.run("cost", "reset", *words) == Exit.CLEAN
    lines = capsys.readouterr().out.splitlines()
    assert {"scope=mission", "removed_requests=1", "session_id=a", "mission_id=m1"} <= {*lines}


def test_a_terminal_shows_what_will_be_removed_and_no_is_the_default(real_place: Place) -> None:
    """RST-3."""
    real_place.spend(75, times=2)
    words = ["cost", "reset", "--scope", "session", "--session", "a"]
    asked = "session: $1.50 of $2.00 in 2 calls will no longer count; history keeps them. Reset?"
    for answer in (b"\n", b"n\n", b"\x04"):
        code, shown = real_place.on_terminal(answer, *words)
        assert (code, asked in shown) == (Exit.FINDINGS, True), shown
        assert "Traceback" not in shown
        assert real_place.spent("session") == 150
    code, shown = real_place.on_terminal(b"y\n", *words)
    assert code == Exit.CLEAN
    assert "session: $1.50 in 2 calls no longer count; history keeps them" in shown
    assert real_place.spent("session") == 0


def test_ctrl_c_at_the_question_changes_nothing(real_place: Place) -> None:
    real_place.spend(75)
    words = ["cost", "reset", "--scope", "session", "--session", "a"]
    code, shown = real_place.on_terminal(signal.SIGINT, *words)
    assert (code, "Traceback" in shown) == (128 + signal.SIGINT, False)
    assert real_place.spent("session") == 75


@pytest.mark.usefixtures("made")
def test_a_terminal_hears_of_a_wrong_scope_before_it_is_asked(real_place: Place) -> None:
    code, shown = real_place.on_terminal(b"y\n", "cost", "reset", "--scope", "wek")
    assert (code, "[y/N]" in shown) == (Exit.USAGE, False)
    assert "the policy has no budget 'wek'" in shown


def test_processes_that_reset_at_once_remove_each_call_once(real_place: Place) -> None:
    real_place.spend(10, times=7)
    words = ["cost", "reset", "--scope", "session", "--session", "a", "--yes", "--format", "json"]
    running = [
        subprocess.Popen(
            real_place.command(*words),
            env=real_place.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    told = [json.loads(process.communicate(timeout=120)[0]) for process in running]
    assert [process.returncode for process in running] == [0, 0, 0, 0]
    assert sorted(one["removed_requests"] for one in told) == [0, 0, 0, 7]
    assert sorted(one["audit_event"] for one in told) == [1, 2, 3, 4]
    assert real_place.run("ledger", "verify") == Exit.CLEAN


def test_the_shell_completes_budgets_of_the_config(real_place: Place) -> None:
    completed = {
        "_CORVUS_COMPLETE": "complete_bash",
        "COMP_WORDS": f"corvus cost reset --config {real_place.config} --scope o",
        "COMP_CWORD": "6",
    }
    result = subprocess.run(
        real_place.command()[:3],
        env=real_place.environment() | completed,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.stdout.split(), result.stderr) == (["opus-week"], "")
