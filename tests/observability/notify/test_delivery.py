"""Notices reach a real receiver over a real socket, out of a real store (OBS-4)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from corvus import Governor, Usage
from corvus.base.money import NanoUSD
from corvus.compile import compile_policy
from corvus.config.model.settings import Settings
from corvus.model.notify import NotifyTarget, TargetProgress, Topic
from corvus.model.request import Request
from corvus.model.steering import ResetRequest
from corvus.observability.notify import queue
from corvus.observability.notify.delivery import Courier, Notifier
from corvus.observability.notify.senders import sender_of
from corvus.observability.redact import Redactor
from corvus.prices.lookup import PriceBooks
from corvus.store.kinds import NOTICE
from corvus.store.place import open_store, place_at
from corvus.store.store import Store
from corvus.store.unit import Unit
from tests.fakes import FrozenClock
from tests.observability.notify.receiver import Receiver, receiving

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
CENT = 10_000_000
ALL = tuple(Topic)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(NOON)


@pytest.fixture
def store(tmp_path: Path, clock: FrozenClock) -> Iterator[Store]:
    opened = open_store(place_at(tmp_path / "a.store"), clock)
    yield opened
    opened.close()


def governor(store: Store, *targets: NotifyTarget, day: float = 1) -> Governor:
    cost = {"enabled": True, "daily_limit_usd": day, "monthly_limit_usd": 0}
    settings = Settings.model_validate({"cost": cost | {"allow_override": True}})
    return Governor(compile_policy(settings), store, notify=targets)


def courier(store: Store, target: NotifyTarget, **environment: str) -> Courier:
    redactor = Redactor(PriceBooks(()), b"key")
    return Courier(store, target, sender_of(target, environment, store.clock), redactor)


def spend(on: Governor, cents: int, session: str = "s") -> bool:
    """Make a call; return whether it was admitted."""
    cost = NanoUSD(cents * CENT)
    decision = on.reserve(Request("m", cost, session))
    if decision.reservation is None:
        return False
    on.commit(decision.reservation, Usage(1), cost_nano_usd=cost)
    return True


def progress(store: Store, name: str = "ops") -> TargetProgress:
    row = store.run(lambda unit: unit.target(name))
    assert row is not None
    return row


def comes(is_so: Callable[[], bool], seconds: float = 30) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if is_so():
            return True
        time.sleep(0.02)
    return False


def types(receiver: Receiver) -> list[str]:
    return [request.json["type"] for request in receiver.received]


def test_the_first_refusal_of_a_window_is_sent_once_and_again_in_the_next(
    store: Store, clock: FrozenClock, receiver: Receiver
) -> None:
    target = NotifyTarget("ops", receiver.url)
    on, sends = governor(store, target), courier(store, target)
    for _ in range(5):
        assert not spend(on, 101)
    sends.deliver()
    assert types(receiver) == ["budget.exceeded"]
    clock.move(timedelta(days=1))
    assert not spend(on, 101)
    assert not spend(on, 101)
    sends.deliver()
    assert types(receiver) == ["budget.exceeded"] * 2
    assert len(receiver.counts) == 2
    body = receiver.received[0].json
    assert body["topic"] == "refusals"
    assert body["timestamp"] == NOON.isoformat()
    assert body["title"] == "Budget day refuses calls"
    assert "$1.01 of $1.00" in body["text"]
    assert body["data"]["budget"] == "day"
    assert body["data"]["resets_at"] == "2026-11-26T00:00:00+00:00"


def test_a_budget_that_was_reset_or_has_another_limit_is_reported_again(
    store: Store, receiver: Receiver
) -> None:
    target = NotifyTarget("ops", receiver.url, events=(Topic.REFUSALS,))
    on, sends = governor(store, target), courier(store, target)
    assert not spend(on, 101)
    assert spend(on, 100)
    on.reset(ResetRequest("day", "ana", "because"))
    assert not spend(on, 101)
    raised = governor(store, target, day=2)
    assert not spend(raised, 201)
    assert not spend(raised, 201)
    sends.deliver()
    assert types(receiver) == ["budget.exceeded"] * 3
    assert len(receiver.counts) == 3


def test_a_target_is_sent_what_it_wants_of_the_budgets_it_names(
    store: Store, receiver: Receiver
) -> None:
    ops = NotifyTarget("ops", f"{receiver.url}/ops", budgets=("team-*",))
    all_ = NotifyTarget("all", f"{receiver.url}/all", events=ALL)
    resets = NotifyTarget("resets", f"{receiver.url}/resets", events=(Topic.RESETS,))
    on = governor(store, ops, all_, resets)
    assert not spend(on, 101)
    on.reset(ResetRequest("day", "ana", "because"))
    for target in (ops, all_, resets):
        courier(store, target).deliver()
    paths = [(request.path, request.json["type"]) for request in receiver.received]
    assert paths == [
        ("/all", "budget.exceeded"),
        ("/all", "budget.reset"),
        ("/resets", "budget.reset"),
    ]


def test_many_notices_that_a_target_does_not_want_are_passed_over_in_small_steps(
    store: Store, receiver: Receiver
) -> None:
    """A claim is a transaction that calls wait for."""
    chatty = NotifyTarget("chatty", f"{receiver.url}/chatty", events=ALL)
    quiet = NotifyTarget("quiet", f"{receiver.url}/quiet", events=(Topic.REFUSALS,))
    on = governor(store, chatty, quiet)
    on.reset(ResetRequest("day", "ana", "because"))

    def many(unit: Unit) -> None:
        (first,) = unit.notices(0, 1)
        for seq in range(2, 3_001):
            unit.add_notice(replace(first, id=f"msg_{seq}", seq=seq), 100_000)

    store.run(many, alone=True)
    assert not spend(on, 101)
    sends = courier(store, quiet)
    steps = 0
    while not receiver.received:
        seconds = sends.deliver()
        assert seconds < 0.001 or receiver.received
        steps += 1
    assert 2 <= steps <= 5
    assert [request.path for request in receiver.received] == ["/quiet"]
    assert progress(store, "quiet").given_up == 0


def test_what_nobody_wants_is_not_kept(store: Store) -> None:
    on = governor(store)
    assert not spend(on, 101)
    assert store.run(lambda unit: unit.state.next_notice) == 1


def test_a_receiver_that_is_down_for_an_hour_gets_all_in_order_when_it_is_back(
    store: Store, clock: FrozenClock, receiver: Receiver
) -> None:
    target = NotifyTarget("ops", receiver.url, events=ALL)
    on, sends = governor(store, target), courier(store, target)
    port = receiver.port
    receiver.close()
    on.reset(ResetRequest("day", "ana", "because"))
    end = clock.now() + timedelta(hours=1)
    tries = 0
    while clock.now() < end:
        assert spend(on, 1)
        on.reset(ResetRequest("day", "ana", "because"))
        seconds = sends.deliver()
        assert 0.4 < seconds <= queue.LONGEST_PAUSE_SECONDS
        tries += 1
        clock.move(timedelta(seconds=seconds))
    assert 12 <= tries <= 40
    row = progress(store)
    assert row.failing_since is not None
    assert row.last_error == "Connection refused"
    with receiving(port) as back:
        clock.move(timedelta(seconds=queue.LONGEST_PAUSE_SECONDS))
        sends.deliver()
        removed = [request.json["data"]["removed_usd"] for request in back.received]
        assert len(back.counts) == len(back.received) == tries + 1
    assert removed == ["0.0000", *["0.0100"] * tries]
    row = progress(store)
    assert (row.delivered, row.given_up, row.failing_since, row.last_error) == (
        tries + 1,
        0,
        None,
        "",
    )


def test_after_a_day_a_notice_is_given_up_and_the_next_goes_on(
    store: Store, clock: FrozenClock, receiver: Receiver
) -> None:
    target = NotifyTarget("ops", receiver.url, events=ALL)
    on, sends = governor(store, target), courier(store, target)
    receiver.answer = lambda request: 503
    on.reset(ResetRequest("day", "ana", "because"))
    sends.deliver()
    clock.move(timedelta(hours=24))
    on.reset(ResetRequest("day", "ana", "because"))
    receiver.answer = lambda request: 200
    sends.deliver()
    assert len(receiver.received) == 2
    assert len(receiver.counts) == 2
    assert (progress(store).delivered, progress(store).given_up) == (1, 1)


def test_a_notice_that_the_target_refuses_holds_up_no_other_for_long(
    store: Store, clock: FrozenClock, receiver: Receiver
) -> None:
    target = NotifyTarget("ops", receiver.url, events=ALL)
    on, sends = governor(store, target), courier(store, target)
    on.reset(ResetRequest("day", "ana", "because"))
    assert not spend(on, 101)
    receiver.answer = lambda request: 422 if request.json["type"] == "budget.reset" else 200
    for _ in range(queue.REFUSED_MAX + 1):
        sends.deliver()
        clock.move(timedelta(seconds=queue.LONGEST_PAUSE_SECONDS))
    assert types(receiver) == ["budget.reset"] * queue.REFUSED_MAX + ["budget.exceeded"]
    assert (progress(store).delivered, progress(store).given_up) == (1, 1)


def test_a_notice_that_nobody_can_read_holds_up_no_other_for_long(
    store: Store, clock: FrozenClock, receiver: Receiver
) -> None:
    target = NotifyTarget("ops", receiver.url, events=ALL)
    on, sends = governor(store, target), courier(store, target)
    on.reset(ResetRequest("day", "ana", "because"))

    def damage(unit: Unit) -> None:
        (first,) = unit.notices(0, 1)
        unit.put(NOTICE, replace(first, event="from.later"))

    store.run(damage, alone=True)
    assert not spend(on, 101)
    for _ in range(queue.REFUSED_MAX + 1):
        sends.deliver()
        clock.move(timedelta(seconds=queue.LONGEST_PAUSE_SECONDS))
    assert types(receiver) == ["budget.exceeded"]
    assert progress(store).given_up == 1


@pytest.mark.parametrize("status", [302, 307, 401, 404, 410, 429, 500])
def test_only_a_success_is_a_success_and_redirects_are_not_followed(
    store: Store, receiver: Receiver, status: int
) -> None:
    target = NotifyTarget("ops", receiver.url)
    on, sends = governor(store, target), courier(store, target)
    receiver.answer = lambda request: status
    assert not spend(on, 101)
    sends.deliver()
    assert [request.path for request in receiver.received] == ["/"] or status < 400
    assert len(receiver.received) == 1
    row = progress(store)
    assert row.done_seq == 0
    assert row.last_error.startswith(f"HTTP {status}")


def test_two_processes_never_send_the_same_while_both_live(
    tmp_path: Path, clock: FrozenClock, receiver: Receiver
) -> None:
    target = NotifyTarget("ops", receiver.url, events=ALL)
    stores = [open_store(place_at(tmp_path / "a.store"), clock) for _ in range(2)]
    try:
        on = governor(stores[0], target)
        for _ in range(40):
            on.reset(ResetRequest("day", "ana", "because"))
        couriers = [courier(store, target) for store in stores]
        threads = [threading.Thread(target=sends.deliver) for sends in couriers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for sends in couriers:
            sends.deliver()
    finally:
        for store in stores:
            store.close()
    assert len(receiver.counts) == 40
    assert set(receiver.counts.values()) == {1}


def test_one_that_died_while_it_held_a_target_is_followed_when_its_time_is_over(
    store: Store, clock: FrozenClock, receiver: Receiver
) -> None:
    target = NotifyTarget("ops", receiver.url)
    on, sends = governor(store, target), courier(store, target)
    assert not spend(on, 101)
    taken = store.run(lambda unit: queue.claim(unit, target, "another"), alone=True)
    assert len(taken.notices) == 1
    assert sends.deliver() == queue.HELD_FOR.total_seconds()
    assert receiver.received == []
    clock.move(queue.HELD_FOR)
    sends.deliver()
    assert len(receiver.received) == 1


def test_a_target_that_is_new_is_not_sent_what_was_before(store: Store, receiver: Receiver) -> None:
    old = NotifyTarget("old", f"{receiver.url}/old", events=ALL)
    on = governor(store, old)
    on.reset(ResetRequest("day", "ana", "because"))
    new = NotifyTarget("new", f"{receiver.url}/new", events=ALL)
    on = governor(store, old, new)
    assert not spend(on, 101)
    courier(store, new).deliver()
    assert types(receiver) == ["budget.exceeded"]


def test_ten_thousand_notices_are_kept_delivered_and_forgotten(
    store: Store, clock: FrozenClock, receiver: Receiver, tmp_path: Path
) -> None:
    target = NotifyTarget("ops", receiver.url, events=ALL)
    on = governor(store, target)
    on.reset(ResetRequest("day", "ana", "because"))

    def many(unit: Unit) -> None:
        (first,) = unit.notices(0, 1)
        for seq in range(2, 10_001):
            unit.add_notice(replace(first, id=f"msg_{seq}", seq=seq), 5_000)

    store.run(many, alone=True)
    sends = courier(store, target)
    sent: list[int] = []

    class Quick:
        def send(self, message: Any) -> Any:
            from corvus.observability.notify.senders import Outcome

            sent.append(int(message.id.removeprefix("msg_")))
            return Outcome("delivered", "")

    sends._sender = Quick()  # pyright: ignore[reportPrivateUsage]
    sends.deliver()
    assert sent == [*range(5_001, 10_001)]
    row = progress(store)
    assert (row.done_seq, row.delivered, row.given_up) == (10_000, 5_000, 5_000)
    from corvus.store.outbox import StoreOutbox

    for _ in range(34):
        clock.move(timedelta(hours=23))
        store.run(lambda unit: unit.touch())
    StoreOutbox(place_at(tmp_path / "a.store"), store, clock).forget(0)
    assert store.run(lambda unit: unit.notices(0, 10), alone=True) == []


def test_the_threads_of_a_process_deliver_by_themselves_and_end(
    tmp_path: Path, receiver: Receiver
) -> None:
    target = NotifyTarget("ops", receiver.url)
    store = open_store(place_at(tmp_path / "b.store"))
    results: list[tuple[str, str]] = []
    try:
        notifier = Notifier(
            [store],
            [target],
            Redactor(PriceBooks(())),
            on_result=lambda name, result: results.append((name, result)),
        )
        on = Governor(governor(store).policy, store, listeners=[notifier], notify=[target])
        assert not spend(on, 101)
        assert comes(lambda: len(receiver.received) == 1)
        assert comes(lambda: results == [("ops", "delivered")])
        notifier.close()
        assert progress(store).holder == ""
    finally:
        store.close()


def test_a_target_that_hangs_holds_up_neither_calls_nor_others(
    tmp_path: Path, receiver: Receiver
) -> None:
    hangs = threading.Event()
    slow = NotifyTarget("slow", f"{receiver.url}/slow", events=ALL)
    quick = NotifyTarget("quick", f"{receiver.url}/quick", events=ALL)

    def answer(request: Any) -> int:
        if request.path == "/slow":
            hangs.wait(20)
        return 204

    receiver.answer = answer
    store = open_store(place_at(tmp_path / "b.store"))
    notifier = Notifier([store], [slow, quick], Redactor(PriceBooks(())))
    try:
        on = Governor(
            governor(store, day=1000).policy, store, listeners=[notifier], notify=[slow, quick]
        )
        on.reset(ResetRequest("day", "ana", "because"))
        assert comes(lambda: {request.path for request in receiver.received} == {"/slow", "/quick"})
        for _ in range(20):
            assert spend(on, 1)
        on.reset(ResetRequest("day", "ana", "because"))
        assert comes(lambda: [r.path for r in receiver.received].count("/quick") == 2)
        assert [r.path for r in receiver.received].count("/slow") == 1
        notifier.close(0.2)
        hangs.set()
    finally:
        store.close()
