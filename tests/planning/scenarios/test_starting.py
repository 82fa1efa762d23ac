"""The first cases of a policy come true, and bring a call to each limit (PLN-2)."""

from __future__ import annotations

from pathlib import Path

import pytest

from corvus.config.check.cases.case_reading import read_cases
from corvus.config.toml.document import read_document
from corvus.planning.scenarios.case_text import text_of_bodies
from corvus.planning.scenarios.running import run_cases
from corvus.planning.scenarios.starting import first_cases
from corvus.planning.scenarios.touched import LIMIT, Touched
from corvus.prices.lookup import PriceBooks
from corvus.testing import fake_policy

ROOT = Path(__file__).parents[3]
CONFIGS = [
    *sorted((ROOT / "examples").glob("*/corvus.toml")),
    *sorted((ROOT / "policy" / "corvus" / "cli").glob("starter*.toml")),
    Path(__file__).parent / "cases" / "corvus.toml",
]


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_each_limit_has_a_case_that_comes_true(path: Path) -> None:
    policy = fake_policy(path.read_text(encoding="utf-8"))
    books = PriceBooks(policy.prices)
    text = text_of_bodies((body, "") for body in first_cases(policy, books))
    limits = [budget.name for budget in policy.budgets if budget.limit]
    assert [name for name in limits if f'"{name} at its limit"' not in text] == []
    document, _ = read_document(text.encode(), "a.test.toml")
    assert document is not None
    read = read_cases(document)
    assert read.table is not None
    touched = Touched()
    for result in run_cases(read.table, policy, books):
        assert result.mismatches == ()
        touched.add(result.calls)
    if policy.enabled:
        assert [item for item in touched.of(policy).missing if item.what == LIMIT] == []


def test_globs_and_tags_are_met() -> None:
    policy = fake_policy("""
[cost]
enabled = true
daily_limit_usd = 0
monthly_limit_usd = 0
[[cost.budgets]]
name = "a"
match = { model = "gpt-*", "tag.team" = ["x?", "y"], branch = "[a-z]*" }
period = "day"
limit_usd = 1
[[cost.budgets]]
name = "b"
match = { model = "gpt-*", "tag.team" = ["x?", "y"] }
per = ["user", "tag.kind"]
period = "day"
limit_calls = 1
""")
    [body] = first_cases(policy, PriceBooks(()))  # a glob with a set is for people
    assert body["call"] == {
        "model": "gpt-x",
        "user": "user",
        "tags": {"team": "xx", "kind": "kind"},
        "estimate_usd": body["call"]["estimate_usd"],
    }
    assert body["expect"] == {"decision": "refused", "budget": "b"}
