"""What an unknown key or a wrong value was meant to be: knowledge before spelling (CFG-1)."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from corvus.config.check.check import Options, check_text
from corvus.config.check.subject import PriceFacts
from corvus.config.toml.values import Route, Table
from corvus.diagnostics.model import Diagnostic

BOOK = {"gpt-4o-mini", "claude-3.5/sonnet", "mistral.large"}


def no_clash(_prices: Table) -> Iterable[tuple[Route, Route, str]]:
    return ()


def only(text: str, dialect: str = "auto") -> Diagnostic:
    facts = PriceFacts(BOOK.__contains__, no_clash)
    options = Options(dialect=dialect, facts=facts)
    (found,) = check_text(text.encode(), "<stdin>", options).diagnostics
    return found


def advice(text: str, dialect: str = "auto") -> str:
    return " ".join(only(text, dialect).help)


@pytest.mark.parametrize(
    ("text", "dialect", "expected"),
    [
        ("[cost]\nlevel = 'full'\n", "native", "`level` is a key of `[autonomy]`."),
        ("[autonomy]\nlimit_usd = 5\n", "native", "`limit_usd` is a key of `[[cost.budgets]]`."),
        ("workspace_only = true\n", "zeroclaw", "`workspace_only` is a key of `[autonomy]`."),
        ("[cost]\nallowed_roots = []\n", "zeroclaw", "`allowed_roots` is a key of `[autonomy]`."),
        ("[cost]\nmemory = 1\n", "zeroclaw", "`memory` belongs at the top level"),
        ("[autonomy]\nallowed_roots = []\n", "native", "It is a key of the zeroclaw runtime"),
        ("[autonomy]\nmax_cost_per_day_cent = 5\n", "native", "Did you mean `max_cost_per_day_"),
    ],
)
def test_a_key_that_another_table_has_is_no_typo(text: str, dialect: str, expected: str) -> None:
    assert expected in advice(text, dialect)


@pytest.mark.parametrize(
    ("entry", "near"),
    [
        ('allowed_command = ["ls"]', "allowed_commands"),
        ("block_high_risk_command = true", "block_high_risk_commands"),
        ('block_high_risk_command = "true"', "block_high_risk_commands"),
        ("max_action_per_hour = 5", "max_actions_per_hour"),
        ('max_action_per_hour = "5"', "max_actions_per_hour"),
        ("levle = 'full'", "level"),
    ],
)
def test_a_near_word_takes_the_value(entry: str, near: str) -> None:
    assert f"Did you mean `{near}`?" in advice(f"[autonomy]\n{entry}\n")


@pytest.mark.parametrize(
    "entry",
    [
        'blocked_commands = ["rm"]',
        "allowed_command = true",
        "block_high_risk_command = ['x']",
        "max_action_per_hour = 'many'",
        "levle = 3",
        "level_ = { a = 1 }",
    ],
)
def test_no_near_word_of_another_type_is_offered(entry: str) -> None:
    found = only(f"[autonomy]\n{entry}\n")
    assert "Did you mean" not in " ".join(found.help)
    assert found.fix is None


@pytest.mark.parametrize(
    "pair", ["allowed_tools = ['x']", "allow_network = true", "allow_shell = false"]
)
def test_a_word_with_another_meaning_is_no_typo(pair: str) -> None:
    assert "Did you mean" not in advice(f"[autonomy]\n{pair}\n", "zeroclaw")


@pytest.mark.parametrize("unit", ["eur", "gbp", "chf", "jpy", "EUR", "euros"])
def test_another_currency_is_to_be_converted_and_has_no_fix(unit: str) -> None:
    found = only(f"[cost]\ndaily_limit_{unit} = 5\n")
    assert found.help[0] == "Did you mean `daily_limit_usd`?"
    assert "convert" in found.help[1]
    assert found.fix is None


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("[cost]\ndaily_limit_cents = 550\n", "daily_limit_usd", "5.5"),
        ("[cost]\nmonthly_limit_cent = 100\n", "monthly_limit_usd", "1"),
        ("[cost]\nbudget_cents_per_day = 1000\n", "daily_limit_usd", "10"),
    ],
)
def test_cents_become_usd(text: str, name: str, value: str) -> None:
    found = only(text)
    assert f"`{name} = {value}`" in " ".join(found.help)
    assert found.fix is not None
    assert found.fix.description == f"Write {name} = {value}"


def test_a_price_for_one_token_becomes_one_for_a_million() -> None:
    text = '[cost.prices."x"]\ninput_cost_per_token = 0.000003\noutput = 15\n'
    found = only(text)
    assert "`input = 3`" in " ".join(found.help)
    assert found.fix is not None


@pytest.mark.parametrize(
    ("header", "names"),
    [
        ("cost.prices.gpt-4.1", ['"gpt-4.1"']),
        ("cost.prices.claude-3.5.sonnet", ['"claude-3.5/sonnet"', '"claude-3.5.sonnet"']),
        ("cost.prices.gpt-4o.mini", ['"gpt-4o.mini"', '"gpt-4o/mini"']),
        ("cost.prices.mistral.large", ['"mistral.large"', '"mistral/large"']),
        ("cost.prices.anthropic.claude-x", ['"anthropic/claude-x"']),
    ],
)
def test_a_price_with_dots_may_have_several_names_the_known_one_first(
    header: str, names: list[str]
) -> None:
    found = only(f"[{header}]\ninput = 1\noutput = 2\n")
    offered = " or ".join(f"[cost.prices.{name}]" for name in names)
    assert found.help[0] == f"Write the whole name in one pair of quotes: {offered}."


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ("budgets", "It belongs into [cost]"),
        ("check", "`[governance.check]`"),
        ("ledger", "`[governance.ledger]`"),
        ("costs", "Did you mean `[cost]`?"),
    ],
)
def test_a_table_of_ours_at_the_top_level_is_named_in_full(section: str, expected: str) -> None:
    brackets = ("[[", "]]") if section == "budgets" else ("[", "]")
    found = check_text(f"{brackets[0]}{section}{brackets[1]}\n".encode(), "<stdin>").diagnostics[0]
    assert expected in " ".join(found.help)


@pytest.mark.parametrize(
    ("value", "word"), [("true", "boolean"), ("3", "integer"), ("['full']", "array")]
)
def test_the_words_of_a_choice_are_named_for_a_value_of_another_type(value: str, word: str) -> None:
    found = only(f"[autonomy]\nlevel = {value}\n")
    assert found.code == "wrong-type"
    assert 'one of "readonly", "supervised", "full"' in found.message
    assert word in found.message


def test_a_day_that_no_calendar_has_is_not_to_lose_its_quotes() -> None:
    price = '[cost.prices."x"]\ninput = 1\noutput = 2\neffective_from = "{}"\n'
    assert only(price.format("2026-13-45")).fix is None
    assert "Remove the quotes" not in advice(price.format("2026-02-30"))
    assert only(price.format("2026-12-01")).fix is not None


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ('daily_limit_usd = "500 cents"', ""),
        ('daily_limit_usd = "$5"', "Write 5."),
        ('warn_at_percent = "80 %"', "Write 80."),
        ('daily_limit_usd = "80%"', ""),
    ],
)
def test_a_number_with_another_unit_is_not_taken_as_it_is(entry: str, expected: str) -> None:
    found = only(f"[cost]\n{entry}\n")
    assert expected in " ".join(found.help)
    assert (found.fix is not None) == bool(expected)


@pytest.mark.parametrize("amount", ["10 EUR", "10€", "CHF 10", "¥1000", "10 euros"])
def test_an_amount_of_another_currency_is_never_taken_for_dollars(amount: str) -> None:
    (found,) = check_text(f'[cost]\ndaily_limit_usd = "{amount}"\n'.encode(), "c.toml").diagnostics
    assert found.help[0] == "Amounts are in USD: convert the number."
    assert found.fix is None


@pytest.mark.parametrize("key", ["api_key", "key"])
def test_a_key_is_never_moved_to_where_the_name_of_its_variable_belongs(key: str) -> None:
    text = '[governance.upstreams.a]\nkind = "openai"\nbase_url = "https://a.example"\n'
    (found,) = check_text(f'{text}{key} = "abcdef"\n'.encode(), "corvus.toml").diagnostics
    assert found.help[0] == "Did you mean `api_key_env`?"
    assert found.fix is None
    (typo,) = check_text(f'{text}api_keyenv = "MAIN_KEY"\n'.encode(), "corvus.toml").diagnostics
    assert typo.fix is not None


@pytest.mark.parametrize("line", ["budget_cents_per_day = 1000", "alert_threshold_pct = 80"])
def test_a_key_that_a_host_may_read_is_not_renamed(line: str) -> None:
    """DEP-7: what it means for us is advice; the file is the host's."""
    text = f"default_temperature = 0.7\n[cost]\n{line}\n".encode()
    (found,) = check_text(text, ".zeroclaw/config.toml").diagnostics
    assert (found.code, found.fix) == ("unknown-key", None)
    (own,) = check_text(f"[cost]\n{line}\n".encode(), "corvus.toml").diagnostics
    assert own.fix is not None
    (typo,) = check_text(b"[storage]\n[cost]\nenabeld = true\n", "c.toml").diagnostics
    assert typo.fix is not None
