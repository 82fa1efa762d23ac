"""Store and ledger as one: what is committed shows at once, each is proved against the other."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from corvus import Usage, open_runtime
from corvus.base.errors import LedgerCorrupt, LedgerError, StoreCorrupt, StoreUnavailable
from corvus.base.money import NanoUSD
from corvus.governor.governor import Governor
from corvus.ledger.ledger import open_file
from corvus.model.request import Request
from corvus.model.steering import OverrideRequest, ResetRequest
from corvus.runtime import Runtime
from tests.books import books_at, store_file
from tests.fakes import FrozenClock

CONFIG = """
[cost]
enabled = true
session_limit_usd = 5
daily_limit_usd = 10
allow_override = true

[cost.prices.m]
input = 1
output = 2
"""
OPUS_WEEK = """
[[cost.budgets]]
name = "search-week"
period = "week"
limit_usd = 3
match = { project = "search" }
timezone = "Europe/Berlin"
"""
CENT = 10_000_000


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def opened(tmp_path: Path, clock: FrozenClock) -> Callable[..., Runtime]:
    """Open the runtime of a config; every one shares the ledger and the clock."""

    def open_(extra: str = "") -> Runtime:
        config = tmp_path / "corvus.toml"
        config.write_text(CONFIG + extra)
        return open_runtime([config], ledger=tmp_path / "l.duckdb", clock=clock)

    return open_


def spend(governor: Governor, cents: int, session: str = "s", project: str | None = None) -> None:
    cost = NanoUSD(cents * CENT)
    decision = governor.reserve(Request("m", cost, session, project=project))
    assert decision.reservation is not None
    governor.commit(decision.reservation, Usage(10, 5), cost_nano_usd=cost)


def spent(governor: Governor, name: str, session: str = "s") -> int:
    statuses = governor.status(session).decision.statuses
    (found,) = [one.spent for one in statuses if one.budget.name == name]
    return found // CENT


def recorded(runtime: Runtime) -> tuple[object, ...]:
    with runtime.ledger() as ledger:
        query = "SELECT sum(calls)::BIGINT, sum(cost_nano_usd)::BIGINT FROM usage_record"
        (row,) = ledger.connection.execute(query).fetchall()
    return row


def test_a_committed_call_shows_at_once_and_counts_once_after_the_drain(
    opened: Callable[..., Runtime],
) -> None:
    runtime = opened()
    with runtime.governor() as governor:
        spend(governor, 30)
        assert recorded(runtime) == (1, 30 * CENT)
        assert runtime.bookkeeping.drain(governor.store).events > 0
        assert recorded(runtime) == (1, 30 * CENT)
        spend(governor, 5)
        assert recorded(runtime) == (2, 35 * CENT)
    assert runtime.bookkeeping.drain().events > 0
    assert runtime.bookkeeping.drain().events == 0
    assert recorded(runtime) == (2, 35 * CENT)


def test_a_long_tail_is_drained_before_a_report(
    opened: Callable[..., Runtime], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("corvus.bookkeeping._TAIL_MAX", 3)
    runtime = opened()
    with runtime.governor() as governor:
        for _ in range(4):
            spend(governor, 1)
    assert recorded(runtime) == (4, 4 * CENT)
    assert runtime.bookkeeping.drain().events == 0


@pytest.mark.parametrize("is_drained", [False, True])
def test_a_new_budget_knows_what_its_window_has_cost_already(
    opened: Callable[..., Runtime], is_drained: bool
) -> None:
    with opened().governor() as governor:
        spend(governor, 100, project="search")
        spend(governor, 40, project="ads")
        held = governor.reserve(Request("m", NanoUSD(50 * CENT), "s", project="search"))
    if is_drained:
        opened().bookkeeping.drain()
    with opened(OPUS_WEEK).governor() as governor:
        status = governor.status("s")
        (week,) = [one for one in status.decision.statuses if one.budget.name == "search-week"]
        assert (week.spent, week.held) == (100 * CENT, 50 * CENT)
        assert held.reservation is not None
        governor.commit(held.reservation, cost_nano_usd=NanoUSD(60 * CENT))
        assert spent(governor, "search-week") == 160
        assert governor.recount(write=False) == []


def test_a_budget_counts_what_other_policies_admit_from_then_on(
    opened: Callable[..., Runtime],
) -> None:
    with opened(OPUS_WEEK).governor():
        pass
    with opened().governor() as governor:
        spend(governor, 70, project="search")
    with opened(OPUS_WEEK).governor() as governor:
        assert spent(governor, "search-week") == 70


def test_imported_usage_counts_in_the_balances(
    opened: Callable[..., Runtime], clock: FrozenClock
) -> None:
    runtime = opened()
    with runtime.governor() as governor:
        spend(governor, 10)
    imported(runtime, clock, cents=25)
    assert is_recount_due(runtime)
    runtime.bookkeeping.settle_import()
    assert not is_recount_due(runtime), "the next governor need not wait for it"
    with runtime.governor() as governor:
        assert spent(governor, "day") == 35
        assert spent(governor, "session", "imported") == 25
    assert runtime.bookkeeping.verify().is_sound


def test_an_import_that_died_before_it_was_counted_is_counted_by_the_next_governor(
    opened: Callable[..., Runtime], clock: FrozenClock
) -> None:
    runtime = opened()
    with runtime.governor() as governor:
        spend(governor, 10)
    imported(runtime, clock, cents=25)  # and no settle_import
    with runtime.governor() as governor:
        assert spent(governor, "day") == 35


def is_recount_due(runtime: Runtime) -> bool:
    with runtime.bookkeeping.store() as store:
        return store.run(lambda unit: unit.state.recount_due)


def imported(runtime: Runtime, clock: FrozenClock, cents: int) -> None:
    with runtime.bookkeeping.importing() as ledger:
        ledger.connection.execute(
            """INSERT INTO usage_record BY NAME SELECT uuidv7() AS id, 1 AS calls,
            $now::TIMESTAMP AS requested_at, $now::TIMESTAMP AS admitted_at,
            $now::TIMESTAMP AS settled_at, 'imported' AS session_id, 'import' AS surface,
            'p' AS provider, 'm' AS requested_model, 0 AS input_tokens, 0 AS output_tokens,
            0 AS cache_read_tokens, 0 AS cache_write_5m_tokens, 0 AS cache_write_1h_tokens,
            0 AS reasoning_tokens, 0 AS web_search_requests, $cost::BIGINT AS cost_nano_usd,
            'imported' AS source, 'completed' AS outcome""",
            {"now": clock.now().replace(tzinfo=None), "cost": cents * CENT},
        )
        ledger.fill_roll_ups(clock)


def test_a_lost_store_is_counted_anew_from_the_ledger_with_its_resets(
    opened: Callable[..., Runtime], clock: FrozenClock
) -> None:
    runtime = opened()
    with runtime.governor() as governor:
        spend(governor, 100)
        clock.move(timedelta(seconds=1))
        governor.reset(ResetRequest("day", "ana"))
        clock.move(timedelta(seconds=1))
        spend(governor, 7)
    runtime.bookkeeping.drain()
    remove_store(runtime)
    with runtime.governor() as governor:
        assert (spent(governor, "day"), spent(governor, "month")) == (7, 107)
        assert runtime.bookkeeping.verify().is_sound


def remove_store(runtime: Runtime) -> None:
    for ending in ("", "-wal", "-shm"):
        Path(f"{store_file(runtime.bookkeeping)}{ending}").unlink(missing_ok=True)


def tampered(runtime: Runtime, statement: str) -> None:
    with sqlite3.connect(store_file(runtime.bookkeeping)) as connection:
        connection.execute(statement)
    connection.close()


def test_a_reset_counts_also_when_the_clock_goes_back_a_little(
    opened: Callable[..., Runtime], clock: FrozenClock
) -> None:
    """RST-1: the store stamped the reset later than what the machine's clock says now."""
    with opened().governor() as governor:
        spend(governor, 50)
        governor.reset(ResetRequest("day", "ana"))
    clock.move(timedelta(seconds=-2))
    assert opened().bookkeeping.verify().is_sound
    with opened().governor() as governor:
        assert governor.recount(write=True) == []
        assert spent(governor, "day") == 0


def test_verify_tells_a_balance_that_is_not_what_was_recorded_and_rebuild_mends_it(
    opened: Callable[..., Runtime],
) -> None:
    runtime = opened()
    with runtime.governor() as governor:
        spend(governor, 30)
        governor.reserve(Request("m", NanoUSD(CENT), "s"))
    tampered(runtime, "UPDATE balance SET spent_nano_usd = 1, held_nano_usd = 2, calls = 3")
    verdict = runtime.bookkeeping.verify()
    assert not verdict.is_sound
    assert {one.budget.name for one in verdict.differences} == {"session", "day", "month"}
    assert {one.counted.spent_nano_usd for one in verdict.differences} == {30 * CENT}
    assert {one.counted.held_nano_usd for one in verdict.differences} == {CENT}
    rebuilt = runtime.bookkeeping.rebuild("ana", "as told")
    assert len(rebuilt.differences) == 3
    assert runtime.bookkeeping.verify().is_sound
    with runtime.ledger() as ledger:
        found = ledger.connection.execute("SELECT kind, actor, reason FROM audit_event").fetchall()
    assert found == [("ledger_rebuilt", "ana", "as told")]


def test_a_balance_below_zero_admits_nothing_until_it_is_rebuilt(
    opened: Callable[..., Runtime],
) -> None:
    runtime = opened()
    with runtime.governor() as governor:
        spend(governor, 30)
    tampered(runtime, "UPDATE balance SET spent_nano_usd = -1")
    with runtime.governor() as governor, pytest.raises(StoreCorrupt, match="verify --rebuild"):
        spend(governor, 1)
    runtime.bookkeeping.rebuild("ana", None)
    with runtime.governor() as governor:
        assert spent(governor, "day") == 30


def test_a_ledger_that_lost_what_it_had_is_refused_until_the_loss_is_accepted(
    opened: Callable[..., Runtime],
) -> None:
    runtime = opened()
    with runtime.governor() as governor:
        spend(governor, 30)
    runtime.bookkeeping.drain()
    with runtime.governor() as governor:
        spend(governor, 4)
    runtime.ledger_path.unlink()
    verdict = runtime.bookkeeping.verify()
    assert [code for code, _ in verdict.findings] == ["events-missing"]
    with pytest.raises(LedgerCorrupt, match="verify --rebuild"):
        recorded(runtime)
    with runtime.governor() as governor:
        assert spent(governor, "day") == 34, "a lost ledger frees no budget"
    assert runtime.bookkeeping.rebuild("ana", None).lost_events > 0
    assert runtime.bookkeeping.verify().is_sound
    assert recorded(runtime) == (1, 4 * CENT)


def test_verify_tells_a_roll_up_that_is_not_what_was_recorded_and_rebuild_mends_it(
    opened: Callable[..., Runtime],
) -> None:
    """LED-5: reports would answer from it."""
    runtime = opened()
    with runtime.governor() as governor:
        spend(governor, 100)
    runtime.bookkeeping.drain()
    assert runtime.bookkeeping.verify().is_sound
    with open_file(runtime.ledger_path, write=True) as ledger:
        ledger.connection.execute("UPDATE caller_usage SET cost_nano_usd = cost_nano_usd + 1")
    words = "caller_usage is not what the records come to"
    assert runtime.bookkeeping.verify().findings == (("roll-up-differs", words),)
    rebuilt = runtime.bookkeeping.rebuild("ana", None)
    assert (rebuilt.roll_ups, rebuilt.is_sound) == (("caller_usage",), True)
    assert runtime.bookkeeping.verify().is_sound


def test_a_rebuild_does_not_call_an_audit_whole_that_has_lost_its_beginning(
    opened: Callable[..., Runtime],
) -> None:
    runtime = opened()
    with runtime.governor() as governor:
        governor.override(OverrideRequest("ana"))
        spend(governor, 30)
    runtime.bookkeeping.drain()
    runtime.ledger_path.unlink()
    rebuilt = runtime.bookkeeping.rebuild("ana", None)
    assert rebuilt.lost_events > 0
    assert [code for code, _ in rebuilt.findings] == ["audit-missing"]
    assert runtime.bookkeeping.verify().findings == rebuilt.findings


def test_a_store_that_was_set_back_goes_on_behind_the_ledger(
    opened: Callable[..., Runtime], tmp_path: Path
) -> None:
    runtime = opened()
    store_path = store_file(runtime.bookkeeping)
    with runtime.governor() as governor:
        governor.override(OverrideRequest("ana"))
        spend(governor, 30)
    shutil.copy(store_path, tmp_path / "backup")
    with runtime.governor() as governor:
        governor.override(OverrideRequest("bob"))
        spend(governor, 5)
    runtime.bookkeeping.drain()
    remove_store(runtime)
    shutil.copy(tmp_path / "backup", store_path)
    assert not runtime.bookkeeping.verify().is_sound
    runtime.bookkeeping.rebuild("ana", None)
    with runtime.governor() as governor:
        assert spent(governor, "day") == 35
        spend(governor, 1)
    assert runtime.bookkeeping.drain().events > 0
    assert runtime.bookkeeping.verify().findings == ()


def test_an_anchor_proves_that_the_audit_was_not_cut_off(
    opened: Callable[..., Runtime],
) -> None:
    runtime = opened()
    with runtime.governor() as governor:
        for actor in ("ana", "bob", "cem"):
            governor.override(OverrideRequest(actor))
    verdict = runtime.bookkeeping.verify()
    assert verdict.is_sound
    anchor = (verdict.audit_position, verdict.audit_head)
    assert runtime.bookkeeping.verify(anchor).is_sound
    tampered(runtime, "DELETE FROM outbox WHERE seq = (SELECT max(seq) FROM outbox)")
    tampered(
        runtime,
        "UPDATE store_state SET audit_position = audit_position - 1, next_seq = next_seq - 1",
    )
    codes = [code for code, _ in runtime.bookkeeping.verify(anchor).findings]
    assert "audit-truncated" in codes


def test_files_that_are_there_and_may_be_written_are_healthy(
    opened: Callable[..., Runtime],
) -> None:
    """CLI-6."""
    runtime = opened()
    with runtime.governor() as governor:
        spend(governor, 10)
    runtime.bookkeeping.drain()
    health = runtime.health()
    assert (health.store.is_writable, health.store.problem) == (True, None)
    assert (health.ledger.is_writable, health.ledger.problem) == (True, None)


def test_without_a_store_the_head_of_the_audit_is_the_newest_event_of_the_ledger(
    opened: Callable[..., Runtime],
) -> None:
    """AUD-2."""
    runtime = opened()
    with runtime.governor() as governor:
        for actor in ("ana", "bob"):
            governor.override(OverrideRequest(actor))
    head = runtime.audit_head()
    runtime.bookkeeping.drain()
    remove_store(runtime)
    assert not runtime.bookkeeping.place.exists
    assert runtime.audit_head() == head


def test_an_anchor_is_looked_for_in_the_ledger_also_when_its_store_is_gone(
    opened: Callable[..., Runtime],
) -> None:
    """AUD-2: who deletes the store with the end of the chain is found out by the anchor alone."""
    runtime = opened()
    with runtime.governor() as governor:
        for actor in ("ana", "bob"):
            governor.override(OverrideRequest(actor))
    anchor = runtime.audit_head()
    runtime.bookkeeping.drain()
    remove_store(runtime)
    assert runtime.bookkeeping.verify(anchor).is_sound
    with runtime.governor():
        pass  # a new store, with a chain of its own
    assert runtime.bookkeeping.verify(anchor).is_sound
    remove_store(runtime)
    with open_file(runtime.ledger_path, write=True) as ledger:
        ledger.connection.execute("DELETE FROM audit_event WHERE position = ?", [anchor[0]])
    assert runtime.bookkeeping.verify().is_sound
    codes = [code for code, _ in runtime.bookkeeping.verify(anchor).findings]
    assert codes == ["audit-truncated"]
    forged = [code for code, _ in runtime.bookkeeping.verify((1, "f" * 64)).findings]
    assert forged == ["audit-altered"]


def test_a_clock_that_went_back_by_days_is_told_and_rebuild_follows_it(
    opened: Callable[..., Runtime], clock: FrozenClock
) -> None:
    runtime = opened()
    clock.set(datetime(2036, 1, 1, tzinfo=UTC))
    with runtime.governor() as governor:
        spend(governor, 30)
    clock.set(datetime(2026, 11, 25, 12, tzinfo=UTC))
    with pytest.raises(StoreUnavailable, match="set the clock right"), runtime.governor():
        pass
    runtime.bookkeeping.rebuild("ana", "the clock was wrong")
    with runtime.governor() as governor:
        spend(governor, 2)
        assert spent(governor, "day") == 2
    assert runtime.bookkeeping.verify().is_sound


def test_no_store_is_made_beside_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "l.duckdb"
    folder.mkdir()
    with pytest.raises(LedgerError, match="is a folder, no ledger"), books_at(folder).store():
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["l.duckdb"]


def test_nothing_at_all_is_sound_only_where_something_is(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="there is no ledger"):
        books_at(tmp_path / "l.duckdb").verify()


def test_limits_that_changed_since_the_last_time_are_kept_in_the_audit(
    opened: Callable[..., Runtime],
) -> None:
    with opened().governor():
        pass
    with opened().governor():
        pass
    with opened(OPUS_WEEK).governor():
        pass
    with opened().ledger() as ledger:
        rows = ledger.connection.execute("SELECT kind, details FROM audit_event").fetchall()
    ((kind, details),) = rows
    assert kind == "limits_changed"
    told = json.loads(details)
    assert "search-week" not in told["before"]["budgets"]
    week = told["after"]["budgets"]["search-week"]
    assert week == {"limit_nano_usd": 300 * CENT, "warn_at_percent": 80}


def test_finding_10_a_store_that_cannot_be_opened_matters_only_while_governance_is_enabled(
    tmp_path: Path, opened: Callable[..., Runtime]
) -> None:
    store_file(opened().bookkeeping).write_text("this is no store")
    with pytest.raises(StoreCorrupt, match="is no store"), opened().governor():
        pass
    config = tmp_path / "corvus.toml"
    config.write_text(CONFIG.replace("enabled = true", "enabled = false"))
    with open_runtime([config], ledger=tmp_path / "l.duckdb").governor() as governor:
        decision = governor.reserve(governor.request("m", estimate_usd=1_000))
        assert (decision.allowed, decision.reservation) == (True, None)


def test_disabled_governance_makes_no_file_and_shows_what_the_ledger_holds(
    tmp_path: Path, opened: Callable[..., Runtime], clock: FrozenClock
) -> None:
    imported(opened(), clock, cents=25)
    config = tmp_path / "corvus.toml"
    config.write_text(CONFIG.replace("enabled = true", "enabled = false"))
    runtime = open_runtime([config], ledger=tmp_path / "l.duckdb", clock=clock)
    with runtime.governor() as governor:
        with governor.call("m", session_id="imported") as call:
            call.used(Usage(10, 10))
        assert spent(governor, "session", "imported") == 25
    assert not runtime.bookkeeping.place.exists


def test_counting_anew_beside_busy_callers_finds_and_changes_nothing(
    opened: Callable[..., Runtime],
) -> None:
    with opened().governor() as governor, ThreadPoolExecutor(8) as pool:
        spending = [pool.submit(spend, governor, 1, f"s{number % 5}") for number in range(300)]
        found = [governor.recount(write=number % 2 == 0) for number in range(20)]
        assert found == [[]] * 20
        assert [one.exception() for one in spending] == [None] * 300
        assert spent(governor, "day") == 300


@pytest.mark.parametrize("scope", ["session", "day", "month"])
def test_a_reset_that_the_ledger_has_not_heard_of_is_followed(
    opened: Callable[..., Runtime], scope: str
) -> None:
    runtime = opened()
    with runtime.governor() as governor:
        spend(governor, 3)
        governor.reset(ResetRequest(scope, "ana", session_id="s"))
        spend(governor, 4)
        assert spent(governor, scope) == 4
    assert runtime.bookkeeping.verify().is_sound
