from __future__ import annotations

import tomllib
from datetime import date
from decimal import Decimal

import pytest
from pydantic import ValidationError

from corvus.base.money import MAX_LIMIT_USD
from corvus.config.model.defaults import ZERO_ACTIONS, ZERO_LIMIT, window_seconds
from corvus.config.model.settings import Settings


def read(text: str) -> Settings:
    return Settings.model_validate(tomllib.loads(text, parse_float=Decimal))


def kinds(text: str) -> list[str]:
    with pytest.raises(ValidationError) as failure:
        read(text)
    return [error["type"] for error in failure.value.errors()]


def test_defaults_are_those_of_the_specification() -> None:
    settings = Settings()
    cost, autonomy, mission = settings.cost, settings.autonomy, settings.mission
    assert (cost.enabled, cost.allow_override, cost.unpriced_models) == (False, False, "deny")
    limits = (cost.session_limit_usd, cost.daily_limit_usd, cost.monthly_limit_usd)
    assert limits == (Decimal(0), Decimal(10), Decimal(100))
    assert (cost.warn_at_percent, cost.default_output_tokens) == (80, 500)
    assert (cost.reservation_ttl_seconds, cost.prices, cost.budgets) == (900, {}, [])
    assert (cost.on_exceeded, cost.downgrade, cost.hold) == (["cap", "wait"], {}, "maximum")
    assert (cost.cap_at_least_tokens, cost.wait_seconds, cost.ask_seconds) == (4096, 20, 300)
    assert (autonomy.level, autonomy.max_actions_per_hour) == ("supervised", 20)
    assert len(autonomy.allowed_commands) == 12
    assert len(autonomy.forbidden_paths) == 18
    assert autonomy.auto_approve == ["file_read", "memory_recall"]
    assert (mission.enabled, mission.max_runtime_ms, mission.max_steps) == (False, 300_000, 10)
    assert mission.max_estimated_cost_cents == 100
    assert settings.governance.gateway.port == 8642
    assert settings.governance.ledger.retention_days == 0


@pytest.mark.parametrize(
    ("written", "amount"),
    [("25", Decimal(25)), ("0.1", Decimal("0.1")), ("1e1", Decimal(10)), ("0.123456789000", None)],
)
def test_an_amount_is_exact_and_an_integer_is_accepted(written: str, amount: Decimal) -> None:
    found = read(f"cost.daily_limit_usd = {written}").cost.daily_limit_usd
    assert found == (amount if amount is not None else Decimal("0.123456789"))


@pytest.mark.parametrize("written", ["true", '"25"', "[25]", "2026-01-01"])
def test_an_amount_is_never_converted_from_another_type(written: str) -> None:
    assert kinds(f"cost.daily_limit_usd = {written}") == ["decimal_type"]


def test_a_binary_float_is_no_amount() -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({"cost": {"daily_limit_usd": 0.1}})


@pytest.mark.parametrize(
    "written", ["-0.01", "inf", "-inf", "nan", f"{MAX_LIMIT_USD + 1}", "1e300"]
)
def test_an_amount_is_finite_and_within_bounds(written: str) -> None:
    assert kinds(f"cost.daily_limit_usd = {written}")[0] in {
        "finite_number",
        "greater_than_equal",
        "less_than_equal",
    }


def test_the_largest_limit_is_accepted() -> None:
    assert read(f"cost.monthly_limit_usd = {MAX_LIMIT_USD}").cost.monthly_limit_usd == MAX_LIMIT_USD


@pytest.mark.parametrize("written", ["true", "80.0", '"80"', "0.8"])
def test_an_integer_is_never_converted_from_another_type(written: str) -> None:
    assert kinds(f"cost.warn_at_percent = {written}") == ["int_type"]


@pytest.mark.parametrize("written", ["0", "1", '"true"'])
def test_a_boolean_is_never_converted_from_another_type(written: str) -> None:
    assert kinds(f"cost.enabled = {written}") == ["bool_type"]


def test_a_price_keeps_its_date_and_its_free_kinds_apart_from_missing_ones() -> None:
    price = read(
        'cost.prices."m" = { input = 0, output = 2, cache_read = 0, effective_from = 2026-01-02 }'
    ).cost.prices["m"]
    rates = [getattr(price, name) for name in ("input", "cache_read", "cache_write_5m")]
    assert rates == [Decimal(0), Decimal(0), None]
    assert price.effective_from == date(2026, 1, 2)


@pytest.mark.parametrize("written", ['"2026-01-02"', "2026-01-02T00:00:00Z", "2026-01-02T00:00:00"])
def test_a_price_takes_effect_on_a_day(written: str) -> None:
    text = f'cost.prices."m" = {{ input = 0, output = 2, effective_from = {written} }}'
    assert kinds(text) == ["date_type"]


@pytest.mark.parametrize("name", ["a", "search-team", "all_time", "q3-2026", "x" * 64])
def test_a_slug_names_a_budget(name: str) -> None:
    text = f'[[cost.budgets]]\nname = "{name}"\nperiod = "day"\nlimit_usd = 1\n'
    assert read(text).cost.budgets[0].name == name


@pytest.mark.parametrize("name", ["", "Search", "-a", "a-", "a--b", "a b", "x" * 65, "a\\n"])
def test_anything_else_names_none(name: str) -> None:
    text = f'[[cost.budgets]]\nname = "{name}"\nperiod = "day"\nlimit_usd = 1\n'
    assert kinds(text)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../etc/passwd", "/etc/passwd", "", "Europe"])
def test_a_time_zone_must_exist(zone: str) -> None:
    text = f'[[cost.budgets]]\nname = "a"\nperiod = "day"\nlimit_usd = 1\ntimezone = "{zone}"\n'
    assert kinds(text) == ["time_zone"]


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        Settings().cost.enabled = True  # pyright: ignore[reportAttributeAccessIssue]  # the point


def test_every_key_has_a_description() -> None:
    schema = Settings.model_json_schema()
    for table in (schema, *schema["$defs"].values()):
        assert table.get("description")
        for key, body in table["properties"].items():
            assert body.get("description") or "$ref" in body, key  # or the table's own


def test_the_two_meanings_of_zero_are_told_apart() -> None:
    """CFG-7: 0 switches a limit off, and 0 actions are none at all."""
    tables = Settings.model_json_schema()["$defs"]
    limits = {
        "CostSettings": ("session_limit_usd", "daily_limit_usd", "monthly_limit_usd"),
        "BudgetSettings": ("limit_usd", "limit_tokens", "limit_calls"),
        "MissionSettings": ("max_estimated_cost_cents",),
    }
    for table, keys in limits.items():
        for key in keys:
            assert ZERO_LIMIT in tables[table]["properties"][key]["description"]
    actions = tables["AutonomySettings"]["properties"]["max_actions_per_hour"]["description"]
    assert ZERO_ACTIONS in actions


def budget(text: str) -> str:
    return f'[[cost.budgets]]\nname = "a"\n{text}\n'


@pytest.mark.parametrize(
    ("window", "seconds"),
    [("1m", 60), ("90m", 5400), ("5h", 18_000), ("7d", 604_800), ("366d", 366 * 86_400)],
)
def test_a_window_is_a_length_of_time(window: str, seconds: int) -> None:
    assert read(budget(f'limit_usd = 1\nwindow = "{window}"')).cost.budgets[0].window == window
    assert window_seconds(window) == seconds


@pytest.mark.parametrize(
    "window", ["", "0m", "05h", "5", "h", "5H", "5 h", "5h ", "1w", "30s", "1.5h", "-5h", "367d"]
)
def test_anything_else_is_no_window(window: str) -> None:
    assert kinds(budget(f'limit_usd = 1\nwindow = "{window}"')) == ["window"]
    assert window_seconds(window) is None


@pytest.mark.parametrize(
    "text",
    [
        "limit_usd = 1",
        'period = "day"',
        'period = "day"\nwindow = "5h"\nlimit_usd = 1',
        'period = "day"\nlimit_usd = 1\nlimit_tokens = 1',
        'period = "day"\nlimit_tokens = 1\nlimit_calls = 1',
        'period = "day"\nlimit_usd = 1\nthresholds = [50]\nwarn_at_percent = 50',
        'period = "day"\nlimit_usd = 1\nlimits = {ana = 2}',
        'period = "day"\nlimit_tokens = 1\nper = ["user"]\nlimits = {ana = 2.0}',
        'period = "day"\nlimit_usd = 1\nper = ["user"]\nlimits = {ana = 9_000_000_001}',
    ],
)
def test_keys_of_a_budget_that_do_not_go_together_are_refused(text: str) -> None:
    """CFG-10: exactly one unit, one period or window, and one place for thresholds."""
    assert kinds(budget(text)) == ["incoherent"]


@pytest.mark.parametrize(
    ("key", "right", "wrong"),
    [
        ("per", '["user", "tag.team"]', '["user", "user"]'),
        ("per", '["tag.a b.c"]', "[]"),
        ("per", '["subagent", "token", "branch"]', '["session"]'),
        ("per", '["tag.x"]', '["tag."]'),
        ("thresholds", "[80, 50]", "[80, 80]"),
        ("thresholds", "[]", "[101]"),
        ("on_exceeded", "[]", '["refuse", "cap"]'),
        ("on_exceeded", '["cap", "refuse"]', '["cap", "cap"]'),
        ("match", '{ user = ["a", "b*"] }', "{ user = [] }"),
        ("match", '{ "tag.team" = "x" }', '{ tag.team = "x" }'),
        ("enforce", '"warn"', '"observe"'),
    ],
)
def test_a_list_of_a_budget_has_known_words_each_once(key: str, right: str, wrong: str) -> None:
    base = 'period = "day"\nlimit_usd = 1\n'
    assert read(budget(f"{base}{key} = {right}"))
    assert kinds(budget(f"{base}{key} = {wrong}"))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("cap_at_least_tokens", 0), ("cap_at_least_tokens", 1_000_001), ("wait_seconds", -1),
        ("wait_seconds", 601), ("ask_seconds", 0), ("ask_seconds", 86_401),
    ],
)  # fmt: skip
def test_the_keys_of_the_ladder_have_bounds(key: str, value: int) -> None:
    assert kinds(f"cost.{key} = {value}")[0] in {"greater_than_equal", "less_than_equal"}


def test_limits_in_tokens_and_calls_are_whole_and_large() -> None:
    largest = 9 * 10**18
    text = f'period = "day"\nlimit_tokens = {largest}\nper = ["user"]\nlimits = {{ a = {largest} }}'
    assert read(budget(text)).cost.budgets[0].limits == {"a": largest}
    assert kinds(budget('period = "day"\nlimit_tokens = 1.5')) == ["int_type"]
    assert kinds(budget(f'period = "day"\nlimit_calls = {largest + 1}')) == ["less_than_equal"]
