"""A real ledger for tests of reports; defaults let a seed name only what matters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import duckdb
import pytest

from corvus.ledger.ledger import Ledger, open_ledger
from corvus.ledger.roll_ups import fill
from corvus.ledger.views import qualified

_DEFAULTS = {
    "id": "uuidv7()",
    "requested_at": "TIMESTAMP '2000-01-01'",
    "settled_at": "TIMESTAMP '2000-01-01'",
    "surface": "'import'",
    "provider": "'anthropic'",
    "requested_model": "'claude-sonnet-4-5'",
    "source": "'imported'",
    "outcome": "'completed'",
    "calls": "1",
    **dict.fromkeys(
        (
            "input_tokens",
            "output_tokens",
            "cache_read_tokens",
            "cache_write_5m_tokens",
            "cache_write_1h_tokens",
            "reasoning_tokens",
            "web_search_requests",
        ),
        "0",
    ),
}

Seed = Callable[[duckdb.DuckDBPyConnection], None]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """An empty, migrated ledger, open for writing."""
    with open_ledger(tmp_path / "ledger.duckdb", write=True) as opened:
        yield opened


@pytest.fixture
def connection(ledger: Ledger) -> duckdb.DuckDBPyConnection:
    """The connection of a ledger whose required columns have defaults."""
    set_defaults(ledger.connection)
    return ledger.connection


def sum_up(connection: duckdb.DuckDBPyConnection) -> None:
    """Have the roll-ups say what a seed has written past the drain."""
    fill(connection, partial(qualified, connection), datetime.now(UTC))


def set_defaults(connection: duckdb.DuckDBPyConnection) -> None:
    """Let a seed name only what matters."""
    for column, default in _DEFAULTS.items():
        connection.execute(f"ALTER TABLE usage_record ALTER COLUMN {column} SET DEFAULT {default}")
