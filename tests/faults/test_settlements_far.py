"""What a call has cost is on this host's disk while the store of all hosts is away (RES-9)."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from corvus.base.errors import SettlementPending, StoreCorrupt, StoreError, StoreUnavailable
from corvus.base.money import NanoUSD
from corvus.governor.governor import Governor
from corvus.model.reservation import Reservation
from corvus.store.api import Begun
from corvus.store.looks import Foreseen
from corvus.store.store import Store
from tests.faults.governed import CENT, cents, config, policy_of, wait_until
from tests.store.far import FarBackend

SPENT = NanoUSD(7 * CENT)


class AwayBackend(FarBackend):
    """A store on another machine, which fails for as long as ``fault`` is set."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.unsettled_path = file
        self.fault: StoreError | None = None
        self.tries = 0

    def begin(self, foreseen: Foreseen | None = None) -> Begun:
        self.tries += 1
        if self.fault is not None:
            raise self.fault
        return super().begin(foreseen)


class Host:
    """A governor whose store may go away."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "a.unsettled.jsonl"
        self.backend = AwayBackend(self.file)
        self.store = Store(self.backend, wait_seconds=0.1)
        self.governor = Governor(policy_of(config(folder)), self.store)

    def reserve(self) -> Reservation:
        reservation = self.governor.reserve(cents(10)).reservation
        assert reservation is not None
        return reservation

    def settle_late(self, held: Reservation) -> None:
        with pytest.raises(SettlementPending, match="do not repeat it"):
            self.governor.commit(held, cost_nano_usd=SPENT)

    def lines(self) -> list[str]:
        return self.file.read_text().split() if self.file.exists() else []

    def spent(self) -> int:
        return next(one for one in self.governor.status().decision.statuses).spent


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_a_settlement_is_on_disk_while_the_store_is_away(host: Host) -> None:
    """The process may be killed before the store is back; the hold alone would be presumed."""
    held = [host.reserve(), host.reserve()]
    host.backend.fault = StoreUnavailable("away")
    for one in held:
        host.settle_late(one)
    wait_until(lambda: len(host.lines()) == len(held))
    tries = host.backend.tries
    wait_until(lambda: host.backend.tries > tries + 2)
    assert len(host.lines()) == len(held), "each is kept once, however often it is tried"
    host.backend.fault = None
    wait_until(lambda: {host.governor.reservation(one.id).state for one in held} == {"committed"})
    host.governor.keep_up()
    assert host.lines() == []
    assert not list(host.file.parent.glob("*rejected*"))
    assert host.spent() == len(held) * SPENT
    host.store.close()
    assert host.lines() == []


def test_what_the_end_of_the_process_finds_on_disk_is_not_kept_twice(host: Host) -> None:
    held = host.reserve()
    host.backend.fault = StoreUnavailable("away")
    host.settle_late(held)
    wait_until(lambda: len(host.lines()) == 1)
    host.store.close()
    assert len(host.lines()) == 1


def test_a_settlement_that_the_store_refuses_is_kept_once(host: Host) -> None:
    """A server that was set back: whoever settles is not told to try again, line by line."""
    held = host.reserve()
    host.backend.fault = StoreCorrupt("a backup was restored")
    host.settle_late(held)
    assert len(host.lines()) == 1
    time.sleep(0.2)
    assert len(host.lines()) == 1
    host.backend.fault = None
    host.governor.keep_up()
    assert host.lines() == []
    assert host.spent() == SPENT
    host.store.close()
