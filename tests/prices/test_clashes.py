from __future__ import annotations

from datetime import date

import pytest

from corvus.model.price import Price, Rates
from corvus.model.usage import TokenKind
from corvus.prices.lookup import PriceBooks

CHEAP: Rates = {TokenKind.INPUT: 1, TokenKind.OUTPUT: 2}
DEAR: Rates = {TokenKind.INPUT: 10, TokenKind.OUTPUT: 20}


def own(key: str, rates: Rates, since: date | None = None) -> Price:
    provider, slash, model = key.partition("/")
    named = (provider, model) if slash else ("", key)
    return Price(*named, "user", f"user:{key}", rates, effective_from=since)


def clashing(*prices: Price) -> list[tuple[str, str]]:
    return [(clash.first.text, clash.second.text) for clash in PriceBooks(prices).clashes()]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("claude-sonnet-4-5", "anthropic/claude-sonnet-4-5"),
        ("anthropic/claude-sonnet-4-5", "claude-sonnet-4-5"),
        ("Anthropic/claude-sonnet-4-5", "anthropic/claude-sonnet-4-5"),
        ("gemini/house", "google/house"),
        ("bedrock/house", "aws-bedrock/house"),
        ("gpt-4o-2024-08-06", "openai/gpt-4o-2024-08-06"),
    ],
)
def test_two_keys_for_one_model_at_different_prices_clash(first: str, second: str) -> None:
    """PRC-4: which of the two priced a call would depend on how the caller spelled the model."""
    assert clashing(own(first, CHEAP), own(second, DEAR)) == [(first, second)]
    assert clashing(own(first, CHEAP), own(second, CHEAP)) == []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("gpt-4o", "azure/gpt-4o"),
        ("house", "acme/house"),
        ("openai/house", "azure/house"),
        ("claude-sonnet-4-5", "claude-sonnet-4-5-20250929"),
        ("claude-sonnet-4-5", "anthropic/Claude-Sonnet-4-5"),
        ("glm-4.7", "zai/glm-4.7"),
    ],
)
def test_keys_that_may_both_be_meant_do_not_clash(first: str, second: str) -> None:
    assert clashing(own(first, CHEAP), own(second, DEAR)) == []


def test_entries_of_one_provider_may_follow_each_other_by_day() -> None:
    first = own("gemini/house", CHEAP)
    assert clashing(first, own("google/house", DEAR, date(2026, 5, 1))) == []


def test_a_bare_key_and_its_makers_clash_also_by_day() -> None:
    """The entry with the provider hides the bare one, so the two never form one history."""
    bare = own("claude-sonnet-4-5", CHEAP)
    dated = own("anthropic/claude-sonnet-4-5", CHEAP, date(2026, 5, 1))
    assert clashing(bare, dated) == [("claude-sonnet-4-5", "anthropic/claude-sonnet-4-5")]


def test_a_clash_names_both_keys_and_says_what_to_do() -> None:
    (clash,) = PriceBooks([own("gemini/house", CHEAP), own("google/house", DEAR)]).clashes()
    assert str(clash) == (
        '[cost.prices."gemini/house"] and [cost.prices."google/house"] mean the same model and ask '
        "different prices; keep one of them"
    )
