"""``hold = "expected"``: what calls really write is held, learned from the ledger."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from corvus import Governor, Usage, open_runtime
from corvus.events import Event, Overrun
from corvus.governor.governor import Governor as Governs
from corvus.model.expectation import CALLS_MIN, ExpectedOutput
from corvus.model.reservation import Reservation
from corvus.reporting.catalog import load_catalog
from corvus.reporting.run import run_report
from corvus.store.kinds import EXPECTED_OUTPUT
from corvus.testing import fake_policy, memory_store
from tests.books import books_at
from tests.fakes import FrozenClock
from tests.properties import examples

CONFIG = """
[cost]
enabled = true
daily_limit_usd = 100
hold = "expected"

[cost.prices.m]
input = 0
output = 1000
"""
TOKEN = 1_000_000
"""Nano-USD for one token of output of model ``m``."""
MOST = 32_000


class Place:
    """A store and a ledger, and governors over them."""

    def __init__(self, folder: Path, clock: FrozenClock) -> None:
        self.clock = clock
        self.books = books_at(folder / "l.duckdb", clock)
        config = folder / "corvus.toml"
        config.write_text(CONFIG)
        self.policy = open_runtime([config]).policy
        self.events: list[Event] = []

    @contextmanager
    def governor(self) -> Generator[Governor]:
        with self.books.store() as store:
            yield Governs(
                self.policy,
                store,
                listeners=[self.events.append],
                history=self.books.history(store),
            )

    def learn(self) -> None:
        with self.books.store() as store:
            self.books.drain(store, learns=True)


def hold(governor: Governor, agent: str | None = "a", most: int = MOST) -> Reservation:
    request = governor.request("m", agent=agent, max_output_tokens=most)
    decision = governor.reserve(request)
    assert decision.reservation is not None
    return decision.reservation


def spend(governor: Governor, tokens: int, **more: str) -> None:
    governor.commit(hold(governor, **more), Usage(output_tokens=tokens))  # pyright: ignore[reportArgumentType]


def test_a_call_is_held_at_what_99_of_100_such_calls_wrote(tmp_path: Path) -> None:
    place = Place(tmp_path, FrozenClock())
    with place.governor() as governor:
        for tokens in range(1, 101):
            spend(governor, tokens)
    place.learn()
    with place.governor() as governor:
        held = hold(governor)
        assert held.hold_nano_usd == 99 * TOKEN
        assert held.hold_tokens == 99
        assert held.request.most_nano_usd == MOST * TOKEN
        assert hold(governor, agent="b").hold_nano_usd == MOST * TOKEN, "nothing is known of it"
        assert hold(governor, agent=None).request.most_nano_usd is None
        least = hold(governor, most=7)
        assert (least.hold_nano_usd, least.request.most_nano_usd) == (7 * TOKEN, None)


def test_nothing_is_learned_from_few_calls(tmp_path: Path) -> None:
    place = Place(tmp_path, FrozenClock())
    with place.governor() as governor:
        for _ in range(CALLS_MIN - 1):
            spend(governor, 10)
    place.learn()
    with place.governor() as governor:
        assert hold(governor).hold_nano_usd == MOST * TOKEN
        spend(governor, 20)
        place.books.drain(governor.store, learns=True)
        place.clock.move(timedelta(minutes=2))
        governor.keep_up()
        assert hold(governor).hold_nano_usd == 20 * TOKEN, "a running process hears of it"


def test_what_was_learned_long_ago_is_forgotten(tmp_path: Path) -> None:
    place = Place(tmp_path, FrozenClock())
    with place.governor() as governor:
        for _ in range(CALLS_MIN):
            spend(governor, 10)
    place.learn()
    later = FrozenClock(place.clock.now() + timedelta(days=31))
    with place.governor() as governor:
        assert hold(governor).hold_nano_usd == 10 * TOKEN
        books_at(place.books.ledger_path, later).drain(governor.store, learns=True)
    with place.governor() as governor:
        assert hold(governor).hold_nano_usd == MOST * TOKEN


def test_an_overrun_is_reported_and_no_larger_than_the_maximum_less_the_hold(
    tmp_path: Path,
) -> None:
    place = Place(tmp_path, FrozenClock())
    with place.governor() as governor:
        for _ in range(CALLS_MIN):
            spend(governor, 10)
    place.learn()
    with place.governor() as governor:
        held = hold(governor)
        settled = governor.commit(held, Usage(output_tokens=MOST))
        assert held.request.most_nano_usd is not None
        assert settled.overrun_nano_usd == held.request.most_nano_usd - held.hold_nano_usd
    (overrun,) = [one for one in place.events if isinstance(one, Overrun)]
    assert overrun is not None


def test_a_budget_lets_more_calls_run_at_once(tmp_path: Path) -> None:
    """100 USD hold three calls of 32 USD at their maximum, and thousands at what they cost."""
    place = Place(tmp_path, FrozenClock())
    with place.governor() as governor:
        for _ in range(CALLS_MIN):
            spend(governor, 10)
        request = replace(governor.request("m", max_output_tokens=MOST), rungs=())
        assert [governor.reserve(request).allowed for _ in range(4)] == [True, True, True, False]
    place.learn()
    with place.governor() as governor:
        request = governor.request("m", agent="a", max_output_tokens=MOST)
        assert all(governor.reserve(request).allowed for _ in range(40)), "next to the three"


def test_the_report_says_how_good_the_holds_are(tmp_path: Path) -> None:
    place = Place(tmp_path, FrozenClock())
    with place.governor() as governor:
        for _ in range(CALLS_MIN):
            spend(governor, 10)
    place.learn()
    with place.governor() as governor:
        spend(governor, 10)
        spend(governor, 11)
        place.books.drain(governor.store)
    with place.books.ledger() as ledger:
        report = load_catalog().find("budgets/expected-holds")
        (row,) = run_report(ledger.connection, report, {}).mappings()
    assert (row["model"], row["agent"], row["calls"], row["covered_calls"]) == ("m", "a", 2, 1)
    assert row["largest_nano_usd"] == TOKEN
    assert row["freed_nano_usd"] == 2 * (MOST - 10) * TOKEN


LIMIT_TOKENS, EXPECTED, LARGEST = 1000, 20, 100
CLOSE = """
[cost]
enabled = true
daily_limit_usd = 1
monthly_limit_usd = 0
hold = "expected"
on_exceeded = []

[cost.prices.m]
input = 0
output = 1000
"""


@settings(max_examples=examples(300, by_day=30), deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, LARGEST)), max_size=120))
def test_a_budget_is_passed_by_no_more_than_open_calls_may_cost_above_their_holds(
    steps: list[tuple[bool, int]],
) -> None:
    clock = FrozenClock()
    store = memory_store(clock)
    store.run(lambda unit: unit.put(EXPECTED_OUTPUT, ExpectedOutput("m", "a", EXPECTED, CALLS_MIN)))
    governor = Governs(fake_policy(CLOSE), store)
    request = governor.request("m", agent="a", max_output_tokens=LARGEST)
    assert request.estimate_nano_usd == EXPECTED * TOKEN
    held: list[Reservation] = []
    slack = 0
    for admits, tokens in steps:
        if admits:
            decision = governor.reserve(request)
            if decision.reservation is not None:
                held.append(decision.reservation)
                slack = len(held) * (LARGEST - EXPECTED) * TOKEN
        elif held:
            governor.commit(held.pop(tokens % len(held)), Usage(output_tokens=tokens))
        (day,) = [one for one in governor.status().decision.statuses if one.budget.name == "day"]
        assert day.spent + day.held <= LIMIT_TOKENS * TOKEN + slack
