"""Rules across fields (CFG-9) and price shapes."""

from __future__ import annotations

import pytest

from corvus.cli.check import price_clashes
from corvus.config.check.documents import load_documents
from corvus.config.check.subject import PriceFacts
from corvus.config.toml.document import read_document
from corvus.diagnostics.model import Diagnostic


def found(text: str, *priced: str) -> list[Diagnostic]:
    document, _ = read_document(text.encode(), "corvus.toml")
    assert document is not None

    def has_price(model: str) -> bool:
        return model in priced

    facts = PriceFacts(has_price, price_clashes)
    return list(load_documents((document,), facts=facts).diagnostics)


def codes(text: str, *priced: str) -> list[str]:
    return [diagnostic.code for diagnostic in found(text, *priced)]


@pytest.mark.parametrize(
    ("limits", "flagged"),
    [
        ("session_limit_usd = 11", ["session_limit_usd"]),
        ("session_limit_usd = 10", []),
        ("daily_limit_usd = 101", ["daily_limit_usd"]),
        ("session_limit_usd = 50\ndaily_limit_usd = 0", []),
        ("session_limit_usd = 150\ndaily_limit_usd = 0", ["session_limit_usd"]),
        ("monthly_limit_usd = 5", []),
        ("monthly_limit_usd = 0\ndaily_limit_usd = 5000", []),
        (
            "session_limit_usd = 9\ndaily_limit_usd = 8\nmonthly_limit_usd = 7",
            ["session_limit_usd", "daily_limit_usd"],
        ),
    ],
)
def test_a_written_limit_above_that_of_a_longer_period_never_binds(
    limits: str, flagged: list[str]
) -> None:
    diagnostics = found(f"[cost]\n{limits}\n")
    assert [one.code for one in diagnostics] == ["limit-never-binds"] * len(flagged)
    assert [one.path[-1] for one in diagnostics] == flagged


def test_a_limit_that_was_refused_is_not_compared() -> None:
    assert codes('[cost]\nsession_limit_usd = 50\ndaily_limit_usd = "20"\n') == ["wrong-type"]


OFF = "session_limit_usd = 0\ndaily_limit_usd = 0\nmonthly_limit_usd = 0.0\n"


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("", ["no-limit-set"]),
        ('[[cost.budgets]]\nname = "a"\nperiod = "day"\nlimit_usd = 1\n', []),
        ('[[cost.budgets]]\nname = "a"\nperiod = "day"\nlimit_usd = 0\n', ["no-limit-set"]),
        ("[mission]\nenabled = true\n", []),
        ("[mission]\nenabled = true\nmax_estimated_cost_cents = 0\n", ["no-limit-set"]),
        ("[mission]\nmax_estimated_cost_cents = 50\n", ["no-limit-set"]),
    ],
)
def test_enabled_without_any_limit_is_told(rest: str, expected: list[str]) -> None:
    assert codes(f"[cost]\nenabled = true\n{OFF}{rest}") == expected


def test_disabled_without_any_limit_is_not_told() -> None:
    assert codes(f"[cost]\nenabled = false\n{OFF}") == []


@pytest.mark.parametrize(("percent", "expected"), [(0, 1), (1, 0), (99, 0), (100, 1)])
def test_a_threshold_of_0_or_100_is_told(percent: int, expected: int) -> None:
    budget = '[[cost.budgets]]\nname = "a"\nperiod = "day"\nlimit_usd = 1\n'
    assert codes(f"[cost]\nwarn_at_percent = {percent}\n") == ["extreme-threshold"] * expected
    assert codes(f"{budget}warn_at_percent = {percent}\n") == ["extreme-threshold"] * expected


HOST = 'default_provider = "anthropic"\ndefault_model = "claude-x"\n[cost]\nenabled = true\n'


def test_a_default_model_without_a_price_is_told() -> None:
    assert codes(HOST) == ["unpriced-default-model"]
    assert codes(HOST.replace("= true", "= false")) == []


@pytest.mark.parametrize("name", ["claude-x", "anthropic/claude-x"])
def test_a_price_of_the_author_or_of_the_bundled_book_is_enough(name: str) -> None:
    assert codes(HOST, name) == []
    assert codes(f'{HOST}[cost.prices."{name}"]\ninput = 1\noutput = 2\n') == []


def test_a_broken_price_is_not_reported_as_a_missing_one_too() -> None:
    assert codes(f'{HOST}[cost.prices."claude-x"]\ninput = 1\n') == ["missing-key"]


@pytest.mark.parametrize("name", ["session", "day", "month", "mission"])
def test_the_names_of_the_scopes_are_taken(name: str) -> None:
    text = f'[[cost.budgets]]\nname = "{name}"\nperiod = "day"\nlimit_usd = 1\n'
    assert codes(text) == ["duplicate-budget-name"]


def test_the_second_of_two_equal_names_points_to_the_first() -> None:
    one = '[[cost.budgets]]\nname = "a"\nperiod = "day"\nlimit_usd = 1\n'
    (diagnostic,) = found(one + one)
    assert diagnostic.path == ("cost", "budgets", 1, "name")
    assert diagnostic.related[0].span.start.line == 2


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("[cost.prices.gpt-4.1]\ninput = 2\noutput = 8\n", '[cost.prices."gpt-4.1"]'),
        ("cost.prices.openai.o3 = { input = 2, output = 8 }\n", '[cost.prices."openai/o3"]'),
        (
            "[cost.prices.gpt-4]\ninput = 9\noutput = 9\n[cost.prices.gpt-4.1]\ninput = 2\n",
            '[cost.prices."gpt-4.1"]',
        ),
        (
            '[cost.prices.x]\n"m.input" = 3.0\n"m.output" = 15.0\n',
            '[cost.prices."x/m"]',
        ),
    ],
)
def test_a_price_one_table_too_deep_is_one_helpful_message(text: str, advice: str) -> None:
    (diagnostic,) = found(text)
    assert diagnostic.code == "nested-price"
    assert advice in diagnostic.help[0]


def test_a_table_that_is_no_price_is_an_unknown_key() -> None:
    text = "[cost.prices.m]\ninput = 2\noutput = 8\n[cost.prices.m.steps]\nabove = 1\n"
    assert codes(text) == ["unknown-key"]


def test_a_limit_named_in_a_message_says_what_zero_means() -> None:
    """CFG-7."""
    for key in ("session_limit_usd", "daily_limit_usd", "monthly_limit_usd"):
        for value in ("-1", '"5"', "0.12345678901", "inf"):
            (diagnostic,) = found(f"cost.{key} = {value}")
            assert any("switches this limit off" in text for text in diagnostic.help)
    for value in ("-1", '"5"', "5.5"):
        (diagnostic,) = found(f"autonomy.max_actions_per_hour = {value}")
        assert any("blocks every action" in text for text in diagnostic.help)


def test_validation_runs_with_enabled_false() -> None:
    """CFG-8."""
    assert codes("[cost]\nenabled = false\ndaily_limit_usd = -1\n") == ["out-of-range"]


@pytest.mark.parametrize(
    ("written", "advice"),
    [
        ("25.0", "Write 25."),
        ("2.5e1", "Write 25."),
        ("1e11", "Write 100000000000."),
        ("1e12", "Write a whole number."),
        ("25.5", "Write a whole number."),
    ],
)
def test_a_decimal_that_is_a_whole_number_is_told_how_to_be_written(
    written: str, advice: str
) -> None:
    """An exponent of a million would make the advice a megabyte long."""
    (diagnostic,) = found(f"[mission]\nmax_estimated_cost_cents = {written}\n")
    assert diagnostic.code == "wrong-type"
    assert diagnostic.help[0] == advice


@pytest.mark.parametrize("written", ["inf", "nan", "-inf"])
def test_a_decimal_without_a_value_is_not_told_to_be_written_as_a_number(written: str) -> None:
    (diagnostic,) = found(f"[mission]\nmax_estimated_cost_cents = {written}\n")
    assert not any(line.startswith("Write ") for line in diagnostic.help)


@pytest.mark.parametrize("typo", ["monthly_limit_gbp = 2000", "montly_limit_usd = 2000"])
def test_a_default_is_no_fact_where_the_key_may_be_misspelt(typo: str) -> None:
    """CFG-9: the advice to raise a default would be about a limit that the author did write."""
    text = f"[cost]\nenabled = true\ndaily_limit_usd = 200\n{typo}\n"
    assert codes(text) == ["unknown-key"]


@pytest.mark.parametrize("holder", ["[cost]", "[cost]\n[[cost.budgets]]\nname = 'a'"])
def test_models_are_not_called_unused_where_the_ladder_cannot_be_read(holder: str) -> None:
    budget = "period = 'day'\nlimit_usd = 1\n" if "budgets" in holder else ""
    text = f"{holder}\non_exceeded = 'downgrade'\n{budget}[cost.downgrade]\n'a-*' = ['b']\n"
    assert codes(text, "b") == ["wrong-type"]
