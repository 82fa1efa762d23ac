"""Calls that are left out of an evaluation are those that it would let pass (PLN-1)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from corvus.model.budget import Rung
from corvus.model.policy import Policy
from corvus.planning import change as planning
from corvus.planning.cells import Sums
from corvus.planning.change import Plan, Side
from corvus.planning.ledger_events import Span
from corvus.planning.tally import Effects, Tally
from corvus.runtime import Runtime
from tests.planning.governed_runs import CONFIG, START, run

LOOSE = CONFIG.replace("daily_limit_usd = 16", "daily_limit_usd = 90").replace(
    "session_limit_usd = 9", "session_limit_usd = 90"
)


def seen(effects: Effects) -> tuple[object, ...]:
    first = effects.first
    return (
        effects.refused,
        effects.rungs,
        effects.lifted,
        effects.bound,
        first and (first.call.id, first.decided_us),
    )


def told(tally: Tally) -> tuple[object, ...]:
    return (
        seen(tally.all),
        {name: seen(effects) for name, effects in tally.budgets.items()},
        sorted(tally.refused),
        tally.refused_then,
    )


def planned(runtime: Runtime, policies: tuple[Policy, Policy], since: timedelta) -> Plan:
    span = Span(START + since, runtime.clock.now() + timedelta(days=1))
    old, new = (Side(each, runtime.books, "") for each in policies)
    with runtime.ledger() as ledger:
        return planning.plan(ledger, old, new, span)


def varied(policy: Policy, random: Random) -> Policy:
    """Return a policy with other limits and ladders, in which one or two budgets may bind."""
    tight = random.sample([budget.name for budget in policy.budgets], 2)
    budgets = tuple(
        replace(
            budget,
            limit=int(
                budget.limit * (random.choice([0.3, 0.6, 0.9]) if budget.name in tight else 50)
            ),
            on_exceeded=random.choice(
                [(), (Rung.CAP,), (Rung.CAP, Rung.WAIT), (Rung.WAIT,), budget.on_exceeded]
            ),
        )
        for budget in policy.budgets
    )
    wait_seconds = random.choice([0, 30, 600])
    downgrade = random.choice([(), (), (), policy.downgrade])
    return replace(policy, budgets=budgets, wait_seconds=wait_seconds, downgrade=downgrade)


def choose_all(sums: Sums, *_: object) -> int:
    sums.choose_all()
    return sums.chosen()


def refute(folder: Path, seed: int, steps: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Compare plans with and without screening; return how many calls each evaluated."""
    runtime = run(folder, seed, steps, LOOSE)
    random, evaluated = Random(seed), list[int]()
    for _ in range(6):
        policies = varied(runtime.policy, random), varied(runtime.policy, random)
        since = timedelta(hours=random.choice([0, 5, 20]))
        screened = planned(runtime, policies, since)
        with monkeypatch.context() as patch:
            patch.setattr(planning, "_choose", choose_all)
            whole = planned(runtime, policies, since)
        assert screened.totals == whole.totals
        assert told(screened.tally_after) == told(whole.tally_after), seed
        assert screened.tally_before is not None
        assert whole.tally_before is not None
        assert told(screened.tally_before) == told(whole.tally_before), seed
        assert screened.newly_refused == whole.newly_refused
        evaluated += [screened.evaluated, whole.evaluated]
    return evaluated


def test_screening_changes_no_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    evaluated = refute(tmp_path, 3, 500, monkeypatch)
    assert min(evaluated) < max(evaluated), "something was left out"


@pytest.mark.nightly
def test_screening_changes_no_plan_of_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(20, 40):
        folder = tmp_path / str(seed)
        folder.mkdir()
        refute(folder, seed, 900, monkeypatch)


def test_nothing_is_evaluated_where_nothing_binds(tmp_path: Path) -> None:
    runtime = run(tmp_path, 5, 200, LOOSE)
    wide = replace(
        runtime.policy,
        budgets=tuple(replace(each, limit=each.limit * 1000) for each in runtime.policy.budgets),
    )
    span = Span(START, runtime.clock.now())
    with runtime.ledger() as ledger:
        ledger.connection.execute("SELECT 1")
        side = Side(wide, runtime.books, "")
        found = planning.plan(ledger, side, side, span)
        with_mission = Sums(ledger, span, 0, ())
        with_mission.choose_where("mission_id IS NOT NULL")
        assert found.evaluated == with_mission.chosen()
    assert found.tally_after.all.refused.calls == 0
    assert all(each.least <= each.budget.limit for each in found.budgets if each.budget.limit)
