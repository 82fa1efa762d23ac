"""Every example of the page about budgets is right, and no key is without one (CFG-10, EVA-14)."""

from __future__ import annotations

import re
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from corvus.cli.main import main
from corvus.config.model.cost_table import BudgetSettings, CostSettings
from corvus.model.request import ATTRIBUTES
from corvus.testing import fake_policy

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "budgets.md").read_text(encoding="utf-8")
FILES = re.findall(r"^```toml\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
OLDER = {"session_limit_usd", "allow_override", "unpriced_models", "default_output_tokens"} | {
    "reservation_ttl_seconds",
    "prices",
    "budgets",
    "warn_at_percent",
}
"""Keys of ``[cost]`` that are not about what this page is about."""


@pytest.mark.parametrize("number", range(len(FILES)))
def test_an_example_is_right_to_the_last_warning(number: int, tmp_path: Path) -> None:
    text = FILES[number]
    path = tmp_path / "corvus.toml"
    path.write_text(text, encoding="utf-8")
    assert main(["check", "--strict", str(path)]) == 0
    assert fake_policy(text).budgets


def test_every_key_has_an_example() -> None:
    tables: list[dict[str, Any]] = [
        tomllib.loads(text, parse_float=Decimal)["cost"] for text in FILES
    ]
    of_cost = {key for table in tables for key in table}
    of_budgets = {key for table in tables for one in table.get("budgets", ()) for key in one}
    assert of_budgets == set(BudgetSettings.model_fields)
    assert set(CostSettings.model_fields) - OLDER <= of_cost


def test_every_attribute_and_default_is_said_as_it_is() -> None:
    for name in ATTRIBUTES:
        assert f"`{name}`" in TEXT
    cost = CostSettings()
    for key in ("cap_at_least_tokens", "wait_seconds", "ask_seconds"):
        assert f"`{key}` ({getattr(cost, key)})" in TEXT
