"""``corvus plan --switch``: what another model would have cost, worked out by hand (PLN-1)."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from corvus import Usage, open_runtime
from corvus.base.time import FrozenClock
from corvus.cli.exits import Exit
from corvus.cli.main import main

Capture = pytest.CaptureFixture[str]
RATES = "input = {0}\noutput = {1}\ncache_read = {2}\ncache_write_5m = {3}\n"
CONFIG = "[cost]\nenabled = true\ndaily_limit_usd = 9\n" + "".join(
    f'[cost.prices."{name}"]\n{RATES.format(*rates)}'
    for name, rates in {
        "anthropic/claude-large": (10, 50, 1, 12.5),
        "anthropic/claude-small": (2, 10, 0.2, 2.5),
        "openai/gpt-tiny": (1, 4, 0.1, 0),
    }.items()
)
MILLION = 1_000_000


@pytest.fixture
def where(tmp_path: Path, clock: FrozenClock, capsys: Capture) -> list[str]:
    """A session that begins with the small model and goes on with the large one."""
    config, ledger = tmp_path / "corvus.toml", tmp_path / "l.duckdb"
    config.write_text(CONFIG)
    runtime = open_runtime([config], ledger=ledger, clock=clock)
    calls = (
        ("claude-small", Usage(input_tokens=MILLION // 10)),
        ("claude-large", Usage(cache_read_tokens=MILLION // 10, output_tokens=MILLION // 100)),
        ("claude-large", Usage(cache_read_tokens=MILLION // 10, output_tokens=MILLION // 100)),
    )
    with runtime.governor() as governor:
        for model, usage in calls:
            request = governor.request(
                model, provider="anthropic", session_id="s", input_tokens=9, max_output_tokens=9
            )
            held = governor.reserve(request).reservation
            assert held is not None
            clock.move(timedelta(minutes=1))
            governor.commit(held, usage)
    capsys.readouterr()
    return [str(config), "--ledger", str(ledger), "--since", "2026-11"]


def switched(where: list[str], capsys: Capture, *switches: str) -> dict[str, Any]:
    words = [word for switch in switches for word in ("--switch", switch)]
    assert main(["plan", *where, *words, "--format", "json"]) == Exit.CLEAN
    return json.loads(capsys.readouterr().out)["switched"]


def test_a_cold_cache_is_the_high_end(where: list[str], capsys: Capture) -> None:
    found = switched(where, capsys, "*-large=claude-small")
    (one,) = found["switches"]
    # Each: 0.1 M read from a cache and 0.01 M written; 0.10 + 0.50 as large, 0.02 + 0.10 as small.
    # Cold, the first reads 0.1 M at 2.50, the rate of a write: 0.25 in place of 0.02.
    assert (one["calls"], one["cost_usd"]) == (2, 1.2)
    assert (one["low_usd"], one["high_usd"]) == (0.24, 0.47)
    (day,) = [each for each in found["budgets"] if each["budget"] == "day"]
    assert day["cost_usd"] == 1.4
    assert (day["low_usd"], day["high_usd"]) == (0.44, 0.67)
    assert any("cold" in reason for reason in found["reasons"])


def test_another_maker_counts_other_tokens(where: list[str], capsys: Capture) -> None:
    (one,) = switched(where, capsys, "claude-small=gpt-tiny")["switches"]
    assert one["cost_usd"] == 0.2
    assert (one["low_usd"], one["high_usd"]) == (0.075, 0.135)


def test_a_call_belongs_to_the_first_switch_that_matches(where: list[str], capsys: Capture) -> None:
    found = switched(where, capsys, "*-large=claude-small", "*=claude-small")
    assert [one["calls"] for one in found["switches"]] == [2, 1]


def test_prices_are_those_of_the_last_day_of_the_span(where: list[str], capsys: Capture) -> None:
    words = [*where, "--until", "2026-11-18"]
    assert switched(words, capsys, "*-large=claude-small")["prices_of"] == "2026-11-18"


def test_text_says_why_it_is_an_interval(where: list[str], capsys: Capture) -> None:
    assert main(["plan", *where, "--switch", "*-large=claude-small"]) == Exit.CLEAN
    out = capsys.readouterr().out
    assert "*-large -> claude-small: 2 calls that cost $1.20 would have cost $0.24 to $0.47" in out
    assert "a cache is of one model" in out
    assert "how many calls another model would have taken" in out
    switch = ["--switch", "*-large=claude-small", "--format", "markdown"]
    assert main(["plan", *where, *switch]) == Exit.CLEAN
    assert "would have cost $0.24 to $0.47" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("switch", "says"),
    [
        ("claude-large", "--switch takes GLOB=MODEL"),
        ("=x", "--switch takes GLOB=MODEL"),
        ("*-large=claude-smal", "anthropic/claude-small"),
    ],
)
def test_what_is_no_switch_is_refused(
    where: list[str], capsys: Capture, switch: str, says: str
) -> None:
    assert main(["plan", *where, "--switch", switch]) == Exit.USAGE
    assert says in capsys.readouterr().err
