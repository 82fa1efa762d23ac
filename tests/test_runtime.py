from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from corvus import Governor
from corvus.autonomy.decide import Action
from corvus.base.context import Opening
from corvus.base.errors import LedgerError, LedgerNotInstalled, StoreError
from corvus.base.money import NanoUSD
from corvus.base.period import Period
from corvus.base.time import FixedClock
from corvus.diagnostics.model import ConfigError
from corvus.ledger.counts import spend_in
from corvus.ledger.ledger import open_ledger
from corvus.ledger.migrate import migrate, shipped_migrations
from corvus.model.status_report import StatusReport
from corvus.runtime import Runtime, open_runtime
from tests.books import store_file
from tests.fakes import FrozenClock

CONFIG = """
[[cost.budgets]]
name = "tokyo"
period = "day"
limit_usd = 1
timezone = "Asia/Tokyo"

[[cost.budgets]]
name = "utc"
period = "day"
limit_usd = 1
"""
NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)  # in Tokyo 21:00; its day began at 15:00 UTC


def config(folder: Path, text: str = CONFIG) -> Path:
    path = folder / "corvus.toml"
    path.write_text(text)
    return path


def outdated(path: Path) -> Path:
    """Make a ledger as the corvus before this one has left it."""
    with duckdb.connect(str(path)) as connection:
        migrate(connection, shipped_migrations()[:-1], FixedClock(NOON))
    return path


def test_a_governor_upgrades_the_ledger_that_it_counts_its_balances_from(tmp_path: Path) -> None:
    """LED-1: whoever upgrades corvus with a drained store has nothing else to do."""
    ledger = outdated(tmp_path / "ledger.duckdb")
    text = "[cost]\nenabled = true\n" + CONFIG
    with open_runtime([config(tmp_path, text)], ledger=ledger).governor() as governor:
        assert governor.reserve(governor.request("claude-haiku-4-5", estimate_usd=1)).allowed
    with open_ledger(ledger):
        pass


def test_a_drain_without_events_upgrades_the_ledger(tmp_path: Path) -> None:
    """LED-1: an older ledger is upgraded by the command that its refusal names."""
    text = "[cost]\nenabled = true\n"
    runtime = open_runtime([config(tmp_path, text)], ledger=tmp_path / "ledger.duckdb")
    with runtime.governor():
        pass
    outdated(tmp_path / "ledger.duckdb")
    with pytest.raises(LedgerError, match="`corvus ledger drain`"), runtime.ledger():
        pass
    assert runtime.bookkeeping.drain().events == 0
    with runtime.ledger():
        pass


def test_the_day_of_a_budget_is_that_of_its_own_time_zone(
    tmp_path: Path, record_calls: Callable[..., Path]
) -> None:
    """EVA-8: spend and reset follow the budget's zone, not the machine's."""
    calls = [
        {"admitted_at": "2026-11-17 14:59:59", "cost_nano_usd": 1},
        {"admitted_at": "2026-11-17 15:00:00", "cost_nano_usd": 10},
        {"admitted_at": "2026-11-18 00:00:00", "cost_nano_usd": 100},
    ]
    ledger = record_calls(tmp_path / "ledger.duckdb", *calls)
    runtime = open_runtime([config(tmp_path)], ledger=ledger, clock=FixedClock(NOON))
    status = runtime.status(None)
    found = {one.budget.name: (one.spent, one.resets_at) for one in status.decision.statuses}
    assert found["tokyo"] == (110, datetime(2026, 11, 18, 15, tzinfo=UTC))
    assert found["utc"] == (100, datetime(2026, 11, 19, tzinfo=UTC))


def test_a_config_with_errors_gives_no_runtime_and_carries_all_of_them(tmp_path: Path) -> None:
    path = config(tmp_path, "[cost]\ndayly_limit_usd = 1\nwarn_at_percent = 200\n")
    with pytest.raises(ConfigError, match="corvus check") as one:
        open_runtime([path])
    assert [found.code for found in one.value.diagnostics] == ["unknown-key", "out-of-range"]


def test_a_relative_ledger_path_starts_at_the_folder_of_its_config(tmp_path: Path) -> None:
    path = config(tmp_path, '[governance.ledger]\npath = "state/usage.duckdb"\n')
    assert open_runtime([path]).ledger_path == tmp_path / "state" / "usage.duckdb"
    assert open_runtime([path], ledger="other.duckdb").ledger_path == Path("other.duckdb")


def test_without_a_path_the_ledger_lies_in_the_state_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = config(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert open_runtime([path]).ledger_path == tmp_path / "state" / "corvus" / "ledger.duckdb"
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    expected = tmp_path / ".local" / "state" / "corvus" / "ledger.duckdb"
    assert open_runtime([path]).ledger_path == expected


def test_without_a_home_a_ledger_must_be_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setattr("os.path.expanduser", lambda path: path)  # pyright: ignore[reportUnknownArgumentType, reportUnknownLambdaType]
    with pytest.raises(LedgerError, match="--ledger"):
        open_runtime([config(tmp_path)])


def test_a_governor_is_opened_by_an_async_context_and_closed_on_every_way_out(
    tmp_path: Path,
) -> None:
    path = config(tmp_path, "[cost]\nenabled = true\ndaily_limit_usd = 1\n")
    runtime = open_runtime([path], ledger=tmp_path / "ledger.duckdb")

    async def spend(fault: Exception | None) -> Governor:
        async with runtime.governor() as governor:
            async with governor.call("m", session_id="s", estimate_usd=Decimal("0.25")):
                pass
            if fault is not None:
                raise fault
        return governor

    governor = asyncio.run(spend(None))
    with pytest.raises(KeyError, match="own"):
        asyncio.run(spend(KeyError("own")))
    with pytest.raises(StoreError, match="closed"):
        governor.status()
    with runtime.governor() as again:
        spent = {one.budget.period: one.spent for one in again.status().decision.statuses}
        assert spent[Period.DAY] == 500_000_000


def test_a_governor_that_nobody_waited_for_is_closed_again() -> None:
    opened, closed = threading.Event(), threading.Event()

    @contextmanager
    def slow() -> Generator[None]:
        opened.wait(5)
        try:
            yield
        finally:
            closed.set()

    async def abandon() -> None:
        task = asyncio.ensure_future(Opening(slow()).__aenter__())
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        opened.set()
        await asyncio.to_thread(closed.wait, 5)

    asyncio.run(abandon())
    assert closed.is_set()


def test_every_step_of_a_runtime_has_an_async_twin_that_answers_alike(tmp_path: Path) -> None:
    (tmp_path / "corvus.toml").write_text("[cost]\nenabled = true\n")
    runtime = open_runtime(
        [tmp_path / "corvus.toml"], ledger=tmp_path / "l.duckdb", clock=FrozenClock()
    )
    with runtime.governor() as governor:
        governor.reserve(governor.request("m", estimate_usd=1, session_id="s"))
    calls: dict[str, tuple[object, ...]] = {
        "status": ("s",),
        "audit": (9,),
        "audit_head": (),
        "decide": (Action("ls"), "ana"),
        "health": (),
    }
    for name, arguments in calls.items():
        sync, twin = getattr(runtime, name), getattr(runtime, f"a{name}")
        answer, expected = asyncio.run(twin(*arguments)), sync(*arguments)
        if name == "health":  # reading the store leaves an empty log next to it
            answer, expected = answer.is_usable, expected.is_usable
        assert answer == expected, name
        kept = inspect.signature(getattr(Runtime, name)).parameters
        assert inspect.signature(getattr(Runtime, f"a{name}")).parameters == kept

    async def opened() -> None:
        async with runtime.ledger() as ledger, runtime.steering() as operator:
            assert ledger.path == runtime.ledger_path
            assert operator.store.clock is runtime.clock

    asyncio.run(opened())


def test_one_file_may_be_given_as_it_is(tmp_path: Path) -> None:
    config = tmp_path / "corvus.toml"
    config.write_text("[cost]\nenabled = true\n")
    for path in (config, str(config)):
        assert open_runtime(path, ledger=tmp_path / "l.duckdb").policy.enabled


def test_a_glance_says_what_the_store_says_and_changes_no_byte(tmp_path: Path) -> None:
    """EVA-12: next to a writer that holds the store, and with the rules of the status."""
    text = "[cost]\nenabled = true\n" + CONFIG
    runtime = open_runtime(
        [config(tmp_path, text)], ledger=tmp_path / "ledger.duckdb", clock=FrozenClock(NOON)
    )
    assert runtime.glance() is None
    assert not runtime.bookkeeping.place.exists
    with runtime.governor() as governor:
        with governor.call("claude-haiku-4-5", estimate_usd=Decimal("0.5")) as call:
            call.used(cost_nano_usd=NanoUSD(400_000_000))
        with governor.call("claude-haiku-4-5", estimate_usd=Decimal("0.3")):
            expected = governor.status()
            before = store_file(runtime.bookkeeping).read_bytes()

            def look(unit: object) -> StatusReport | None:
                return runtime.glance()

            seen = governor.engine.store.run(look)  # its transaction is open meanwhile
            assert seen is not None
            assert store_file(runtime.bookkeeping).read_bytes() == before
    assert {each.budget.name: (each.spent, each.held) for each in seen.decision.statuses} == {
        each.budget.name: (each.spent, each.held)
        for each in expected.decision.statuses
        if each.budget.period not in (Period.SESSION, Period.MISSION)
    } | {"session": (400_000_000, 300_000_000)}


def test_a_look_answers_only_where_the_store_knows_every_sum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """EVA-12: without DuckDB nothing is counted again, and no part of the answer is left out."""
    text = "[cost]\nenabled = true\n" + CONFIG
    ledger, clock = tmp_path / "ledger.duckdb", FrozenClock(NOON)
    runtime = open_runtime([config(tmp_path, text)], ledger=ledger, clock=clock)
    with runtime.governor() as governor:
        governor.close_session("s")
        with governor.session("s") as session, session.call("x", estimate_usd=Decimal(1)) as call:
            call.used(cost_nano_usd=NanoUSD(400_000_000))
    known = runtime.status("s")
    monkeypatch.setattr("corvus.runtime.has_ledger", lambda: False)
    assert runtime.status("s") == known
    with runtime.bookkeeping.importing():
        pass
    with pytest.raises(LedgerNotInstalled):
        runtime.status("s")
    monkeypatch.undo()
    assert runtime.status("s").decision.statuses == known.decision.statuses


def test_the_zeros_before_the_first_call_are_those_of_an_empty_ledger(tmp_path: Path) -> None:
    runtime = open_runtime([config(tmp_path, CONFIG + "[governance.ledger]\npath = 'l.duckdb'\n")])
    assert runtime.bookkeeping.is_untouched
    seen = runtime.status()
    with runtime.bookkeeping.ledger(may_be_missing=True) as ledger:
        assert seen.spends["utc"] == spend_in(ledger.connection)
    assert (seen.is_recorded, seen.spends["session"]) == (True, None)


def test_a_glance_leaves_out_budgets_that_nobody_enrolled(tmp_path: Path) -> None:
    ledger, clock = tmp_path / "ledger.duckdb", FrozenClock(NOON)
    text = "[cost]\nenabled = true\n"
    with open_runtime([config(tmp_path, text)], ledger=ledger, clock=clock).governor():
        pass
    newer = open_runtime([config(tmp_path, text + CONFIG)], ledger=ledger, clock=clock)
    seen = newer.glance()
    assert seen is not None
    assert "tokyo" not in {each.budget.name for each in seen.decision.statuses}
