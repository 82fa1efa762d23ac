"""Budgets and ladders that nobody wrote: all that judge them agree, and what is right compiles.

The model, the compiled data that ``corvus check`` runs, and the published schema say the same
(SCH-3), but for what the schema states it cannot say; and whatever the model takes is a policy, or
has a malformed glob (CFG-8, CFG-10).
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from corvus.compile import compile_policy
from corvus.config.check.documents import load_documents
from corvus.config.model import quick
from corvus.config.model.dialects import Dialect
from corvus.config.model.settings import Settings
from corvus.config.toml.document import read_document
from corvus.config.toml.values import written
from corvus.diagnostics.model import ConfigError
from corvus.model.policy import Policy
from tests.properties import examples
from tools.generate.config_schemas import document

SCHEMA: Any = Draft202012Validator(document(Dialect.NATIVE))
ATTRIBUTES = ["user", "model", "token", "branch", "tag.team", "tag.", "tag", "session"]
GLOBS = st.sampled_from(["ana", "b*", "*", "?*", "[a-z]", "a,b", "", "[", "(none)"])
LIMITS = st.one_of(
    st.integers(0, 20),
    st.sampled_from([-1, 9 * 10**9, 9 * 10**9 + 1, 9 * 10**18, 9 * 10**18 + 1, "5", True]),
    st.sampled_from([Decimal("0.5"), Decimal("2.0"), Decimal("0.123456789")]),
)
RUNGS = st.lists(st.sampled_from(["cap", "wait", "downgrade", "ask", "refuse"]), max_size=4)
LENGTHS = ["5h", "1m", "7d", "366d", "05h", "5", "h", "5 h", 5]
REST = {
    "limits": st.dictionaries(GLOBS, LIMITS, max_size=2),
    "per": st.lists(st.sampled_from(ATTRIBUTES), max_size=2),
    "match": st.dictionaries(
        st.sampled_from(ATTRIBUTES), GLOBS | st.lists(GLOBS, max_size=2), max_size=2
    ),
    "thresholds": st.lists(st.sampled_from([0, 50, 80, 100, 101]), max_size=3),
    "warn_at_percent": st.sampled_from([0, 80, 101]),
    "enforce": st.sampled_from(["block", "warn", "observe"]),
    "on_exceeded": RUNGS,
}
PERIODS = st.sampled_from(["day", "quarter", "year", "total", "session", "window", "hour"])
RECURRENCES: dict[str, st.SearchStrategy[Any]] = {
    "period": PERIODS,
    "window": st.sampled_from(LENGTHS),
}
UNITS = {"limit_usd": LIMITS, "limit_tokens": LIMITS, "limit_calls": LIMITS}
NAME = {"name": st.sampled_from(["a", "b", "c"])}


@st.composite
def whole_budgets(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a budget with one unit, one recurrence and few other keys: most of them are right."""
    unit, recurrence = draw(st.sampled_from([*UNITS])), draw(st.sampled_from([*RECURRENCES]))
    keys = draw(st.sets(st.sampled_from([*REST]), max_size=2))
    needed = {"per"} if "limits" in keys else set[str]()
    parts = {recurrence: RECURRENCES[recurrence], unit: st.integers(0, 20), **NAME}
    return draw(st.fixed_dictionaries(parts | {key: REST[key] for key in sorted(keys | needed)}))


BUDGETS = st.one_of(
    whole_budgets(),
    st.fixed_dictionaries(NAME, optional=RECURRENCES | UNITS | REST),
)
COSTS = st.fixed_dictionaries(
    {"budgets": st.lists(BUDGETS, max_size=2)},
    optional={
        "on_exceeded": RUNGS,
        "hold": st.sampled_from(["maximum", "expected", "least"]),
        "wait_seconds": st.sampled_from([0, 600, 601]),
        "downgrade": st.dictionaries(
            GLOBS, st.lists(st.sampled_from(["m", "n-1", "m*", ""]), max_size=2), max_size=2
        ),
    },
)


def accepted(cost: dict[str, Any]) -> Settings | None:
    try:
        return Settings.model_validate({"cost": cost})
    except ValidationError:
        return None


def policy_of(found: Settings) -> Policy | None:
    """Compile; ``None`` for a malformed glob, which is all that may be wrong yet."""
    try:
        return compile_policy(found)
    except ConfigError as error:
        return None if "the glob" in str(error) else pytest.fail(str(error))


def ladders(cost: dict[str, Any]) -> list[list[str]]:
    lists = [cost.get("on_exceeded", []), *(one.get("on_exceeded", []) for one in cost["budgets"])]
    return [rungs for rungs in lists if "refuse" in rungs[:-1]]


def as_json(value: object) -> object:
    """Return what an editor hands to a schema: numbers of TOML that have a point are floats."""
    return json.loads(json.dumps(value, default=float))


def is_beyond_schema(cost: dict[str, Any]) -> bool:
    """Return whether only the model can refuse it: whole floats, and a rung behind ``refuse``."""
    numbers = [
        number
        for one in cost["budgets"]
        for key in ("limit_tokens", "limit_calls", "limits")
        for number in (one[key].values() if key == "limits" and key in one else [one.get(key)])
    ]
    whole = any(isinstance(one, Decimal) and one == one.to_integral_value() for one in numbers)
    return whole or bool(ladders(cost))


@settings(max_examples=examples(1500, by_day=300), deadline=None)
@given(cost=COSTS)
def test_whoever_judges_a_budget_says_the_same_and_what_is_right_compiles(
    cost: dict[str, Any],
) -> None:
    found = accepted(cost)
    assert quick.is_valid({"cost": cost}) is (found is not None)
    if not is_beyond_schema(cost):
        assert SCHEMA.is_valid(as_json({"cost": cost})) is (found is not None)
    if found is None:
        return
    policy = policy_of(found)
    if policy is not None:
        assert len(policy.budgets) == 3 + len(found.cost.budgets)
        assert all(isinstance(one.limit, int) and one.limit >= 0 for one in policy.budgets)
        assert all([*one.thresholds] == sorted({*one.thresholds}) for one in policy.budgets)
        assert compile_policy(found).content_hash == policy.content_hash


@settings(max_examples=examples(600, by_day=150), deadline=None)
@given(cost=COSTS)
def test_a_check_explains_what_the_model_refuses_and_nothing_else(cost: dict[str, Any]) -> None:
    """CFG-3, CFG-8: an error where and only where there are no settings, each at a place."""
    cost = {key: value for key, value in cost.items() if value != {}}
    text = f"cost = {written(cost)}\n"
    read, problems = read_document(text.encode(), "corvus.toml")
    assert read is not None, problems
    loaded = load_documents([read])
    errors = [one for one in loaded.diagnostics if one.is_error]
    found = accepted(read.data["cost"])  # pyright: ignore[reportArgumentType] - a table
    names = [one["name"] for one in cost["budgets"]]
    is_right = found is not None and policy_of(found) is not None and len({*names}) == len(names)
    assert (errors == []) is is_right, [one.message for one in errors]
    assert all(one.span is not None for one in loaded.diagnostics)
