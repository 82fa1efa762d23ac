"""Every review finding (UP-F1 to UP-F49) and defect (UP-X1 to UP-X30) of the upstream, with proof.

A row names the test that would fail if it came back, or why it cannot be had yet. Those without a
proof elsewhere have one below, named after them.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from corvus import Governor, Usage
from corvus.events import BudgetWarning
from corvus.model.reservation import Source
from tests.governor.conftest import Bench, MakeBench, dollars

TESTS = Path(__file__).parents[1]
LATER = {
    "gateway": "comes with the gateway",
    "dashboard": "comes with the dashboard",
    "metrics": "comes with the metrics of the gateway",
    "agent": "comes with corvus agent",
    "paper": "is about the upstream's own papers",
    "action": "comes with the action rate",
}

FINDINGS: dict[str, str] = {
    "1": "test_finding_1_each_warning_carries_the_session_of_its_own_call",
    "2": "test_mis_2_and_5_a_mission_ends_on_every_way_out_and_then_admits_nothing",
    "3": "test_v21_a_mission_whose_figures_went_backwards_fails_closed",
    "4": "test_eva_11_while_disabled_everything_is_allowed_and_nothing_recorded",
    "5": "test_mistakes",
    "6": "test_finding_6_a_status_is_of_one_instant_also_beside_writers",
    "7": "test_v22_of_fifty_concurrent_calls_exactly_ten_fit",
    "8": "test_window_out_of_range_is_refused_before_any_work",
    "9": "test_disabled_governance_makes_no_file_and_shows_what_the_ledger_holds",
    "10": "test_finding_10_a_store_that_cannot_be_opened_matters_only_while_governance_is_enabled",
    "11": "later: agent",
    "12": "test_finding_1_each_warning_carries_the_session_of_its_own_call",
    "13": "later: dashboard",
    "14": "later: dashboard",
    "15": "test_deprecated_keys_are_told",
    "16": "test_every_kind_of_denial_fits_its_schema",
    "17": "test_aud_3_a_reason_is_kept_without_the_secrets_in_it",
    "18": "later: paper",
    "19": "later: metrics",
    "20": "later: gateway",
    "21": "test_a_refused_call_is_never_entered",
    "22": "test_res_6_a_hold_whose_holder_died_is_presumed_spent_at_its_deadline",
    "23": "test_aud_3_a_reason_is_kept_without_the_secrets_in_it",
    "24": "later: gateway",
    "25": "later: gateway",
    "26": "test_finding_26_enabling_starts_enforcement",
    "27": "later: dashboard",
    "28": "later: dashboard",
    "29": "later: dashboard",
    "30": "later: paper",
    "31": "test_every_alias_has_a_timeline_in_order",
    "32": "test_the_actor_is_the_local_user_and_nobody_can_say_otherwise",
    "33": "test_imports_point_down_and_frameworks_stay_in_their_layer",
    "34": "test_mistakes",
    "35": "test_threads_of_several_processes_never_overspend",
    "36": "test_v21_a_mission_whose_figures_went_backwards_fails_closed",
    "37": "test_mis_1_a_mission_has_a_limit_of_its_own_and_a_session_reset_leaves_it_alone",
    "38": "test_mistakes",
    "39": "test_a_crash_around_the_commit_leaves_all_or_nothing",
    "40": "test_an_expired_override_is_told_before_the_one_that_follows",
    "41": "later: gateway",
    "42": "later: agent",
    "43": "test_json_carries_exact_amounts_and_the_governing_budget_first",
    "44": "later: dashboard",
    "45": "later: dashboard",
    "46": "test_every_kind_of_denial_fits_its_schema",
    "47": "test_every_audit_event_and_usage_record_fits_its_schema",
    "48": "test_mistakes",
    "49": "test_one_override_lets_exactly_one_call_of_several_processes_pass",
}

DEFECTS: dict[str, str] = {
    "X1": "test_a_default_model_without_a_price_is_told",
    "X2": "test_x2_prices_do_not_depend_on_the_presence_of_a_table",
    "X3": "test_prc_5_an_unpriced_call_is_refused_or_its_cost_is_unknown",
    "X4": "test_a_shorter_model_never_takes_the_price_of_a_longer_one",
    "X5": "test_x5_what_the_provider_reports_is_recorded_and_estimates_are_marked",
    "X6": "test_x6_a_tenth_and_two_tenths_fit_into_three_tenths",
    "X7": "test_kill_9_loses_nothing_acknowledged_and_leaks_no_hold",
    "X8": "test_threads_of_several_processes_never_overspend",
    "X9": "test_rst_1_a_reset_changes_one_scope_and_deletes_no_record",
    "X10": "test_a_log_that_is_cut_anywhere_gives_a_state_that_once_was",
    "X11": "test_ses_1_every_record_carries_the_session_of_its_own_call",
    "X12": "test_a_mission_with_a_limit_of_its_own_has_a_row",
    "X13": "test_every_kind_of_denial_fits_its_schema",
    "X14": "test_ovr_4_an_override_is_given_back_when_nothing_was_spent",
    "X15": "test_limits_that_changed_since_the_last_time_are_kept_in_the_audit",
    "X16": "test_verify_tells_a_balance_that_is_not_what_was_recorded_and_rebuild_mends_it",
    "X17": "test_the_actor_is_the_local_user_and_nobody_can_say_otherwise",
    "X18": "test_mis_4_each_limit_ends_a_mission_with_its_outcome",
    "X19": "later: gateway",
    "X20": "test_mis_1_a_mission_has_a_limit_of_its_own_and_a_session_reset_leaves_it_alone",
    "X21": "later: action",
    "X22": "test_a_denied_context_says_what_where_how_long_and_what_to_do",
    "X23": "later: gateway",
    "X24": "later: gateway",
    "X25": "test_finding_10_a_store_that_cannot_be_opened_matters_only_while_governance_is_enabled",
    "X26": "test_mistakes",
    "X27": "test_eva_8_a_call_that_settles_after_midnight_counts_on_the_day_of_its_admission",
    "X28": "test_x28_a_warning_is_told_as_a_transition_once",
    "X29": "test_x29_an_output_without_a_maximum_is_held_at_the_policys_default",
    "X30": "test_a_page_does_what_it_says",
}
DAY = "[cost]\nenabled = true\ndaily_limit_usd = 10\n"


def test_every_number_has_a_row_and_every_row_a_test_that_exists() -> None:
    assert [*FINDINGS] == [str(number) for number in range(1, 50)]
    assert [*DEFECTS] == [f"X{number}" for number in range(1, 31)]
    source = "\n".join(path.read_text() for path in TESTS.rglob("test_*.py"))
    names = set(re.findall(r"def (test_\w+)", source)) | {path.stem for path in TESTS.rglob("*.py")}
    for number, proof in (FINDINGS | DEFECTS).items():
        later = proof.removeprefix("later: ")
        assert later in LATER or proof in names, (number, proof)


@pytest.fixture
def one(bench: MakeBench) -> Bench:
    return bench(DAY)


def warnings(one: Bench) -> list[BudgetWarning]:
    return [event for event in one.events if isinstance(event, BudgetWarning)]


def test_finding_1_each_warning_carries_the_session_of_its_own_call(one: Bench) -> None:
    one.ask("8", "a")
    one.ask("1", "b")
    told = [(event.threshold.session_id, event.threshold.budget_state) for event in warnings(one)]
    assert told == [("a", "warning"), ("b", "warning")]


def test_finding_6_a_status_is_of_one_instant_also_beside_writers(one: Bench) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(4) as pool:
        spending = [pool.submit(one.spend, "0.01") for _ in range(200)]
        for _ in range(50):
            report = one.governor.status("s")
            spent = {each.budget.name: each.spent for each in report.decision.statuses}
            assert len(set(spent.values())) == 1, "session, day and month hold the same calls"
            calls = {spend.calls for spend in report.spends.values() if spend is not None}
            assert len(calls) == 1
        assert [each.exception() for each in spending] == [None] * 200


def test_finding_26_enabling_starts_enforcement(bench: MakeBench) -> None:
    off = bench("[cost]\nenabled = false\ndaily_limit_usd = 1\n")
    assert off.ask("5").allowed
    on = Governor(bench("[cost]\nenabled = true\ndaily_limit_usd = 1\n").governor.policy,
                  off.governor.store)  # fmt: skip
    assert not on.reserve(on.request("m", session_id="s", estimate_usd=5)).allowed


def test_x2_prices_do_not_depend_on_the_presence_of_a_table(bench: MakeBench) -> None:
    one = bench(DAY)
    request = one.governor.request("gpt-4o", input_tokens=1_000_000, max_output_tokens=0)
    assert dollars(request.estimate_nano_usd) == "2.5"


def test_x5_what_the_provider_reports_is_recorded_and_estimates_are_marked(one: Bench) -> None:
    with one.governor.call("m", input_tokens=1_000) as call:
        call.used(Usage(input_tokens=123, output_tokens=45))
    with one.governor.call("m", input_tokens=1_000):
        pass
    records = one.rows("usage_record")
    assert [(each["input_tokens"], each["output_tokens"]) for each in records] == [
        (123, 45),
        (0, 0),
    ]
    assert [each["source"] for each in records] == [Source.PRICED, Source.ESTIMATED]


def test_x6_a_tenth_and_two_tenths_fit_into_three_tenths(bench: MakeBench) -> None:
    one = bench("[cost]\nenabled = true\ndaily_limit_usd = 0.3\n")
    one.spend("0.1")
    assert one.ask("0.2").allowed


def test_x28_a_warning_is_told_as_a_transition_once(one: Bench) -> None:
    held = [one.hold(usd) for usd in ("8", "0.5", "0.5")]
    assert [event.is_transition for event in warnings(one)] == [True, False, False]
    for each in held:
        one.governor.release(each)
    one.hold("1")
    one.hold("7.5")
    assert [event.is_transition for event in warnings(one)][-1] is True


def test_x29_an_output_without_a_maximum_is_held_at_the_policys_default(
    bench: MakeBench,
) -> None:
    one = bench(DAY + "default_output_tokens = 2000\n")
    request = one.governor.request("m", input_tokens=0)
    assert request.estimate_nano_usd == 2_000 * 15_000
    small = one.governor.request("m", input_tokens=0, max_output_tokens=10)
    assert small.estimate_nano_usd == 10 * 15_000
