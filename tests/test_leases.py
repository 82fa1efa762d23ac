"""Hosts with leases on a real PostgreSQL: the whole way from a config to rows (STO-3)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from corvus.store.postgres.address import PostgresAddress
from tests.test_shared_store import CENT, Host

DOLLARS_2 = 200 * CENT


class LeasingHost(Host):
    """A host whose config has leases."""

    def __init__(self, folder: Path, url: str, more: str = "leases = true") -> None:
        super().__init__(folder, url)
        text = self.config.read_text()
        self.config.write_text(text.replace("[cost]\n", f"{more}\n\n[cost]\n", 1))


@pytest.fixture
def hosts(tmp_path: Path, postgres_url: str) -> tuple[LeasingHost, LeasingHost]:
    ash, oak = (LeasingHost(tmp_path / name, postgres_url) for name in ("ash", "oak"))
    return ash, oak


def rows(url: str, sql: str) -> list[tuple[object, ...]]:
    """Return what a statement finds in the shared store, by a client of PostgreSQL alone."""
    address = PostgresAddress.of(url)
    with psycopg.connect(address.conninfo(), autocommit=True) as connection:
        connection.execute(f"SET search_path = {address.schema}".encode())
        return connection.execute(sql.encode()).fetchall()


def recorded(url: str) -> int:
    """Return the sum of all usage records in the event log of the shared store, nano-USD."""
    ((total,),) = rows(
        url,
        "SELECT coalesce(sum((row::jsonb ->> 'cost_nano_usd')::bigint), 0)::bigint FROM outbox "
        "WHERE ledger_table = 'usage_record'",
    )
    assert isinstance(total, int)
    return total


def test_two_hosts_spend_one_budget_to_the_cent(
    hosts: tuple[LeasingHost, LeasingHost], postgres_url: str
) -> None:
    with ThreadPoolExecutor(2) as pool:
        calls = list(pool.map(Host.spend, hosts, (100, 100)))
    assert sum(calls) == 40, "$2.00 in calls of $0.05"
    assert recorded(postgres_url) == DOLLARS_2
    assert [host.spent_today() for host in hosts] == [200, 200]
