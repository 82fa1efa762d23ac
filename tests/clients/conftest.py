"""A governor over a real store, and a provider on a real socket."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from corvus import Governor, open_runtime
from corvus.model.outbox import LedgerTable
from tests.clients.upstream import Upstream

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else it comes over the net

CONFIG = """
[cost]
enabled = true
daily_limit_usd = {limit}
monthly_limit_usd = 0
session_limit_usd = 0
on_exceeded = []

[cost.prices."openai/gpt-test"]
input = 1
output = 2
cache_read = 0.5

[cost.prices."anthropic/claude-test"]
input = 1
output = 2
cache_read = 0.5
cache_write_5m = 1.25
cache_write_1h = 2

[cost.prices."anthropic/claude-other"]
input = 10
output = 20
"""


class Governed:
    """A governor, and what its store holds."""

    def __init__(self, governor: Governor) -> None:
        self.governor = governor

    def records(self) -> list[dict[str, object]]:
        """Return the usage records that wait for the ledger, in order."""
        found = self.governor.store.run(lambda unit: [*unit.events(0, 100_000)])
        return [dict(one.row) for one in found if one.table is LedgerTable.USAGE_RECORD]

    def costs(self) -> list[Decimal | None]:
        """Return the cost of each record, in USD."""
        amounts = [one["cost_nano_usd"] for one in self.records()]
        return [None if one is None else Decimal(str(one)).scaleb(-9) for one in amounts]

    def open_holds(self) -> int:
        return self.governor.store.run(lambda unit: len(unit.held()))

    def settled_soon(self) -> bool:
        """Wait until nothing is held any more, 5 s at most."""
        until = time.monotonic() + 5
        while self.open_holds() and time.monotonic() < until:
            time.sleep(0.02)
        return not self.open_holds()

    @property
    def spent_usd(self) -> Decimal:
        (day,) = [
            one for one in self.governor.status().decision.statuses if one.budget.name == "day"
        ]
        return Decimal(day.spent).scaleb(-9)


@pytest.fixture
def limit_usd() -> str:
    return "1"


@pytest.fixture
def governed(tmp_path: Path, limit_usd: str) -> Iterator[Governed]:
    config = tmp_path / "corvus.toml"
    config.write_text(CONFIG.format(limit=limit_usd))
    with open_runtime([config], ledger=tmp_path / "l.duckdb").governor() as governor:
        yield Governed(governor)


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream().running() as running:
        yield running


@pytest.fixture
def loop() -> Iterator[asyncio.Runner]:
    """One event loop for a test whose clients keep their connections."""
    with asyncio.Runner() as runner:
        yield runner
