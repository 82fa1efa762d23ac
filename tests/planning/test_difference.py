"""What two policies differ in, and what of it tightens (PLN-1)."""

from __future__ import annotations

from dataclasses import fields

import pytest

from corvus.model.budget import Budget
from corvus.model.policy import Policy
from corvus.planning import difference as differences
from corvus.planning.difference import Effect, Fate, difference
from corvus.testing import fake_policy

BASE = """
[cost]
enabled = true
daily_limit_usd = 10
allow_override = true
[[cost.budgets]]
name = "team"
period = "week"
limit_usd = 20
per = ["user"]
on_exceeded = ["cap", "wait"]
[cost.budgets.limits]
"bot-*" = 5
"""


def changed(old: str, new: str) -> differences.Difference:
    assert old in BASE
    return difference(fake_policy(BASE), fake_policy(BASE.replace(old, new)))


@pytest.mark.parametrize(
    ("old", "new", "effect"),
    [
        ("limit_usd = 20", "limit_usd = 10", Effect.TIGHTENS),
        ("limit_usd = 20", "limit_usd = 30", Effect.LOOSENS),
        ("limit_usd = 20", "limit_usd = 0", Effect.LOOSENS),
        ("limit_usd = 20", "limit_tokens = 9", Effect.DEPENDS),
        ('"bot-*" = 5', '"bot-*" = 4', Effect.TIGHTENS),
        ('"bot-*" = 5', '"ci-*" = 5', Effect.DEPENDS),
        ('"cap", "wait"', '"cap"', Effect.TIGHTENS),
        ('"cap"', '"cap", "ask"', Effect.LOOSENS),
        ('period = "week"', 'period = "day"', Effect.DEPENDS),
        ('period = "week"', 'period = "week"\nenforce = "warn"', Effect.LOOSENS),
        ('period = "week"', 'period = "week"\nwarn_at_percent = 5', Effect.NONE),
        ('period = "week"', 'period = "week"\nmatch = { model = "x" }', Effect.DEPENDS),
        ("daily_limit_usd = 10", "daily_limit_usd = 9", Effect.TIGHTENS),
    ],
)
def test_a_change_of_a_budget_has_an_effect(old: str, new: str, effect: Effect) -> None:
    found = changed(old, new)
    (budget,) = [each for each in found.budgets if each.fate is not Fate.SAME]
    assert budget.fate is Fate.CHANGED
    assert budget.effect is effect
    assert found.tightens is (effect in (Effect.TIGHTENS, Effect.DEPENDS))
    assert not found.is_empty


@pytest.mark.parametrize(
    ("old", "new", "key", "effect"),
    [
        ("allow_override = true", "", "cost.allow_override", Effect.TIGHTENS),
        ("allow_override = true", "unpriced_models = 'warn'", None, None),
        ("enabled = true", "enabled = true\nwait_seconds = 1", "cost.wait_seconds", None),
        ("[[cost.b", "[cost.prices.x]\ninput=1\noutput=1\n[[cost.b", "cost.prices.x", None),
    ],
)
def test_a_change_of_a_setting_is_named(
    old: str, new: str, key: str | None, effect: Effect | None
) -> None:
    found = changed(old, new)
    assert found.settings
    if key is not None:
        assert found.settings[-1].name == key
    if effect is not None:
        assert found.settings[-1].effect is effect


def test_budgets_come_and_go() -> None:
    without = BASE[: BASE.index("[[")]
    gone = difference(fake_policy(BASE), fake_policy(without))
    assert [(each.name, each.fate, each.effect) for each in gone.budgets][-1] == (
        "team", Fate.REMOVED, Effect.LOOSENS,
    )  # fmt: skip
    assert not gone.tightens
    come = difference(fake_policy(without), fake_policy(BASE))
    assert come.budgets[-1].fate is Fate.ADDED
    assert come.tightens


def test_the_same_policy_has_no_difference() -> None:
    assert difference(fake_policy(BASE), fake_policy(BASE)).is_empty


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("enabled = true", "enabled = false"),  # of both
        ('period = "week"', 'period = "week"\nenforce = "warn"'),
    ],
)
def test_what_refuses_nothing_is_not_tightened(old: str, new: str) -> None:
    before = BASE.replace(old, new)
    after = before.replace("limit_usd = 20", "limit_usd = 2").replace('"user"', '"agent"')
    found = difference(fake_policy(before), fake_policy(after))
    assert found.budgets[-1].fate is Fate.CHANGED
    assert found.budgets[-1].effect is Effect.NONE
    assert not found.tightens
    assert not found.is_empty


def test_a_new_budget_of_a_policy_that_is_off_tightens_nothing() -> None:
    off = BASE.replace("enabled = true", "enabled = false")
    found = difference(fake_policy(off.partition("[[")[0]), fake_policy(off))
    assert found.budgets[-1].fate is Fate.ADDED
    assert not found.tightens


def test_a_change_of_actions_is_named_and_is_in_the_way_of_no_call() -> None:
    found = difference(fake_policy(BASE), fake_policy(BASE + '[autonomy]\nlevel = "full"'))
    assert [(each.name, each.effect) for each in found.settings] == [
        ("autonomy.level", Effect.NONE)
    ]
    assert not found.is_empty
    assert not found.tightens


def test_every_value_of_a_policy_is_compared() -> None:
    """A new field of a budget or a policy needs its line in the tables."""
    told = {*differences._BUDGET, "name", "config_key"}  # pyright: ignore[reportPrivateUsage]
    assert {field.name for field in fields(Budget)} == told
    own = {"budgets", "prices", "mission", "autonomy", "deprecated_fields", "content_hash"}
    settings = {*differences._SETTINGS, *own}  # pyright: ignore[reportPrivateUsage]
    assert {field.name for field in fields(Policy)} == settings
