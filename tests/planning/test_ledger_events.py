"""What was asked for, held and decided is read back from the ledger as it was (PLN-1)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from corvus import Usage, open_runtime
from corvus.base.money import NanoUSD
from corvus.base.time import FrozenClock, microseconds
from corvus.model.budget import Amounts, Rung
from corvus.model.decision import Denial
from corvus.model.request import Request
from corvus.model.steering import MissionRequest, OverrideRequest, ResetRequest
from corvus.planning.ledger_events import Span, recorded_calls, recorded_events
from corvus.planning.recorded import (
    CallTurn,
    RecordedCall,
    RecordedEvent,
    RecordedMission,
    RecordedOverride,
    RecordedReset,
    Turn,
)
from corvus.runtime import Runtime

CONFIG = """
[cost]
enabled = true
daily_limit_usd = 1
allow_override = true
on_exceeded = ["cap"]

[cost.prices.m]
input = 1
output = 2
"""
CENT = 10_000_000


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def runtime(tmp_path: Path, clock: FrozenClock) -> Runtime:
    config = tmp_path / "corvus.toml"
    config.write_text(CONFIG)
    return open_runtime([config], ledger=tmp_path / "l.duckdb", clock=clock)


def span_of(clock: FrozenClock) -> Span:
    return Span(clock.now() - timedelta(days=1), clock.now() + timedelta(days=1))


def events_of(runtime: Runtime, clock: FrozenClock) -> Iterator[RecordedEvent]:
    with runtime.ledger() as ledger:
        yield from recorded_events(ledger, span_of(clock))


def calls_of(runtime: Runtime, clock: FrozenClock) -> list[RecordedCall]:
    with runtime.ledger() as ledger:
        return [*recorded_calls(ledger, span_of(clock))]


@pytest.mark.parametrize("is_drained", [False, True])
def test_a_call_has_what_was_held_and_what_it_cost(
    runtime: Runtime, clock: FrozenClock, is_drained: bool
) -> None:
    asked = Request(
        "m", NanoUSD(30 * CENT), "s", "p", user="ada", tags=(("team", "a"),), estimate_tokens=9
    )
    with runtime.governor() as governor:
        held = governor.reserve(asked).reservation
        assert held is not None
        clock.move(timedelta(seconds=3))
        governor.extend(held, hold_usd=1)
        clock.move(timedelta(seconds=3))
        governor.commit(held, Usage(5, 2), cost_nano_usd=NanoUSD(7))
    if is_drained:
        runtime.bookkeeping.drain()
    call, extended, committed = events_of(runtime, clock)
    assert isinstance(call, RecordedCall)
    assert call.request == asked
    assert call.decision is not None
    assert call.decision.denial is None
    assert call.decision.hold == Amounts(30 * CENT, 9, 1)
    assert (call.id, call.cost_nano_usd, call.tokens) == (held.id, 7, 7)
    assert call.requested_us == call.decided_us == microseconds(held.admitted_at)
    assert extended == CallTurn(
        held.id, Turn.EXTENDED, call.decided_us + 3_000_000, None, False, 0, 10**9, False
    )
    assert committed == CallTurn(
        held.id, Turn.COMMITTED, call.decided_us + 6_000_000, 7, True, 7, 0, True
    )


def test_a_report_at_the_instant_of_the_expiry_counts_once(
    runtime: Runtime, clock: FrozenClock
) -> None:
    with runtime.governor() as governor:
        held = governor.reserve(Request("m", NanoUSD(30 * CENT), "s", "p")).reservation
        assert held is not None
        clock.move(timedelta(seconds=runtime.policy.reservation_ttl_seconds))
        assert governor.reserve(Request("m", NanoUSD(CENT), "other", "p")).allowed
        governor.commit(held, Usage(5, 2), cost_nano_usd=NanoUSD(7))
    _, expired, _, replaced = events_of(runtime, clock)
    assert isinstance(expired, CallTurn)
    assert isinstance(replaced, CallTurn)
    assert expired.at_us == replaced.at_us
    assert (expired.kind, expired.counted_nano_usd) == (Turn.EXPIRED, 30 * CENT)
    assert (replaced.kind, replaced.counted_nano_usd, replaced.tokens) == (Turn.REPLACED, 7, 7)


def test_a_capped_call_has_what_was_asked_for(runtime: Runtime, clock: FrozenClock) -> None:
    with runtime.governor() as governor:
        request = governor.request("m", input_tokens=100_000, max_output_tokens=600_000)
        decision = governor.reserve(request)
        assert decision.rungs == (Rung.CAP,)
        refused = governor.request("m", input_tokens=100_000, max_output_tokens=7, rungs=())
        assert governor.reserve(refused).denial is Denial.BUDGET_EXCEEDED
    capped, denied = calls_of(runtime, clock)
    assert capped.request.estimate_nano_usd == request.estimate_nano_usd
    assert capped.request.estimate_tokens == 700_000
    assert capped.request.output_tokens == 600_000
    assert capped.request.input_nano_usd == request.input_nano_usd
    assert capped.request.output_rate == request.output_rate
    assert capped.decision is not None
    assert capped.decision.hold.nano_usd == decision.estimate_nano_usd
    assert capped.decision.output_cap_tokens == decision.output_cap_tokens
    assert denied.decision is not None
    assert denied.decision.denial is Denial.BUDGET_EXCEEDED
    assert denied.decision.budget == "day"
    assert denied.request.rungs == ()


def test_what_steers_is_read_with_the_calls(runtime: Runtime, clock: FrozenClock) -> None:
    with runtime.governor() as governor:
        governor.start_mission(MissionRequest("s", "x", limit_nano_usd=NanoUSD(5), project="p"))
        governor.override(OverrideRequest("me", session_id="s", project="p"))
        governor.reset(ResetRequest("day", "me"))
    mission, override, reset = events_of(runtime, clock)
    assert isinstance(mission, RecordedMission)
    assert (mission.event, mission.limit_nano_usd, mission.project) == ("started", 5, "p")
    assert isinstance(override, RecordedOverride)
    assert (override.session_id, override.project) == ("s", "p")
    assert override.expires_us == override.at_us + 3_600_000_000
    assert isinstance(reset, RecordedReset)
    assert reset.budget == "day"
    assert reset.window_start_us > 0


def test_usage_that_nobody_held_is_a_call_of_its_cost(runtime: Runtime, clock: FrozenClock) -> None:
    with runtime.governor() as governor:
        held = governor.reserve(Request("m", NanoUSD(30 * CENT), "s")).reservation
        assert held is not None
        governor.commit(held, Usage(5, 2), cost_nano_usd=NanoUSD(7))
    runtime.bookkeeping.drain()
    with runtime.bookkeeping.importing() as ledger:
        ledger.connection.execute("DELETE FROM reservation_event")
    call, committed = events_of(runtime, clock)
    assert isinstance(call, RecordedCall)
    assert call.decision is None
    assert (call.request.estimate_nano_usd, call.request.estimate_tokens) == (7, 7)
    assert isinstance(committed, CallTurn)
    assert (committed.kind, committed.counted_nano_usd) == (Turn.COMMITTED, 7)
