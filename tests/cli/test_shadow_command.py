"""What a person sees of a shadow policy (PLN-2); one that is broken stops nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from corvus.cli.exits import Exit
from corvus.cli.main import main
from tests.cli.places import Place

TIGHT = "[cost]\nenabled = true\ndaily_limit_usd = 0.02\non_exceeded = []\n"


@pytest.fixture
def shadowed(place: Place) -> Place:
    """A place whose config names a shadow."""
    text = place.config.read_text()
    place.config.write_text(text + '\n[governance]\nshadow = "next.toml"\n')
    next_of(place).write_text(TIGHT)
    return place


def next_of(place: Place) -> Path:
    return place.config.with_name("next.toml")


def status(place: Place, capsys: pytest.CaptureFixture[str]) -> Any:
    capsys.readouterr()
    assert place.run("status", "--format", "json") == Exit.CLEAN
    return json.loads(capsys.readouterr().out)["shadow"]


def test_status_and_report_say_what_it_would_have_refused(
    shadowed: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(4):
        shadowed.spend(1)
    told = status(shadowed, capsys)
    assert told["problem"] is None
    assert told["calls"] == 2
    assert [(one["verdict"], one["budget"], one["calls"]) for one in told["counts"]] == [
        ("refused", "day", 2)
    ]
    assert shadowed.run("report", "budgets/shadow", "--format", "json") == Exit.CLEAN
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert (row["verdict"], row["budget"], row["calls"]) == ("refused", "day", 2)
    assert shadowed.run("ledger", "verify") == Exit.CLEAN


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (None, "does not exist"),
        ("[cost]\nenabled = tru\n", "next.toml:2"),
        ("[cost]\nenabled = true\nday = 1\n", "unknown key"),
        ("[cost]\nenabled = false\n", "would refuse nothing"),
        (TIGHT + '[governance]\nshadow = "other.toml"\n', "a shadow of its own"),
    ],
)
def test_one_that_cannot_be_used_stops_no_call_and_status_says_why(
    shadowed: Place, capsys: pytest.CaptureFixture[str], text: str | None, word: str
) -> None:
    next_of(shadowed).unlink()
    if text is not None:
        next_of(shadowed).write_text(text)
    shadowed.spend(1)
    told = status(shadowed, capsys)
    assert word in told["problem"]
    assert told["policy_hash"] is None


def test_a_path_that_the_system_refuses_stops_nothing(
    shadowed: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    """Such as one in a folder of somebody else, or on a disk that is gone."""
    text = shadowed.config.read_text()
    shadowed.config.write_text(text.replace("next.toml", "n" * 5000))
    shadowed.spend(1)
    assert "name too long" in status(shadowed, capsys)["problem"]
    assert main(["check", "--format", "concise", str(shadowed.config)]) == 0
    assert "is not used: it cannot be read: File name too long" in capsys.readouterr().out


def test_a_check_checks_the_file_too(shadowed: Place, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(shadowed.config)]) == 0
    next_of(shadowed).write_text("[cost]\ndayly_limit_usd = 2\n")
    capsys.readouterr()
    assert main(["check", "--format", "concise", str(shadowed.config)]) == 1
    assert "next.toml:2:1: error[unknown-key]" in capsys.readouterr().out
