"""A governor over a store in memory, a clock that obeys, and short words for common steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from corvus import Decision, Governor, Policy, Reservation, open_runtime
from corvus.base.money import nano_usd
from corvus.events import Event
from corvus.model.request import Request
from corvus.store.store import Store
from tests.fakes import FrozenClock
from tests.stores import StoreMaker

PRICES = """
[cost.prices.m]
input = 3
output = 15
"""


class Bench:
    """A governor, and what tests ask of it most.

    Attributes:
        events: What listeners were told.
    """

    def __init__(self, governor: Governor, clock: FrozenClock, events: list[Event]) -> None:
        self.governor = governor
        self.clock = clock
        self.events = events

    def ask(self, usd: str | None, session: str = "s", **more: object) -> Decision:
        """Reserve a call that is expected to cost so much; ``None`` has no price."""
        estimate = None if usd is None else nano_usd(Decimal(usd))
        return self.governor.reserve(Request("m", estimate, session, **more))  # pyright: ignore[reportArgumentType]

    def hold(self, usd: str | None, session: str = "s", **more: object) -> Reservation:
        """Reserve a call that must be admitted."""
        decision = self.ask(usd, session, **more)
        assert decision.allowed, decision.denial
        assert decision.reservation is not None
        return decision.reservation

    def spend(self, usd: str, session: str = "s", **more: object) -> Reservation:
        """Make a call that costs what was expected."""
        held = self.hold(usd, session, **more)
        self.governor.commit(held, cost_nano_usd=nano_usd(Decimal(usd)))
        return held

    def spent(self, name: str, session: str = "s", mission: str | None = None) -> str:
        """Return spent and held of a budget, in USD: ``1.5+0.25``."""
        report = self.governor.status(session, mission)
        for one in report.decision.statuses:
            if one.budget.name == name:
                spent, held = Decimal(one.spent), Decimal(one.held)
                return f"{short(spent)}+{short(held)}"
        raise AssertionError(f"no budget {name}")

    def audit(self) -> list[str]:
        """Return the kinds of all audit events, in order."""
        from corvus.model.outbox import LedgerTable

        events = self.governor.store.run(lambda unit: [*unit.events(0, 100_000)])
        return [str(one.row["kind"]) for one in events if one.table is LedgerTable.AUDIT_EVENT]

    def rows(self, table: str) -> list[dict[str, object]]:
        """Return the rows of one table that wait for the ledger."""
        events = self.governor.store.run(lambda unit: [*unit.events(0, 100_000)])
        return [dict(one.row) for one in events if one.table == table]


def short(nano: Decimal) -> str:
    """Write nano-USD as USD without needless zeros."""
    text = f"{nano.scaleb(-9):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def dollars(nano: int | None) -> str:
    """Write an amount of nano-USD in USD."""
    assert nano is not None
    return short(Decimal(nano))


MakePolicy = Callable[[str], Policy]
MakeBench = Callable[..., Bench]


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def compiled(tmp_path: Path) -> MakePolicy:
    """Compile a policy from the body of a config; its calls wait for nobody (EVA-14)."""

    def compile_(text: str) -> Policy:
        path = tmp_path / "corvus.toml"
        path.write_text(text + PRICES)
        return replace(open_runtime([path]).policy, wait_seconds=0)

    return compile_


@pytest.fixture
def bench(compiled: MakePolicy, clock: FrozenClock, stored: StoreMaker) -> Iterator[MakeBench]:
    """Open a governor for a config; those of one test share their store."""
    stores: list[Store] = []

    def open_(text: str) -> Bench:
        events: list[Event] = []
        store = Store(stored.backend(), clock)
        stores.append(store)
        return Bench(Governor(compiled(text), store, listeners=[events.append]), clock, events)

    yield open_
    for store in stores:
        store.close()
