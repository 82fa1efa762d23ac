"""Every surface uses the store that ``governance.ledger.url`` names, or refuses (CFG-11, STO-1)."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest

from corvus import BudgetExceeded, Usage, open_runtime
from corvus.base.errors import StoreError, StoreUnavailable
from corvus.base.postgres_address import PostgresAddress
from corvus.cli.exits import Exit
from corvus.cli.main import main
from corvus.runtime import Runtime

CENT = 10_000_000
FIVE_CENTS = Decimal("0.05")
CONFIG = """
[governance.ledger]
path = "ledger.duckdb"
{url}

[cost]
enabled = {enabled}
allow_override = true
session_limit_usd = 2
daily_limit_usd = 2
monthly_limit_usd = 50

[[governance.notify]]
name = "ops"
url = "http://127.0.0.1:9/"

[cost.prices.m]
input = 50
output = 250
"""


class Host:
    """A folder with a config of its own, as each host has."""

    def __init__(self, folder: Path, url: str | None, *, enabled: bool = True) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.config = folder / "corvus.toml"
        line = "" if url is None else f'url = "{url}"'
        self.config.write_text(CONFIG.format(url=line, enabled=str(enabled).lower()))
        self.config.chmod(0o600)

    @property
    def runtime(self) -> Runtime:
        return open_runtime([self.config])

    def spend(self, calls: int = 1) -> int:
        """Make calls of 5 cents until the budget refuses one; return how many were made."""
        with self.runtime.governor() as governor:
            for number in range(calls):
                session = f"{self.folder.name}-{number}"
                call = governor.call("m", session_id=session, estimate_usd=FIVE_CENTS)
                try:
                    with call:
                        call.used(Usage(output_tokens=200))
                except BudgetExceeded:
                    return number
        return calls

    def spent_today(self) -> int:
        """Return what is spent of the daily budget, in cents, as this host knows it."""
        spend = self.runtime.status().spends["day"]
        assert spend is not None
        return spend.cost_nano_usd // CENT

    def recorded(self) -> list[tuple[object, ...]]:
        """Return what a report of this host finds."""
        with self.runtime.ledger() as ledger:
            query = "SELECT session_id, cost_nano_usd FROM usage_record ORDER BY session_id"
            return ledger.connection.execute(query).fetchall()


@pytest.fixture
def hosts(tmp_path: Path, postgres_url: str) -> tuple[Host, Host]:
    return Host(tmp_path / "ash", postgres_url), Host(tmp_path / "oak", postgres_url)


def test_two_hosts_spend_one_budget_together(hosts: tuple[Host, Host]) -> None:
    with ThreadPoolExecutor(2) as pool:
        calls = list(pool.map(Host.spend, hosts, (100, 100)))
    assert sum(calls) == 40, "$2.00 in calls of $0.05"
    assert [host.spent_today() for host in hosts] == [200, 200]


def test_a_report_on_one_host_shows_the_calls_of_the_other(hosts: tuple[Host, Host]) -> None:
    ash, oak = hosts
    ash.spend(2)
    oak.spend(1)
    names = [("ash-0", 5 * CENT), ("ash-1", 5 * CENT), ("oak-0", 5 * CENT)]
    assert ash.recorded() == oak.recorded() == names
    ash.runtime.bookkeeping.drain()
    ash.spend(1)
    assert ash.recorded() == oak.recorded()
    assert all(host.runtime.bookkeeping.verify().is_sound for host in hosts)


def test_what_is_steered_on_one_host_holds_on_the_other(hosts: tuple[Host, Host]) -> None:
    ash, oak = hosts
    assert ash.spend(100) == 40
    assert oak.spend(1) == 0
    assert main(["cost", "reset", "--scope", "day", "--yes", "--config", str(ash.config)]) == 0
    assert oak.spend(1) == 1


def test_no_store_is_made_next_to_the_ledger(hosts: tuple[Host, Host]) -> None:
    for host in hosts:
        host.spend(1)
        host.runtime.bookkeeping.drain()
        assert not [*host.folder.glob("*.store")]


def test_a_variable_or_an_option_names_the_store_as_a_file_does(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = Host(tmp_path / "ash", None)
    by_option = open_runtime([host.config], sets=[f'governance.ledger.url="{postgres_url}"'])
    monkeypatch.setenv("CORVUS_GOVERNANCE__LEDGER__URL", postgres_url)
    names = {runtime.bookkeeping.place.name for runtime in (by_option, host.runtime)}
    assert len(names) == 1
    host.spend(1)
    assert not [*host.folder.glob("*.store")]
    assert by_option.status().spends["day"] == host.runtime.status().spends["day"]


def test_a_ledger_that_is_named_is_the_replica_of_the_same_store(
    hosts: tuple[Host, Host], tmp_path: Path
) -> None:
    """Nobody gets a budget of their own with ``--ledger``."""
    ash, oak = hosts
    ash.spend(100)
    runtime = open_runtime([oak.config], ledger=tmp_path / "mine.duckdb")
    with runtime.governor() as governor:
        call = governor.call("m", session_id="s", estimate_usd=FIVE_CENTS)
        with pytest.raises(BudgetExceeded), call:
            pass
    assert not [*tmp_path.glob("*.store")]


SECRET = "hunter2hunter2"


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that nobody listens at, kept from others."""
    pytest.importorskip("psycopg")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.fixture
def cut_off(tmp_path: Path, closed_port: int) -> Host:
    """A host whose database is away."""
    return Host(tmp_path / "ash", f"postgresql://me:{SECRET}@127.0.0.1:{closed_port}/corvus")


COMMANDS = [
    "agent -- true",
    "code -- true",
    "cost summary",
    "cost summary --as-of 2026-11-29",
    "cost budgets",
    "cost history",
    "cost tree --session s",
    "cost audit",
    "cost override --reason why",
    "cost reset --scope day --yes",
    "token create ci --scope read",
    "token list",
    "token revoke ci",
    "approve list",
    "ledger drain",
    "ledger verify",
    "ledger verify --rebuild --yes",
    "report by-model",
    "usage export",
    "sql SELECT(1)",
    "notify status",
    "notify flush",
    "gateway --port 0",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_with_the_database_away_each_command_refuses_and_makes_nothing(
    command: str, cut_off: Host, closed_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """STO-1: it says where the server would be, what to look at, and no password."""
    words = command.split()
    at = words.index("--") if "--" in words else len(words)
    words[at:at] = ["--config", str(cut_off.config)]
    assert main(words) == Exit.LEDGER_UNAVAILABLE
    said = capsys.readouterr()
    assert f"127.0.0.1:{closed_port}" in said.err
    assert "Traceback" not in said.err
    assert SECRET not in said.out + said.err
    assert [path.name for path in cut_off.folder.iterdir()] == ["corvus.toml"]


def test_with_the_database_away_a_run_is_refused_before_what_serves_it_is_loaded(
    cut_off: Host,
) -> None:
    """Loading it takes longer than the two seconds in which the refusal is due."""
    words = ["-X", "importtime", "-m", "corvus", "agent", "--config", str(cut_off.config)]
    done = subprocess.run(
        [sys.executable, *words, "--", "true"], capture_output=True, text=True, check=False
    )
    assert done.returncode == Exit.LEDGER_UNAVAILABLE
    assert "corvus.store.postgres.place" in done.stderr
    for needless in ("corvus.gateway.proxy", "aiohttp", "duckdb"):
        assert f" {needless}\n" not in done.stderr


@pytest.mark.parametrize("style", ["json", "kv"])
def test_with_the_database_away_status_shows_the_rest(
    style: str, cut_off: Host, closed_port: int, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["status", "--config", str(cut_off.config), "--format", style]
    assert main(words) == Exit.LEDGER_UNAVAILABLE
    printed = capsys.readouterr().out
    assert "unusable" in printed
    assert f"127.0.0.1:{closed_port}" in printed
    assert "policy_hash" in printed
    assert SECRET not in printed


def test_with_the_database_away_no_call_of_a_program_is_admitted(cut_off: Host) -> None:
    with pytest.raises(StoreUnavailable), cut_off.runtime.governor():
        pass
    with pytest.raises(StoreError):
        cut_off.runtime.status()
    assert SECRET not in repr(cut_off.runtime)


def test_a_store_that_is_away_matters_only_while_governance_is_enabled(
    tmp_path: Path, closed_port: int
) -> None:
    """EVA-11."""
    host = Host(tmp_path / "ash", f"postgresql://127.0.0.1:{closed_port}/x", enabled=False)
    assert host.spend(1) == 1


def test_what_waits_for_a_shared_store_lies_next_to_the_ledger_of_the_host(
    hosts: tuple[Host, Host],
) -> None:
    """RES-9: not in the working directory, and apart for each host."""
    paths = [host.runtime.bookkeeping.place.unsettled_path for host in hosts]
    assert [path and path.parent.name for path in paths] == ["ash", "oak"]


def test_a_server_that_was_behind_is_refused_until_somebody_goes_on_without(
    postgres_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A restored backup lacks holds that were acknowledged (STO-3)."""
    host, other = Host(tmp_path / "ash", postgres_url), Host(tmp_path / "oak", postgres_url)
    assert host.spend(2) == other.spend(2) == 2
    assert main(["ledger", "drain", "--config", str(host.config)]) == 0
    address = PostgresAddress.of(postgres_url)
    with psycopg.connect(address.conninfo(), autocommit=True) as connection:
        connection.execute(f"UPDATE {address.schema}.store_lock SET generation = 3".encode())  # noqa: S608
    for each in (host, other):
        with pytest.raises(StoreError, match="verify --rebuild"):
            each.spend()
    words = ["ledger", "verify", "--rebuild", "--yes", "--config", str(host.config)]
    assert main(words) == 0, capsys.readouterr()
    assert other.spend() == host.spend() == 1
    assert host.spent_today() == 30
