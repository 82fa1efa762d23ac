"""``corvus.testing`` gives a real governor, and its document says how."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from corvus import ConfigError
from corvus.testing import FrozenClock, fake_governor, fake_policy, memory_store

DOCUMENT = Path(__file__).parents[1] / "docs" / "testing.md"
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)


def test_every_example_of_the_document_runs(tmp_path: Path) -> None:
    for number, text in enumerate(EXAMPLES):
        (tmp_path / f"test_example_{number}.py").write_text(text)
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["corvus.testing.plugin"]\n')
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert f"{len(EXAMPLES)} passed" in done.stdout, done.stdout + done.stderr


def test_a_mapping_says_the_same_as_text() -> None:
    text = """
[cost]
enabled = true
daily_limit_usd = 2.5

[[cost.budgets]]
name = "search"
period = "month"
limit_usd = 7
match = { project = "sú", model = "claude-*" }
"""
    tables = {
        "cost": {
            "enabled": True,
            "daily_limit_usd": 2.5,
            "budgets": [
                {
                    "name": "search",
                    "period": "month",
                    "limit_usd": 7,
                    "match": {"project": "sú", "model": "claude-*"},
                }
            ],
        }
    }
    assert fake_policy(tables) == fake_policy(text)


def test_a_config_with_errors_is_refused_with_all_of_them() -> None:
    with pytest.raises(ConfigError) as refused:
        fake_policy("[cost]\nenabled = 1\ndaily_limit = 2\n")
    assert len(refused.value.diagnostics) == 2


def test_the_environment_has_no_part_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORVUS_COST__DAILY_LIMIT_USD", "0.01")
    assert fake_policy("") == fake_policy({})
    with fake_governor("[cost]\nenabled = true\ndaily_limit_usd = 5\n") as governor:
        assert governor.reserve(governor.request("m", estimate_usd=4)).allowed


def test_a_store_in_memory_touches_no_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = memory_store(FrozenClock())
    assert store.run(lambda unit: unit.tokens()) == {}
    store.close()
    assert [*tmp_path.iterdir()] == []


def test_a_clock_takes_no_instant_without_a_time_zone() -> None:
    naive = datetime(2026, 1, 1)  # noqa: DTZ001 - the point
    with pytest.raises(ValueError, match="no time zone"):
        FrozenClock(naive)
    with pytest.raises(ValueError, match="no time zone"):
        FrozenClock().set(naive)


def test_a_key_of_any_characters_means_itself() -> None:
    prices = {"acme/🚀": {"input": 1, "output": 2}}
    assert [price.model for price in fake_policy({"cost": {"prices": prices}}).prices]
