"""What is tried before a call is refused, and in which order (EVA-14)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from corvus import BudgetExceeded
from corvus.base.money import nano_usd
from corvus.base.period import Period
from corvus.events import LadderUsed
from corvus.model.budget import Budget, Measure
from corvus.model.decision import BudgetState, Denial
from tests.governor.ladder.climbing import (
    ASK,
    CAP,
    DOWNGRADE,
    WAIT,
    day,
    measures,
    opened,
    policy_of,
)


def test_a_budget_that_only_warns_is_not_named_for_what_another_did(tmp_path: Path):
    """EVA-14: the report about the ladder counts by the budget that was in the way."""
    watch = day(usd="0.01", name="watch", enforce="warn")
    with opened(tmp_path, policy_of(watch, day(CAP))) as place:
        place.spend("0.5")
        decision = place.talk(60_000)
        row = place.rows()[-1]
    assert decision.governing is not None
    assert decision.governing.budget.name == "watch"
    assert (row["rungs"], row["governing_budget"]) == ("cap", "day")


class TestCap:
    """EVA-14, ``cap``: the maximum is lowered to what every budget has room for."""

    def test_a_call_that_does_not_fit_gets_the_largest_maximum_that_does(self, tmp_path: Path):
        with opened(tmp_path, policy_of(day(CAP))) as place:
            place.spend("0.9")
            decision = place.talk(64_000)
        assert decision.allowed
        assert decision.rungs == (CAP,)
        assert decision.output_cap_tokens == 6_666  # 0.1 USD at 15 USD a million
        assert decision.estimate_nano_usd == 6_666 * 15_000
        assert decision.reservation is not None
        assert decision.reservation.hold_nano_usd == 6_666 * 15_000
        assert decision.statuses[0].projected <= nano_usd(1)

    def test_a_call_that_fits_is_left_as_it_is(self, tmp_path: Path):
        with opened(tmp_path, policy_of(day(CAP))) as place:
            decision = place.talk(64_000)
        assert decision.allowed
        assert (decision.rungs, decision.output_cap_tokens) == ((), None)
        assert decision.estimate_nano_usd == 64_000 * 15_000

    def test_what_was_done_is_in_the_ledger_and_an_event(self, tmp_path: Path):
        with opened(tmp_path, policy_of(day(CAP))) as place:
            place.spend("0.9")
            place.talk(64_000)
            row = place.rows()[-1]
        assert (row["kind"], row["rungs"], row["output_cap_tokens"]) == ("reserved", "cap", 6_666)
        assert row["estimate_nano_usd"] == 6_666 * 15_000
        assert [event for event in place.events if isinstance(event, LadderUsed)] == [
            LadderUsed("cap", "python")
        ]

    def test_input_counts_before_output_does(self, tmp_path: Path):
        with opened(tmp_path, policy_of(day(CAP))) as place:
            place.spend("0.8")
            decision = place.talk(64_000, input_tokens=20_000)  # 0.06 USD
        assert decision.output_cap_tokens == (200_000_000 - 60_000_000) // 15_000

    def test_less_than_the_least_is_no_call(self, tmp_path: Path):
        with opened(tmp_path, policy_of(day(CAP), cap_at_least_tokens=6_667)) as place:
            place.spend("0.9")
            decision = place.talk(64_000)
        assert decision.denial is Denial.BUDGET_EXCEEDED
        assert decision.rungs == ()
        assert decision.output_cap_tokens is None

    def test_a_call_whose_own_maximum_is_small_is_not_made_longer(self, tmp_path: Path):
        with opened(tmp_path, policy_of(day(CAP, usd="0.001"))) as place:
            assert not place.talk(1_000).allowed

    def test_what_states_an_amount_cannot_be_shortened(self, tmp_path: Path):
        with opened(tmp_path, policy_of(day(CAP))) as place:
            assert not place.reserve("1.5").allowed

    def test_the_tightest_of_all_budgets_decides_also_one_that_has_no_ladder(self, tmp_path: Path):
        tight = Budget("tight", Period.TOTAL, 70_000, (), "k", measure=Measure.TOKENS)
        with opened(tmp_path, policy_of(day(CAP, usd="1.2"), tight)) as place:
            decision = place.talk(90_000)
            assert decision.denial is Denial.BUDGET_EXCEEDED  # both are in the way
            decision = place.talk(70_000)
            assert decision.allowed
        with opened(tmp_path / "two", policy_of(day(CAP, usd="1.2"), tight)) as place:
            place.spend("0.3")  # no tokens are known of it
            decision = place.talk(69_000)  # 1.035 USD: too much, and few enough tokens
            assert decision.output_cap_tokens == 60_000

    def test_a_budget_of_tokens_caps_too(self, tmp_path: Path):
        budget = measures(50_000, Measure.TOKENS, [CAP])
        with opened(tmp_path, policy_of(budget)) as place:
            decision = place.talk(64_000, input_tokens=10_000)
        assert decision.output_cap_tokens == 40_000
        assert decision.reservation is not None
        assert decision.reservation.hold_tokens == 50_000

    def test_a_budget_of_calls_is_not_helped_by_a_shorter_call(self, tmp_path: Path):
        budget = measures(1, Measure.CALLS, [CAP])
        with opened(tmp_path, policy_of(budget)) as place:
            assert place.talk(64_000).allowed
            assert not place.talk(64_000).allowed

    def test_every_budget_in_the_way_must_list_a_rung(self, tmp_path: Path):
        strict = replace(day(), name="strict")
        with opened(tmp_path, policy_of(day(CAP), strict)) as place:
            place.spend("0.9")
            assert not place.talk(64_000).allowed

    def test_a_caller_who_cannot_follow_a_rung_is_not_put_on_it(self, tmp_path: Path):
        with opened(tmp_path, policy_of(day(CAP, DOWNGRADE), downgrade=(("m", ("tiny",)),))) as it:
            it.spend("0.9")
            assert not it.talk(64_000, rungs=[WAIT]).allowed
            assert it.talk(64_000, rungs=[DOWNGRADE]).rungs == (DOWNGRADE,)

    def test_of_several_models_the_most_expensive_at_the_lower_maximum_counts(self, tmp_path: Path):
        with opened(tmp_path, policy_of(day(CAP, usd="0.2"))) as place:
            decision = place.talk(64_000, input_tokens=10_000, models=["wide"])
        assert decision.output_cap_tokens == 10_000  # wide: 0.15 + 0.05; m: 0.03 + 0.15
        assert decision.estimate_nano_usd == nano_usd(1) // 5

    def test_a_repeated_key_repeats_the_cap(self, tmp_path: Path):
        with opened(tmp_path, policy_of(day(CAP))) as place:
            place.spend("0.9")
            first = place.talk(64_000, idempotency_key="k")
            again = place.talk(64_000, idempotency_key="k")
        assert again.replayed
        assert (again.output_cap_tokens, again.rungs) == (6_666, (CAP,))
        assert again.reservation == first.reservation

    def test_a_request_made_by_hand_is_the_same_request_when_it_is_repeated(self, tmp_path: Path):
        with opened(tmp_path, policy_of(day(CAP))) as place:
            place.spend("0.9")
            options = {"max_output_tokens": 64_000, "session_id": "s", "idempotency_key": "k"}
            request = replace(place.governor.request("m", **options), fingerprint=None)  # pyright: ignore[reportArgumentType]
            place.governor.reserve(request)
            assert place.governor.reserve(request).replayed

    def test_a_call_as_a_context_states_what_to_apply(self, tmp_path: Path):
        with opened(tmp_path, policy_of(day(CAP))) as place:
            place.spend("0.9")
            with place.governor.call("m", max_output_tokens=64_000) as call:
                assert (call.model, call.output_cap_tokens) == ("m", 6_666)

    def test_a_budget_that_only_warns_caps_nothing(self, tmp_path: Path):
        with opened(tmp_path, policy_of(replace(day(CAP), enforce="warn"))) as place:
            place.spend("0.9")
            decision = place.talk(64_000)
        assert decision.allowed
        assert (decision.state, decision.rungs) == (BudgetState.WARNING, ())


class TestDowngrade:
    """EVA-14, ``downgrade``: the first listed model whose own budgets allow it."""

    def test_the_first_listed_model_that_fits_is_called(self, tmp_path: Path):
        ladder = policy_of(day(DOWNGRADE), downgrade=(("m*", ("small", "tiny")),))
        with opened(tmp_path, ladder) as place:
            place.spend("0.9")
            decision = place.talk(64_000)
            row = place.rows()[-1]
        assert decision.allowed
        assert (decision.model, decision.downgraded_from) == ("tiny", "m")  # small: 0.32 USD
        assert decision.estimate_nano_usd == 64_000 * 1_000
        assert (row["requested_model"], row["downgraded_from"]) == ("tiny", "m")
        assert row["rungs"] == "downgrade"

    def test_the_budgets_of_the_other_model_count(self, tmp_path: Path):
        own = replace(day(usd="0.01"), name="tiny-day", match=(("model", ("tiny",)),))
        ladder = policy_of(day(DOWNGRADE), own, downgrade=(("m", ("tiny",)),))
        with opened(tmp_path, ladder) as place:
            place.spend("0.9")
            assert not place.talk(64_000).allowed

    def test_a_cheaper_model_may_be_capped_as_well(self, tmp_path: Path):
        ladder = policy_of(day(DOWNGRADE, CAP), downgrade=(("m", ("small",)),))
        with opened(tmp_path, ladder) as place:
            place.spend("0.9")
            decision = place.talk(64_000)
        assert decision.rungs == (DOWNGRADE, CAP)
        assert (decision.model, decision.output_cap_tokens) == ("small", 20_000)

    def test_a_model_without_a_price_is_passed_over(self, tmp_path: Path):
        ladder = policy_of(
            day(DOWNGRADE), downgrade=(("m", ("no-such", "tiny")),), unpriced_models="warn"
        )
        with opened(tmp_path, ladder) as place:
            place.spend("0.9")
            assert place.talk(64_000).model == "tiny"

    def test_a_model_of_another_provider_is_passed_over(self, tmp_path: Path):
        ladder = policy_of(day(DOWNGRADE), downgrade=(("claude-*", ("gpt-5-nano",)),))
        with opened(tmp_path, ladder) as place:
            place.spend("0.9")
            assert not place.talk(64_000, "claude-sonnet-4-5").allowed

    def test_a_call_as_a_context_names_the_model_to_call(self, tmp_path: Path):
        ladder = policy_of(day(DOWNGRADE), downgrade=(("m", ("tiny",)),))
        with opened(tmp_path, ladder) as place:
            place.spend("0.9")
            with place.governor.call("m", max_output_tokens=64_000) as call:
                assert (call.model, call.output_cap_tokens) == ("tiny", None)


class TestOrder:
    """EVA-14: rungs are tried in order; an override comes before them."""

    def test_the_first_rung_that_helps_is_taken(self, tmp_path: Path):
        for rungs, model in (((CAP, DOWNGRADE), "m"), ((DOWNGRADE, CAP), "tiny")):
            ladder = policy_of(day(*rungs), downgrade=(("m", ("tiny",)),))
            with opened(tmp_path / model, ladder) as place:
                place.spend("0.9")
                assert place.talk(64_000).model == model

    def test_an_override_is_used_before_any_rung(self, tmp_path: Path):
        from corvus.model.steering import OverrideRequest

        with opened(tmp_path, policy_of(day(CAP), allow_override=True)) as place:
            place.spend("0.9")
            place.governor.override(OverrideRequest("me"))
            decision = place.talk(64_000)
        assert decision.override_id is not None
        assert (decision.rungs, decision.output_cap_tokens) == ((), None)

    def test_without_rungs_it_is_refused_at_once(self, tmp_path: Path):
        with opened(tmp_path, policy_of(day())) as place:
            place.reserve("0.9")
            decision = place.reserve("0.9")
        assert decision.denial is Denial.BUDGET_EXCEEDED
        assert decision.waited_seconds == 0


class TestEvaluate:
    """A question reserves nothing, and waits for nothing."""

    @pytest.mark.parametrize("rung", [WAIT, ASK])
    def test_it_says_for_what_a_call_would_wait(self, tmp_path: Path, rung: object):
        with opened(tmp_path, policy_of(day(rung))) as place:  # pyright: ignore[reportArgumentType]
            place.reserve("0.9")
            request = place.governor.request("m", estimate_usd=1)
            decision = place.governor.evaluate(request)
            assert place.waiting() == 0
            assert place.governor.approvals() == []
        assert (decision.denial, decision.rungs) == (Denial.BUDGET_EXCEEDED, (rung,))

    def test_it_says_how_a_call_would_pass(self, tmp_path: Path):
        with opened(tmp_path, policy_of(day(CAP))) as place:
            place.spend("0.9")
            request = place.governor.request("m", max_output_tokens=64_000)
            decision = place.governor.evaluate(request)
        assert decision.allowed
        assert (decision.rungs, decision.output_cap_tokens) == ((CAP,), 6_666)
        assert decision.reservation is None


def test_a_refusal_as_a_context_is_raised(tmp_path: Path):
    with (
        opened(tmp_path, policy_of(day(CAP))) as place,
        pytest.raises(BudgetExceeded),
        place.governor.call("m", estimate_usd=2),
    ):
        raise AssertionError("never reached")
