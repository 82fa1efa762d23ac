from __future__ import annotations

import pytest

from corvus.usage.importers.reading.amounts import amount_at, sum_of


@pytest.mark.parametrize(
    ("stated", "read"),
    [
        ("0.0105", "0.0105"),
        (0.04, "0.04"),
        (1e-7, "1e-07"),
        ("0.123456789012345678901", "0.123456789012345678901"),
        (0, None),
        ("0.000", None),
        (None, None),
        ("", None),
        (True, None),
        ("free", "free"),
        ("-1", "-1"),
        ("NaN", "NaN"),
    ],
)
def test_an_amount_is_the_text_that_states_it(stated: object, read: str | None) -> None:
    assert amount_at({"cost": stated}, "cost") == read


def test_the_first_amount_that_is_not_zero_counts() -> None:
    assert amount_at({"spend": 0, "total": "0.5"}, "spend", "total") == "0.5"


@pytest.mark.parametrize(
    ("stated", "total"),
    [
        (("0.1", "0.2"), "0.3"),
        (("0.0000375", 0.00075), "0.0007875"),
        (("0", None), None),
        (("0.1", "many"), "many"),
        (("-0.1", "0.2"), "-0.1"),
    ],
)
def test_sums_of_amounts_are_exact(stated: tuple[object, object], total: str | None) -> None:
    assert sum_of({"a": stated[0], "b": stated[1]}, "a", "b") == total
