"""Reservations end exactly once, and what they leave behind is what happened (RES-2)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from corvus import Usage
from corvus.base.errors import IdempotencyConflict, ReservationNotFound, ReservationSettled
from corvus.base.money import NanoUSD, nano_usd
from corvus.events import Overrun, ReservationExpired
from corvus.metering.usage import add_usage
from corvus.model.request import Request
from corvus.model.reservation import Outcome, ReservationState, Source
from corvus.model.usage import UsagePart
from tests.governor.conftest import MakeBench, dollars

DAY = "[cost]\nenabled = true\ndaily_limit_usd = 10\nreservation_ttl_seconds = 60\n"


def usd(text: str) -> NanoUSD:
    return nano_usd(Decimal(text))


def test_res_4_commit_frees_the_hold_and_counts_the_cost_at_once(bench: MakeBench) -> None:
    one = bench(DAY)
    held = one.hold("3")
    assert one.spent("day") == "0+3"
    settled = one.governor.commit(held, cost_nano_usd=usd("1.25"))
    assert one.spent("day") == "1.25+0"
    assert (settled.overrun_nano_usd, settled.reservation.state) == (0, ReservationState.COMMITTED)


def test_res_1_a_cost_above_its_estimate_is_recorded_as_an_overrun(bench: MakeBench) -> None:
    one = bench(DAY)
    held = one.hold("3")
    settled = one.governor.commit(held, cost_nano_usd=usd("11"))
    assert dollars(settled.overrun_nano_usd) == "8"
    assert one.spent("day") == "11+0"
    assert Overrun(held.id, NanoUSD(usd("8")), "python") in one.events
    assert not one.ask("0").allowed, "the next call is refused (EVA-9)"


def test_prc_6_a_call_kept_in_one_country_pays_a_tenth_more_for_tokens_and_not_for_searches(
    bench: MakeBench,
) -> None:
    one = bench(DAY)
    kept = Usage(input_tokens=100_000, web_search_requests=2)  # 0.30 and 0.02
    free = Usage(output_tokens=10_000)  # 0.15
    parts = (
        UsagePart("claude-sonnet-4-5", kept, inference_geo="us"),
        UsagePart("claude-sonnet-4-5", free, inference_geo="global"),
    )
    one.governor.commit(one.hold("3"), add_usage(kept, free), parts=parts)
    assert one.spent("day") == "0.5+0", "0.33 + 0.02 + 0.15"


def test_res_2_a_reservation_is_settled_once(bench: MakeBench) -> None:
    one = bench(DAY)
    committed, released = one.hold("1"), one.hold("1")
    one.governor.commit(committed, cost_nano_usd=usd("1"))
    one.governor.release(released)
    for held, state in ((committed, "committed"), (released, "released")):
        with pytest.raises(ReservationSettled, match=f"is {state} already") as refused:
            one.governor.commit(held, cost_nano_usd=usd("1"))
        assert refused.value.final_state == state
        with pytest.raises(ReservationSettled):
            one.governor.release(held)
    assert one.spent("day") == "1+0"


def test_a_settlement_with_its_key_may_be_repeated(bench: MakeBench) -> None:
    one = bench(DAY)
    held = one.hold("1")
    first = one.governor.commit(held, cost_nano_usd=usd("0.5"), settlement_key="k")
    again = one.governor.commit(held, cost_nano_usd=usd("0.5"), settlement_key="k")
    assert (first.replayed, again.replayed) == (False, True)
    assert again.reservation == first.reservation
    with pytest.raises(ReservationSettled):
        one.governor.commit(held, cost_nano_usd=usd("0.5"), settlement_key="other")
    assert one.spent("day") == "0.5+0"


def test_res_2_the_same_key_and_request_replays_the_first_answer(bench: MakeBench) -> None:
    one = bench(DAY)
    first = one.ask("4", idempotency_key="k")
    one.spend("2")
    again = one.ask("4", idempotency_key="k")
    assert first.reservation is not None
    assert again.reservation is not None
    assert (again.reservation.id, again.replayed) == (first.reservation.id, True)
    assert [(each.budget.name, each.projected) for each in again.statuses] == [
        (each.budget.name, each.projected) for each in first.statuses
    ]
    assert one.spent("day") == "2+4"


def test_res_2_the_same_key_with_another_request_is_a_conflict(bench: MakeBench) -> None:
    one = bench(DAY)
    one.ask("4", idempotency_key="k")
    with pytest.raises(IdempotencyConflict, match="was used for another request"):
        one.ask("5", idempotency_key="k")
    assert one.spent("day") == "0+4"


def test_a_denied_request_may_be_repeated_with_its_key_when_there_is_room(
    bench: MakeBench,
) -> None:
    one = bench(DAY)
    blocker = one.hold("8")
    assert not one.ask("4", idempotency_key="k").allowed
    one.governor.release(blocker)
    assert one.ask("4", idempotency_key="k").allowed


def test_res_6_a_hold_whose_holder_died_is_presumed_spent_at_its_deadline(
    bench: MakeBench,
) -> None:
    one = bench(DAY)
    held = one.hold("3")
    one.clock.move(timedelta(seconds=59))
    assert one.spent("day") == "0+3"
    one.clock.move(timedelta(seconds=1))
    assert one.spent("day") == "3+0"
    (record,) = one.rows("usage_record")
    assert (record["source"], record["outcome"], record["cost_nano_usd"]) == (
        Source.PRESUMED, Outcome.EXPIRED, usd("3")
    )  # fmt: skip
    assert ReservationExpired(held.id, usd("3"), "s", "python") in one.events
    assert one.audit() == ["reservation_expired"]


def test_res_6_a_hold_that_was_surely_not_sent_is_given_back(bench: MakeBench) -> None:
    one = bench(DAY)
    one.hold("3", dispatched=False)
    one.clock.move(timedelta(seconds=60))
    assert one.spent("day") == "0+0"
    assert one.rows("usage_record") == []


def test_res_6_a_call_that_said_it_leaves_is_presumed_spent(bench: MakeBench) -> None:
    one = bench(DAY)
    held = one.hold("3", dispatched=False, idempotency_key="k")
    one.governor.dispatch(held)
    assert one.ask("3", dispatched=False, idempotency_key="k").replayed
    one.clock.move(timedelta(seconds=60))
    assert one.spent("day") == "3+0"


@pytest.mark.parametrize(("actual", "spent"), [("5", "5+0"), ("1", "1+0")])
def test_res_6_a_late_commit_replaces_the_presumption(
    bench: MakeBench, actual: str, spent: str
) -> None:
    one = bench(DAY)
    held = one.hold("3")
    one.clock.move(timedelta(seconds=60))
    assert one.spent("day") == "3+0"
    settled = one.governor.commit(held, cost_nano_usd=usd(actual))
    assert (settled.replaced, one.spent("day")) == (True, spent)
    records = one.rows("usage_record")
    assert [record["calls"] for record in records] == [1, -1, 1]
    assert [record.get("corrects_id") for record in records] == [None, held.id, held.id]
    assert one.governor.recount(write=False) == []
    with pytest.raises(ReservationSettled):
        one.governor.commit(held, cost_nano_usd=usd(actual))


def test_a_late_release_takes_the_presumption_back(bench: MakeBench) -> None:
    one = bench(DAY)
    held = one.hold("3")
    one.clock.move(timedelta(seconds=60))
    assert one.spent("day") == "3+0"
    one.governor.release(held)
    assert one.spent("day") == "0+0"
    assert one.governor.recount(write=False) == []


def test_res_7_a_heartbeat_keeps_a_hold_alive_and_an_expired_one_hears_of_it(
    bench: MakeBench,
) -> None:
    one = bench(DAY)
    held = one.hold("3")
    for _ in range(3):
        one.clock.move(timedelta(seconds=50))
        one.governor.extend(held, ttl_seconds=60)
    assert one.spent("day") == "0+3"
    one.clock.move(timedelta(seconds=61))
    assert one.spent("day") == "3+0"
    with pytest.raises(ReservationSettled, match="is expired already"):
        one.governor.extend(held, ttl_seconds=60)


def test_res_7_a_hold_may_grow_past_a_limit_and_never_shrinks(bench: MakeBench) -> None:
    one = bench(DAY)
    held = one.hold("3")
    one.governor.extend(held, hold_usd=12)
    assert one.spent("day") == "0+12"
    assert not one.ask("0").allowed
    with pytest.raises(ValueError, match="only grows"):
        one.governor.extend(held, hold_usd=1)
    settled = one.governor.commit(held, cost_nano_usd=usd("12"))
    assert (settled.overrun_nano_usd, one.spent("day")) == (0, "12+0")


def test_eva_8_a_call_that_settles_after_midnight_counts_on_the_day_of_its_admission(
    bench: MakeBench,
) -> None:
    one = bench(DAY)
    one.clock.set(datetime(2026, 11, 25, 23, 59, 59, tzinfo=UTC))
    held = one.hold("3")
    one.clock.move(timedelta(seconds=2))
    one.governor.commit(held, cost_nano_usd=usd("3"))
    assert one.spent("day") == "0+0"
    assert one.spent("month") == "3+0"
    assert one.governor.recount(write=False) == []


def test_time_that_steps_back_over_midnight_stands_still(bench: MakeBench) -> None:
    one = bench(DAY)
    one.clock.set(datetime(2026, 11, 26, 0, 0, 1, tzinfo=UTC))
    one.spend("3")
    one.clock.move(timedelta(seconds=-10))
    one.spend("4")
    assert one.spent("day") == "7+0"


def test_prc_5_an_unpriced_call_is_refused_or_its_cost_is_unknown(bench: MakeBench) -> None:
    one = bench(DAY)
    assert one.ask(None).denial == "unpriced_model"
    lenient = bench(DAY + 'unpriced_models = "warn"\n')
    held = lenient.hold(None)
    lenient.governor.commit(held, Usage(10, 10))
    (record,) = lenient.rows("usage_record")
    assert record["cost_nano_usd"] == 10 * 3000 + 10 * 15_000, "the model has a price after all"
    unknown = lenient.governor.reserve(Request("nobody-sells-this", None, "s"))
    assert unknown.reservation is not None
    lenient.governor.commit(unknown.reservation, Usage(10, 10))
    record = lenient.rows("usage_record")[-1]
    assert (record.get("cost_nano_usd"), record["source"]) == (None, Source.UNKNOWN)
    spend = lenient.governor.status("s").spends["day"]
    assert spend is not None
    assert (spend.calls, spend.unpriced_calls) == (2, 1)


def test_prc_7_what_a_provider_does_not_report_is_taken_at_the_estimate_and_marked(
    bench: MakeBench,
) -> None:
    one = bench(DAY)
    one.governor.commit(one.hold("3"))
    (record,) = one.rows("usage_record")
    assert (record["source"], record["cost_nano_usd"]) == (Source.ESTIMATED, usd("3"))


def test_eva_10_what_is_no_amount_is_refused_also_while_disabled(bench: MakeBench) -> None:
    one = bench("[cost]\nenabled = false\n")
    for wrong in (-1, 1.5, True, "1", 10**19):
        with pytest.raises(ValueError, match="estimate must be"):
            Request("m", wrong, "s")  # pyright: ignore[reportArgumentType] - what is tested
    enabled = bench(DAY)
    held = enabled.hold("1")
    for wrong in (-1, 1.5, True):
        with pytest.raises(ValueError, match="cost must be"):
            enabled.governor.commit(held, cost_nano_usd=wrong)  # pyright: ignore[reportArgumentType]
    assert enabled.spent("day") == "0+1"
    assert one.ask("1").reservation is None


def test_eva_11_while_disabled_everything_is_allowed_and_nothing_recorded(
    bench: MakeBench,
) -> None:
    one = bench("[cost]\nenabled = false\ndaily_limit_usd = 1\n")
    decision = one.ask("100")
    assert (decision.allowed, decision.reservation) == (True, None)
    with one.governor.call("m", input_tokens=5) as call:
        call.used(Usage(5, 5))
    assert one.rows("usage_record") == []
    assert one.rows("reservation_event") == []


def test_a_reservation_nobody_made_is_not_found(bench: MakeBench) -> None:
    one = bench(DAY)
    with pytest.raises(ReservationNotFound, match="never made in this store"):
        one.governor.reservation("01a2138a-da1c-7cdd-b3ac-99abde901db7")


def test_a_text_that_no_file_can_keep_is_refused_before_it_spoils_a_transaction(
    bench: MakeBench,
) -> None:
    one = bench(DAY)
    with pytest.raises(ValueError, match="lone surrogate"):
        one.ask("1", "\ud800")
    with pytest.raises(ValueError, match="at most 1,000"):
        one.ask("1", "s" * 1001)
    assert one.ask("1", "séance ✓").allowed
