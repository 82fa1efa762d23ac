"""SCH-3 on documents nobody wrote: the model and the schema agree on every change to a full config.

What JSON Schema cannot say is listed here by hand, and each entry is shown to stand in a
``$comment``: amounts with more than nine decimal places, whole floats for integers, names of time
zones, and a date, which has no type of its own in JSON.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from corvus.config.model.dialects import Dialect
from corvus.config.model.settings import Settings
from corvus.config.toml.values import as_items, is_table, kind
from tests.properties import examples
from tools.generate import written
from tools.generate.config_schemas import document, published

FULL = Path(__file__).parents[2] / "golden" / "valid" / "full.toml"
VALIDATOR: Any = Draft202012Validator(
    document(Dialect.NATIVE), format_checker=Draft202012Validator.FORMAT_CHECKER
)
NUMBERS = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.sampled_from([-1, 0, 1, 100, 101, 86_400, 86_401, 9_000_000_000, 9_000_000_001, 2**32]),
    st.decimals(-10, 10**10, places=9).filter(lambda number: number != number.to_integral_value()),
)
WORDS = st.one_of(
    st.text("abcXYZ019_-./ ", max_size=12),
    st.sampled_from(["deny", "warn", "full", "json", "openai", "day", "model", "https://a.b"]),
)
PLAIN = st.one_of(NUMBERS, WORDS, st.booleans())
VALUES = st.one_of(PLAIN, st.lists(PLAIN, max_size=2), st.dictionaries(WORDS, PLAIN, max_size=2))


WRONG: tuple[Any, ...] = (True, -1, Decimal("0.5"), "?", [], [[]], {"?": {}}, 2**63 - 1)


def full() -> dict[str, Any]:
    return tomllib.loads(FULL.read_text(encoding="utf-8"), parse_float=Decimal)


def routes(value: object, route: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if route:
        yield route
    if is_table(value):
        for key in value:
            yield from routes(value[key], (*route, key))
    for index, item in enumerate(as_items(value)):
        yield from routes(item, (*route, index))


def at(data: dict[str, Any], route: tuple[Any, ...]) -> Any:
    value: Any = data
    for part in route:
        value = value[part]
    return value


ROUTES = list(routes(full()))
TABLES = [(), *(route for route in ROUTES if is_table(at(full(), route)))]


def as_json(value: object) -> object:
    if is_table(value):
        return {key: as_json(inner) for key, inner in value.items()}
    if kind(value) == "array":
        return [as_json(inner) for inner in as_items(value)]
    return value.isoformat() if isinstance(value, date | datetime | time) else value


def verdicts(data: dict[str, Any]) -> tuple[bool, bool]:
    """Return what the model and what the schema says."""
    try:
        Settings.model_validate(data)
    except ValidationError:
        return False, VALIDATOR.is_valid(as_json(data))
    return True, VALIDATOR.is_valid(as_json(data))


def test_the_document_to_change_is_accepted_by_both() -> None:
    assert verdicts(full()) == (True, True)


@settings(max_examples=examples(400, by_day=120), deadline=None)
@given(route=st.sampled_from(ROUTES), value=VALUES)
def test_they_agree_on_another_value(route: tuple[Any, ...], value: Any) -> None:
    if route[-1] == "timezone" and isinstance(value, str):
        value = f"{value}/"  # no zone is called so; see the next tests for the names of zones
        assert verdicts(_changed(route, value)) == (False, True)
        return
    if route[-1] == "above_tokens" and isinstance(value, int | float):
        return  # a schema cannot say that tiers ascend
    model, schema = verdicts(_changed(route, value))
    assert model is schema


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: ".".join(map(str, route)))
def test_they_agree_on_what_is_left_out_and_on_what_no_value_may_be(
    route: tuple[Any, ...],
) -> None:
    without = full()
    del at(without, route[:-1])[route[-1]]
    model, schema = verdicts(without)
    assert model is schema
    for wrong in WRONG:
        model, schema = verdicts(_changed(route, wrong))
        if route[-1] != "timezone" or wrong != "?":
            assert model is schema, wrong


@pytest.mark.parametrize("route", TABLES, ids=lambda route: ".".join(map(str, route)) or "root")
def test_they_agree_on_a_key_more(route: tuple[Any, ...]) -> None:
    """Only the two tables whose keys are names take one, and then of the right shape."""
    more = full()
    at(more, route)["unheard_of"] = {"input": 1, "output": 2}
    assert verdicts(more) == ((route == ("cost", "prices"),) * 2)


BEYOND = {
    "a tenth decimal place": (("cost", "daily_limit_usd"), Decimal("0.0000000001"), "9 decimal"),
    "a whole float": (("cost", "warn_at_percent"), 80.0, "takes 80.0 for an integer"),
    "a zone that is not": (("cost", "budgets", 0, "timezone"), "Mars/Base", "IANA name"),
    "a date in quotes": (
        ("cost", "prices", "anthropic/claude-sonnet-4-5", "effective_from"),
        "2026-01-01",
        "A TOML date is a string here",
    ),
}


@pytest.mark.parametrize("name", BEYOND)
def test_what_only_the_model_refuses_stands_in_a_comment(name: str) -> None:
    route, value, comment = BEYOND[name]
    assert verdicts(_changed(route, value)) == (False, True)
    lines = written(published()["config.native.schema.json"]).splitlines()
    assert any('"$comment"' in line and comment in line for line in lines)


def _changed(route: tuple[Any, ...], value: object) -> dict[str, Any]:
    data = full()
    at(data, route[:-1])[route[-1]] = value
    return data
