"""A line that TOML cannot read is mended by the type of its key (DIA-1)."""

from __future__ import annotations

import pytest

from corvus.config.check.check import Options, check_text
from corvus.config.edit.fixing import fix_text

OPTIONS = Options()


def fixed(text: str) -> str:
    return fix_text(text.encode(), "corvus.toml", OPTIONS, unsafe=True).after.decode()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("daily_limit_usd = $10", "daily_limit_usd = 10"),
        ("daily_limit_usd = 10 USD # a day", "daily_limit_usd = 10 # a day"),
        ("daily_limit_usd = 10 usd\r", "daily_limit_usd = 10\r"),
        ("warn_at_percent = 80%", "warn_at_percent = 80"),
        ("enabled = True", "enabled = true"),
        ("enabled = yes", "enabled = true"),
        ("enabled: true", "enabled = true"),
        ("enabled true", "enabled = true"),
        ("enabled True,", "enabled = true"),
        ("enabled = true,", "enabled = true"),
        ("hold = maximum", 'hold = "maximum"'),
        ("hold = Maximun", 'hold = "maximum"'),
    ],
)
def test_the_value_that_was_meant_is_written(line: str, expected: str) -> None:
    assert fixed(f"[cost]\n{line}\n") == f"[cost]\n{expected}\n"


@pytest.mark.parametrize(
    "line",
    [
        "daily_limit_usd = 10 EUR",
        "daily_limit_usd = 500 cents",
        "wait_seconds = 1,000",
        "warn_at_percent = many",
        "hold = something",
        "enabled =",
        "enabled",
        "nothing_like_it = $10",
        "prices = { x = $10 }",
    ],
)
def test_what_is_not_clear_stays(line: str) -> None:
    assert fixed(f"[cost]\n{line}\n") == f"[cost]\n{line}\n"


def test_a_key_of_several_types_is_mended_too() -> None:
    budget = '[[cost.budgets]]\nname = "a"\nperiod = "day"\nlimit_usd = 1\nmatch.user = {}\n'
    assert fixed(budget.format("ana")) == budget.format('"ana"')


def test_a_second_mistake_of_syntax_does_not_hinder_the_first() -> None:
    text = "[cost]\ndaily_limit_usd = $10\nenabled = \n"
    assert fixed(text) == text.replace("$10", "10")


def test_help_names_the_number() -> None:
    for value in ("$10", "10 USD", "10 $"):
        text = f"[cost]\ndaily_limit_usd = {value}\n"
        (found,) = check_text(text.encode(), "corvus.toml").diagnostics
        assert found.help[0] == "Write 10."


def test_what_may_be_a_secret_is_in_no_fix() -> None:
    text = "[governance.upstreams.main]\napi_key_env = sk-proj-0123456789abcdef0123456789\n"
    assert all(found.fix is None for found in check_text(text.encode(), "x").diagnostics)
