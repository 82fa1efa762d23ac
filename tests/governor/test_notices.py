"""What is to be sent is kept once, with what it tells, and no longer than it is of use (OBS-4)."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from corvus import Usage
from corvus.base.money import NanoUSD
from corvus.base.period import Period
from corvus.compile import compile_policy
from corvus.config.model.settings import Settings
from corvus.governor import notices
from corvus.governor.governor import Governor
from corvus.model.approval import ApprovalRequest
from corvus.model.budget import Budget, Rung
from corvus.model.notify import Notice, NotifyTarget, Topic
from corvus.model.pending import PendingKind, PendingSettlement
from corvus.model.policy import Policy
from corvus.model.request import Request
from corvus.model.reservation import Settlement, Source
from corvus.store.place import open_store, place_at
from corvus.store.spill import spill
from corvus.store.store import Store
from tests.fakes import FrozenClock

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
DIME = NanoUSD(100_000_000)
PLAIN = compile_policy(
    Settings.model_validate({"cost": {"enabled": True, "unpriced_models": "deny"}})
)
ALL = NotifyTarget("ops", "http://127.0.0.1", events=tuple(Topic))


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(NOON)


@pytest.fixture
def store(clock: FrozenClock) -> Iterator[Store]:
    opened = open_store(None, clock)
    yield opened
    opened.close()


def limited(*budgets: Budget) -> Policy:
    return replace(PLAIN, budgets=budgets)


def spend(on: Governor, dimes: int, session: str = "s", user: str | None = None) -> bool:
    decision = on.reserve(Request("m", NanoUSD(dimes * DIME), session, user=user))
    if decision.reservation is None:
        return False
    on.commit(decision.reservation, Usage(10), cost_nano_usd=NanoUSD(dimes * DIME))
    return True


def kept(store: Store) -> list[Notice]:
    return store.run(lambda unit: [*unit.notices(0, 1000)], alone=True)


def test_each_threshold_is_kept_once_for_each_part_and_window(
    store: Store, clock: FrozenClock
) -> None:
    each = Budget("each", Period.DAY, 10 * DIME, (50, 80), "k", per=("user",))
    on = Governor(limited(each), store, notify=[replace(ALL, events=(Topic.THRESHOLDS,))])
    for day in range(2):
        for user in ("ana", "ben"):
            for _ in range(9):
                assert spend(on, 1, f"s{day}", user)
        clock.move(timedelta(hours=23, minutes=59))
    seen = [json.loads(one.fields) for one in kept(store)]
    about = [(one["threshold"]["part"], one["percent"]) for one in seen]
    assert about == [(user, percent) for user in ("ana", "ben") for percent in (50, 80)] * 2
    assert len({one.id for one in kept(store)}) == 8
    assert [one.seq for one in kept(store)] == [*range(1, 9)]


def test_a_settlement_after_midnight_is_of_the_window_of_its_call(
    store: Store, clock: FrozenClock
) -> None:
    """EVA-8: what passes yesterday's limit does not stand for today's."""
    day = Budget("day", Period.DAY, 10 * DIME, (), "k")
    on = Governor(limited(day), store, notify=[replace(ALL, events=(Topic.LIMITS,))])
    late = on.reserve(Request("m", DIME, "s")).reservation
    assert late is not None
    clock.set(datetime(2026, 11, 26, 0, 5, tzinfo=UTC))
    on.commit(late, cost_nano_usd=NanoUSD(11 * DIME))
    today = on.reserve(Request("m", DIME, "s")).reservation
    assert today is not None
    on.commit(today, cost_nano_usd=NanoUSD(11 * DIME))
    ends = [json.loads(one.fields)["threshold"]["resets_at"] for one in kept(store)]
    assert ends == ["2026-11-26T00:00:00+00:00", "2026-11-27T00:00:00+00:00"]


def test_an_opened_window_begins_again_with_the_next(store: Store, clock: FrozenClock) -> None:
    five = Budget("five", Period.WINDOW, 10 * DIME, (), "k", window_seconds=5 * 3600)
    on = Governor(limited(five), store, notify=[replace(ALL, events=(Topic.REFUSALS,))])
    for _ in range(2):
        assert spend(on, 10)
        assert not spend(on, 1)
        assert not spend(on, 1)
        clock.move(timedelta(hours=5))
    assert len(kept(store)) == 2


def test_a_model_without_a_price_is_said_once_a_day(store: Store, clock: FrozenClock) -> None:
    on = Governor(PLAIN, store, notify=[replace(ALL, events=(Topic.UNPRICED,))])
    for hours in (0, 1, 12):
        clock.move(timedelta(hours=hours))
        for model in ("house", "other"):
            on.reserve(on.request(model, session_id="s", input_tokens=10, max_output_tokens=10))
    models = [json.loads(one.fields)["model"] for one in kept(store)]
    assert models == ["house", "other", "house", "other"]


def test_an_overrun_of_a_dollar_is_kept_and_less_is_not(store: Store) -> None:
    on = Governor(limited(), store, notify=[replace(ALL, events=(Topic.OVERRUNS,))])
    for dimes in (10, 11):
        held = on.reserve(Request("m", DIME, "s")).reservation
        assert held is not None
        on.commit(held, cost_nano_usd=NanoUSD(dimes * DIME))
    (one,) = kept(store)
    assert json.loads(one.fields)["overrun_nano_usd"] == notices.LARGE_OVERRUN_NANO_USD


def test_a_call_that_is_parked_and_what_becomes_of_it_is_kept(tmp_path: Path) -> None:
    store = open_store(place_at(tmp_path / "a.store"))
    day = Budget("day", Period.DAY, 10 * DIME, (), "k", on_exceeded=(Rung.ASK,))
    policy = replace(limited(day), ask_seconds=60, allow_override=True)
    on = Governor(policy, store, notify=[replace(ALL, events=(Topic.PARKED,))])
    answers: list[bool] = []
    waiting = threading.Thread(target=lambda: answers.append(spend(on, 11)))
    waiting.start()
    end = time.monotonic() + 30
    while not kept(store) and time.monotonic() < end:
        time.sleep(0.02)
    (parked,) = kept(store)
    event = json.loads(parked.fields)
    on.decide_approval(ApprovalRequest(event["approval_id"], "ben", is_granted=True))
    waiting.join(30)
    assert answers == [True]
    assert [one.event for one in kept(store)] == ["call.parked", "call.approval"]
    assert parked.budget == "day"
    store.close()


def test_settlements_of_a_process_that_ended_bring_notices_too(
    tmp_path: Path, clock: FrozenClock
) -> None:
    """RES-9: what was spilled is judged, and said, when it is taken in."""
    path = tmp_path / "a.store"
    day = Budget("day", Period.DAY, 10 * DIME, (50,), "k")
    target = replace(ALL, events=(Topic.THRESHOLDS,))
    store = open_store(place_at(path), clock)
    held = Governor(limited(day), store, notify=[target]).reserve(Request("m", DIME, "s"))
    assert held.reservation is not None
    spilled = store.backend.unsettled_path
    assert spilled is not None
    store.close()
    cost = Settlement(Usage(10), NanoUSD(6 * DIME), Source.PROVIDER)
    settlement = PendingSettlement(PendingKind.COMMIT, held.reservation.id, "k", cost)
    spill(spilled, [settlement])
    store = open_store(place_at(path), clock)
    Governor(limited(day), store, notify=[target])
    assert [one.event for one in kept(store)] == ["budget.threshold"]
    store.close()


def test_no_more_are_kept_than_a_bound(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notices, "NOTICES_MAX", 5)
    each = Budget("each", Period.DAY, DIME, (), "k", per=("user",))
    on = Governor(limited(each), store, notify=[replace(ALL, events=(Topic.REFUSALS,))])
    for number in range(12):
        assert not spend(on, 2, user=f"u{number}")
    assert [one.seq for one in kept(store)] == [*range(8, 13)]


def test_what_fails_leaves_no_notice(store: Store) -> None:
    day = Budget("day", Period.DAY, DIME, (), "k")
    on = Governor(limited(day), store, notify=[ALL])

    def broken(unit: object) -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        store.run(broken)
    assert kept(store) == []
    assert not spend(on, 2)
    assert len(kept(store)) == 1
