"""Says of the commonest names that the bundled book has them, without loading the book.

A check asks whether a model has a price, not which: for that, the text of the book is enough.
"""

from __future__ import annotations

import os
from functools import cache

_BOOK = os.path.join(os.path.dirname(__file__), "book.json")


def is_listed(model: str) -> bool:
    """Return whether some provider sells a model of this very id; ``False`` may mean "unknown".

    The generator writes one model on each line: its id in quotes, a colon and its prices; behind
    the colon of a name that is listed and may have no price it writes a space.
    """
    is_plain = model.isascii() and model.isprintable() and not {*model} & {*'"\\'}
    return is_plain and f'\n"{model}":{{"' in _models()


@cache
def _models() -> str:
    with open(_BOOK, encoding="utf-8") as book:
        return book.read().partition('"models":{')[2]
