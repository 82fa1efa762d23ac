"""Overrides, resets, sessions and missions (OVR, RST, SES, MIS)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from corvus.base.errors import SteeringRefused
from corvus.base.money import NanoUSD
from corvus.model.decision import BudgetExceeded, MissionEnded
from corvus.model.steering import MissionOutcome, OverrideRequest, ResetRequest, SessionOutcome
from tests.governor.conftest import MakeBench, dollars

OVERRIDES = "[cost]\nenabled = true\ndaily_limit_usd = 1\nallow_override = true\n"
FULL = OVERRIDES + "reservation_ttl_seconds = 60\n"
DAY = "[cost]\nenabled = true\nsession_limit_usd = 5\ndaily_limit_usd = 10\n"


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("[cost]\nenabled = true\n", "Cost overrides are disabled by policy"),
        ("[cost]\nenabled = false\nallow_override = true\n", "Cost tracking is disabled"),
    ],
)
def test_ovr_1_overrides_need_the_policy(bench: MakeBench, config: str, words: str) -> None:
    with pytest.raises(SteeringRefused, match=words):
        bench(config).governor.override(OverrideRequest("ana"))


def test_ovr_2_an_override_of_a_session_serves_no_other(bench: MakeBench) -> None:
    one = bench(FULL)
    one.spend("1", "other")
    one.governor.override(OverrideRequest("ana", session_id="mine"))
    assert not one.ask("0.5", "other").allowed
    assert one.ask("0.5", "mine").allowed


def test_ovr_2_an_override_lives_an_hour_by_default_and_survives_a_restart(
    bench: MakeBench,
) -> None:
    one = bench(FULL)
    one.spend("1")
    granted = one.governor.override(OverrideRequest("ana"))
    assert granted.expires_at - granted.granted_at == timedelta(hours=1)
    one.clock.move(timedelta(minutes=59))
    assert bench(FULL).ask("0.5").allowed


def test_ovr_3_an_allowed_call_uses_no_override_and_one_lifts_every_exceeded_budget(
    bench: MakeBench,
) -> None:
    one = bench(FULL + "session_limit_usd = 0.5\nmonthly_limit_usd = 0.75\n")
    one.governor.override(OverrideRequest("ana"))
    assert one.ask("0.1").override_id is None
    decision = one.ask("5")
    assert decision.allowed
    assert decision.override_id is not None
    assert len([each for each in decision.statuses if each.state == 2]) == 3


def test_ovr_4_an_override_is_given_back_when_nothing_was_spent(bench: MakeBench) -> None:
    one = bench(FULL)
    one.governor.override(OverrideRequest("ana"))
    held = one.hold("5")
    assert not one.ask("5").allowed
    one.governor.release(held)
    assert one.ask("5").allowed
    assert one.audit() == [
        "override_granted", "override_consumed", "override_restored", "override_consumed"
    ]  # fmt: skip


def test_ovr_4_it_is_not_given_back_when_the_call_was_committed_or_presumed(
    bench: MakeBench,
) -> None:
    one = bench(FULL)
    one.governor.override(OverrideRequest("ana"))
    one.hold("5")
    one.clock.move(timedelta(seconds=60))
    assert not one.ask("0.1").allowed
    assert "override_restored" not in one.audit()


def test_ovr_4_replacing_an_active_override_and_its_expiry_are_audited_once(
    bench: MakeBench,
) -> None:
    one = bench(FULL)
    one.governor.override(OverrideRequest("ana"))
    one.governor.override(OverrideRequest("bob"))
    one.clock.move(timedelta(hours=2))
    one.ask("0.1")
    one.ask("0.1")
    assert one.audit() == [
        "override_granted", "override_replaced", "override_granted", "override_expired"
    ]  # fmt: skip


def test_an_expired_override_is_told_before_the_one_that_follows(bench: MakeBench) -> None:
    one = bench(FULL)
    one.governor.override(OverrideRequest("ana"))
    one.clock.move(timedelta(hours=1))
    one.governor.override(OverrideRequest("bob"))
    assert one.audit() == ["override_granted", "override_expired", "override_granted"]


def test_an_override_does_not_lift_a_missing_price(bench: MakeBench) -> None:
    one = bench(FULL)
    one.governor.override(OverrideRequest("ana"))
    assert one.ask(None).denial == "unpriced_model"
    assert one.audit() == ["override_granted"]


def test_aud_3_a_reason_is_kept_without_the_secrets_in_it(bench: MakeBench) -> None:
    one = bench(FULL)
    reason = "needs more tokens, key sk-ant-REDACTED and token=hunter2"
    one.governor.override(OverrideRequest("ana", reason))
    (row,) = one.rows("audit_event")
    assert row["actor"] == "ana"
    assert row["reason"] == "needs more tokens, key *** and token=***"


def test_rst_1_a_reset_changes_one_scope_and_deletes_no_record(bench: MakeBench) -> None:
    one = bench(DAY)
    one.spend("2")
    one.governor.reset(ResetRequest("day", "ana"))
    one.spend("1")
    assert [one.spent(name) for name in ("session", "day", "month")] == ["3+0", "1+0", "3+0"]
    assert len(one.rows("usage_record")) == 2
    assert one.governor.recount(write=False) == []


def test_rst_2_open_reservations_stay_counted_and_their_cost_counts_after_the_reset(
    bench: MakeBench,
) -> None:
    one = bench(DAY)
    one.spend("2")
    held = one.hold("1")
    result = one.governor.reset(ResetRequest("day", "ana"))
    assert (dollars(result.removed_cost_nano_usd), result.removed_requests) == ("2", 1)
    assert one.spent("day") == "0+1"
    one.governor.commit(held, cost_nano_usd=NanoUSD(500_000_000))
    assert one.spent("day") == "0.5+0"
    assert one.governor.recount(write=False) == []


def test_rst_2_zero_matches_is_a_success(bench: MakeBench) -> None:
    result = bench(DAY).governor.reset(ResetRequest("month", "ana"))
    assert (result.removed_cost_nano_usd, result.removed_requests) == (0, 0)
    assert result.audit_event.kind == "reset_applied"


def test_a_presumption_from_before_a_reset_leaves_with_it_when_it_is_replaced(
    bench: MakeBench,
) -> None:
    one = bench(DAY + "reservation_ttl_seconds = 60\n")
    held = one.hold("3")
    one.clock.move(timedelta(seconds=60))
    assert one.spent("day") == "3+0"
    one.governor.reset(ResetRequest("day", "ana"))
    one.governor.commit(held, cost_nano_usd=NanoUSD(1_000_000_000))
    assert [one.spent("day"), one.spent("month")] == ["1+0", "1+0"]
    assert one.governor.recount(write=False) == []


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (ResetRequest("nope", "ana"), "the policy has no budget 'nope'; it has session"),
        (ResetRequest("session", "ana"), "name one with --session"),
        (ResetRequest("mission", "ana", session_id="s"), "--mission"),
    ],
)
def test_a_reset_that_does_not_say_of_what_is_refused(
    bench: MakeBench, wanted: ResetRequest, words: str
) -> None:
    with pytest.raises(SteeringRefused, match=words):
        bench(DAY).governor.reset(wanted)


def test_ses_2_a_session_keeps_the_worst_state_it_met(bench: MakeBench) -> None:
    one = bench(DAY)
    within, warned, blocked = (one.governor.session(name) for name in ("a", "b", "c"))
    one.spend("1", "a")
    one.spend("4.5", "b")
    assert not one.ask("6", "c").allowed
    one.governor.reset(ResetRequest("session", "ana", session_id="c"))
    one.spend("0.1", "c")
    outcomes = [each.close().outcome for each in (within, warned, blocked)]
    assert outcomes == [
        SessionOutcome.WITHIN_BUDGET, SessionOutcome.WARNED, SessionOutcome.BLOCKED
    ]  # fmt: skip
    with pytest.raises(SteeringRefused, match="closed already"):
        within.close()


def test_ses_1_every_record_carries_the_session_of_its_own_call(bench: MakeBench) -> None:
    one = bench(DAY)
    with ThreadPoolExecutor(8) as pool:
        assert len([*pool.map(one.spend, ["0.01"] * 40, [f"s{n}" for n in range(40)])]) == 40
    records = one.rows("usage_record")
    assert sorted(str(record["session_id"]) for record in records) == sorted(
        f"s{n}" for n in range(40)
    )


def test_mis_1_a_mission_has_a_limit_of_its_own_and_a_session_reset_leaves_it_alone(
    bench: MakeBench,
) -> None:
    one = bench(DAY)
    session = one.governor.session("s")
    with session.mission("a", limit_usd=1), session.mission("b", limit_usd=1):
        one.spend("0.9", mission_id="a")
        one.governor.reset(ResetRequest("session", "ana", session_id="s"))
        assert one.spent("mission", "s", "a") == "0.9+0"
        assert one.spent("mission", "s", "b") == "0+0"
        assert not one.ask("0.2", mission_id="a").allowed
        assert one.ask("0.2", mission_id="b").allowed
        assert one.ask("0.2").allowed


def test_mis_2_and_5_a_mission_ends_on_every_way_out_and_then_admits_nothing(
    bench: MakeBench,
) -> None:
    one = bench(DAY)

    def leave() -> None:
        with one.governor.session("s").mission("a", limit_usd=1):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        leave()
    assert one.governor.mission("s", "a").outcome is MissionOutcome.FAILED
    assert one.ask("0.1", mission_id="a").denial == "mission_ended"
    resumed = one.ask("0.1", mission_id="a", resumes_mission=True)
    assert resumed.allowed
    assert "mission" in [each.budget.name for each in resumed.statuses]


def test_mis_4_each_limit_ends_a_mission_with_its_outcome(bench: MakeBench) -> None:
    one = bench(DAY)
    session = one.governor.session("s")
    with session.mission("cost", limit_usd=1) as by_cost:
        assert not one.ask("1.5", mission_id="cost").allowed
        assert by_cost.outcome is MissionOutcome.BUDGET_EXHAUSTED
        assert one.ask("0.5", mission_id="cost").allowed, "a smaller call still fits"
    with session.mission("steps", max_steps=2) as by_steps:
        by_steps.step()
        by_steps.step()
        with pytest.raises(MissionEnded, match="budget_exhausted"):
            by_steps.step()
    with session.mission("time", max_runtime_seconds=30) as by_time:
        one.clock.move(timedelta(seconds=30))
        assert one.ask("0.1", mission_id="time").denial == "mission_ended"
    with session.mission("well") as well:
        one.spend("0.01", mission_id="well")
    outcomes = [each.outcome for each in (by_cost, by_steps, by_time, well)]
    assert outcomes == ["budget_exhausted", "budget_exhausted", "sla_exceeded", "completed"]
    with pytest.raises(SteeringRefused, match="already had a mission 'well'"):
        session.mission("well").__enter__()


def test_a_mission_that_was_only_named_has_the_limits_of_the_policy(bench: MakeBench) -> None:
    one = bench(DAY + "[mission]\nenabled = true\nmax_estimated_cost_cents = 50\n")
    assert one.ask("0.4", mission_id="x").allowed
    assert not one.ask("0.2", mission_id="x").allowed


def test_a_denied_context_says_what_where_how_long_and_what_to_do(bench: MakeBench) -> None:
    one = bench(OVERRIDES)
    one.spend("0.9")
    with (
        pytest.raises(BudgetExceeded) as refused,
        one.governor.call("m", estimate_usd=1),
    ):
        raise AssertionError("the call must not be made")
    assert str(refused.value) == (
        "budget 'day' would be exceeded: $0.90 spent + $1.00 estimated = $1.90 of $1.00, set by "
        "cost.daily_limit_usd. $0.10 would still fit; it resets at 2026-11-26 00:00 UTC; "
        "`corvus cost override` lifts the block for one call"
    )
    assert refused.value.decision is not None
    assert refused.value.decision.denial == "budget_exceeded"
