"""The action rate (ACT-2): admitted actions alone count, in any 3600 seconds, per principal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corvus import Governor, open_runtime
from corvus.answers.action import ACTION
from corvus.answers.denial import DOMAIN as TOKEN_SPEND
from corvus.autonomy.decide import Action, ActionAnswer, Rule
from corvus.base.money import NanoUSD
from corvus.governor import actions
from corvus.model.policy import Policy
from corvus.model.request import Request
from corvus.runtime import Runtime
from corvus.store.sqlite import MemoryBackend
from corvus.store.store import Store
from tests.answers.test_schema import SCHEMAS, complaints
from tests.autonomy.test_decide import MONEY
from tests.fakes import FrozenClock
from tests.properties import examples

CONFIG = """
[cost]
enabled = true
daily_limit_usd = 1

[autonomy]
max_actions_per_hour = 3
"""
LS, PUSH, RM = Action("ls"), Action("git push"), Action("rm x")
READ = Action(tool="file_read", reads_only=True)
HOUR = timedelta(hours=1)


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def runtime(tmp_path: Path, clock: FrozenClock) -> Runtime:
    config = tmp_path / "corvus.toml"
    config.write_text(CONFIG)
    return open_runtime([config], ledger=tmp_path / "l.duckdb", clock=clock)


@pytest.fixture
def governor(runtime: Runtime) -> Iterator[Governor]:
    with runtime.governor() as governor:
        yield governor


def act(governor: Governor, action: Action = LS, times: int = 1, **options: Any) -> ActionAnswer:
    answers = [governor.act(action, options.pop("who", "ana"), **options) for _ in range(times)]
    return answers[-1]


def admitted(governor: Governor, who: str = "ana") -> int:
    return governor.store.run(lambda unit: len(unit.actions(who, actions.SPAN_US)))


def test_so_many_actions_are_admitted_and_no_more(governor: Governor) -> None:
    answers = [act(governor) for _ in range(5)]
    assert [one.allowed for one in answers] == [True] * 3 + [False] * 2
    assert [one.admitted for one in answers] == [1, 2, 3, 3, 3]
    assert answers[-1].code == "action_rate_exceeded"
    assert admitted(governor) == 3


def test_there_is_room_again_exactly_when_the_oldest_falls_out(
    governor: Governor, clock: FrozenClock
) -> None:
    first = act(governor)
    assert first.resets_at is not None
    clock.move(timedelta(minutes=10))
    act(governor, times=2)
    denied = act(governor)
    assert denied.resets_at == first.resets_at
    clock.set(first.resets_at - timedelta(microseconds=1))
    assert not act(governor).allowed
    clock.set(first.resets_at)
    assert act(governor).allowed
    assert not act(governor).allowed, "the other two are not over yet"


def test_hammering_does_not_keep_the_way_closed(governor: Governor, clock: FrozenClock) -> None:
    """The upstream counted refused attempts too (UP-POL-2)."""
    act(governor, times=3)
    for _ in range(59):
        clock.move(timedelta(minutes=1))
        assert not act(governor).allowed
    clock.move(timedelta(minutes=2))
    assert act(governor).admitted == 1


def test_what_was_not_admitted_is_not_counted(governor: Governor) -> None:
    assert act(governor, PUSH).code == "approval_needed"
    assert act(governor, RM).code == "action_denied"
    assert act(governor, RM, approved=True).code == "action_denied", "approval lifts no denial"
    assert act(governor, READ).allowed
    assert admitted(governor) == 0
    approved = act(governor, PUSH, approved=True)
    assert approved.decision.reason == "approved: git push changes files, packages or remotes"
    assert (approved.allowed, approved.is_counted, admitted(governor)) == (True, True, 1)


def test_approval_does_not_lift_the_rate_and_reading_always_passes(governor: Governor) -> None:
    """UP-POL-4."""
    act(governor, times=3)
    assert act(governor, PUSH).code == "action_rate_exceeded"
    assert act(governor, PUSH, approved=True).code == "action_rate_exceeded"
    assert act(governor, RM).code == "action_denied"
    assert act(governor, READ).allowed


def test_each_principal_has_the_whole_rate(governor: Governor) -> None:
    act(governor, times=3)
    assert not act(governor, who="ana").allowed
    assert act(governor, who="token:ci").allowed
    assert (admitted(governor), admitted(governor, "token:ci")) == (3, 1)


def test_a_rate_outlives_the_process(runtime: Runtime) -> None:
    """X21: upstream, a new agent started with a full allowance."""
    for expected in (True, True, True, False):
        with runtime.governor() as governor:
            assert act(governor).allowed is expected


def limited(policy: Policy, limit: int) -> Policy:
    return replace(policy, autonomy=replace(policy.autonomy, max_actions_per_hour=limit))


def test_0_blocks_every_action_and_waiting_does_not_help(governor: Governor) -> None:
    """CFG-7."""
    answer = actions.judge(limited(governor.policy, 0), LS)
    assert (answer.code, answer.resets_at) == ("action_rate_exceeded", None)
    assert answer.decision.reason == "autonomy.max_actions_per_hour is 0, which blocks every action"
    assert actions.judge(limited(governor.policy, 0), READ).allowed


def test_a_lowered_limit_waits_until_enough_have_fallen_out(
    governor: Governor, clock: FrozenClock
) -> None:
    over: list[datetime | None] = []
    for _ in range(3):
        clock.move(timedelta(minutes=1))
        act(governor)
        over.append(clock.now() + HOUR + timedelta(microseconds=1))
    answer = governor.store.run(actions.step(limited(governor.policy, 2), LS, "ana"))
    assert (answer.admitted, answer.limit, answer.code) == (3, 2, "action_rate_exceeded")
    assert answer.resets_at == over[1]


def test_looking_counts_nothing(runtime: Runtime, governor: Governor) -> None:
    assert not runtime.decide(LS, "ana").is_counted
    assert admitted(governor) == 0
    act(governor, times=3)
    assert runtime.decide(LS, "ana").code == "action_rate_exceeded"


def test_asking_makes_no_store_and_counting_does_while_budgets_are_disabled(
    tmp_path: Path, clock: FrozenClock
) -> None:
    runtime = open_runtime([], ledger=tmp_path / "l.duckdb", clock=clock)
    assert not runtime.policy.enabled
    assert runtime.decide(LS, "ana").allowed
    assert not runtime.bookkeeping.place.exists
    assert runtime.decide(LS, "ana", record=True).is_counted
    assert runtime.decide(LS, "ana").admitted == 1


def test_a_denial_of_one_domain_never_touches_the_other(governor: Governor) -> None:
    """ACT-2, UP-POL-7."""
    dear = Request("m", NanoUSD(2_000_000_000), "s")
    assert not governor.reserve(dear).allowed
    assert admitted(governor) == 0
    before = governor.status("s")
    events = governor.store.run(lambda unit: len(unit.events(0, 1000)), alone=True)
    act(governor, times=4)
    act(governor, RM)
    assert governor.status("s").decision == before.decision
    after = governor.store.run(lambda unit: len(unit.events(0, 1000)), alone=True)
    assert after == events, "no event of spend is told of actions"
    assert governor.reserve(replace(dear, estimate_nano_usd=NanoUSD(1))).allowed


def test_every_answer_fits_its_schema_and_says_no_word_about_money(governor: Governor) -> None:
    answers = [act(governor, PUSH), act(governor, RM), act(governor, READ)]
    answers += [act(governor) for _ in range(4)]
    answers += [actions.judge(limited(governor.policy, 0), LS)]
    codes = {one.code for one in answers}
    assert codes == {None, "approval_needed", "action_denied", "action_rate_exceeded"}
    for body in map(ACTION.body, answers):
        assert complaints("action-decision", body) == []
        assert body["governance_domain"] == "action_rate" != TOKEN_SPEND
        told = str(body["reason"]).lower()
        assert not [word for word in MONEY if word in told]


def test_the_schema_names_every_rule() -> None:
    schema = json.loads((SCHEMAS / "action-decision.schema.json").read_text())
    assert schema["properties"]["rule"]["enum"] == [*Rule]


def test_a_reason_shows_no_secret(governor: Governor) -> None:
    answer = act(governor, Action("cat /x/sk-1234567890abcdefghij"))
    assert "sk-1234567890abcdefghij" not in str(ACTION.body(answer))


@settings(max_examples=examples(200, by_day=80), deadline=None, derandomize=True, database=None)
@given(steps=st.lists(st.sampled_from([0, 1, 600, 1199, 1200, 1800, 3599, 3600]), max_size=40))
def test_no_3600_seconds_ever_hold_more_than_the_limit(steps: list[int]) -> None:
    """Against the plain definition: whoever is denied would have been one too many."""
    clock, limit = FrozenClock(), 3
    store = Store(MemoryBackend(), clock)
    policy = limited(open_runtime([]).policy, limit)
    admissions: list[int] = []
    for seconds in steps:
        clock.move(timedelta(seconds=seconds))
        admit = actions.step(policy, LS, "ana")
        answer, at_us = store.run(lambda unit, step=admit: (step(unit), unit.now_us))
        within = [one for one in admissions if one > at_us - actions.SPAN_US]
        assert answer.allowed == (len(within) < limit)
        if answer.allowed:
            admissions.append(at_us)
    store.close()
