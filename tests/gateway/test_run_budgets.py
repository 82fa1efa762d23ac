"""Budgets that a command line states for ``corvus agent`` and ``corvus code`` (CLI-4)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from corvus.base.errors import SteeringRefused
from corvus.model.parts import PartsQuery
from corvus.model.steering import MissionOutcome
from corvus.runtime import open_runtime
from tests.gateway.provider import Provider
from tests.gateway.test_agent_command import CALL

PRICED = """
[cost.prices.m] # USD per million; a call is held at 0.5 USD and a bit, and costs 0.06 USD
input = 1000
output = 10000

[governance.upstreams.openai]
base_url = "{url}/v1"
api_key_env = "TEST_OPENAI_KEY"
kind = "openai"
"""
PARALLEL = 3


class Desk:
    """A repository without a budget, and a home of its own for the default store."""

    def __init__(self, folder: Path, provider: Provider) -> None:
        self.provider = provider
        self.repository = folder / "repository"
        (self.repository / ".git").mkdir(parents=True)
        self.config = self.repository / "corvus.toml"
        self.write("")
        self.home = folder / "home"

    def write(self, cost: str) -> None:
        self.config.write_text(cost + PRICED.format(url=self.provider.url))

    def start(self, *words: str) -> subprocess.Popen[str]:
        environment = {**os.environ, "HOME": str(self.home)}
        for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME"):
            environment.pop(name, None)
        return subprocess.Popen(
            [sys.executable, "-m", "corvus", *words],
            cwd=self.repository,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str) -> tuple[int, str, str]:
        process = self.start(*words)
        out, said = process.communicate(timeout=60)
        return process.returncode, out, said

    @property
    def ledger(self) -> Path:
        return self.home / ".local/state/corvus/ledger.duckdb"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    provider = Provider()
    yield Desk(tmp_path, provider)
    provider.stop()


def caller(times: int) -> list[str]:
    return ["--", sys.executable, "-c", CALL, str(times)]


def test_a_daily_limit_is_the_same_budget_in_every_run(desk: Desk) -> None:
    code, out, said = desk.run("code", "--daily", "0.68", *caller(2))
    assert (code, out) == (0, "Hi\nHi\n"), said
    assert f"governed by {desk.config} and --daily: day $0.68 of $0.68 left" in said
    code, out, said = desk.run("agent", "--daily", "0.68", *caller(5))
    assert (code, out) == (20, "Hi\n402\n"), said
    assert "day $0.56 of $0.68 left" in said
    denial = json.loads(said.splitlines()[-1])
    assert (denial["scope"], denial["config_key"]) == ("day", "--daily")


def test_runs_side_by_side_share_one_daily_limit(desk: Desk) -> None:
    """Each alone would have room for all its calls."""
    runs = [desk.start("agent", "--daily", "0.75", *caller(4)) for _ in range(PARALLEL)]
    for one in runs:
        one.communicate(timeout=60)
    with open_runtime(
        [desk.config], sets=["cost.enabled=true"], ledger=desk.ledger
    ).governor() as g:
        (day,) = [one for one in g.status().decision.statuses if one.budget.name == "day"]
    assert 0 < day.spent <= 750_000_000
    assert day.spent == 60_000_000 * len(desk.provider.calls)


def test_the_limit_of_a_run_is_of_that_run_alone(desk: Desk) -> None:
    words = ("code", "--session", "s", "--limit", "0.62")
    for _ in range(2):
        code, out, said = desk.run(*words, *caller(9))
        assert code == 20, said
        assert out == "Hi\nHi\n402\n"
        assert "mission $0.62 of $0.62 left; session s starts" in said
        assert json.loads(said.splitlines()[-1])["scope"] == "mission"


def test_the_lower_limit_binds_and_enforcement_is_on_whatever_the_file_says(desk: Desk) -> None:
    desk.write("[cost]\nenabled = false\ndaily_limit_usd = 0.01\n")
    code, out, said = desk.run("code", "--daily", "5", *caller(1))
    assert (code, out) == (20, "402\n")
    assert json.loads(said.splitlines()[-1])["config_key"] == "cost.daily_limit_usd"
    code, out, said = desk.run("code", "--session-limit", "0.1", "--session", "s", *caller(1))
    assert (code, out) == (20, "402\n")
    assert "session $0.10 of $0.10, day $0.01 of $0.01 left; session s starts" in said
    assert desk.provider.calls == []


def test_a_run_that_nothing_limits_says_so_and_one_without_a_call_too(desk: Desk) -> None:
    keys = "import os; print([n for n in ('OPENAI_API_KEY', 'TEST_OPENAI_KEY') if n in os.environ])"
    code, out, said = desk.run("agent", "--ungoverned", "--", sys.executable, "-c", keys)
    assert (code, out) == (0, "['OPENAI_API_KEY']\n")
    first, second, *_, last = said.splitlines()
    assert first.startswith("corvus: UNGOVERNED")
    assert "TEST_OPENAI_KEY" in second
    assert last.startswith("corvus: 0 calls went through the proxy, so nothing was governed")


def test_a_run_that_nothing_limits_counts_what_passed(desk: Desk) -> None:
    code, out, said = desk.run("agent", "--ungoverned", *caller(2))
    assert (code, out) == (0, "Hi\nHi\n")
    assert said.splitlines()[-1] == (
        "corvus: 2 calls passed ungoverned, and nothing of it is recorded"
    )


def test_the_mission_of_a_killed_run_ends_as_failed_when_the_next_one_starts(desk: Desk) -> None:
    wait = "import time; print('up', flush=True); time.sleep(60)"
    words = ["code", "--daily", "5", "--session", "s", "--mission", "m"]
    killed = desk.start(*words, "--", sys.executable, "-c", wait)
    assert killed.stdout is not None
    assert killed.stdout.readline() == "up\n"
    with open_runtime([desk.config], ledger=desk.ledger).governor() as governor:
        assert governor.mission("s", "m").ended_at is None
        other = desk.run("code", "--daily", "5", "--", "true")
        assert other[0] == 0
        assert governor.mission("s", "m").ended_at is None, "its run is alive"
        killed.send_signal(signal.SIGKILL)
        killed.communicate(timeout=30)
        assert desk.run("code", "--daily", "5", "--", "true")[0] == 0
        assert governor.mission("s", "m").outcome is MissionOutcome.FAILED
        with pytest.raises(SteeringRefused):
            governor.mission("s", "none")
    assert list(desk.ledger.parent.glob("*.runs/*")) == []


def test_the_folder_of_a_killed_run_goes_with_it(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds settings for the command, with the key of the run."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    wait = "import time; print('up', flush=True); time.sleep(60)"
    killed = desk.start("code", "--daily", "5", "--", sys.executable, "-c", wait)
    assert killed.stdout is not None
    assert killed.stdout.readline() == "up\n"
    assert len(list(place.glob("corvus-run-*"))) == 1
    killed.send_signal(signal.SIGKILL)
    killed.communicate(timeout=30)
    until = time.monotonic() + 20
    while list(place.iterdir()) and time.monotonic() < until:
        time.sleep(0.02)
    assert list(place.iterdir()) == []


def test_a_mission_that_made_no_call_is_begun_again_by_the_next_run(desk: Desk) -> None:
    words = ("agent", "--session", "s", "--mission", "m", "--limit", "5")
    assert desk.run(*words, "--", "false")[0] == 1
    code, out, said = desk.run(*words, *caller(1))
    assert (code, out) == (0, "Hi\n"), said
    code, out, said = desk.run(*words, *caller(1))
    assert (code, out) == (2, ""), "it has made a call"
    assert "starts" not in said


OF_PROJECTS = """[cost]
enabled = true
session_limit_usd = 0
daily_limit_usd = 0
monthly_limit_usd = 0
on_exceeded = []

[[cost.budgets]]
name = "each-project"
per = ["project"]
period = "day"
limit_usd = 0.7

[[cost.budgets]]
name = "of-search"
match = { project = "search" }
period = "day"
limit_usd = 5
"""
EACH = PartsQuery("each-project")
STATUS_LINE = """
import subprocess, sys
words = [sys.executable, "-m", "corvus", "statusline"]
print(subprocess.run(words, input=b"{}", stdout=subprocess.PIPE).stdout.decode().strip())
"""


def test_the_calls_of_a_run_are_of_its_project(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    desk.write(OF_PROJECTS)
    words = ("code", "--session", "s", "--mission", "m", "--project")
    code, out, said = desk.run(
        *words, "search", "--", sys.executable, "-c", CALL + STATUS_LINE, "2"
    )
    assert code == 0, said
    assert "of-search (project:search) $5.00 of $5.00 left" in said
    assert "session s of project search starts" in said
    assert out == (
        "Hi\nHi\nsession $0.12 · each-project (search) $0.12 of $0.70, $0.58 left · "
        "of-search $0.12 of $5.00, $4.88 left\n"
    )
    code, out, said = desk.run(*words, "search", *caller(1))
    assert code == 2
    assert "already had a mission" in said, "it is the mission of this project"
    code, out, said = desk.run(*words, "shop", *caller(1))
    assert (code, out) == (0, "Hi\n"), said
    assert "of-search" not in said, "it counts no call of this run"
    code, out, said = desk.run("agent", *caller(1))
    assert (code, out) == (0, "Hi\n"), said
    with open_runtime([desk.config], ledger=desk.ledger).governor() as governor:
        assert governor.mission("s", "m", "search").outcome is MissionOutcome.COMPLETED
        assert governor.mission("s", "m", "shop").outcome is MissionOutcome.COMPLETED
        parts = {row.status.part: row.spend.calls for row in governor.parts(EACH).rows}
        assert parts == {"search": 2, "shop": 1, "(none)": 1}


def test_a_call_does_not_leave_the_project_of_its_run(desk: Desk) -> None:
    desk.write(OF_PROJECTS)
    other = CALL.replace('"content-type":', '"x-corvus-project": "other", "content-type":')
    command = ["--", sys.executable, "-c", other, "1"]
    assert desk.run("code", "--project", "search", *command)[:2] == (0, "Hi\n")
    with open_runtime([desk.config], ledger=desk.ledger).governor() as governor:
        assert [row.status.part for row in governor.parts(EACH).rows] == ["search"]
        (session,) = governor.sessions()
        assert session.project == "search"
        assert session.closed_at is not None


def test_an_override_for_a_run_is_of_its_project(desk: Desk) -> None:
    desk.write(
        OF_PROJECTS.replace("enabled = true", "enabled = true\nallow_override = true").replace(
            "limit_usd = 0.7", "limit_usd = 0.1"
        )
    )
    code, out, said = desk.run("code", "--project", "search", *caller(1))
    assert (code, out) == (20, "402\n"), said
    code, out, said = desk.run("code", "--project", "search", "--override-budget", *caller(1))
    assert (code, out) == (0, "Hi\n"), said


def test_what_a_killed_run_of_a_project_left_open_is_ended_there(desk: Desk) -> None:
    wait = "import time; print('up', flush=True); time.sleep(60)"
    words = ["code", "--daily", "5", "--session", "s", "--mission", "m", "--project", "p"]
    killed = desk.start(*words, "--", sys.executable, "-c", wait)
    assert killed.stdout is not None
    assert killed.stdout.readline() == "up\n"
    killed.send_signal(signal.SIGKILL)
    killed.communicate(timeout=30)
    assert desk.run("code", "--daily", "5", "--", "true")[0] == 0
    with open_runtime([desk.config], ledger=desk.ledger).governor() as governor:
        assert governor.mission("s", "m", "p").outcome is MissionOutcome.FAILED


@pytest.mark.parametrize("name", ["", " ", "a\tb", "x" * 201])
def test_a_project_without_a_name_is_refused(desk: Desk, name: str) -> None:
    """An empty one would be no project, and so another budget than the one that was meant."""
    code, out, said = desk.run("code", "--daily", "5", "--project", name, "--", "true")
    assert (code, out) == (2, "")
    assert "invalid value for '--project': a project is a text of 1 to 200 characters" in said
