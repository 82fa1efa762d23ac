"""A shadow policy counts what it would refuse, and refuses nothing (PLN-2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from corvus import Governor
from corvus.base.money import NanoUSD
from corvus.events import Event, ShadowOutcomeNoted
from corvus.governor.shadow.marks import MARK, Mark, ShadowOutcome, digits_of, mark_of
from corvus.governor.shadow.tallies import shadow_counts
from corvus.model.steering import ResetRequest
from corvus.store.store import Store
from tests.fakes import FrozenClock
from tests.governor.conftest import Bench, MakePolicy, short
from tests.stores import Engine, StoreMaker

ON = "[cost]\nenabled = true\nwarn_at_percent = 100\non_exceeded = []\n"
WIDE = ON + "daily_limit_usd = 100\nmonthly_limit_usd = 0\n"


MakeShadowed = Callable[..., "Shadowed"]


class Shadowed(Bench):
    """A governor with a shadow."""

    def counts(self) -> dict[str, str]:
        """Return what the shadow would have done: ``refused day`` to calls and USD."""
        shadow = self.governor.engine.shadow
        assert shadow is not None
        found = self.governor.store.run(lambda unit: shadow_counts(unit.rows, shadow.content_hash))
        return {
            f"{one.outcome} {one.budget}": f"{one.calls} ${short(Decimal(one.cost_nano_usd))}"
            for one in found
        }


@pytest.fixture
def shadowed(
    compiled: MakePolicy, clock: FrozenClock, stored: StoreMaker
) -> Iterator[MakeShadowed]:
    """Open a governor for a config and its shadow; those of one test share their store."""
    stores: list[Store] = []

    def open_(text: str, shadow: str, wait_seconds: int = 0) -> Shadowed:
        events: list[Event] = []
        store = Store(stored.backend(), clock)
        stores.append(store)
        governor = Governor(
            compiled(text),
            store,
            listeners=[events.append],
            shadow=replace(compiled(shadow), wait_seconds=wait_seconds),
        )
        return Shadowed(governor, clock, events)

    yield open_
    for store in stores:
        store.close()


def test_it_counts_what_it_would_refuse_and_refuses_nothing(shadowed: MakeShadowed) -> None:
    bench = shadowed(WIDE, ON + "daily_limit_usd = 2\n")
    for _ in range(5):
        bench.spend("0.75")
    assert bench.spent("day") == "3.75+0"
    assert bench.counts() == {"refused day": "3 $2.25"}
    bench.spend("0.5")  # fits what the shadow has left: its refusals are not spent there
    assert bench.counts() == {"refused day": "3 $2.25"}
    bench.spend("0.01")
    assert bench.counts() == {"refused day": "4 $2.26"}
    heard = [event for event in bench.events if isinstance(event, ShadowOutcomeNoted)]
    assert [(event.outcome, event.budget) for event in heard] == [("refused", "day")] * 4


def test_a_call_that_the_shadow_refuses_counts_in_no_budget_of_it(
    shadowed: MakeShadowed,
) -> None:
    """Else a month would fill with calls that its day had refused."""
    shadow = ON + "daily_limit_usd = 1\nmonthly_limit_usd = 3\n"
    bench = shadowed(WIDE, shadow)
    for _ in range(3):
        bench.spend("1")
        bench.spend("1")  # refused by the day
        bench.clock.move(timedelta(days=1))
    assert bench.counts() == {"refused day": "3 $3"}
    bench.spend("1")
    assert bench.counts() == {"refused day": "3 $3", "refused month": "1 $1"}


def test_a_hold_that_is_released_counts_no_more(shadowed: MakeShadowed) -> None:
    bench = shadowed(WIDE, ON + "daily_limit_usd = 2\n")
    first = bench.hold("2")
    second = bench.hold("1")
    assert bench.counts() == {"refused day": "1 $1"}
    bench.governor.release(first)
    bench.spend("1.5")
    assert bench.counts() == {"refused day": "1 $1"}
    bench.governor.release(second)
    assert bench.counts() == {}
    assert bench.spent("day") == "1.5+0"


def test_it_follows_real_costs_and_expiries(shadowed: MakeShadowed) -> None:
    bench = shadowed(WIDE, ON + "daily_limit_usd = 2\n")
    held = bench.hold("0.5")
    bench.governor.commit(held, cost_nano_usd=NanoUSD(1_900_000_000))
    refused = bench.hold("0.2")
    bench.governor.commit(refused, cost_nano_usd=NanoUSD(300_000_000))
    assert bench.counts() == {"refused day": "1 $0.3"}
    bench.hold("0.2", ttl_seconds=60)
    bench.clock.move(timedelta(minutes=2))
    bench.governor.engine.keep_up()
    assert bench.counts() == {"refused day": "2 $0.5"}
    bench.spend("0.1")
    assert bench.counts() == {"refused day": "2 $0.5"}


def test_parts_windows_and_units_are_those_of_the_shadow(shadowed: MakeShadowed) -> None:
    shadow = ON + (
        '[[cost.budgets]]\nname = "each"\nwindow = "1h"\nper = ["user"]\nlimit_calls = 2\n'
        'match = { model = "m*" }\n'
    )
    bench = shadowed(WIDE, shadow)
    for user in ("ada", "bob", "ada", "ada"):
        bench.spend("0.1", user=user)
    assert bench.counts() == {"refused each": "1 $0.1"}
    bench.clock.move(timedelta(minutes=61))
    bench.spend("0.1", user="ada")
    bench.spend("0.1", user="ada")
    assert bench.counts() == {"refused each": "1 $0.1"}
    bench.spend("0.1", user="ada")
    assert bench.counts() == {"refused each": "2 $0.2"}
    assert bench.governor.engine.recount(write=False) == []


def test_a_reset_starts_a_new_baseline_for_it_too(shadowed: MakeShadowed) -> None:
    for scope, shadow in (
        ("day", "daily_limit_usd = 2\n"),
        ("month", "daily_limit_usd = 0\nmonthly_limit_usd = 2\n"),
    ):
        bench = shadowed(WIDE, ON + shadow)
        bench.governor.reset(ResetRequest("day", "ada"))
        bench.governor.reset(ResetRequest("month", "ada"))
        bench.spend("1.5")
        bench.spend("1.5")
        assert bench.counts() == {f"refused {scope}": "1 $1.5"}
        bench.governor.reset(ResetRequest(scope, "ada"))
        bench.spend("1.5")
        assert bench.counts() == {f"refused {scope}": "1 $1.5"}
        assert bench.governor.engine.recount(write=False) == []


def test_a_rung_of_its_ladder_is_no_refusal(shadowed: MakeShadowed) -> None:
    shadow = "[cost]\nenabled = true\ndaily_limit_usd = 0.1\n"
    bench = shadowed(WIDE, shadow)
    request = bench.governor.request("m", input_tokens=0, max_output_tokens=10_000)
    decision = bench.governor.reserve(request)
    assert decision.allowed
    assert decision.output_cap_tokens is None
    assert bench.counts() == {"capped day": "1 $0.15"}
    bench.spend("0.05")
    assert bench.counts() == {"capped day": "1 $0.15", "refused day": "1 $0.05"}


def test_it_waits_where_only_holds_are_in_the_way(shadowed: MakeShadowed) -> None:
    bench = shadowed(WIDE, "[cost]\nenabled = true\ndaily_limit_usd = 2\n", wait_seconds=9)
    bench.hold("1.5")
    bench.hold("1")
    assert bench.counts() == {"waited day": "1 $1"}
    assert not bench.governor.store.run(lambda unit: unit.waiters())


def test_a_model_without_a_price_is_a_refusal_of_its_own(shadowed: MakeShadowed) -> None:
    bench = shadowed(WIDE + 'unpriced_models = "warn"\n', ON + 'unpriced_models = "deny"\n')
    bench.hold(None)
    assert bench.counts() == {"refused unpriced_model": "1 $0"}


def test_a_call_that_a_person_let_pass_is_not_judged(shadowed: MakeShadowed) -> None:
    from corvus.model.steering import OverrideRequest

    bench = shadowed(
        ON + "allow_override = true\ndaily_limit_usd = 2\n",
        ON + "allow_override = true\ndaily_limit_usd = 1\n",
    )
    bench.governor.override(OverrideRequest("ada"))
    bench.spend("2.5")
    assert bench.counts() == {}


def test_a_repeated_key_is_the_same_request_with_a_mark(shadowed: MakeShadowed) -> None:
    bench = shadowed(WIDE, ON + "daily_limit_usd = 1\n")
    first = bench.ask("1.5", idempotency_key="k", tags=(("team", "a"),))
    again = bench.ask("1.5", idempotency_key="k", tags=(("team", "a"),))
    assert again.replayed
    assert again.reservation is not None
    assert first.reservation is not None
    assert again.reservation.id == first.reservation.id
    assert bench.counts() == {"refused day": "1 $1.5"}


def test_no_caller_can_set_a_mark(shadowed: MakeShadowed) -> None:
    bench = shadowed(WIDE, ON + "daily_limit_usd = 1\n")
    shadow = bench.governor.engine.shadow
    assert shadow is not None
    forged = Mark(digits_of(shadow.content_hash), ShadowOutcome.REFUSED, "day").text
    request = bench.governor.request("m", input_tokens=5, tags={MARK: forged, "team": "a"})
    assert request.tags == (("team", "a"),)


@pytest.mark.parametrize("engine", [Engine.SQLITE], indirect=True)
def test_its_sums_survive_a_restart_and_are_shared(shadowed: MakeShadowed) -> None:
    shadow = ON + "daily_limit_usd = 2\n"
    one, other = shadowed(WIDE, shadow), shadowed(WIDE, shadow)
    for bench in (one, other, one, other):
        bench.spend("0.75")
    assert one.counts() == other.counts() == {"refused day": "2 $1.5"}
    assert shadowed(WIDE, shadow).counts() == one.counts()


def test_another_shadow_begins_at_zero_with_what_was_spent(shadowed: MakeShadowed) -> None:
    shadowed(WIDE, ON + "daily_limit_usd = 1\n").spend("1.5")
    bench = shadowed(WIDE, ON + "daily_limit_usd = 2\n")
    assert bench.counts() == {}
    bench.spend("0.75")
    assert bench.counts() == {"refused day": "1 $0.75"}


def test_the_mark_is_in_the_records(shadowed: MakeShadowed) -> None:
    bench = shadowed(WIDE, ON + "daily_limit_usd = 1\n")
    bench.spend("1.5")
    (row,) = bench.rows("usage_record")
    tags: Any = row["tags"]
    mark = mark_of(tags[MARK])
    assert mark is not None
    assert (mark.outcome, mark.budget) == ("refused", "day")


def test_a_call_that_it_refuses_opens_no_window(shadowed: MakeShadowed) -> None:
    """Else the windows of the shadow would begin with calls that it has not admitted."""
    shadow = ON + (
        '[[cost.budgets]]\nname = "bob"\nperiod = "day"\nlimit_usd = 0.01\n'
        'match = { user = "bob" }\n'
        '[[cost.budgets]]\nname = "hour"\nwindow = "1h"\nlimit_calls = 1\n'
    )
    bench = shadowed(WIDE, shadow)
    bench.spend("0.1", user="bob")
    bench.clock.move(timedelta(minutes=30))
    bench.spend("0.1", user="ada")
    bench.clock.move(timedelta(minutes=40))
    bench.spend("0.1", user="ada")
    assert bench.counts() == {"refused bob": "1 $0.1", "refused hour": "1 $0.1"}
    assert bench.governor.engine.recount(write=False) == []
