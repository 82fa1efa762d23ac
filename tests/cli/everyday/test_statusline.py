"""``corvus statusline``: one line from the store, that never waits (CLI-7)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from corvus import Usage
from corvus.base.money import NanoUSD
from corvus.base.time import microseconds
from corvus.cli.agents.run_budgets import known_of_run
from corvus.cli.everyday import card, line
from corvus.cli.everyday.card_budgets import RunOnCard
from corvus.cli.exits import Exit
from corvus.cli.main import main
from corvus.compile import RunLimits
from corvus.governor.governor import Governor
from corvus.model.request import Request
from corvus.model.steering import MissionRequest
from tests.cli.everyday.test_today import log
from tests.cli.places import CENT, Place
from tests.fakes import FrozenClock

SAID = {"session_id": "a", "cost": {"total_cost_usd": 0.1234}}


@pytest.fixture
def here(place: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A place whose ledger its config names, so that a folder is enough to find all."""
    with place.config.open("a") as config:
        config.write(f'\n[governance.ledger]\npath = "{place.ledger}"\n')
    return place


def shown(place: Place, clock: FrozenClock, said: dict[str, Any] = SAID, **more: str) -> str:
    """Return the line of the place's folder as it is now, without colours."""
    environment = {**os.environ, "NO_COLOR": "1", **more}
    now = microseconds(clock.now())
    found = line.read_card(environment, str(place.config.parent), now)
    return line.line(said, found, environment, now)


def refresh(place: Place) -> None:
    card.refresh(place.config.parent, os.environ)


@pytest.fixture
def _at_noon(clock: FrozenClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let cards be written at the time of the clock."""

    def nanoseconds() -> int:
        return microseconds(clock.now()) * 1000

    monkeypatch.setattr("corvus.cli.everyday.card.time.time_ns", nanoseconds)


pytestmark = pytest.mark.usefixtures("_at_noon")


def test_the_line_shows_what_budgets_have_left(here: Place, clock: FrozenClock) -> None:
    here.spend(50)
    assert shown(here, clock) == "session $0.12", "nobody has said yet what is in force"
    refresh(here)
    assert shown(here, clock) == (
        "session $0.50 of $2.00, $1.50 left · day $0.50 of $4.00, $3.50 left · "
        "opus-week $0.00 of $3.00, $3.00 left"
    )


def test_what_is_spent_and_held_later_is_there_at_once(here: Place, clock: FrozenClock) -> None:
    here.spend(50)
    refresh(here)
    here.spend(25)
    assert here.hold(100)
    assert shown(here, clock).startswith("session $0.75 of $2.00, $0.25 left")
    assert shown(here, clock, {"session_id": "b"}).startswith("session $0.00 of $2.00")
    assert shown(here, clock, CORVUS_SESSION_ID="b").startswith("session $0.00 of $2.00")


def test_colours_say_how_full_a_budget_is(here: Place, clock: FrozenClock) -> None:
    here.spend(0)
    refresh(here)
    environment = {**os.environ}
    colours: list[str] = []
    for cents in (10, 150, 40):
        here.spend(cents)
        now = microseconds(clock.now())
        found = line.read_card(environment, str(here.config.parent), now)
        colours.append(line.line(SAID, found, environment, now).partition("session")[0])
    assert colours == ["\x1b[32m", "\x1b[33m", "\x1b[31m"]
    assert shown(here, clock).startswith("session $2.00 of $2.00, nothing left")


def test_a_card_outlives_the_day(here: Place, clock: FrozenClock) -> None:
    from datetime import timedelta

    clock.move(timedelta(hours=11, minutes=50))
    here.spend(50)
    refresh(here)
    clock.move(timedelta(minutes=20))
    assert "day $0.00 of $4.00" in shown(here, clock)
    assert "session $0.50 of $2.00" in shown(here, clock)


def test_a_changed_config_or_variable_makes_the_card_void(
    here: Place, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.spend(50)
    refresh(here)
    assert "day" in shown(here, clock)
    assert shown(here, clock, CORVUS_COST__DAILY_LIMIT_USD="9") == "session $0.12"
    here.config.write_text(here.config.read_text().replace("daily_limit_usd = 4", ""))
    assert shown(here, clock) == "session $0.12"
    refresh(here)
    assert "day $0.50 of $10.00" in shown(here, clock)
    (here.config.parent / "sub").mkdir()
    assert line.read_card(os.environ, str(here.config.parent / "sub"), 0) is None


def test_a_config_with_errors_is_said(here: Place, clock: FrozenClock) -> None:
    here.config.write_text("[cost]\nenabeld = true\n")
    refresh(here)
    assert shown(here, clock) == (
        "session $0.12 · corvus: cannot use corvus.toml: run `corvus check` on it"
    )
    here.config.write_text("[cost]\nenabled = true\n")
    assert shown(here, clock) == "session $0.12", "it is looked at again"


def test_a_store_that_cannot_be_read_is_said(here: Place, clock: FrozenClock) -> None:
    here.spend(50)
    refresh(here)
    here.store.write_bytes(b"no database" * 1000)
    assert "the store cannot be read: file is not a database" in shown(here, clock)


def test_without_a_budget_the_day_is_that_of_the_ledger(
    tmp_path: Path, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    log(tmp_path / "home/.claude/projects/-app/a.jsonl", clock.now())
    environment = {**os.environ, "NO_COLOR": "1"}
    card.refresh(tmp_path, os.environ)
    now = microseconds(clock.now())
    found = line.read_card(environment, str(tmp_path), now)
    assert line.line(SAID, found, environment, now) == "session $0.12 · today $3.00 · no budget"


def test_a_budget_that_no_governor_has_met_is_counted_from_the_ledger(
    here: Place, clock: FrozenClock
) -> None:
    here.spend(50)
    here.run("ledger", "drain")
    with here.config.open("a") as config:
        config.write('\n[[cost.budgets]]\nname = "year"\nperiod = "year"\nlimit_usd = 9\n')
    refresh(here)
    assert "year $0.50 of $9.00" in shown(here, clock)


def test_a_store_that_comes_into_being_is_met(here: Place, clock: FrozenClock) -> None:
    refresh(here)
    assert "day $0.00 of $4.00" in shown(here, clock)
    here.spend(50)
    assert shown(here, clock) == "session $0.12", "the card is void"
    refresh(here)
    assert "day $0.50 of $4.00" in shown(here, clock)


def test_a_shared_store_is_never_asked_by_the_line(
    tmp_path: Path, clock: FrozenClock, postgres_url: str
) -> None:
    place = Place(tmp_path, clock, url=postgres_url)
    place.run("store", "init")
    place.spend(50)
    os.environ["CORVUS_GOVERNANCE__LEDGER__PATH"] = str(place.ledger)
    try:
        refresh(place)
        found = line.read_card(os.environ, str(tmp_path), microseconds(clock.now()))
        assert found is not None
        assert found["store"] is None
        assert postgres_url not in json.dumps(found), "it may hold a password"
        assert "day $0.50 of $4.00, $3.50 left" in shown(place, clock)
        from datetime import timedelta

        clock.move(timedelta(minutes=3))
        assert shown(place, clock).endswith("as of 3 min ago")
    finally:
        del os.environ["CORVUS_GOVERNANCE__LEDGER__PATH"]


@pytest.mark.parametrize(
    "said", [b"", b"no json", b"[]", b'{"cost": 1}', b'{"workspace": {"current_dir": 7}}', b"\xff"]
)
def test_whatever_is_said_there_is_a_line(tmp_path: Path, said: bytes) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home")}
    command = [sys.executable, "-m", "corvus", "statusline"]
    done = subprocess.run(
        command, input=said, capture_output=True, env=environment, cwd=tmp_path, check=True
    )
    assert (done.stdout, done.stderr) == (b"corvus\n", b"")


def test_the_card_is_written_in_the_background(real_place: Place) -> None:
    folder = real_place.config.parent
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder / "home"), "NO_COLOR": "1"}
    command = [sys.executable, "-m", "corvus", "statusline"]
    said = json.dumps({"cwd": str(folder), **SAID}).encode()

    def run() -> str:
        done = subprocess.run(
            command, input=said, capture_output=True, env=environment, cwd="/", check=True
        )
        return done.stdout.decode().strip()

    assert run() == "session $0.12"
    until = time.monotonic() + 60
    while (found := run()) == "session $0.12" and time.monotonic() < until:
        time.sleep(0.2)
    assert "day $0.00 of $4.00, $4.00 left" in found


def test_a_line_loads_nothing_heavy() -> None:
    heavy = ["typer", "rich", "duckdb", "pydantic", "corvus.runtime", "subprocess", "typing"]
    script = (
        "import sys; sys.argv = ['corvus', 'statusline']\n"
        "from corvus.cli.main import _run\n"
        "assert _run(['statusline']) == 0\n"
        f"assert not set({heavy!r}) & set(sys.modules), set({heavy!r}) & set(sys.modules)"
    )
    subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, stdin=subprocess.DEVNULL
    )


def test_a_run_without_a_config_has_its_own_limits_in_the_line(tmp_path: Path) -> None:
    from tests.gateway.provider import Provider

    provider = Provider()
    (tmp_path / "corvus.toml").write_text(
        f'[governance.upstreams.openai]\nkind = "openai"\nbase_url = "{provider.url}/v1"\n'
    )
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path / "home"),
        "NO_COLOR": "1",
        "OPENAI_API_KEY": "sk-x",
    }
    corvus = [sys.executable, "-m", "corvus"]
    inner = [sys.executable, "-m", "corvus", "statusline"]
    done = subprocess.run(
        [*corvus, "code", "--daily", "5", "--limit", "2", "--", *inner],
        input=b"{}",
        capture_output=True,
        env=environment,
        cwd=tmp_path,
        check=False,
    )
    provider.stop()
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.decode().strip() == (
        "day $0.00 of $5.00, $5.00 left · mission $0.00 of $2.00, $2.00 left"
    )
    state = tmp_path / "home/.local/state/corvus/statusline"
    assert list(state.iterdir()) == [], "it goes with the run"


DIVIDED = """
[cost]
enabled = true
session_limit_usd = 0
daily_limit_usd = 0
monthly_limit_usd = 0

[[cost.budgets]]
name = "each-project"
per = ["project"]
period = "day"
limit_usd = 9
limits = { search = 4 }

[[cost.budgets]]
name = "each-agent"
per = ["user", "agent"]
window = "5h"
limit_calls = 20

[[cost.budgets]]
name = "tries"
per = ["project"]
period = "session"
limit_usd = 3

[[cost.budgets]]
name = "each-model"
per = ["model"]
period = "day"
limit_usd = 7

[[cost.budgets]]
name = "of-search"
period = "week"
limit_usd = 8
match = { project = "search" }

[[cost.budgets]]
name = "of-aider"
period = "week"
limit_usd = 8
match = { agent = "aider" }
"""


def divide(place: Place, url: str | None = None) -> None:
    where = f'url = "{url}"' if url else f'path = "{place.ledger}"'
    place.config.write_text(f"{DIVIDED}\n[governance.ledger]\n{where}\n")


def call_in_project(governor: Governor, project: str | None, cents: int = 50) -> None:
    """Make a call as Claude Code does in a run."""
    cost = NanoUSD(cents * CENT)
    request = Request("m", cost, "a", project=project, agent="claude-code", surface="cli-code")
    decision = governor.reserve(request)
    assert decision.reservation is not None, decision
    governor.commit(decision.reservation, Usage(100, 20), cost_nano_usd=cost)


def in_run(place: Place, governor: Governor, clock: FrozenClock, project: str | None) -> str:
    """Return the line inside of a run that is of a project."""
    known = known_of_run("cli-code", project=project)
    run = RunOnCard("01a2", "a", MissionRequest("a", "m"), RunLimits(), known)
    with card.of_run(place.runtime, run, governor):
        return shown(place, clock, {}, CORVUS_RUN="01a2", CORVUS_SESSION_ID="a")


def test_in_a_run_the_line_shows_the_parts_that_count_its_calls(
    here: Place, clock: FrozenClock
) -> None:
    divide(here)
    with here.governor() as governor:
        for project in ("search", "search", "shop", None):
            call_in_project(governor, project)
        assert in_run(here, governor, clock, "search") == (
            "session $1.00 · each-project (search) $1.00 of $4.00, $3.00 left · "
            "each-agent (no user, claude-code) 4 of 20 calls, 16 left · "
            "tries (search) $1.00 of $3.00, $2.00 left · "
            "of-search $1.00 of $8.00, $7.00 left"
        )
        assert in_run(here, governor, clock, "shop") == (
            "session $0.50 · each-project (shop) $0.50 of $9.00, $8.50 left · "
            "each-agent (no user, claude-code) 4 of 20 calls, 16 left · "
            "tries (shop) $0.50 of $3.00, $2.50 left"
        )
        assert "each-project (no project) $0.50 of $9.00" in in_run(here, governor, clock, None)


def test_outside_of_a_run_nobody_says_whose_part_is_meant(here: Place, clock: FrozenClock) -> None:
    divide(here)
    with here.governor() as governor:
        call_in_project(governor, "search")
    refresh(here)
    line_of_folder = shown(here, clock)
    assert "of-search $0.50 of $8.00" in line_of_folder
    assert "each-" not in line_of_folder


def test_a_session_in_two_projects_is_two_sums_in_a_run(here: Place, clock: FrozenClock) -> None:
    with here.governor() as governor:
        for project in ("search", "shop", "shop"):
            call_in_project(governor, project)
        assert "session $1.00 of $2.00" in in_run(here, governor, clock, "shop")
        assert "session $0.50 of $2.00" in in_run(here, governor, clock, "search")


def test_parts_in_a_shared_store_are_those_of_the_start_of_the_run(
    tmp_path: Path, clock: FrozenClock, postgres_url: str
) -> None:
    place = Place(tmp_path, clock, url=postgres_url)
    divide(place, postgres_url)
    place.run("store", "init")
    with place.governor() as governor:
        call_in_project(governor, "search")
        found = in_run(place, governor, clock, "search")
        assert found.startswith(
            "session $0.50 · each-project (search) $0.50 of $4.00, $3.50 left · "
        )
        assert "tries (search) $0.50 of $3.00" in found
        assert "each-project (shop) $0.00 of $9.00" in in_run(place, governor, clock, "shop")


def test_who_does_not_close_the_pipe_does_not_keep_the_line_waiting(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "NO_COLOR": "1"}
    command = [sys.executable, "-m", "corvus", "statusline"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, cwd=tmp_path
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(SAID).encode())
        process.stdin.flush()
        assert process.stdout.read() == b"session $0.12\n"


def test_in_a_run_without_a_card_nothing_is_started(tmp_path: Path) -> None:
    """What another process would find out is not what governs the run."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "CORVUS_RUN": "01a2"}
    command = [sys.executable, "-m", "corvus", "statusline"]
    done = subprocess.run(
        command, input=b"{}", capture_output=True, env=environment, cwd=tmp_path, check=True
    )
    assert done.stdout == b"corvus\n"
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("text", ["", "null", "[" * 100_000, '{"version": null'])
def test_a_broken_card_is_none(here: Place, text: str) -> None:
    refresh(here)
    card = Path(line.card_path(os.environ, str(here.config.parent)))
    assert card.is_file()
    card.write_text(text)
    assert line.read_card(os.environ, str(here.config.parent), 0) is None


def test_a_folder_that_is_none_is_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["statusline", "--refresh", "/no/such"]) == Exit.USAGE
    assert "is no folder" in capsys.readouterr().err
