"""Budgets that are changed while people spend: no sum is lost or counted twice (CFG-10, STO-2).

Every change is made as a user makes it: the file is edited and opened again. What is expected is
added up from the calls alone.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from corvus import Governor, Usage
from corvus.model.budget import Measure
from corvus.runtime import Runtime, open_runtime
from tests.fakes import FrozenClock

CONFIG = """
[cost]
enabled = true
daily_limit_usd = 0
monthly_limit_usd = 0
on_exceeded = []
prices.m = {{ input = 1000, output = 1000 }}

[[cost.budgets]]
name = "each"
{budget}
"""
TOKENS = 100
COST_NANO_USD = TOKENS * 1_000_000
PEOPLE = (
    *((None, "x"), ("", "x"), ("(none)", "x"), ("ana", "x"), ("ana", "y"), ("ana,x", None)),
    *(("ana%2Cx", None), ("ana", None), ("100%", "x"), ("'; DROP TABLE balance; --", "x")),
    *(("\N{LATIN SMALL LETTER U WITH DIAERESIS}\N{SNOWMAN}", "x"), ("u" * 1_000, "x")),
)
"""User and project, as a hostile client would choose them."""
SUMS_BY_USER = {user: sum(one == user for one, _ in PEOPLE) for user, _ in PEOPLE}


def place(folder: Path, budget: str) -> Runtime:
    config = folder / "corvus.toml"
    config.write_text(CONFIG.format(budget=budget))
    return open_runtime([config], ledger=folder / "l.duckdb", clock=FrozenClock())


def spend(governor: Governor, user: str | None, project: str | None) -> bool:
    """Make a call of so many tokens; return whether it was admitted."""
    request = governor.request(
        "m", session_id="s", user=user, project=project, input_tokens=60, max_output_tokens=40
    )
    decision = governor.reserve(request)
    if decision.reservation is not None:
        governor.commit(decision.reservation, Usage(input_tokens=60, output_tokens=40))
    return decision.allowed


def room(runtime: Runtime, user: str | None, project: str | None, measure: Measure) -> int:
    """Return what is spent in the sum that a call would be counted in."""
    with runtime.governor() as governor:
        request = governor.request("m", session_id="s", user=user, project=project, estimate_usd=0)
        statuses = governor.evaluate(request).statuses
    (each,) = [one for one in statuses if one.budget.name == "each"]
    assert each.budget.measure is measure
    return each.spent


@pytest.fixture
def spent(tmp_path: Path) -> Path:
    """Let each person make one call under a sum for each user."""
    runtime = place(tmp_path, 'per = ["user"]\nperiod = "day"\nlimit_usd = 1000')
    with runtime.governor() as governor:
        for user, project in PEOPLE:
            assert spend(governor, user, project), (user, project)
    return tmp_path


def test_no_name_of_a_user_lands_in_the_sum_of_another(spent: Path) -> None:
    runtime = place(spent, 'per = ["user"]\nperiod = "day"\nlimit_usd = 1000')
    for user, calls in SUMS_BY_USER.items():
        assert room(runtime, user, "x", Measure.USD) == calls * COST_NANO_USD, user


@pytest.mark.parametrize("drained", [False, True], ids=["in the store", "in the ledger"])
def test_another_unit_goes_on_with_what_was_used(spent: Path, drained: bool) -> None:
    if drained:
        place(spent, 'per = ["user"]\nperiod = "day"\nlimit_usd = 1').bookkeeping.drain()
    tokens = place(spent, 'per = ["user"]\nperiod = "day"\nlimit_tokens = 350')
    assert room(tokens, "ana", None, Measure.TOKENS) == 3 * TOKENS
    with tokens.governor() as governor:
        assert not spend(governor, "ana", None), "three calls of 100 tokens of 350"
        assert spend(governor, "100%", None)
    calls = place(spent, 'per = ["user"]\nperiod = "day"\nlimit_calls = 3')
    assert room(calls, "ana", None, Measure.CALLS) == 3
    with calls.governor() as governor:
        assert not spend(governor, "ana", None)
        assert spend(governor, "100%", None)
        assert not spend(governor, "100%", None)
    assert calls.bookkeeping.verify().is_sound


@pytest.mark.parametrize("drained", [False, True], ids=["in the store", "in the ledger"])
def test_other_parts_are_counted_again_from_what_is_recorded(spent: Path, drained: bool) -> None:
    """RES-1: who divides a budget in another way forgives nobody what was spent."""
    if drained:
        place(spent, 'per = ["user"]\nperiod = "day"\nlimit_usd = 1').bookkeeping.drain()
    pairs = place(spent, 'per = ["user", "project"]\nperiod = "day"\nlimit_usd = 1000')
    for user, project in PEOPLE:
        assert room(pairs, user, project, Measure.USD) == COST_NANO_USD, (user, project)
    one = place(spent, 'period = "day"\nlimit_usd = 1000')
    assert room(one, "ana", "x", Measure.USD) == len(PEOPLE) * COST_NANO_USD
    some = place(spent, 'per = ["project"]\nperiod = "month"\nlimit_usd = 9\nmatch.user = "ana*"')
    assert room(some, "ana", None, Measure.USD) == 3 * COST_NANO_USD
    for runtime in (pairs, one, some):
        assert runtime.bookkeeping.verify().is_sound


def test_a_lower_limit_counts_at_once_and_an_exception_for_whom_it_names(spent: Path) -> None:
    tight = 'per = ["user"]\nperiod = "day"\nlimit_calls = 1\nlimits = { "ana" = 4, "ana*" = 2 }'
    with place(spent, tight).governor() as governor:
        assert spend(governor, "ana", None)
        assert not spend(governor, "ana", None)
        assert spend(governor, "ana,x", None), "the second glob is for this one"
        assert not spend(governor, "ana,x", None)
        assert not spend(governor, "100%", None)
        assert not spend(governor, None, None)


def test_a_reset_is_for_one_name_alone(spent: Path) -> None:
    from corvus.model.steering import ResetRequest

    runtime = place(spent, 'per = ["user"]\nperiod = "day"\nlimit_usd = 1000')
    with runtime.governor() as governor:
        for part in ("ana,x", "(none)"):
            result = governor.reset(ResetRequest("each", "admin", part=part))
            assert result.removed_requests == 1
    after = {user: room(runtime, user, "x", Measure.USD) for user in SUMS_BY_USER}
    reset = {None, "ana,x"}
    assert after == {
        user: 0 if user in reset else calls * COST_NANO_USD for user, calls in SUMS_BY_USER.items()
    }
    assert runtime.bookkeeping.verify().is_sound
    runtime.bookkeeping.drain()
    assert runtime.bookkeeping.verify().is_sound
