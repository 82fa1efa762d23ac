"""A name that is listed has a price, or several; most names that have one are listed."""

from __future__ import annotations

import json

import pytest

from corvus.model.decision import AmbiguousModel
from corvus.prices.book import BOOK_PATH
from corvus.prices.listed import is_listed
from corvus.prices.lookup import PriceBooks

BOOK = json.loads(BOOK_PATH.read_text(encoding="utf-8"))


def test_a_listed_id_has_a_price_and_few_others_are_not_listed() -> None:
    books = PriceBooks(())
    names = {name for models in BOOK["models"].values() for name in models}
    assert len(names) > 1000
    assert sum(map(is_listed, names)) > len(names) * 0.95
    for name in names:
        try:
            assert not is_listed(name) or books.find(name) is not None, name
        except AmbiguousModel:
            continue


@pytest.mark.parametrize(
    "name",
    ["", "anthropic", "kinds", "fallbacks", "models", "ids", "claude", 'x":{"', "a\nb", "claudé"],
)
def test_no_other_word_of_the_book_is_listed(name: str) -> None:
    assert not is_listed(name)
