"""Hosts with slices of a shared store: what they may admit, and what happens when they are gone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from threading import Thread

import pytest

from corvus import Governor
from corvus.base.errors import SteeringRefused, StoreCorrupt, StoreUnavailable
from corvus.base.money import NanoUSD
from corvus.base.period import Period
from corvus.events import Overrun
from corvus.governor.leases import desk
from corvus.governor.leases.dead import presume, reclaim
from corvus.governor.leases.host import HostLeases
from corvus.governor.leases.own import OwnRows
from corvus.governor.leases.reports import take_over
from corvus.governor.leases.rows import hosts as hosts_of
from corvus.governor.leases.terms import Terms
from corvus.model.budget import Budget, Measure, Rung
from corvus.model.outbox import LedgerTable, Row
from corvus.model.request import Request
from corvus.model.steering import AuditKind, OverrideRequest, ResetRequest
from corvus.model.usage import Usage
from corvus.store.kinds import LEASES, budget_key
from corvus.store.lease import Lease, LeaseHost
from corvus.store.unit import Unit
from tests.governor.leases.fleet import TTL, Fleet, Host, Killed

DAY = Budget("day", Period.DAY, 1000, (80,), "cost.daily_limit_usd")


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    fleet = Fleet(DAY)
    yield fleet
    fleet.check()
    fleet.store.close()


def exhaust(hosts: list[Host], nano: int) -> int:
    """Have hosts call in turn until all of them are refused; return how many calls passed."""
    passed, refused = 0, set[str]()
    while len(refused) < len(hosts):
        for host in hosts:
            if host.spend(nano).allowed:
                passed += 1
            else:
                refused.add(host.name)
    return passed


def test_four_hosts_spend_a_tight_limit_and_never_more(fleet: Fleet) -> None:
    hosts = [fleet.host(name) for name in ("a", "b", "c", "d")]
    assert exhaust(hosts, 35) == 1000 // 35
    assert sum(fleet.total()) <= 1000
    for host in hosts:
        host.leases.close()
    assert fleet.total() == (35 * (1000 // 35), 0)


def test_a_slice_counts_as_held_from_the_moment_it_is_given(fleet: Fleet) -> None:
    host = fleet.host("a")
    host.spend(2)
    spent, held = fleet.total()
    assert (spent, held) == (0, 40), "twenty calls like it, and nothing reported yet"
    assert not fleet.strict.reserve(_request(961)).allowed
    assert fleet.strict.reserve(_request(960)).allowed


def test_a_host_asks_once_for_many_calls(fleet: Fleet) -> None:
    host = fleet.host("a")
    for _ in range(20):
        assert host.spend(1).allowed
    assert host.leases.slices.answers == 1


def test_near_the_limit_slices_shrink_to_single_calls(fleet: Fleet) -> None:
    one, other = fleet.host("a"), fleet.host("b")
    for _ in range(9):
        one.spend(100)
    assert other.spend(60).allowed, "there is room for it, whatever the other once had"
    assert not other.spend(60).allowed
    assert other.spend(40).allowed, "down to the last of it"
    assert sum(fleet.total()) == 1000


def test_without_the_shared_store_a_host_goes_on_within_its_slice_and_then_stops(
    fleet: Fleet,
) -> None:
    host = fleet.host("a")
    host.spend(1)
    fleet.store.is_away = True
    for _ in range(19):
        assert host.spend(1).allowed
    with pytest.raises(StoreUnavailable, match="away"):
        host.spend(1)
    fleet.store.is_away = False
    assert host.spend(1).allowed, "back without a restart"


def test_a_host_stops_before_its_time_is_over_whatever_its_clock_says(fleet: Fleet) -> None:
    host = fleet.host("a")
    host.spend(1)
    fleet.store.is_away = True
    fleet.move(TTL - 7)
    assert host.spend(1).allowed
    fleet.move(2)
    with pytest.raises(StoreUnavailable):
        host.spend(1)
    fleet.store.is_away = False


def test_another_start_of_the_machine_ends_the_time_of_its_slices(fleet: Fleet) -> None:
    host = fleet.host("a")
    host.spend(1)
    fleet.store.is_away = True
    host.machine.boot = "another"
    with pytest.raises(StoreUnavailable):
        host.spend(1)
    fleet.store.is_away = False
    assert host.spend(1).allowed


def test_a_host_lives_by_the_clock_of_the_shared_store(fleet: Fleet) -> None:
    host = fleet.host("a")
    decision = host.ask(5)
    assert decision.reservation is not None
    ahead = decision.reservation.admitted_at - fleet.clock.now()
    assert timedelta(0) <= ahead < timedelta(seconds=1)


def test_what_is_idle_comes_back_with_the_next_renewal(fleet: Fleet) -> None:
    host = fleet.host("a")
    host.spend(2)
    host.leases.renew()
    assert fleet.total() == (2, 38)
    host.leases.renew()
    assert fleet.total() == (2, 0), "it used nothing since"


def test_a_host_that_leaves_gives_all_back_but_what_runs(fleet: Fleet) -> None:
    host = fleet.host("a")
    host.spend(2)
    held = host.ask(3)
    host.leases.close()
    assert fleet.total() == (2, 3)
    host.start()
    assert held.reservation is not None
    host.governor.commit(held.reservation, cost_nano_usd=NanoUSD(1))
    host.leases.close()
    assert fleet.total() == (3, 0)


def test_each_record_is_in_the_shared_log_once_wherever_its_host_is_killed() -> None:
    for fuse in range(24):
        fleet = Fleet(DAY)
        host = fleet.host("a")
        for _ in range(3):
            host.spend(5)
        fleet.fuse.left = fuse
        try:
            host.leases.renew()
        except Killed:
            host.start()
        fleet.fuse.left = None
        host.leases.close()
        ids = [event.row["id"] for event in fleet.events(LedgerTable.USAGE_RECORD)]
        assert len(ids) == len(set(ids)) == 3
        assert fleet.total() == (15, 0)
        fleet.check()
        host.store.close()
        fleet.store.close()


def test_what_is_given_while_a_host_is_killed_is_found_again() -> None:
    for fuse in range(16):
        fleet = Fleet(DAY)
        host = fleet.host("a")
        fleet.fuse.left = fuse
        try:
            host.ask(5)
        except Killed:
            host.start()
        fleet.fuse.left = None
        spent, held = fleet.total() if fleet.sums() else (0, 0)
        used = sum(one.held_nano_usd for one in host.sums())
        assert spent + held >= used
        host.leases.renew()
        host.leases.renew()
        assert fleet.total() == (0, used) if fleet.sums() else used == 0
        fleet.check()
        host.store.close()
        fleet.store.close()


def test_two_processes_of_a_host_share_its_slices(fleet: Fleet) -> None:
    host = fleet.host("a")
    terms = Terms("a", TTL)
    other = HostLeases(host.shared, host.store, host.clock, terms, host.machine)
    second = Governor(fleet.policy, host.store, history=other.history, shared=other)
    host.spend(10)
    for _ in range(3):
        decision = second.reserve(_request(10, "a-s"))
        assert decision.allowed
        assert decision.reservation is not None
        second.commit(decision.reservation, cost_nano_usd=NanoUSD(10))
        host.leases.renew()
        other.renew()
        host.spend(10)
    host.leases.close()
    other.close()
    assert fleet.total() == (70, 0)


def test_what_is_given_back_does_not_take_what_was_given_since(fleet: Fleet) -> None:
    host = fleet.host("a")
    host.spend(1)
    (lease,) = fleet.leases()
    name = desk.SumName(_key_of(fleet), lease.key.window_start_us, "", "usd")
    late = desk.Held(name, lease.revision, 1)
    for _ in range(30):
        host.spend(1)
    (now,) = fleet.leases()
    assert now.revision > lease.revision
    host_id = host.leases.host_id
    fleet.store.run(lambda unit: desk.settle_slices(unit, host_id, 1, [late]), alone=True)
    assert fleet.leases() == [now]


def test_many_callers_never_pass_the_limit(fleet: Fleet) -> None:
    hosts = [fleet.host(name) for name in ("a", "b")]
    passed: list[int] = []

    def call(host: Host, number: int) -> None:
        for turn in range(12):
            if host.spend(13, session=f"{number}-{turn}").allowed:
                passed.append(13)

    threads = [Thread(target=call, args=(hosts[n % 2], n)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1000 - 13 * 9 < sum(passed) <= 1000
    for host in hosts:
        host.leases.close()
    assert fleet.total() == (sum(passed), 0)


def test_the_slices_of_a_dead_host_stay_held_and_are_presumed_after_a_day(fleet: Fleet) -> None:
    dead, other = fleet.host("dead"), fleet.host("b")
    dead.spend(2)
    other.spend(1)
    fleet.move(86_400 - 60)
    other.leases.renew()
    assert not _find(fleet, "dead").is_presumed
    fleet.move(120)
    other.leases.renew()
    assert _find(fleet, "dead").is_presumed
    assert [one.outstanding for one in fleet.leases() if one.key.host == dead.leases.host_id] == [
        40
    ]
    (event,) = _audit(fleet, AuditKind.LEASE_PRESUMED)
    assert json.loads(str(event["details"]))["left"] == {"day nano_usd": 40}


def test_a_reclaimed_host_that_comes_back_reports_and_gives_back_the_rest(fleet: Fleet) -> None:
    host = fleet.host("a")
    host.spend(2)

    def reclaim(unit: Unit) -> None:
        for one in hosts_of(unit):
            presume(unit, one, "ana", "gone")

    fleet.store.run(reclaim, alone=True)
    assert fleet.total() == (0, 40), "nothing is free before the host itself says so"
    host.start()
    assert not _find(fleet, "a").is_presumed
    host.leases.close()
    assert fleet.total() == (2, 0)


def test_a_reset_drops_what_is_presumed_of_a_dead_host(fleet: Fleet) -> None:
    host = fleet.host("a")
    host.spend(2)
    fleet.strict.reset(ResetRequest("day", "ana", "r"))
    assert fleet.total() == (0, 40), "an open hold stays"
    fleet.store.run(lambda unit: presume(unit, hosts_of(unit)[0], "ana", None), alone=True)
    fleet.strict.reset(ResetRequest("day", "ana", "r"))
    assert fleet.total() == (0, 0)
    host.start()
    host.spend(3)
    host.leases.close()
    assert fleet.total() == (3, 0), "what it had settled before the reset does not count"
    assert len(fleet.events(LedgerTable.USAGE_RECORD)) == 2, "but it is recorded"


def test_a_reset_takes_effect_at_once_and_has_hosts_look_again(fleet: Fleet) -> None:
    one, other = fleet.host("a"), fleet.host("b")
    for _ in range(10):
        one.spend(100)
    assert not other.spend(100).allowed
    one.leases.renew()
    fleet.strict.reset(ResetRequest("day", "ana", "r"))
    fleet.move(1)
    assert other.spend(100).allowed


def test_a_changed_limit_has_all_hosts_give_back_within_one_renewal(fleet: Fleet) -> None:
    host = fleet.host("a")
    fleet.strict.note_limits("corvus.toml", "ana")
    host.spend(2)
    lower = replace(fleet.policy, budgets=(replace(DAY, limit=30),))
    Governor(lower, fleet.store).note_limits("corvus.toml", "ana")
    host.spend(2)
    host.leases.renew()
    assert fleet.total() == (4, 0), "it was in use, and given back all the same"
    host.policy = lower
    host.start()
    assert host.spend(26).allowed
    assert not host.spend(1).allowed


def test_a_limit_below_what_is_out_refuses_at_once_where_it_is_in_force(fleet: Fleet) -> None:
    host = fleet.host("a")
    host.spend(20)
    host.policy = replace(fleet.policy, budgets=(replace(DAY, limit=10),))
    host.start()
    assert not host.spend(1).allowed


def test_an_override_lifts_one_refusal_of_one_host(fleet: Fleet) -> None:
    hosts = [fleet.host("a"), fleet.host("b")]
    exhaust(hosts, 100)
    fleet.strict.override(OverrideRequest("ana", "r"))
    fleet.move(1)
    lifted = [host.spend(100) for host in hosts]
    assert [one.allowed for one in lifted] == [True, False]
    assert lifted[0].override_id is not None
    for host in hosts:
        host.leases.close()
    assert fleet.total() == (1100, 0)
    assert len(_audit(fleet, AuditKind.OVERRIDE_CONSUMED)) == 1


def test_a_session_belongs_to_one_host() -> None:
    session = Budget("session", Period.SESSION, 50, (80,), "k")
    fleet = Fleet(DAY, session)
    one, other = fleet.host("a"), fleet.host("b")
    assert one.governor.reserve(_request(30, "mine")).allowed
    with pytest.raises(SteeringRefused, match="counted by host a"):
        other.governor.reserve(_request(30, "mine"))
    assert not one.governor.reserve(_request(30, "mine")).allowed, "its own limit is kept there"


def test_parts_tokens_and_calls_have_slices_of_their_own() -> None:
    users = Budget("users", Period.TOTAL, 100, (), "k", measure=Measure.TOKENS, per=("user",))
    calls = Budget("calls", Period.DAY, 5, (), "k", measure=Measure.CALLS)
    fleet = Fleet(users, calls)
    one, other = fleet.host("a"), fleet.host("b")
    assert one.ask(0, user="ana", estimate_tokens=60).allowed
    assert not other.ask(0, user="ana", estimate_tokens=60).allowed
    assert other.ask(0, user="ben", estimate_tokens=60).allowed
    for host in (one, other, one):
        assert host.ask(0, user="cleo", estimate_tokens=1).allowed
    assert not other.ask(0, user="cleo", estimate_tokens=1).allowed
    assert fleet.total("calls", Measure.CALLS) == (0, 5)
    fleet.check()


def test_a_window_that_a_call_opens_is_the_same_on_all_hosts() -> None:
    hours = Budget("hours", Period.WINDOW, 100, (), "k", window_seconds=3600)
    fleet = Fleet(hours)
    one, other = fleet.host("a"), fleet.host("b")
    assert one.spend(50).allowed
    fleet.move(1800)
    assert other.spend(50).allowed
    assert not one.spend(1).allowed
    assert len({lease.key.window_start_us for lease in fleet.leases()}) == 1
    fleet.move(1801)
    assert one.spend(100).allowed
    for host in (one, other):
        host.leases.close()
    fleet.check()
    assert [one.spent_nano_usd for one in fleet.sums("hours")] == [100, 100]


def test_a_window_that_ends_takes_no_slice_into_the_next(fleet: Fleet) -> None:
    host = fleet.host("a")
    host.spend(900)
    fleet.move(86_400)
    assert host.spend(900).allowed
    host.leases.renew()
    host.leases.renew()
    assert [(one.spent_nano_usd, one.held_nano_usd) for one in fleet.sums()] == [(900, 0)] * 2
    assert len(fleet.leases()) == 1, "that of yesterday is gone"


def test_a_call_that_costs_more_than_its_slice_is_counted_in_full(fleet: Fleet) -> None:
    host = fleet.host("a")
    held = host.ask(100)
    assert held.reservation is not None
    host.governor.commit(held.reservation, Usage(), cost_nano_usd=NanoUSD(5000))
    assert not host.spend(1).allowed
    host.leases.renew()
    assert fleet.total() == (5000, 0)


def test_a_store_that_was_set_back_is_refused() -> None:
    fleet = Fleet(DAY)
    host = fleet.host("a")
    for _ in range(3):
        host.spend(5)
    host.leases.renew()
    with pytest.raises(StoreCorrupt, match="set back"):
        fleet.store.run(lambda unit: desk.join(unit, host.leases.host_id, "a", 1, 2))


def test_thresholds_of_shared_budgets_are_reported_once_for_all_hosts(fleet: Fleet) -> None:
    hosts = [fleet.host("a"), fleet.host("b")]
    exhaust(hosts, 50)
    for host in hosts:
        host.leases.close()
    events = fleet.events(LedgerTable.BUDGET_EVENT)
    assert [(one.row["kind"], one.row["percent"]) for one in events] == [("threshold_reached", 80)]


def test_a_call_may_be_capped_to_what_is_left_anywhere() -> None:
    fleet = Fleet(replace(DAY, on_exceeded=(Rung.WAIT,)))
    host = fleet.host("a")
    assert host.spend(900).allowed
    assert not host.spend(200).allowed


def _request(nano: int, session: str = "strict") -> Request:
    return Request("m", NanoUSD(nano), session)


def _find(fleet: Fleet, name: str) -> LeaseHost:
    return next(host for host in fleet.hosts() if host.name == name)


def _audit(fleet: Fleet, kind: AuditKind) -> list[Row]:
    rows = [event.row for event in fleet.events(LedgerTable.AUDIT_EVENT)]
    return [row for row in rows if row["kind"] == kind.value]


def _key_of(fleet: Fleet) -> str:
    return budget_key(fleet.policy.budgets[0])


def test_a_question_about_a_call_takes_no_slice_no_session_and_no_override(fleet: Fleet) -> None:
    host = fleet.host("a")
    assert host.governor.evaluate(_request(900, "q")).allowed
    assert not host.governor.evaluate(_request(1001, "q")).allowed
    fleet.strict.override(OverrideRequest("ana", "r"))
    assert not host.governor.evaluate(_request(1001, "q")).allowed
    assert fleet.leases() == []
    assert host.ask(1001).override_id is not None, "it is there for the call"


def test_a_session_that_a_host_counts_is_no_session_of_hosts_without_leases() -> None:
    """Else each of them would have the whole of its limit."""
    fleet = Fleet(DAY, Budget("session", Period.SESSION, 100, (80,), "k"))
    host = fleet.host("a")
    assert host.spend(60).allowed
    with pytest.raises(SteeringRefused, match="counted by host a"):
        fleet.strict.reserve(_request(60, "a-s"))
    assert fleet.strict.reserve(_request(60, "other")).allowed
    with pytest.raises(SteeringRefused, match="hosts without leases"):
        host.governor.reserve(_request(60, "other"))
    fleet.check()


def test_a_session_budget_that_comes_later_counts_what_was_reported_before() -> None:
    fleet = Fleet(DAY, Budget("spare", Period.SESSION, 5000, (80,), "k"))
    host = fleet.host("a")
    host.spend(60)
    host.leases.renew()
    host.spend(30)
    later = Budget("session", Period.SESSION, 100, (80,), "k")
    host.policy = replace(fleet.policy, budgets=(*fleet.policy.budgets, later))
    host.start()
    assert not host.ask(11).allowed
    assert host.spend(10).allowed
    (sum_,) = [one for one in host.sums("session") if one.key.session_id == "a-s"]
    assert sum_.spent_nano_usd == 100


def test_what_is_used_beyond_a_slice_is_known_to_all_once_it_is_heard_of(fleet: Fleet) -> None:
    host, other = fleet.host("a"), fleet.host("b")
    assert host.spend(10, cost=950).allowed
    assert sum(fleet.total()) < 950, "it is not reported yet"
    host.leases.hear(Overrun("r", 940, "api"))
    host.leases.renew_in_turn(is_logged=False)
    assert sum(fleet.total()) >= 950
    assert not other.ask(60).allowed


def test_a_report_that_comes_twice_or_overlaps_counts_once(fleet: Fleet) -> None:
    host = fleet.host("a")
    for _ in range(3):
        host.spend(5)
    events = host.store.run(lambda unit: [*unit.events(0, 100)], alone=True)
    host.leases.renew()
    spent, logged = fleet.total()[0], fleet.events(LedgerTable.USAGE_RECORD)
    host_id, in_force = host.leases.host_id, host.shared.in_force
    for again in (events, events[-1:], events[1:]):
        seq, happened = fleet.store.run(
            lambda unit, again=again: take_over(unit, in_force, host_id, again), alone=True
        )
        assert (seq, happened) == (events[-1].seq, [])
    assert fleet.total()[0] == spent == 15
    assert fleet.events(LedgerTable.USAGE_RECORD) == logged


def test_a_report_that_leaves_events_out_is_refused(fleet: Fleet) -> None:
    host = fleet.host("a")
    for _ in range(3):
        host.spend(5)
    events = host.store.run(lambda unit: [*unit.events(0, 100)], alone=True)
    host_id, in_force = host.leases.host_id, host.shared.in_force
    with pytest.raises(StoreCorrupt, match="never"):
        fleet.store.run(lambda unit: take_over(unit, in_force, host_id, events[1:]), alone=True)
    assert fleet.total()[0] == 0


def test_the_answer_to_an_earlier_question_takes_nothing_back(fleet: Fleet) -> None:
    """Two processes of a host ask at once, and hear the answers in the other order."""
    host = fleet.host("a")
    host.spend(1)
    (early,) = fleet.leases()
    name = desk.SumName(_key_of(fleet), early.key.window_start_us, "", "usd")
    for _ in range(30):
        host.spend(1)
    (late,) = _own_leases(host)
    assert late.granted > early.granted
    own = OwnRows(host.leases.host_id, "a")
    host.store.run(lambda unit: own.take(unit, [desk.Slice(name, early, 0, 40)], None), alone=True)
    assert _own_leases(host) == [late]


def _own_leases(host: Host) -> list[Lease]:
    return host.store.run(lambda unit: unit.rows.find(LEASES), alone=True)


def test_a_host_that_still_renews_is_not_reclaimed(fleet: Fleet) -> None:
    host = fleet.host("a")
    host.spend(2)
    with pytest.raises(SteeringRefused, match="still renews"):
        fleet.store.run(lambda unit: reclaim(unit, "a", "ana", None), alone=True)
    with pytest.raises(SteeringRefused, match="no host 'b'"):
        fleet.store.run(lambda unit: reclaim(unit, "b", "ana", None), alone=True)
    fleet.move(TTL + 1)
    found = fleet.store.run(lambda unit: reclaim(unit, "a", "ana", None), alone=True)
    assert [(one.budget, one.held) for one in found.slices] == [("day", 40)]
    assert fleet.total() == (0, 40)


def test_a_reset_comes_after_all_that_was_taken_over_whatever_clock_stamped_it(
    fleet: Fleet,
) -> None:
    """A host's clock may be a little ahead: the reset dropped a record that a recount counted."""
    host = fleet.host("a")
    host.store.run(lambda unit: [unit.tick() for _ in range(1000)])
    host.spend(5)
    host.leases.renew()
    assert fleet.total()[0] == 5
    fleet.strict.reset(ResetRequest("day", "ana", "r"))
    fleet.check()
    assert fleet.total()[0] == 0


def test_a_busy_host_asks_for_more_at_once_and_a_quiet_one_for_twenty_calls() -> None:
    fleet = Fleet(replace(DAY, limit=1_000_000))
    host = fleet.host("a")
    for _ in range(200):
        assert host.spend(1).allowed
    assert host.leases.slices.answers <= 4, "20, 40, 80, 160 calls"
    fleet.move(11)
    (before,) = fleet.leases()
    for _ in range(200):
        assert host.spend(1).allowed
    (after,) = fleet.leases()
    assert 0 < after.granted - before.granted < 400
