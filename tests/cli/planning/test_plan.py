"""``corvus plan``: a change of limits put to recorded calls, worked out by hand (PLN-1)."""

from __future__ import annotations

import json
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from corvus import Usage, open_runtime
from corvus.answers.conformance import judge
from corvus.answers.published import find_schema
from corvus.base.money import NanoUSD
from corvus.base.time import FrozenClock
from corvus.cli.exits import Exit
from corvus.cli.main import main
from corvus.model.request import Request

Capture = pytest.CaptureFixture[str]
CENT = 10_000_000
CONFIG = """
[cost]
enabled = true
daily_limit_usd = {day}
on_exceeded = []

[cost.prices.m]
input = 1
output = 2
"""


class Month:
    """A folder with a config of $10 a day, and a month of calls in its ledger."""

    def __init__(self, folder: Path, clock: FrozenClock) -> None:
        self.folder = folder
        self.clock = clock
        self.config = folder / "corvus.toml"
        self.limit(10)
        self.where = ["--ledger", str(folder / "l.duckdb"), "--since", "2026-11"]

    def limit(self, usd: float) -> None:
        self.config.write_text(CONFIG.format(day=usd))

    def record(self) -> None:
        """Three days: $9 in nine calls of Ana and Bo, $6 in six, $1.50 in one."""
        runtime = open_runtime([self.config], ledger=self.folder / "l.duckdb", clock=self.clock)
        with runtime.governor() as governor:
            for calls in (9, 6, 1):
                for place in range(calls):
                    self.clock.move(timedelta(minutes=1))
                    user = "ana" if place % 2 else "bo"
                    asked = Request("m", NanoUSD(150 * CENT), f"s{place}", user=user, agent="code")
                    held = governor.reserve(asked).reservation
                    assert held is not None
                    self.clock.move(timedelta(minutes=1))
                    cost = NanoUSD((150 if calls == 1 else 100) * CENT)
                    governor.commit(held, Usage(10, 5), cost_nano_usd=cost)
                self.clock.move(timedelta(hours=20))

    def git(self, *words: str) -> None:
        own = ("-c", "user.name=t", "-c", "user.email=t@t", "-c", "init.defaultBranch=main")
        subprocess.run(["git", *own, *words], cwd=self.folder, check=True, capture_output=True)

    def commit(self) -> None:
        self.git("init", "-q")
        self.git("add", "corvus.toml")
        self.git("commit", "-qm", "as it was")

    def json(self, capsys: Capture, *more: str) -> dict[str, Any]:
        assert main(["plan", *self.where, *more, "--format", "json"]) == Exit.CLEAN
        text = capsys.readouterr().out
        schema = find_schema("plan")
        assert schema is not None
        file = self.folder / "plan.json"
        file.write_text(text)
        with file.open("rb") as stream:
            assert not [*judge(stream, "plan.json", schema).diagnostics]
        return json.loads(text)


@pytest.fixture
def month(tmp_path: Path, clock: FrozenClock, capsys: Capture) -> Month:
    one = Month(tmp_path, clock)
    one.record()
    one.commit()
    capsys.readouterr()
    return one


def test_a_lower_limit_says_what_it_would_have_refused(month: Month, capsys: Capture) -> None:
    month.limit(6)
    assert main(["plan", *month.where]) == Exit.CLEAN
    out = capsys.readouterr().out
    # Of the first day five calls pass: 5 + 1.50 is more than 6, and so is each one after it.
    # Of the second day the sixth asks for 1.50 on top of 5.
    assert "~ day (cost.daily_limit_usd)  limit $10.00 -> $6.00  (tightens)" in out
    assert "binds in 2 of 3 days (before: 0); refuses 5 calls that cost $5.00 (before: 0)" in out
    assert "first: 2026-11-18 12:11 UTC, session s5, user ana, agent code, m" in out
    assert "least limit that refuses nothing: $9.50" in out
    assert "5 calls refused that the old policy lets pass ($5.00 of $16.50)" in out
    assert "what an agent would have done after a refusal" in out


def test_a_program_reads_the_same(month: Month, capsys: Capture) -> None:
    month.limit(6)
    found = month.json(capsys)
    (day,) = [each for each in found["budgets"] if each["budget"] == "day"]
    assert (day["fate"], day["effect"], day["limit"]) == ("changed", "tightens", "6.0000")
    assert (day["calls"], day["windows"], day["least_limit"]) == (16, 3, "9.5000")
    assert day["after"]["refused"]["calls"] == 5
    assert day["after"]["refused"]["cost_usd"] == 5.0
    assert day["after"]["users"] == {"bo": 2, "ana": 3}
    assert day["before"]["refused"]["calls"] == 0
    assert found["total"]["newly_refused"]["calls"] == 5
    assert found["calls"]["made"] == 16
    assert found["tightens"] is True


def test_the_least_limit_refuses_nothing_and_a_cent_less_does(
    month: Month, capsys: Capture
) -> None:
    for limit, refused in ((9.5, 0), (9.49, 1)):
        month.limit(limit)
        assert month.json(capsys)["total"]["newly_refused"]["calls"] == refused


def test_the_least_limit_as_it_is_shown_refuses_nothing(month: Month, capsys: Capture) -> None:
    runtime = open_runtime([month.config], ledger=month.folder / "l.duckdb", clock=month.clock)
    with runtime.governor() as governor:  # rounded to the cent, it would not do
        asked = Request("m", NanoUSD(9_501_000_001), "late", user="bo")
        assert governor.reserve(asked).allowed
    month.clock.move(timedelta(seconds=1))
    month.limit(9.5)
    assert main(["plan", *month.where]) == Exit.CLEAN
    assert "least limit that refuses nothing: $9.51; 99 % pass with $9.51" in (
        capsys.readouterr().out
    )
    month.limit(9.51)
    assert main(["plan", *month.where, "--fail-on", "refusals"]) == Exit.CLEAN


def test_values_of_a_config_are_shown_as_they_are(month: Month, capsys: Capture) -> None:
    own = (
        month.config.read_text()
        + "[[cost.budgets]]\nname = 'each'\nper = ['user']\nperiod = 'day'\n"
    )
    month.config.write_text(f"{own}limit_usd = 9\nlimits = {{ bot = 0.125 }}\n")
    old = month.folder / "old.toml"
    changed = (
        month.config.read_text().replace("0.125", "0.121").replace("input = 1", "input = 0.075")
    )
    old.write_text(changed)
    assert main(["plan", *month.where, "--base", str(old)]) == Exit.CLEAN
    out = capsys.readouterr().out
    assert "bot $0.121 -> bot $0.125" in out
    assert "input $0.075" in out


def test_a_policy_that_is_off_is_said_to_enforce_nothing(month: Month, capsys: Capture) -> None:
    month.limit(6)
    off = month.config.read_text().replace("enabled = true", "enabled = false")
    month.config.write_text(off)
    assert main(["plan", *month.where]) == Exit.CLEAN
    assert "not enforced, as cost.enabled is false: at most $9.50 of $6.00 in 3 days" in (
        capsys.readouterr().out
    )


def test_markdown_is_for_a_pull_request(month: Month, capsys: Capture) -> None:
    month.limit(6)
    assert main(["plan", *month.where, "--format", "markdown", "-o", "plan.md"]) == Exit.CLEAN
    assert capsys.readouterr().out == ""
    text = (month.folder / "plan.md").read_text()
    assert "| ~ | `day` | limit $10.00 -> $6.00  (tightens) | 2 of 3 | 5 ($5.00) | $9.50 |" in text


@pytest.mark.parametrize(
    ("limit", "fail_on", "code"),
    [
        (6, "never", Exit.CLEAN),
        (6, "refusals", Exit.FINDINGS),
        (9.9, "refusals", Exit.CLEAN),
        (9.9, "tightened", Exit.FINDINGS),
        (20, "tightened", Exit.CLEAN),
        (10, "tightened", Exit.CLEAN),
    ],
)
def test_the_exit_code_says_what_ci_wants_to_know(
    month: Month, limit: float, fail_on: str, code: int
) -> None:
    month.limit(limit)
    assert main(["plan", *month.where, "--fail-on", fail_on]) == code


def test_the_base_is_a_file_too(month: Month, capsys: Capture) -> None:
    old = month.folder / "old.toml"
    old.write_text(CONFIG.format(day=6))
    found = month.json(capsys, "--base", str(old))
    assert found["before"]["shown"] == str(old)
    assert found["total"]["newly_passed"]["calls"] == 5
    assert found["total"]["newly_refused"]["calls"] == 0


def test_a_file_that_had_another_name_is_found(month: Month, capsys: Capture) -> None:
    month.git("mv", "corvus.toml", "budgets.toml")
    month.git("commit", "-qm", "another name")
    new = month.folder / "budgets.toml"
    new.write_text(CONFIG.format(day=6))
    assert main(["plan", "budgets.toml", "--base", "HEAD~1", *month.where]) == Exit.CLEAN
    said = capsys.readouterr()
    assert "budgets.toml was corvus.toml at HEAD~1" in said.err
    assert "limit $10.00 -> $6.00" in said.out


def test_a_base_without_the_file_has_no_budget(month: Month, capsys: Capture) -> None:
    new = month.folder / "new.toml"
    new.write_text(CONFIG.format(day=6) + "\n[mission]\nenabled = true\n")
    assert main(["plan", "new.toml", "--base", "HEAD", *month.where]) == Exit.CLEAN
    said = capsys.readouterr()
    assert "HEAD has no new.toml: all of it is new" in said.err
    assert "~ cost.enabled false -> true  (tightens)" in said.out


def test_without_a_base_one_policy_is_put_to_the_calls(
    month: Month, capsys: Capture, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere.toml"
    elsewhere.write_text(CONFIG.format(day=6))
    found = month.json(capsys, str(elsewhere))
    assert found["before"] is None
    assert found["total"]["after"]["refused"]["calls"] == 5
    refusals = ["plan", str(elsewhere), *month.where, "--fail-on", "refusals"]
    assert main(refusals) == Exit.FINDINGS


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--base", "nope"], Exit.USAGE, "nope is no revision of the repository"),
        (["--base", "--upload-pack=x"], Exit.USAGE, "is no revision"),
        (["--since", "soon"], Exit.USAGE, "soon"),
        (["missing.toml"], Exit.USAGE, "missing.toml"),
        (["--ledger", "missing.duckdb"], Exit.LEDGER_UNAVAILABLE, "missing.duckdb"),
    ],
)
def test_what_is_not_there_is_named(
    month: Month, capsys: Capture, words: list[str], code: int, says: str
) -> None:
    assert main(["plan", *month.where, *words]) == code
    said = capsys.readouterr().err
    assert says in said
    assert "Traceback" not in said


def test_it_says_which_of_the_two_files_does_not_check(month: Month, capsys: Capture) -> None:
    broken = month.folder / "broken.toml"
    broken.write_text("[cost]\nenabeld = true\n")
    assert main(["plan", *month.where, "--base", str(broken)]) == Exit.USAGE
    said = capsys.readouterr().err
    assert "broken.toml:2:1: error[unknown-key]" in said
    assert f"the config to compare with does not check, as it is at {broken}" in said
    assert main(["plan", str(broken), *month.where, "--base", "HEAD"]) == Exit.USAGE
    assert f"cannot use {broken}" in capsys.readouterr().err


def test_outside_of_git_a_revision_is_refused(
    month: Month, capsys: Capture, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside") / "corvus.toml"
    outside.write_text(CONFIG.format(day=6))
    assert main(["plan", str(outside), *month.where, "--base", "main"]) == Exit.USAGE
    assert "lies in no git repository, and there is no file main" in capsys.readouterr().err


@pytest.mark.parametrize("shape", ["text", "markdown", "json"])
def test_a_key_that_was_given_for_a_name_is_not_shown(
    month: Month, capsys: Capture, shape: str
) -> None:
    key = "sk-ant-api03-AAAABBBBCCCCDDDDEEEEFFFF"
    runtime = open_runtime([month.config], ledger=month.folder / "l.duckdb", clock=month.clock)
    with runtime.governor() as governor:
        for user in (key, "bo"):
            asked = Request("m", NanoUSD(150 * CENT), key, user=user, project=key)
            assert governor.reserve(asked).allowed
    month.clock.move(timedelta(seconds=1))
    month.limit(1)
    assert main(["plan", *month.where, "--format", shape]) == Exit.CLEAN
    assert key not in capsys.readouterr().out
    at = month.clock.now().isoformat()
    words = ["policy", "bisect", *month.where[:2], "--incident", at]
    assert main([*words, "--format", "json" if shape == "json" else "text"]) == Exit.CLEAN
    assert key not in capsys.readouterr().out


def test_a_span_in_the_future_is_refused(month: Month, capsys: Capture) -> None:
    assert main(["plan", *month.where[:2], "--since", "2199"]) == Exit.USAGE
    assert "--since 2199 (2199-01-01 00:00) is in the future" in capsys.readouterr().err


def test_a_span_without_calls_is_said(month: Month, capsys: Capture) -> None:
    assert main(["plan", *month.where[:2], "--since", "2026-09"]) == Exit.CLEAN
    capsys.readouterr()
    assert main(["plan", *month.where[:2], "--since", "2026-09", "--until", "2026-09"]) == 0
    said = capsys.readouterr()
    assert "no call is recorded in this span" in said.err
    assert "0 calls, $0.00" in said.out


def test_changed_prices_are_said_to_change_no_recorded_cost(month: Month, capsys: Capture) -> None:
    month.config.write_text(CONFIG.format(day=10).replace("output = 2", "output = 9"))
    assert main(["plan", *month.where]) == Exit.CLEAN
    out = capsys.readouterr().out
    assert "~ cost.prices.m input $1.00, output $2.00, reasoning $2.00 -> input $1.00" in out
    assert "at changed prices and holds: both are those recorded" in out


def test_calls_without_a_price_are_told_from_those_that_a_budget_refuses(
    month: Month, capsys: Capture, tmp_path: Path
) -> None:
    calls = tmp_path / "calls.csv"
    calls.write_text("timestamp,model,input_tokens,output_tokens\n2026-11-02T10:00Z,nobody-1,9,1\n")
    ledger = str(tmp_path / "other.duckdb")
    assert main(["usage", "import", str(calls), "--ledger", ledger]) == Exit.CLEAN
    capsys.readouterr()
    month.where = ["--ledger", ledger, "--since", "2026-11"]
    found = month.json(capsys)
    assert found["total"]["after"]["denials"] == {"unpriced_model": 1}
    assert main(["plan", *month.where]) == Exit.CLEAN
    out = capsys.readouterr().out
    assert "no budget refuses 1 call, but their model has no price" in out


def test_usage_that_was_imported_is_judged_by_its_cost(
    month: Month, capsys: Capture, tmp_path: Path
) -> None:
    calls = tmp_path / "calls.jsonl"
    row = {"provider": "openai", "model": "m", "output_tokens": 0, "input_tokens": 2_000_000}
    rows = [{**row, "id": str(n), "timestamp": f"2026-11-0{n}T10:00Z"} for n in (2, 3)]
    rows.append({**rows[0], "id": "again", "timestamp": "2026-11-02T11:00Z"})
    calls.write_text("".join(json.dumps(each) + "\n" for each in rows))
    ledger = str(tmp_path / "other.duckdb")
    assert main(["usage", "import", str(calls), "--ledger", ledger]) == Exit.CLEAN
    month.limit(3)
    capsys.readouterr()
    assert main(["plan", "--ledger", ledger, "--since", "2026-11"]) == Exit.CLEAN
    out = capsys.readouterr().out
    assert "3 calls, $6.00" in out
    assert "refuses 1 call that cost $2.00" in out
    assert "what 3 imported or reported calls would have held: judged by their cost alone" in out
