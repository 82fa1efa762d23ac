"""What is overdue is booked although nobody asks for admission (RES-6)."""

from __future__ import annotations

import logging
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest

from corvus import open_runtime
from corvus.base.errors import StoreUnavailable
from corvus.base.money import NanoUSD
from corvus.base.time import FixedClock
from corvus.governor.upkeep import keeping_up
from corvus.model.request import Request
from corvus.runtime import Runtime
from tests.fakes import FrozenClock
from tests.governor.conftest import Bench, MakeBench

DAY = "[cost]\nenabled = true\ndaily_limit_usd = 10\n"


@pytest.fixture
def one(bench: MakeBench) -> Bench:
    return bench(DAY)


def test_a_process_that_serves_books_what_is_overdue(one: Bench) -> None:
    one.hold("1", ttl_seconds=1)
    one.clock.move(timedelta(seconds=2))
    end = time.monotonic() + 10
    with keeping_up(one.governor.keep_up, 0.01):
        while not one.rows("usage_record") and time.monotonic() < end:
            time.sleep(0.01)
    assert [row["source"] for row in one.rows("usage_record")] == ["presumed"]
    assert "corvus-upkeep" not in [thread.name for thread in threading.enumerate()]


def test_a_store_that_is_busy_is_told_once_for_each_reason_and_at_the_end(
    one: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    class Busy:
        tries = 0

        def keep_up(self) -> None:
            self.tries += 1
            if self.tries < 10:
                raise StoreUnavailable("busy" if self.tries < 5 else "wrong password")

    busy = Busy()
    with caplog.at_level(logging.WARNING), keeping_up(busy.keep_up, 0.001):
        while busy.tries < 12:
            time.sleep(0.001)
    assert [record.message for record in caplog.records] == [
        "what is overdue cannot be booked now: busy",
        "what is overdue cannot be booked now: wrong password",
        "what is overdue is booked again",
    ]


def opened(tmp_path: Path) -> tuple[Runtime, FrozenClock]:
    config = tmp_path / "corvus.toml"
    config.write_text(DAY)
    clock = FrozenClock()
    return open_runtime([config], ledger=tmp_path / "l.duckdb", clock=clock), clock


def presumed(runtime: Runtime) -> int:
    question = "SELECT count(*) FROM usage_record WHERE source = 'presumed'"
    with runtime.ledger() as ledger:
        row = ledger.connection.execute(question).fetchone()
    assert row is not None
    return int(row[0])


def test_a_report_books_what_is_overdue_first(tmp_path: Path) -> None:
    runtime, clock = opened(tmp_path)
    with runtime.governor() as governor:
        assert governor.reserve(Request("m", NanoUSD(5), "s", ttl_seconds=1)).allowed
    assert presumed(runtime) == 0
    clock.move(timedelta(seconds=2))
    assert presumed(runtime) == 1
    assert presumed(runtime) == 1


def test_a_report_of_another_instant_expires_nothing(tmp_path: Path) -> None:
    runtime, clock = opened(tmp_path)
    with runtime.governor() as governor:
        assert governor.reserve(Request("m", NanoUSD(5), "s", ttl_seconds=1)).allowed
    later = FixedClock(clock.now() + timedelta(hours=1))
    then = open_runtime([tmp_path / "corvus.toml"], ledger=tmp_path / "l.duckdb", clock=later)
    assert presumed(then) == 0


def test_a_report_does_not_fail_over_a_store_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime, clock = opened(tmp_path)
    with runtime.governor() as governor:
        assert governor.reserve(Request("m", NanoUSD(5), "s", ttl_seconds=1)).allowed
    clock.move(timedelta(seconds=2))

    def refuse(*_: object, **__: object) -> None:
        raise StoreUnavailable("busy")

    monkeypatch.setattr("corvus.bookkeeping.open_store", refuse)
    assert presumed(runtime) == 0


def test_a_process_that_enforces_an_older_policy_is_told_once(
    bench: MakeBench, caplog: pytest.LogCaptureFixture
) -> None:
    old = bench(DAY)
    old.governor.note_limits("corvus.toml", "ana")
    old.governor.keep_up()
    new = bench(DAY.replace("10", "5"))
    new.governor.note_limits("corvus.toml", "ana")
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            old.governor.keep_up()
            new.governor.keep_up()
    assert caplog.text.count("older policy of corvus.toml") == 1
