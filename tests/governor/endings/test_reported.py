"""A call that a client reports is recorded once, and not at all if a meter measured it (PRX-9)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corvus import Usage
from corvus.events import CallSettled, LimitPassed
from corvus.model.reported import ReportedCall, Reporter, ReportSummary
from corvus.model.request import Request, Surface
from corvus.testing import fake_governor
from tests.fakes import FrozenClock
from tests.governor.conftest import Bench, MakeBench

CONFIG = "[cost]\nenabled = true\nsession_limit_usd = 5\ndaily_limit_usd = 10\n"
ANN = Reporter("t1", "ann", "ann", project="web")
EVE = Reporter("t2", "eve", "eve", project="web")
USED = Usage(input_tokens=100_000, output_tokens=20_000)
"""0.3 + 0.3 USD at the prices of the bench."""


def call_at(at: datetime, **other: Any) -> ReportedCall:
    """One call of Claude Code."""
    call = ReportedCall(
        client="claude-code",
        identity="request:req_1",
        session_id="s",
        at=at,
        model="m",
        usage=USED,
        request_id="req_1",
    )
    return replace(call, **other)


def codex_at(at: datetime, **other: Any) -> ReportedCall:
    """One call of Codex, which has no id of the provider."""
    return call_at(at, client="codex", identity=f"log:s::{at}", request_id=None, **other)


def measure(one: Bench, answer: str | None, usage: Usage = USED, **other: Any) -> None:
    """Make a call through the proxy."""
    said: dict[str, Any] = {
        "surface": Surface.PROXY, "user": "ann", "project": "web", "principal": "t1"
    }  # fmt: skip
    held = one.hold("1", **said | other)
    one.governor.commit(held, usage, provider_request_id=answer)


def standing(one: Bench) -> list[tuple[object, object]]:
    """Surface and calls of what the ledger will sum."""
    sums: dict[object, int] = {}
    for row in one.rows("usage_record"):
        calls = row["calls"]
        assert isinstance(calls, int)
        sums[row["surface"]] = sums.get(row["surface"], 0) + calls
    return [(surface, calls) for surface, calls in sums.items() if calls]


def test_prx_9_a_reported_call_is_recorded_marked_and_counted(bench: MakeBench) -> None:
    one = bench(CONFIG)
    call = call_at(one.clock.now(), client_cost_usd=Decimal("0.55"))
    assert one.governor.record_reports([call], ANN) == ReportSummary(recorded=1)
    (row,) = one.rows("usage_record")
    shown = ("surface", "source", "user_name", "project", "token", "agent", "session_id", "calls")
    assert [row[name] for name in shown] == [
        "telemetry", "imported", "ann", "web", "ann", "claude-code", "s", 1
    ]  # fmt: skip
    assert row["cost_nano_usd"] == 600_000_000
    assert row["tags"] == {"client": "claude-code", "client.cost_usd": "0.55"}
    assert row["provider_request_id"] == "req_1"
    assert one.spent("day") == "0.6+0"
    (heard,) = [event for event in one.events if isinstance(event, CallSettled)]
    assert (heard.surface, heard.cost_nano_usd) == ("telemetry", 600_000_000)


def test_what_is_sent_again_is_known_also_after_a_restart(bench: MakeBench) -> None:
    one = bench(CONFIG)
    call = call_at(one.clock.now())
    assert one.governor.record_reports([call, call], ANN) == ReportSummary(1, 1)
    one.clock.move(timedelta(days=2))
    again = bench(CONFIG)
    assert again.governor.record_reports([call], ANN) == ReportSummary(0, 1)
    assert standing(one) == [("telemetry", 1)]


@pytest.mark.parametrize("is_first", [True, False], ids=["report first", "call first"])
def test_a_measured_call_wins_by_the_providers_id_whichever_comes_first(
    bench: MakeBench, is_first: bool
) -> None:
    one = bench(CONFIG)
    report = [call_at(one.clock.now() - timedelta(hours=3))]
    if is_first:
        assert one.governor.record_reports(report, ANN).recorded == 1
    measure(one, "req_1")
    if not is_first:
        assert one.governor.record_reports(report, ANN).measured == 1
    assert standing(one) == [("proxy", 1)]
    assert one.spent("day") == "0.6+0"
    assert sum(getattr(event, "cost_nano_usd", None) or 0 for event in one.events) - sum(
        getattr(event, "replaced_nano_usd", 0) for event in one.events
    ) == pytest.approx(600_000_000)
    assert one.governor.record_reports(report, ANN).known == 1, "sent again"
    assert one.governor.recount(write=False) == []


@pytest.mark.parametrize("is_first", [True, False], ids=["report first", "call first"])
def test_without_an_id_session_and_equal_counts_within_a_minute_are_one_call(
    bench: MakeBench, is_first: bool
) -> None:
    one = bench(CONFIG)
    report = [
        codex_at(one.clock.now(), usage=Usage(80_000, 15_000, 20_000, reasoning_tokens=5_000))
    ]
    if is_first:
        one.governor.record_reports(report, ANN)
    one.clock.move(timedelta(seconds=40))
    measure(one, "resp_1")
    if not is_first:
        assert one.governor.record_reports(report, ANN).measured == 1
    assert standing(one) == [("proxy", 1)]
    assert one.governor.record_reports(report, ANN).known == 1


@pytest.mark.parametrize("is_first", [True, False], ids=["report first", "call first"])
def test_where_only_the_report_has_an_id_equal_counts_decide(
    bench: MakeBench, is_first: bool
) -> None:
    """As where the way to the provider keeps its headers to itself."""
    one = bench(CONFIG)
    report = [call_at(one.clock.now())]
    if is_first:
        one.governor.record_reports(report, ANN)
    measure(one, None)
    if not is_first:
        one.governor.record_reports(report, ANN)
    assert standing(one) == [("proxy", 1)]


def test_two_ids_are_two_calls_however_equal(bench: MakeBench) -> None:
    one = bench(CONFIG)
    measure(one, "req_2")
    assert one.governor.record_reports([call_at(one.clock.now())], ANN).recorded == 1
    measure(one, "req_3")
    assert sorted(standing(one)) == [("proxy", 2), ("telemetry", 1)]


def test_one_measured_call_takes_one_report(bench: MakeBench) -> None:
    """Of two equal calls within a minute, one may have passed the proxy and one not."""
    one = bench(CONFIG)
    measure(one, "resp_1")
    now = one.clock.now()
    reports = [codex_at(now), codex_at(now + timedelta(seconds=1))]
    assert one.governor.record_reports(reports, ANN) == ReportSummary(1, 0, 1)
    measure(one, "resp_2")
    assert standing(one) == [("proxy", 2)], "now both have"
    assert one.governor.record_reports(reports, ANN).known == 2


@pytest.mark.parametrize(
    "other",
    [
        {"usage": replace(USED, output_tokens=20_001)},
        {"session_id": "another"},
    ],
)
def test_other_counts_or_another_session_are_another_call(
    bench: MakeBench, other: dict[str, Any]
) -> None:
    one = bench(CONFIG)
    measure(one, "resp_1")
    assert one.governor.record_reports([codex_at(one.clock.now(), **other)], ANN).recorded == 1


def test_equal_counts_long_before_and_long_after_are_another_call(bench: MakeBench) -> None:
    one = bench(CONFIG)
    measure(one, "resp_1")
    one.clock.move(timedelta(minutes=2))
    reports = [codex_at(one.clock.now()), codex_at(one.clock.now() - timedelta(hours=1))]
    assert one.governor.record_reports(reports, ANN).recorded == 2


def test_a_clock_of_a_client_that_is_wrong_does_not_make_two_of_one(bench: MakeBench) -> None:
    one = bench(CONFIG)
    measure(one, "resp_1")
    wrong = one.clock.now() - timedelta(hours=5)
    assert one.governor.record_reports([codex_at(wrong)], ANN).measured == 1


def test_nobody_takes_the_place_of_a_call_by_forging_its_ids(bench: MakeBench) -> None:
    """Each token has its own; what it claims, it claims in its own name."""
    one = bench(CONFIG)
    now = one.clock.now()
    low = Usage(input_tokens=1)
    assert one.governor.record_reports([call_at(now, usage=low)], EVE).recorded == 1
    assert one.governor.record_reports([call_at(now)], ANN).recorded == 1
    assert one.governor.record_reports([codex_at(now)], EVE).recorded == 1
    measure(one, "resp_9")  # ann's own, in the session that eve names, too
    assert one.governor.record_reports([codex_at(now)], ANN).measured == 1
    users = sorted(str(row["user_name"]) for row in one.rows("usage_record"))
    assert users == ["ann", "ann", "eve", "eve"]


def test_a_call_of_another_surface_takes_no_report(bench: MakeBench) -> None:
    one = bench(CONFIG)
    measure(one, "req_1", surface=Surface.PYTHON)
    assert one.governor.record_reports([call_at(one.clock.now())], ANN).recorded == 1


def test_what_is_reported_brings_a_budget_over_its_limit_and_the_next_call_is_refused(
    bench: MakeBench,
) -> None:
    one = bench(CONFIG)
    large = call_at(one.clock.now(), usage=Usage(output_tokens=1_000_000))  # 15 USD
    one.governor.record_reports([large], ANN)
    assert any(isinstance(event, LimitPassed) for event in one.events), "EVA-15"
    assert not one.ask("0.1").allowed


def test_a_call_of_yesterday_counts_yesterday(bench: MakeBench) -> None:
    one = bench(CONFIG)
    one.spend("1")
    one.governor.record_reports([call_at(one.clock.now() - timedelta(days=1))], ANN)
    assert one.spent("day") == "1+0"
    assert one.governor.recount(write=False) == []


def test_without_a_price_the_clients_estimate_stands_and_without_both_nothing_is_known(
    bench: MakeBench,
) -> None:
    one = bench(CONFIG)
    now = one.clock.now()
    calls = [
        call_at(now, model="x", identity="a", client_cost_usd=Decimal("0.25"), request_id="a"),
        call_at(now, model="x", identity="b", request_id="b"),
        call_at(now, model="x", identity="c", client_cost_usd=Decimal(900_000), request_id="c"),
    ]
    one.governor.record_reports(calls, ANN)
    rows = one.rows("usage_record")
    assert [(row.get("cost_nano_usd"), row["source"]) for row in rows] == [
        (250_000_000, "estimated"),
        (None, "unknown"),
        (None, "unknown"),
    ]


def test_a_lower_bound_is_marked(bench: MakeBench) -> None:
    one = bench(CONFIG)
    one.governor.record_reports([call_at(one.clock.now(), is_at_least=True)], ANN)
    (row,) = one.rows("usage_record")
    assert (row["at_least"], row["source"]) == (True, "imported")


def test_reasoning_stays_inside_the_output_as_clients_count_it(bench: MakeBench) -> None:
    one = bench(CONFIG)
    one.governor.record_reports(
        [codex_at(one.clock.now(), usage=Usage(output_tokens=30, reasoning_tokens=20))], ANN
    )
    (row,) = one.rows("usage_record")
    assert (row["output_tokens"], row["reasoning_tokens"]) == (50, 0)
    assert row["tags"] == {"client": "codex", "client.reasoning_tokens": "20"}


def test_eva_11_nothing_is_recorded_while_governance_is_disabled(bench: MakeBench) -> None:
    one = bench("[cost]\nenabled = false\n")
    assert one.governor.record_reports([call_at(one.clock.now())], ANN) == ReportSummary()
    assert one.rows("usage_record") == []


def test_a_token_that_is_bound_to_a_session_stays_bound(bench: MakeBench) -> None:
    one = bench(CONFIG)
    one.governor.record_reports([call_at(one.clock.now())], ANN._replace(session_id="own"))
    (row,) = one.rows("usage_record")
    assert row["session_id"] == "own"


def test_nobody_can_make_the_key_of_a_report_before_it_comes(bench: MakeBench) -> None:
    """It is keyed by a secret of the store."""
    one, clock = bench(CONFIG), FrozenClock()
    one.governor.record_reports([call_at(one.clock.now())], ANN)
    with fake_governor(CONFIG, clock=clock) as other:
        other.record_reports([call_at(one.clock.now())], ANN)
        events = other.store.run(lambda unit: [*unit.events(0, 9)])
    theirs = [event.row["import_key"] for event in events if event.table == "usage_record"]
    assert theirs != [row["import_key"] for row in one.rows("usage_record")]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["report", "codex", "measure"]),
            st.integers(0, 3),
            st.integers(0, 90),
        ),
        max_size=25,
    )
)
def test_whatever_comes_in_whatever_order_the_sums_are_those_of_the_rows(
    steps: list[tuple[str, int, int]],
) -> None:
    """Balances equal a recount, no call stands twice, and each id of an answer stands once."""
    clock = FrozenClock()
    with fake_governor(CONFIG, clock=clock) as one:
        for what, number, seconds in steps:
            clock.move(timedelta(seconds=seconds))
            usage = Usage(input_tokens=number + 1)
            if what == "measure":
                held = one.reserve(
                    Request("m", 0, "s", surface="proxy", user="ann", project="web")  # pyright: ignore[reportArgumentType]
                ).reservation
                assert held is not None
                one.commit(held, usage, provider_request_id=f"req_{number}")
                continue
            make = call_at if what == "report" else codex_at
            call = make(clock.now(), usage=usage)
            if what == "report":
                call = replace(call, identity=f"request:{number}", request_id=f"req_{number}")
            one.record_reports([call], ANN)
        assert one.recount(write=False) == []
        rows = one.store.run(
            lambda unit: [row.row for row in unit.events(0, 1000) if row.table == "usage_record"]
        )
    sums: dict[object, int] = {}
    for row in rows:
        calls = row["calls"]
        assert isinstance(calls, int)
        if row["surface"] == "telemetry":
            sums[row["import_key"]] = sums.get(row["import_key"], 0) + calls
    assert set(sums.values()) <= {0, 1}
