"""Budgets with parts and in other units on the command line (CFG-10, CLI-1)."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from corvus.answers.audit import part_of_event
from corvus.answers.denial import denial_body, denial_text
from corvus.cli.agents.run_text import started
from corvus.cli.exits import Exit
from tests.cli.divided import Divided
from tests.fakes import FrozenClock


@pytest.fixture
def divided(tmp_path: Path, clock: FrozenClock) -> Divided:
    place = Divided(tmp_path, clock)
    for user, cents in (("ana", 900), ("bea", 400), ("bot-7", 150), (None, 100)):
        assert place.use(user, cents, project="web").allowed
    return place


def lines(place: Divided, capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    assert place.run(*words) == Exit.CLEAN
    return capsys.readouterr().out.splitlines()


def body(place: Divided, capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    assert place.run(*words, "--format", "json") == Exit.CLEAN
    return json.loads(capsys.readouterr().out)


def parts(shown: list[str]) -> list[str]:
    return [found[1] for line in shown if (found := re.match(r"part=(\S+)", line))]


def test_parts_are_listed_the_fullest_first_with_the_place_of_their_limit(
    divided: Divided, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = lines(divided, capsys, "cost", "budgets", "--budget", "each-developer")
    assert shown[:7] == [
        "budget=each-developer",
        "per=user",
        "measure=usd",
        "parts=4",
        "blocking=0",
        "found=4",
        "offset=0",
    ]
    assert parts(shown) == ["bot-7", "bea", "ana", "(none)"]
    stated = divided.config.read_text().splitlines()
    line = next(number for number, text in enumerate(stated, 1) if text.startswith("limits"))
    assert f"limit_set_at={divided.config}:{line}:" in shown[7]
    assert "limit_usd=2.0000" in shown[7]
    base = next(number for number, text in enumerate(stated, 1) if text == "limit_usd = 20")
    assert f"limit_set_at={divided.config}:{base}:1" in shown[8]


def test_parts_are_searched_sorted_and_paged(
    divided: Divided, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ("cost", "budgets", "--budget", "each-developer")
    assert parts(lines(divided, capsys, *where, "--sort", "name")) == [
        "(none)",
        "ana",
        "bea",
        "bot-7",
    ]
    assert parts(lines(divided, capsys, *where, "--sort", "left", "--limit", "1")) == ["bot-7"]
    assert parts(lines(divided, capsys, *where, "--search", "B")) == ["bot-7", "bea"]
    assert parts(lines(divided, capsys, *where, "--offset", "3")) == ["(none)"]
    assert parts(lines(divided, capsys, *where, "--part", "ana")) == ["ana"]


def test_json_has_the_values_of_a_part_and_amounts_in_their_unit(
    divided: Divided, capsys: pytest.CaptureFixture[str]
) -> None:
    page = body(divided, capsys, "cost", "budgets", "--budget", "pairs")
    (one,) = page["items"]
    assert page["measure"] == "calls"
    assert one["part"] == "web,(none)"
    assert one["values"] == {"project": "web", "agent": None}
    assert (one["spent"], one["limit"], one["headroom"]) == ("4", "500", "496")
    assert "spent_usd" not in one


def test_the_summary_has_a_line_for_a_budget_with_parts(
    divided: Divided, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = lines(divided, capsys, "cost", "summary")
    (each,) = [line for line in shown if line.startswith("budget=each-developer")]
    assert " part=bot-7 parts=4 blocking_parts=0 " in each
    (tokens,) = [line for line in shown if line.startswith("budget=five-hours")]
    assert "spent_tokens=400 held_tokens=0 limit_tokens=200000" in tokens
    assert "usd" not in tokens
    summary = body(divided, capsys, "cost", "summary")
    named = {one["name"]: one for one in summary["budgets"]}
    assert named["each-developer"]["parts"]["count"] == 4
    assert named["day"]["parts"] is None
    assert (named["day"]["spent"], named["day"]["spent_usd"]) == ("15.5000", 15.5)


def test_who_is_refused_is_blocking_with_what_was_needed(
    divided: Divided, capsys: pytest.CaptureFixture[str]
) -> None:
    decision = divided.use("bea", 1700)
    assert denial_text(decision).startswith("budget 'each-developer' for bea would be exceeded: ")
    denial = denial_body(decision)
    assert (denial["part"], denial["measure"], denial["limit"]) == ("bea", "usd", "20.0000")
    assert denial["resets_at"] == "2026-11-19T00:00:00+00:00"
    shown = lines(divided, capsys, "cost", "budgets", "--budget", "each-developer")
    assert "blocking=1" in shown
    assert parts([line for line in shown if "blocking=true" in line]) == ["bea"]
    (blocking,) = [
        line for line in lines(divided, capsys, "status") if line.startswith("blocking=each")
    ]
    assert "part=bea" in blocking
    assert "needed_usd=17.0000 left_usd=16.0000" in blocking


def test_a_refusal_is_said_in_the_unit_of_its_budget(divided: Divided) -> None:
    decision = divided.use("bea", 1, tokens=300_000)
    assert denial_text(decision) == (
        "budget 'five-hours' would be exceeded: 400 tokens spent + 300,000 tokens estimated = "
        "300,400 tokens of 200,000 tokens, set by cost.budgets[1].limit_tokens. 199,600 tokens "
        "would still fit; it resets at 2026-11-18 17:00 UTC"
    )
    denial = denial_body(decision)
    assert (denial["measure"], denial["spent"], denial["projected"]) == ("tokens", "400", "300400")
    assert "limit_usd" not in denial


def test_one_part_is_reset(divided: Divided, capsys: pytest.CaptureFixture[str]) -> None:
    """RST-1: no other sum changes."""
    reset = ("cost", "reset", "--scope", "each-developer", "--yes")
    assert divided.run(*reset) != Exit.CLEAN, "whose sum?"
    assert "--part" in capsys.readouterr().err
    shown = lines(divided, capsys, *reset, "--part", "bea")
    assert shown[-3:] == ["measure=usd", "removed=4.0000", "part=bea"]
    page = body(divided, capsys, "cost", "budgets", "--budget", "each-developer")
    assert {one["part"]: one["spent"] for one in page["items"]} == {
        "ana": "9.0000",
        "bea": "0.0000",
        "bot-7": "1.5000",
        "(none)": "1.0000",
    }
    (event,) = divided.runtime.audit(10)
    assert (event.budget, part_of_event(event)) == ("each-developer", "bea")


def test_a_window_that_is_over_blocks_nothing(
    divided: Divided, clock: FrozenClock, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not divided.use("bea", 1, tokens=300_000).allowed
    shown = lines(divided, capsys, "status")
    (blocking,) = [line for line in shown if line.startswith("blocking=five")]
    assert "needed_tokens=300000 left_tokens=199600" in blocking
    clock.move(timedelta(hours=5))
    assert not [line for line in lines(divided, capsys, "status") if line.startswith("blocking=")]
    summary = lines(divided, capsys, "cost", "summary")
    (window,) = [line for line in summary if line.startswith("budget=five-hours")]
    assert "spent_tokens=0" in window
    assert "resets_at=none" in window, "the next call opens one"


def test_a_run_begins_with_what_each_user_has(divided: Divided) -> None:
    with divided.governor() as governor:
        status = governor.status("run")
    budgets = [budget for budget in divided.runtime.policy.budgets if budget.limit]
    assert started("corvus.toml", status, budgets, "run") == (
        "corvus: governed by corvus.toml: day $884.50 of $900.00, each-developer $20.00 for each "
        "user, five-hours 199,600 tokens of 200,000 tokens, pairs 500 calls for each project, "
        "agent left; session run starts"
    )


@pytest.mark.parametrize(
    "words",
    [
        ("--part", "ana"),
        ("--budget", "nothing"),
        ("--budget", "each-developer", "--as-of", "2026-11-18"),
        ("--budget", "day", "--search", "a"),
    ],
)
def test_what_has_no_parts_says_so(
    divided: Divided, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    assert divided.run("cost", "budgets", *words) != Exit.CLEAN
    assert capsys.readouterr().err


def test_before_the_first_call_there_is_no_part(
    tmp_path: Path, clock: FrozenClock, capsys: pytest.CaptureFixture[str]
) -> None:
    place = Divided(tmp_path, clock)
    shown = lines(place, capsys, "cost", "budgets", "--budget", "each-developer")
    assert shown[3:6] == ["parts=0", "blocking=0", "found=0"]
    assert not place.store.exists()


def test_the_policy_shows_what_a_budget_counts(
    divided: Divided, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main_policy(divided, "kv") == Exit.CLEAN
    shown = capsys.readouterr().out
    assert "per=user window_seconds=0 enforce=block on_exceeded=none" in shown
    assert "limit=each-developer value=bot-* limit_usd=2.0000" in shown
    assert "budget=five-hours period=window limit_tokens=200000" in shown
    assert main_policy(divided, "json") == Exit.CLEAN
    budgets = {one["name"]: one for one in json.loads(capsys.readouterr().out)["budgets"]}
    assert budgets["each-developer"]["limits"][0]["glob"] == "ana"
    assert budgets["pairs"]["enforce"] == "warn"


def main_policy(place: Divided, shape: str) -> int:
    from corvus.cli.main import main

    return main(["policy", "show", "--config", str(place.config), "--format", shape])
