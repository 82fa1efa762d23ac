"""Names of the author's own prices: keys first, then aliases, each compared whole (PRC-10)."""

from __future__ import annotations

from datetime import date

import pytest

from corvus.model.price import Price, Rates
from corvus.model.usage import TokenKind
from corvus.prices.lookup import PriceBooks

CHEAP: Rates = {TokenKind.INPUT: 1, TokenKind.OUTPUT: 2}
DEAR: Rates = {TokenKind.INPUT: 10, TokenKind.OUTPUT: 20}


def own(key: str, *aliases: str, rates: Rates = CHEAP, since: date | None = None) -> Price:
    provider, slash, model = key.partition("/")
    named = (provider, model) if slash else ("", key)
    return Price(*named, "user", f"user:{key}", rates, effective_from=since, aliases=aliases)


HOUSE = own("acme/long-1", "long-latest", "acme-long", "team/long")
BARE = own("mine", "ours")


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("long-latest", None),
        ("long-latest", "acme"),
        ("long-latest", "openrouter"),
        ("acme/long-latest", None),
        ("acme/long-latest", "acme"),
        ("Acme/long-latest", None),
        ("team/long", None),
        ("team/long", "openrouter"),
        ("acme-long[1m]", "acme"),
    ],
)
def test_an_alias_is_a_whole_name_whoever_bills(model: str, provider: str | None) -> None:
    """PRC-10: like a key, an alias is compared as it is written, then behind its provider."""
    price = PriceBooks([HOUSE, BARE]).find(model, provider=provider)
    assert price is not None
    assert price.entry == "user:acme/long-1"


@pytest.mark.parametrize(
    ("model", "provider"),
    [
        ("long-lat", None),
        ("long-latest-2", None),
        ("LONG-LATEST", None),
        ("globex/long-latest", None),
        ("acme/long-latest", "openrouter"),
        ("acme/team/long", "globex"),
        ("long", None),
        ("long", "team"),
        ("somebody/ours", None),
    ],
)
def test_an_alias_is_no_part_of_another_name(model: str, provider: str | None) -> None:
    assert PriceBooks([HOUSE, BARE]).find(model, provider=provider) is None


@pytest.mark.parametrize(
    ("model", "provider"),
    [("ours", None), ("ours", "acme"), ("openai/ours", None), ("acme/ours", "acme")],
)
def test_an_alias_of_a_bare_key_answers_any_provider(model: str, provider: str | None) -> None:
    price = PriceBooks([HOUSE, BARE]).find(model, provider=provider)
    assert price is not None
    assert price.entry == "user:mine"


def test_an_alias_takes_the_place_of_a_bundled_name() -> None:
    books = PriceBooks([own("acme/house", "gpt-4o")])
    price = books.find("gpt-4o", provider="openai")
    assert price is not None
    assert price.entry == "user:acme/house"


def test_before_the_first_day_of_an_aliased_entry_the_bundled_price_of_the_alias_holds() -> None:
    books = PriceBooks([own("acme/house", "gpt-4o", since=date(2026, 6, 1))])
    entries = [price.entry for price in books.history("gpt-4o", provider="openai")]
    assert entries[0].startswith("bundled:openai/gpt-4o")
    assert entries[-1] == "user:acme/house"


def test_a_key_is_found_before_an_alias_of_the_same_price() -> None:
    books = PriceBooks([own("a", "b"), own("b")])
    price = books.find("b")
    assert price is not None
    assert price.entry == "user:b"
    assert books.clashes() == ()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (own("a", "b"), own("b", rates=DEAR)),
        (own("a", "x"), own("b", "x", rates=DEAR)),
        (own("a", "gemini/x"), own("google/x", rates=DEAR)),
        (own("a", "claude-sonnet-4-5"), own("anthropic/claude-sonnet-4-5", rates=DEAR)),
        (own("a", "x", since=date(2026, 5, 1)), own("b", "x")),
    ],
)
def test_an_alias_that_means_another_entry_at_another_price_clashes(
    first: Price, second: Price
) -> None:
    """PRC-4: which of the two a call costs would depend on the order of the file."""
    for prices in ([first, second], [second, first]):
        assert len(PriceBooks(prices).clashes()) == 1


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (own("a", "b"), own("c", "d", rates=DEAR)),
        (own("acme/x", "y"), own("globex/y", rates=DEAR)),
        (own("a", "a"), own("b", rates=DEAR)),
        (own("gemini/x", "y"), own("google/x", "y", rates=DEAR, since=date(2026, 5, 1))),
    ],
)
def test_aliases_that_can_both_be_meant_do_not_clash(first: Price, second: Price) -> None:
    assert PriceBooks([first, second]).clashes() == ()


def test_an_alias_is_part_of_the_version_of_the_books() -> None:
    """IMP: calls that had no price are priced again where a new alias gives them one."""
    assert PriceBooks([own("a", "b")]).version != PriceBooks([own("a")]).version


def test_a_misspelt_alias_is_answered_with_its_name() -> None:
    assert PriceBooks([own("a", "house-long-latest")]).resembling("house-long-lates") == (
        "house-long-latest",
    )
