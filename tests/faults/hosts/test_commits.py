"""A commit whose answer is lost is found out, and never reported as what it was not (STO-3)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from corvus.base.errors import (
    OutcomeUnknown,
    SettlementPending,
    StoreCorrupt,
    StoreUnavailable,
)
from corvus.model.reservation import ReservationState
from corvus.store.postgres import backend
from corvus.store.postgres.backend import PostgresBackend
from tests.delay_proxy import DelayProxy, Message, Way
from tests.faults import raw
from tests.faults.governed import CENT, cents
from tests.faults.hosts.opening import Open, through
from tests.postgres import PostgresServer, url_of, wait_until

MakeServer = Callable[..., PostgresServer]
LIMITS = {"day": 1000 * CENT}


def is_commit(message: Message) -> bool:
    """Return whether a message asks the server to commit."""
    return message.way is Way.TO_SERVER and message.kind in "PQ" and b"COMMIT\0" in message.body


def once(
    proxy: DelayProxy, when: Callable[[Message], bool], then: Callable[[], object]
) -> threading.Event:
    """Do something before the first message of a kind goes on; return what shows that it was."""
    done = threading.Event()

    def hook(message: Message) -> object:
        if not done.is_set() and when(message):
            done.set()
            return then()
        return True

    proxy.hook = hook
    return done


def test_a_commit_that_never_arrived_changed_nothing(
    opening: Open, proxy: DelayProxy, postgres_url: str
) -> None:
    governor = opening(through(proxy, postgres_url))
    governor.status()

    def lose() -> bool:
        proxy.drop()
        return False

    lost = once(proxy, is_commit, lose)
    with pytest.raises(StoreUnavailable, match=r"(?i)nothing"):
        governor.reserve(cents(1))
    assert lost.is_set()
    assert raw.RawStore(postgres_url).states() == {}
    assert governor.reserve(cents(1)).allowed, "back without a restart"
    assert raw.findings(postgres_url, LIMITS) == []


def test_a_commit_whose_answer_is_lost_is_asked_for_and_stands(
    opening: Open, proxy: DelayProxy, postgres_url: str
) -> None:
    governor = opening(through(proxy, postgres_url))
    governor.status()

    def is_answer(message: Message) -> bool:
        return message.way is Way.TO_CLIENT and b"COMMIT\0" in message.body

    def lose() -> bool:
        proxy.drop()
        return False

    lost = once(proxy, is_answer, lose)
    decision = governor.reserve(cents(1))
    assert lost.is_set()
    assert decision.allowed
    assert decision.reservation is not None
    assert raw.RawStore(postgres_url).states() == {decision.reservation.id: "held"}
    governor.commit(decision.reservation)
    assert raw.findings(postgres_url, LIMITS) == []


@pytest.mark.parametrize("seconds", [0.3, 1.5])
def test_a_commit_that_is_still_on_its_way_is_waited_for(
    opening: Open, proxy: DelayProxy, postgres_url: str, seconds: float
) -> None:
    """The host asks while the server does not know yet that the connection is lost."""
    governor = opening(through(proxy, postgres_url))
    governor.status()

    def delay() -> bool:
        proxy.lose_clients()
        time.sleep(seconds)
        return True

    late = once(proxy, is_commit, delay)
    decision = governor.reserve(cents(1))
    assert late.is_set()
    assert decision.reservation is not None
    assert raw.RawStore(postgres_url).states() == {decision.reservation.id: "held"}
    assert raw.findings(postgres_url, LIMITS) == []


def test_a_settlement_whose_commit_is_lost_is_written_once(
    opening: Open, proxy: DelayProxy, postgres_url: str
) -> None:
    """RES-9: whether it had landed or not."""
    governor = opening(through(proxy, postgres_url))
    for is_landed in (False, True):
        held = governor.reserve(cents(7)).reservation
        assert held is not None

        def lose() -> bool:
            proxy.drop()
            return False

        lost = once(proxy, partial(_is_end, is_landed=is_landed), lose)
        governor.commit(held)
        assert lost.is_set()
        assert governor.reservation(held.id).state is ReservationState.COMMITTED
    records = raw.RawStore(postgres_url).of("usage_record")
    assert [row["cost_nano_usd"] for row in records] == [7 * CENT] * 2
    assert raw.findings(postgres_url, LIMITS) == []


@pytest.mark.parametrize("is_landed", [False, True])
def test_what_nobody_can_be_asked_about_is_not_known_and_not_called_undone(
    opening: Open,
    proxy: DelayProxy,
    postgres_url: str,
    monkeypatch: pytest.MonkeyPatch,
    is_landed: bool,
) -> None:
    """The network is gone for longer than a caller waits; a hold that landed ends in time."""
    monkeypatch.setattr(backend, "RESOLVE_SECONDS", 0.2)
    governor = opening(through(proxy, postgres_url))
    governor.status()
    lost = once(proxy, partial(_is_end, is_landed=is_landed), partial(_go_dark, proxy))
    with pytest.raises(OutcomeUnknown, match="may be held"):
        governor.reserve(cents(1))
    assert lost.is_set()
    proxy.heal()
    assert [*raw.RawStore(postgres_url).states().values()] == ["held"] * is_landed
    assert governor.reserve(cents(1)).allowed
    assert raw.findings(postgres_url, LIMITS) == []


def test_a_commit_that_no_standby_confirms_holds_no_caller(
    opening: Open, make_postgres_server: MakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server is well and says nothing: it waits for a synchronous standby that is not there."""
    monkeypatch.setattr(PostgresBackend, "_answer_seconds", 0.5)
    monkeypatch.setattr(backend, "RESOLVE_SECONDS", 0.5)
    server = make_postgres_server()
    governor = opening(url := server.url("of_a_standby"))
    governor.status()
    server.set(synchronous_standby_names="missing")
    begun = time.monotonic()
    with pytest.raises(OutcomeUnknown, match="may be held"):
        governor.reserve(cents(1))
    assert time.monotonic() - begun < 30
    server.set(synchronous_standby_names="")
    wait_until(lambda: [*raw.RawStore(url).states().values()] == ["held"], "it is confirmed")
    assert governor.reserve(cents(1)).allowed
    assert raw.findings(url, LIMITS) == []


@pytest.mark.parametrize("is_landed", [False, True])
def test_a_settlement_that_nobody_can_be_asked_about_is_never_dropped_nor_doubled(
    opening: Open,
    proxy: DelayProxy,
    postgres_url: str,
    monkeypatch: pytest.MonkeyPatch,
    is_landed: bool,
) -> None:
    """RES-9."""
    monkeypatch.setattr(backend, "RESOLVE_SECONDS", 0.2)
    governor = opening(through(proxy, postgres_url))
    held = governor.reserve(cents(7)).reservation
    assert held is not None
    lost = once(proxy, partial(_is_end, is_landed=is_landed), partial(_go_dark, proxy))
    healing = threading.Timer(3, proxy.heal)
    healing.start()
    with suppress(SettlementPending):  # told so if the machine is slow
        governor.commit(held)
    healing.join()
    assert lost.is_set()
    wait_until(lambda: raw.RawStore(postgres_url).states()[held.id] == "committed", "settled")
    records = raw.RawStore(postgres_url).of("usage_record")
    assert [row["cost_nano_usd"] for row in records] == [7 * CENT]
    assert raw.findings(postgres_url, LIMITS) == []


def _is_end(message: Message, *, is_landed: bool) -> bool:
    """Return whether a message ends a transaction: as the answer, or as what asks for it."""
    if is_landed:
        return message.way is Way.TO_CLIENT and b"COMMIT\0" in message.body
    return is_commit(message)


def _go_dark(proxy: DelayProxy) -> bool:
    proxy.drop()
    proxy.cut()
    return False


def test_a_server_that_died_in_a_commit_is_asked_when_it_is_back(
    opening: Open, make_postgres_server: Callable[..., PostgresServer]
) -> None:
    """Killed before the commit reached it, and after it was durable."""
    server = make_postgres_server()
    url = server.url("corvus")
    with DelayProxy(server.port) as proxy:
        governor = opening(url_of(proxy.port, schema="corvus"))
        for is_landed in (False, True):
            governor.status()
            before = len(raw.RawStore(url).states())

            def die() -> bool:
                server.kill()
                proxy.drop()
                server.start()
                return False

            killed = once(proxy, partial(_is_end, is_landed=is_landed), die)
            if is_landed:
                assert governor.reserve(cents(1)).allowed
            else:
                with pytest.raises(StoreUnavailable, match=r"(?i)nothing"):
                    governor.reserve(cents(1))
            assert killed.is_set()
            assert len(raw.RawStore(url).states()) == before + is_landed
        assert governor.reserve(cents(1)).allowed
    assert raw.findings(url, LIMITS) == []


def test_with_the_server_away_nothing_is_admitted_and_it_comes_back_without_a_restart(
    opening: Open, make_postgres_server: Callable[..., PostgresServer]
) -> None:
    server = make_postgres_server()
    governor = opening(server.url("corvus"))
    assert governor.reserve(cents(1)).allowed
    server.kill()
    started = time.monotonic()
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match=f"127.0.0.1:{server.port}"):
            governor.reserve(cents(1))
    assert time.monotonic() - started < 2 * 5  # about 2 s were promised; the machine is shared
    server.start()
    assert governor.reserve(cents(1)).allowed
    assert len(raw.RawStore(server.url("corvus")).states()) == 2


def test_a_standby_that_was_behind_is_refused(
    opening: Open, make_postgres_server: Callable[..., PostgresServer], tmp_path: Path
) -> None:
    """What was acknowledged is missing there: to go on would spend it twice."""
    server = make_postgres_server({"wal_keep_size": "64MB"})
    standby = server.standby()
    try:
        url = url_of(server.port, standby.port, schema="corvus")
        beside = tmp_path / "a.store"
        governor = opening(url, beside=beside)
        assert governor.reserve(cents(1)).allowed
        wait_until(lambda: _replayed(server), "the standby has it")
        standby.stop()
        for _ in range(3):
            assert governor.reserve(cents(100)).allowed
        server.kill()
        (standby.data / "standby.signal").unlink()
        standby.options.update(primary_conninfo="")
        standby.start()
        for _ in range(2):
            with pytest.raises(StoreCorrupt, match="behind"):
                governor.reserve(cents(1))
        with pytest.raises(StoreCorrupt, match="behind"):
            opening(url, beside=beside).reserve(cents(1))
    finally:
        standby.stop()


def _replayed(server: PostgresServer) -> bool:
    look = "SELECT replay_lsn = pg_current_wal_lsn() FROM pg_stat_replication"
    return server.query(look) == [(True,)]
