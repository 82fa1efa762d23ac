"""Changes of one config file at once: each that was acknowledged is there (CFG-12)."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest

from corvus.cli.exits import Exit

PROGRAM = (sys.executable, "-m", "corvus")
CENTS = "max_cost_per_day_cents"


def started(words: Sequence[str], folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*PROGRAM, *words],
        cwd=folder,
        text=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def refusals(commands: Sequence[Sequence[str]], folder: Path) -> dict[int, str]:
    """Run commands at once; return what those said that did not succeed."""
    running = [started(words, folder) for words in commands]
    said = [process.communicate()[1] for process in running]
    return {place: said[place] for place, process in enumerate(running) if process.returncode}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "corvus.toml"
    path.write_text("# the prices of the house\n[cost]\nenabled = true # yes\n")
    return path


def prices(config: Path) -> set[str]:
    return set(tomllib.loads(config.read_text())["cost"].get("prices", {}))


@pytest.mark.parametrize("count", [6, pytest.param(40, marks=pytest.mark.nightly)])
def test_every_price_that_was_acknowledged_is_there(count: int, config: Path) -> None:
    """CFG-12."""
    names = [f"acme/m{number}" for number in range(count)]
    price = "{ input = 1, output = 2 }"
    commands = [["config", "set", f'cost.prices."{name}"', price] for name in names]
    refused = refusals(commands, config.parent)
    assert prices(config) == {name for place, name in enumerate(names) if place not in refused}
    assert not refused
    text = config.read_text()
    assert text.startswith("# the prices of the house\n[cost]\nenabled = true # yes\n")
    assert os.listdir(config.parent) == ["corvus.toml"]


def test_setting_and_unsetting_and_migrating_at_once_all_arrive(config: Path) -> None:
    """CFG-12."""
    config.write_text(
        "[cost]\nenabled = true\nsession_limit_usd = 1\n\n"
        f"[autonomy]\n{CENTS} = 500 # of old\n\n[mission]\nmax_steps = 7\n"
    )
    commands = [
        ["config", "set", "cost.daily_limit_usd", "7"],
        ["config", "set", "mission.enabled", "true"],
        ["config", "unset", "cost.session_limit_usd"],
        ["config", "unset", "mission.max_steps"],
        ["migrate", "corvus.toml"],
    ]
    assert refusals(commands, config.parent) == {}
    assert config.read_text() == (
        "[cost]\nenabled = true\ndaily_limit_usd = 7\n\n"
        "[autonomy]\nmax_actions_per_hour = 500 # of old\n\n[mission]\nenabled = true\n"
    )


def test_a_writer_that_is_killed_leaves_one_text_or_the_other(config: Path) -> None:
    """CFG-12: and nobody waits for the dead."""
    texts = {config.read_text()}
    for limit, seconds in itertools.product((3, 4), (0.2, 0.35, 0.5)):
        process = started(["config", "set", "cost.daily_limit_usd", str(limit)], config.parent)
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        texts.add(
            f"# the prices of the house\n[cost]\nenabled = true # yes\ndaily_limit_usd = {limit}\n"
        )
        assert config.read_text() in texts
    done = started(["config", "set", "cost.daily_limit_usd", "5"], config.parent)
    done.communicate()
    assert done.returncode == Exit.CLEAN
    assert "daily_limit_usd = 5\n" in config.read_text()
