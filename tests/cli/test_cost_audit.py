"""``corvus cost audit``: who changed what, when and why, wherever the events lie now (AUD-3)."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from corvus.cli.exits import Exit
from corvus.ledger.ledger import open_file
from tests.cli.places import CONFIG, Place
from tests.fakes import FrozenClock

SCHEMA = Path(__file__).parents[2] / "schemas" / "audit-event.schema.json"


@pytest.fixture
def steered(
    place: Place,
    clock: FrozenClock,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Place:
    """A place with a grant at noon, a reset an hour later and another grant at two."""
    monkeypatch.setattr("getpass.getuser", lambda: "ana")
    place.spend(75)
    place.run("cost", "override", "--session", "a", "--reason", "release day")
    clock.move(timedelta(hours=1, seconds=-1))
    place.run("cost", "reset", "--scope", "day", "--yes")
    clock.move(timedelta(hours=1))
    place.run("cost", "override", "--session", "b")
    capsys.readouterr()
    return place


def positions(place: Place, capsys: pytest.CaptureFixture[str], *words: str) -> list[int]:
    assert place.run("cost", "audit", "--format", "jsonl", *words) == Exit.CLEAN
    return [json.loads(line)["position"] for line in capsys.readouterr().out.splitlines()]


def test_the_newest_come_last_and_a_limit_keeps_those(
    steered: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first grant has expired when the third event looks for it: that is one more."""
    assert positions(steered, capsys) == [1, 2, 3, 4]
    assert positions(steered, capsys, "--limit", "2") == [3, 4]
    assert positions(steered, capsys, "--limit", "0") == []
    kinds = [one.kind.value for one in steered.runtime.audit(9)]
    assert kinds == ["override_granted", "reset_applied", "override_expired", "override_granted"]


def test_kinds_and_a_first_instant_choose(
    steered: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    assert positions(steered, capsys, "--kind", "reset_applied") == [2]
    two = ["--kind", "reset_applied", "--kind", "override_expired"]
    assert positions(steered, capsys, *two) == [2, 3]
    assert positions(steered, capsys, "--since", "2026-11-18T12:59:59Z") == [2, 3, 4]
    assert positions(steered, capsys, "--since", "2026-11-18T13:00Z") == [3, 4]
    assert (
        positions(steered, capsys, "--since", "2026-11-18T13:00Z", "--kind", "reset_applied") == []
    )


def test_events_are_the_same_before_between_and_after_they_are_handed_over(
    steered: Place, clock: FrozenClock, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["cost", "audit", "--format", "json"]
    steered.run(*words)
    before = capsys.readouterr().out
    assert steered.run("ledger", "drain") == Exit.CLEAN
    capsys.readouterr()
    steered.run(*words)
    assert capsys.readouterr().out == before
    clock.move(timedelta(minutes=1))
    steered.run("cost", "reset", "--scope", "month", "--yes")
    capsys.readouterr()
    steered.run(*words)
    events = json.loads(capsys.readouterr().out)["events"]
    assert events[:4] == json.loads(before)["events"]
    assert [one["position"] for one in events] == [1, 2, 3, 4, 5]


def test_every_line_of_jsonl_fits_the_published_schema(
    steered: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    """SCH-1."""
    validator: Any = Draft202012Validator(json.loads(SCHEMA.read_text()))
    steered.run("cost", "audit", "--format", "jsonl")
    lines = capsys.readouterr().out.splitlines()
    assert [[*validator.iter_errors(json.loads(line))] for line in lines] == [[]] * 4


def test_a_line_tells_who_what_and_why(steered: Place, capsys: pytest.CaptureFixture[str]) -> None:
    steered.run("cost", "audit", "--limit", "3")
    line, *_ = capsys.readouterr().out.splitlines()
    line = re.sub(r"id=[0-9a-f-]{36}", "id=ID", line)
    assert re.sub(r"hash=[0-9a-f]{64}", "hash=HASH", line) == (
        "audit_event=2 id=ID kind=reset_applied "
        "recorded_at=2026-11-18T12:59:59.000001+00:00 actor=ana reason=none period=day "
        "override_scope=none reset_scope=day budget=day session_id=none "
        "mission_id=none override_id=none reservation_id=none expires_at=none "
        "removed_cost_usd=0.7500 removed_cost_nano_usd=750000000 removed_requests=1 details=none "
        "previous_hash=HASH hash=HASH"
    )


def test_a_table_fits_a_wide_terminal_and_stacks_on_a_narrow_one(
    steered: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "130")
    steered.run("cost", "audit", "--format", "table")
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert " ".join(rows[1]) == (
        "1 2026-11-18 12:00:00 override_granted ana session a until 2026-11-18 13:00 release day"
    )
    assert " ".join(rows[2]) == (
        "2 2026-11-18 12:59:59 reset_applied ana budget day $0.75 in 1 call -"
    )
    monkeypatch.setenv("COLUMNS", "40")
    steered.run("cost", "audit", "--format", "table", "--limit", "1")
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        "4", "  at, UTC  2026-11-18 13:59:59", "  kind     override_granted", "  by       ana",
        "  about    session b", "  what     until 2026-11-18 14:59", "  why      -",
    ]  # fmt: skip


def test_a_change_of_limits_is_told_as_what_differs(
    place: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """AUD-1."""
    monkeypatch.setenv("COLUMNS", "200")
    place.spend(25)
    more = '[[cost.budgets]]\nname = "all"\nperiod = "total"\nlimit_usd = 7\n'
    place.config.write_text(CONFIG.replace("daily_limit_usd = 4", "daily_limit_usd = 9.5") + more)
    place.spend(25)
    place.run("ledger", "verify", "--rebuild", "--yes")
    capsys.readouterr()
    assert place.run("cost", "audit", "--format", "table") == Exit.CLEAN
    shown = capsys.readouterr().out
    assert (
        "budgets.day.limit: $4.00 to $9.50, budgets.all.limit: none to $7.00, "
        "budgets.all.warn_at_percent: none to 75"
    ) in shown
    assert "balances: 0, lost_events: 0" in shown


@pytest.mark.parametrize("style", ["table", "kv", "json", "jsonl"])
def test_a_hostile_reason_steers_no_terminal_and_forges_no_line(
    style: str, place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.make_store()
    place.run("cost", "override", "--reason", "\x1b[2J\naudit_event=9 [red]x\u202e")
    capsys.readouterr()
    assert place.run("cost", "audit", "--format", style) == Exit.CLEAN
    told = capsys.readouterr().out
    assert not {"\x1b", "\u202e"} & {*told} or style in {"json", "jsonl"}
    assert "\x1b" not in told
    assert not any(line.startswith("audit_event=9") for line in told.splitlines())
    assert "[red]x" in told


@pytest.mark.parametrize(
    "details", ["no JSON", "[1]", "7", '{"before":1,"after":{}}', '{"x_nano_usd":"many"}']
)
def test_details_that_somebody_has_edited_are_shown_as_they_are(
    details: str, steered: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    steered.run("ledger", "drain")
    with open_file(steered.ledger, write=True) as ledger:
        values = ("limits_changed", details)
        ledger.connection.execute("UPDATE audit_event SET kind = ?, details = ?", values)
    for style in ("table", "kv", "json", "jsonl"):
        capsys.readouterr()
        assert steered.run("cost", "audit", "--format", style) == Exit.CLEAN, style
        assert "limits_changed" in capsys.readouterr().out, style
    assert steered.run("ledger", "verify") == Exit.FINDINGS


def test_a_store_without_events_has_an_empty_audit(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    with place.governor():
        pass
    for style, told in (("kv", ""), ("jsonl", ""), ("table", "no audit event\n")):
        assert place.run("cost", "audit", "--format", style) == Exit.CLEAN
        assert capsys.readouterr().out == told
    assert place.run("cost", "audit", "--anchor") == Exit.CLEAN
    assert capsys.readouterr().out == f"0:{'0' * 64}\n"


def test_without_store_and_ledger_there_is_nothing_to_read(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in ([], ["--anchor"]):
        assert place.run("cost", "audit", *words) == Exit.LEDGER_UNAVAILABLE
        assert "there is no ledger at" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [["--kind", "everything"], ["--since", "\x1b"], ["--since", ""], ["--limit", "-1"]],
    ids=["kind", "since", "empty", "limit"],
)
def test_wrong_choices_are_usage_errors(
    words: list[str], steered: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    assert steered.run("cost", "audit", *words) == Exit.USAGE
    told = capsys.readouterr().err
    assert "\x1b" not in told
    assert "unexpectedly" not in told


def test_the_anchor_proves_that_the_newest_event_is_still_there(
    steered: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    """AUD-2: the anchor is exported, then the chain grows, then a forged one is not believed."""
    assert steered.run("cost", "audit", "--anchor") == Exit.CLEAN
    anchor = capsys.readouterr().out.strip()
    newest = steered.runtime.audit(1)[0]
    assert anchor == f"{newest.position}:{newest.hash}"
    steered.run("cost", "reset", "--scope", "month", "--yes")
    steered.run("ledger", "drain")
    assert steered.run("ledger", "verify", "--anchor", anchor) == Exit.CLEAN
    forged = f"4:{'f' * 64}"
    assert steered.run("ledger", "verify", "--anchor", forged) == Exit.FINDINGS
    capsys.readouterr()
    assert steered.run("cost", "audit", "--anchor", "--format", "json") == Exit.CLEAN
    assert json.loads(capsys.readouterr().out)["position"] == 5


@pytest.mark.parametrize(
    "text",
    ["", "1", f"²:{'f' * 64}", f"{'9' * 50}:{'f' * 64}", f"1:{'g' * 64}", f"-1:{'f' * 64}"],
    ids=["empty", "position", "superscript", "huge", "digest", "negative"],
)
def test_what_is_no_anchor_is_a_usage_error(
    text: str, steered: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    assert steered.run("ledger", "verify", f"--anchor={text}") == Exit.USAGE
    assert "POSITION:HASH" in capsys.readouterr().err


def test_the_anchor_of_a_ledger_without_its_store_is_the_ledgers(
    steered: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    steered.run("cost", "audit", "--anchor")
    anchor = capsys.readouterr().out
    steered.run("ledger", "drain")
    steered.store.unlink()
    capsys.readouterr()
    assert steered.run("cost", "audit", "--anchor") == Exit.CLEAN
    assert capsys.readouterr().out == anchor
