"""``corvus policy test --record`` and ``corvus policy bisect``, on real ledgers (PLN-2)."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jsonschema
import pytest

from corvus import open_runtime
from corvus.answers.published import find_schema
from corvus.cli.main import main
from corvus.model.budget import Rung
from tests.fakes import FrozenClock

CONFIG = """\
[cost]
enabled = true
daily_limit_usd = 0
monthly_limit_usd = 0

[[cost.budgets]]
name = "each-dev"
per = ["user"]
period = "day"
limit_usd = 3
thresholds = [90]
on_exceeded = ["cap"]

[governance.ledger]
path = "ledger.duckdb"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: FrozenClock) -> Path:
    """Ada spends $3 a dollar at a time and is refused a fourth one; Bob has spent one."""
    folder = tmp_path / "repository"
    folder.mkdir()
    monkeypatch.chdir(folder)
    (folder / "corvus.toml").write_text(CONFIG)
    runtime = open_runtime(["corvus.toml"], clock=clock)
    clock.set(datetime(2026, 11, 18, 8, tzinfo=UTC))
    with runtime.governor() as governor:
        for user in ("ada", "ada", "bob", "ada", "ada"):
            request = governor.request(
                "m", user=user, session_id=f"run-of-{user}", estimate_usd=1, rungs=tuple(Rung)
            )
            decision = governor.reserve(request)
            clock.move(timedelta(minutes=10))
            if decision.reservation is not None:
                governor.commit(decision.reservation)
    runtime.bookkeeping.drain()
    clock.set(datetime(2026, 11, 18, 12, tzinfo=UTC))
    return folder


def test_recorded_cases_come_true_as_they_are_written(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["policy", "test", "--record", "-o", "recorded.test.toml"]) == 0
    assert (
        (folder / "recorded.test.toml").read_text()
        == """\
[[case]]
name = "each-dev lets m pass"
at = 2026-11-18T08:00:00Z
call = { model = "m", user = "ada", estimate_usd = 1 }
expect = { decision = "allowed", budget = "each-dev" }

[[case]]
name = "each-dev refuses m"
at = 2026-11-18T08:40:00Z
given = { spent = { each-dev = 3 } }
call = { model = "m", user = "ada", estimate_usd = 1 }
expect = { decision = "refused", budget = "each-dev" }
"""
    )
    assert main(["policy", "test"]) == 0
    assert main(["check", "recorded.test.toml"]) == 0
    capsys.readouterr()
    assert main(["policy", "test", "--record", "--session", "run-of-bob"]) == 0
    assert capsys.readouterr().out.count("[[case]]") == 1


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--session", "nobody"], 0, "no call of session 'nobody' that a budget decided is in"),
        (["--since", "now"], 0, "no call that a budget decided is in"),
        (["--since", "someday"], 2, "someday"),
        (["--ledger", "nowhere.duckdb"], 30, "there is neither a ledger"),
        (["--most", "0"], 2, "--most"),
    ],
)
def test_where_nothing_is_recorded_it_is_said(
    folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, said: str
) -> None:
    assert main(["policy", "test", "--record", *words]) == code
    shown = capsys.readouterr()
    assert said in shown.err
    assert "[[case]]" not in shown.out


def test_a_file_that_is_there_is_not_overwritten(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "mine.test.toml").write_text("# mine\n")
    assert main(["policy", "test", "--record", "-o", "mine.test.toml"]) == 2
    assert "mine.test.toml is there already" in capsys.readouterr().err
    assert (folder / "mine.test.toml").read_text() == "# mine\n"


def test_the_least_change_is_shown_with_what_else_it_refuses_and_as_a_patch(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["policy", "bisect", "--incident", "2026-11-18T08:35Z"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("""\
incident: 2026-11-18 08:30:00 UTC, m, user ada, session run-of-ada: held $1.00, cost $1.00

What would have stopped it, and what else since 2026-10-19 08:35:
  each-dev, for ada alone  $3.00 -> $2.99  nothing else
  each-dev                 $3.00 -> $2.99  nothing else
""")
    assert "\n+limits = { ada = 2.99 }\n" in shown
    assert (
        "The least change is $2.999999999: with any higher limit it would have passed.\n" in shown
    )
    assert "each-dev has on_exceeded = cap: that would be tried first.\n" in shown


def test_a_patch_applies_and_stops_the_call(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["policy", "bisect", "--incident", "2026-11-18T08:15Z", "--format", "json"]) == 0
    body = json.loads(capsys.readouterr().out)
    schema = find_schema("policy-bisect")
    assert schema is not None
    jsonschema.validate(body, schema.document)
    assert body["incident"]["user"] == "ada"
    changes = {(change["kind"], change["budget"]): change for change in body["changes"]}
    assert changes["limit", "each-dev"]["least_change"] == "1.999999999"
    assert changes["limit", "each-dev"]["threshold_percent"] == 33
    assert changes["part", "each-dev"]["also_refused"] == {
        "calls": 1,
        "cost_nano_usd": "1000000000",
        "users": ["ada"],
        "first_at": "2026-11-18T08:30:00+00:00",
    }
    for change in body["changes"]:
        (folder / "corvus.toml").write_text(CONFIG)
        subprocess.run(["patch", "-p1"], input=change["patch"], text=True, check=True)
        assert main(["check", "corvus.toml"]) == 0
        (folder / "x.test.toml").write_text(
            '[[case]]\nname = "x"\ngiven.spent = { each-dev = 1, session = 1, day = 2 }\n'
            'call = { model = "m", user = "ada", estimate_usd = 1, rungs = [] }\n'
            'expect.decision = "refused"\n'
        )
        if change["budget"] == "each-dev":
            assert main(["policy", "test", "x.test.toml"]) == 0, change


def test_an_incident_may_be_an_amount(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["policy", "bisect", "--incident", "2026-11-18T12:00Z", "--spend-below"]
    assert main([*words, "2.5"]) == 0
    assert capsys.readouterr().out.startswith("incident: 2026-11-18 08:20:00 UTC, m, user bob")
    assert main([*words, "nothing"]) == 2
    assert "'nothing' is no amount above 0" in capsys.readouterr().err


def test_what_the_present_policy_stops_is_said(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "corvus.toml").write_text(CONFIG.replace("limit_usd = 3", "limit_usd = 2"))
    words = ["policy", "bisect", "--incident", "2026-11-18T08:35Z"]
    assert main(words) == 0
    said = "As the policy is now, it would be stopped: by each-dev.\n"
    assert said in capsys.readouterr().out
    assert main([*words, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["already_stopped_by"] == ["each-dev"]
    assert main(["policy", "bisect", "--incident", "2026-11-18T08:15Z"]) == 0
    assert said not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ([], 2, "--incident"),
        (["--incident", "once"], 2, "once"),
        (
            ["--incident", "2026-11-18T12:00Z", "--spend-below", "900"],
            2,
            "the calls of that day did not come to $900.00 by 2026-11-18T12:00Z",
        ),
        (["--incident", "2026-11-18T07:59Z"], 2, "no call was admitted by 2026-11-18T07:59Z"),
        (["--incident", "2026-11-18T09:00Z", "--ledger", "nowhere.duckdb"], 30, "neither a ledger"),
        (["--incident", "2026-11-18T09:00Z", "--config", "nowhere.toml"], 2, "does not exist"),
    ],
)
def test_what_cannot_be_found_is_said(
    folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, said: str
) -> None:
    assert main(["policy", "bisect", *words]) == code
    assert said in capsys.readouterr().err
