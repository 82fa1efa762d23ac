"""``corvus cost budgets``: what every budget counts, and what is spent, held and left."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from corvus.cli.exits import Exit
from corvus.wording.words import load_words
from tests.cli.places import CONFIG, Place

BAR = "█" * 7 + "░" * 6
"""56.25 % of the 13 cells that are left of 80."""


def test_a_line_has_all_that_is_known_of_a_budget(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    """The 18th of November 2026 is a Wednesday; its week began on the 16th."""
    place.spend(150, model="opus-4")
    place.hold(25, model="opus-4")
    capsys.readouterr()
    assert place.run("cost", "budgets", "--session", "a") == Exit.CLEAN
    assert capsys.readouterr().out.splitlines() == [
        # 1.75 of 2, of 4 and of 3
        "budget=session state=warning spent_usd=1.5000 held_usd=0.2500 limit_usd=2.0000 "
        "percent_used=87.50 calls=1 unpriced_calls=0 resets_at=none period=session match=none "
        "timezone=UTC warn_at_percent=75 headroom_usd=0.2500 window_start=none "
        "key=cost.session_limit_usd blocking=false refusals=0",
        "budget=day state=allowed spent_usd=1.5000 held_usd=0.2500 limit_usd=4.0000 "
        "percent_used=43.75 calls=1 unpriced_calls=0 resets_at=2026-11-19T00:00:00+00:00 "
        "period=day match=none timezone=UTC warn_at_percent=75 headroom_usd=2.2500 "
        "window_start=2026-11-18T00:00:00+00:00 key=cost.daily_limit_usd blocking=false refusals=0",
        "budget=month state=allowed spent_usd=1.5000 held_usd=0.2500 limit_usd=0.0000 "
        "percent_used=0.00 calls=1 unpriced_calls=0 resets_at=2026-12-01T00:00:00+00:00 "
        "period=month match=none timezone=UTC warn_at_percent=75 headroom_usd=none "
        "window_start=2026-11-01T00:00:00+00:00 key=cost.monthly_limit_usd "
        "blocking=false refusals=0",
        "budget=opus-week state=allowed spent_usd=1.5000 held_usd=0.2500 limit_usd=3.0000 "
        "percent_used=58.33 calls=1 unpriced_calls=0 resets_at=2026-11-23T00:00:00+00:00 "
        "period=week match=model:opus-* timezone=UTC warn_at_percent=75 headroom_usd=1.2500 "
        "window_start=2026-11-16T00:00:00+00:00 key=cost.budgets[0].limit_usd "
        "blocking=false refusals=0",
    ]


def test_json_carries_exact_amounts(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """API-1."""
    place.spend(150)
    capsys.readouterr()
    assert place.run("cost", "budgets", "--format", "json") == Exit.CLEAN
    budgets = {one["name"]: one for one in json.loads(capsys.readouterr().out)["budgets"]}
    assert [*budgets] == ["session", "day", "month", "opus-week"]
    day = budgets["day"]
    assert (day["headroom_usd"], day["headroom_nano_usd"]) == (2.5, "2500000000")
    assert day["window_start"] == "2026-11-18T00:00:00+00:00"
    assert budgets["opus-week"]["match"] == {"model": "opus-*"}
    assert budgets["month"]["headroom_nano_usd"] is None


def test_a_mission_with_a_limit_of_its_own_has_a_row(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    """MIS-1: the policy itself has no budget of missions."""
    with place.governor() as governor:
        mission = governor.session("a").mission("m1", limit_usd=Decimal("1.5"))
        mission.__enter__()
    for words in (["--session", "a"], ["--session", "a", "--mission", "m1"]):
        assert place.run("cost", "budgets", *words) == Exit.CLEAN
        lines = capsys.readouterr().out.splitlines()
        assert [line.split()[0] for line in lines] == [
            "budget=session", "budget=day", "budget=month", "budget=mission", "budget=opus-week"
        ]  # fmt: skip
        assert "limit_usd=1.5000" in lines[3]
    assert place.run("cost", "budgets", "--mission", "m1") == Exit.USAGE
    assert "--session" in capsys.readouterr().err


def test_tables_with_bars_fit_80_columns(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.spend(150, model="opus-4")
    place.hold(75, "b", model="opus-4")
    capsys.readouterr()
    assert place.run("cost", "budgets", "--session", "a", "--format", "table") == Exit.CLEAN
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert max(map(len, lines[1:])) <= 80
    assert [line.split() for line in lines if line.startswith("day ")] == [
        ["day", "●", "allowed", "56.2", "%", "75", "%", "$1.5000", "$0.75", "$4.00", "$1.75", BAR],
        ["day", "per", "day", "every", "call", "in", "12", "h", "cost.daily_limit_usd"],
    ]
    assert next(line.split()[:3] for line in lines if line.startswith("month ")) == [
        "month", "off", "-"
    ]  # fmt: skip


def test_the_tables_are_in_the_readers_language_as_a_whole(
    place: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "es_ES.UTF-8")
    monkeypatch.setenv("COLUMNS", "140")
    place.spend(75)
    capsys.readouterr()
    assert place.run("cost", "budgets", "--format", "table") == Exit.CLEAN
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    headings = [line for line in lines if line[:1] == ["presupuesto"]]
    assert headings[1] == ["presupuesto", "periodo", "cuenta", "reinicio", "fijado", "por"]
    assert next(line for line in reversed(lines) if line[:1] == ["day"])[:6] == [
        "day", "por", "día", "todas", "las", "llamadas"
    ]  # fmt: skip
    english = load_words("en").texts
    words = {english[f"summary.column.{name}"] for name in ("budget", "period", "set_by")}
    assert not words & {word for line in lines for word in line}


def test_a_hostile_glob_steers_no_terminal(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = r'match = { model = "\u001b[31m*\n[bold]" }'
    place.config.write_text(CONFIG.replace('match = { model = "opus-*" }', hostile))
    with place.governor():
        pass
    for style in ("table", "kv", "json"):
        assert place.run("cost", "budgets", "--format", style) == Exit.CLEAN
        told = capsys.readouterr().out
        assert "\x1b" not in told
        assert "[bold]" in told
