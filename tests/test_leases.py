"""Hosts with leases on a real PostgreSQL: the whole way from a config to rows (STO-3)."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from corvus import BudgetExceeded, Usage
from corvus.base.errors import StoreError, StoreUnavailable
from corvus.base.postgres_address import PostgresAddress
from corvus.cli.exits import Exit
from corvus.cli.main import main
from corvus.runtime import local_actor
from tests.postgres import PostgresServer, drop_schema, wait_until
from tests.test_shared_store import CENT, FIVE_CENTS, Host

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


QUICK = "leases = true\nlease_seconds = 10"
"""Hosts hear of each other within 3.4 s."""
NOW_REFUSED = "on_exceeded = []\n"


def quick(folder: Path, url: str) -> LeasingHost:
    """Return a host that renews often, and whose calls do not wait."""
    host = LeasingHost(folder, url, QUICK)
    text = host.config.read_text()
    host.config.write_text(text.replace("allow_override", NOW_REFUSED + "allow_override"))
    return host


def granted(url: str) -> dict[str, int]:
    """Return what hosts have of the daily budget and have not reported, in cents, by host."""
    found = rows(
        url,
        "SELECT h.name || ' ' || h.id, sum(greatest(0, l.granted - l.reported))::bigint "
        "FROM lease l JOIN lease_host h ON h.id = l.host JOIN budget b ON b.id = l.budget_id "
        "WHERE b.key::jsonb ->> 0 = 'day' GROUP BY 1",
    )
    return {str(name): int(str(amount)) // CENT for name, amount in found}


WORKER = """
import sys, time
from decimal import Decimal
from corvus import Usage, open_runtime
with open_runtime([sys.argv[1]]).governor() as governor:
    with governor.call("m", session_id="doomed", estimate_usd=Decimal("0.05")) as call:
        call.used(Usage(output_tokens=200))
    print("spent", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def doomed(tmp_path: Path, postgres_url: str) -> LeasingHost:
    """A host that was killed after it had spent 5 cents of its slice."""
    host = quick(tmp_path / "elm", postgres_url)
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(host.config)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "spent\n"
    process.kill()
    process.wait()
    process.stdout.close()
    return host


def test_a_killed_host_keeps_its_slice_held_until_it_is_back(
    doomed: LeasingHost, tmp_path: Path, postgres_url: str
) -> None:
    (held,) = granted(postgres_url).values()
    assert held > 5, "more than the call that it has made"
    other = quick(tmp_path / "oak", postgres_url)
    assert other.spend(100) == (200 - held) // 5
    assert recorded(postgres_url) == (200 - held) * CENT
    assert doomed.spend(100) == held // 5 - 1, "its own call counts, which it had not reported"
    assert recorded(postgres_url) == DOLLARS_2


def test_a_host_that_is_gone_is_reclaimed_once_it_renews_no_more(
    doomed: LeasingHost,
    tmp_path: Path,
    postgres_url: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    other = quick(tmp_path / "oak", postgres_url)
    other.spend(1)
    ((name, held),) = ((name, held) for name, held in granted(postgres_url).items() if held)
    host_id = name.split()[1]
    command = ["ledger", "reclaim", host_id, "--config", str(other.config), "--reason", "it burnt"]
    assert main([*command, "--yes"]) == Exit.USAGE
    assert "still renews" in capsys.readouterr().err
    until = time.monotonic() + 20
    while main([*command, "--yes"]) != 0:
        assert time.monotonic() < until
        time.sleep(0.5)
    assert "state=silent" in capsys.readouterr().out
    assert main([*command, "--yes"]) == 0
    assert "state=presumed" in capsys.readouterr().out, "nothing is done twice"
    ((actor, reason, details),) = rows(
        postgres_url,
        "SELECT row::jsonb ->> 'actor', row::jsonb ->> 'reason', row::jsonb ->> 'details' "
        "FROM outbox WHERE ledger_table = 'audit_event' AND row::jsonb ->> 'kind' = "
        "'lease_presumed'",
    )
    assert (actor, reason) == (local_actor(), "it burnt")
    assert json.loads(str(details))["left"]["day nano_usd"] == held * CENT
    spent = other.spend(100) + 1
    assert spent == (200 - held) // 5, "it stays held"
    assert main(["cost", "reset", "--scope", "day", "--yes", "--config", str(other.config)]) == 0
    assert other.spend(100) == 40, "a reset lets go of it"
    assert doomed.spend(100) == 0
    assert recorded(postgres_url) == (spent + 40 + 1) * 5 * CENT, "what it had used is known now"


def test_with_the_database_away_a_host_goes_on_within_its_slice_and_comes_back(
    tmp_path: Path, make_postgres_server: Callable[..., PostgresServer]
) -> None:
    server = make_postgres_server()
    host = quick(tmp_path / "ash", server.url("away"))
    text = host.config.read_text()
    host.config.write_text(text.replace("lease_seconds = 10", "lease_seconds = 60"))
    made = 0
    with host.runtime.governor() as governor:

        def call() -> None:
            nonlocal made
            with governor.call("m", session_id="s", estimate_usd=FIVE_CENTS) as one:
                one.used(Usage(output_tokens=200))
            made += 1

        call()
        server.kill()

        def call_on() -> None:
            for _ in range(100):
                call()

        with pytest.raises(StoreUnavailable):
            call_on()
        within = made
        assert 1 < within <= 40
        assert governor.status("s").spends["session"].cost_nano_usd == within * 5 * CENT  # pyright: ignore[reportOptionalMemberAccess]
        server.start()
        wait_until(lambda: _tries(call), "back without a restart")
        with pytest.raises(BudgetExceeded):
            call_on()
    assert made == 40
    assert recorded(server.url("away")) == DOLLARS_2


def _tries(call: Callable[[], None]) -> bool:
    try:
        call()
    except StoreUnavailable:
        return False
    return True


def test_what_is_steered_on_one_host_reaches_another_that_runs(
    tmp_path: Path, postgres_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ash, oak = quick(tmp_path / "ash", postgres_url), quick(tmp_path / "oak", postgres_url)
    with ash.runtime.governor() as governor:

        def call(session: str = "s") -> bool:
            one = governor.call("m", session_id=session, estimate_usd=FIVE_CENTS)
            with suppress(BudgetExceeded), one:
                one.used(Usage(output_tokens=200))
                return True
            return False

        assert sum(call(f"a{number}") for number in range(50)) == 40
        time.sleep(0.6)  # a refusal stands for half a second
        assert main(["cost", "override", "--reason", "now", "--config", str(oak.config)]) == 0
        assert "other_hosts_within_seconds=4" in capsys.readouterr().out
        time.sleep(0.6)
        assert call("b")
        assert not call("b")
        reset = ["cost", "reset", "--scope", "day", "--yes", "--config", str(oak.config)]
        assert main([*reset, "--format", "json"]) == 0
        assert json.loads(capsys.readouterr().out)["other_hosts_within_seconds"] == 4
        time.sleep(0.6)
        assert call("c")
    assert recorded(postgres_url) == 42 * 5 * CENT


def test_a_session_is_reset_on_the_host_that_counts_it(
    tmp_path: Path, postgres_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ash, oak = quick(tmp_path / "ash", postgres_url), quick(tmp_path / "oak", postgres_url)
    ash.spend(1)
    reset = ["cost", "reset", "--scope", "session", "--session", "ash-0", "--yes", "--config"]
    assert main([*reset, str(oak.config)]) == Exit.USAGE
    assert "is counted by host" in capsys.readouterr().err
    assert main([*reset, str(ash.config)]) == 0
    spend = ash.runtime.status("ash-0").spends["session"]
    assert spend is not None
    assert spend.cost_nano_usd == 0


def test_a_report_shows_what_a_host_that_runs_has_not_reported_yet(
    tmp_path: Path, postgres_url: str
) -> None:
    host = LeasingHost(tmp_path / "ash", postgres_url)
    with host.runtime.governor() as governor:
        with governor.call("m", session_id="s", estimate_usd=FIVE_CENTS) as call:
            call.used(Usage(output_tokens=200))
        assert recorded(postgres_url) == 0
        assert host.recorded() == [("s", 5 * CENT)]
        assert recorded(postgres_url) == 5 * CENT


def test_a_config_that_has_leases_no_more_gives_back_what_a_killed_host_had(
    doomed: LeasingHost, postgres_url: str
) -> None:
    strict = Host(doomed.folder, postgres_url)
    assert strict.spend(100) == 39
    assert recorded(postgres_url) == DOLLARS_2
    assert set(granted(postgres_url).values()) <= {0}


def test_a_store_whose_slices_are_out_is_not_moved(
    doomed: LeasingHost, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    move = ["store", "move", str(tmp_path / "there.duckdb"), "--config", str(doomed.config)]
    assert main(move) == Exit.USAGE
    assert "hosts have slices" in capsys.readouterr().err
    assert doomed.spend(1) == 1
    gc.collect()  # closes what the runtimes of this process have left open for their next look
    assert main(move) == 0


def test_a_host_renews_in_the_background_and_follows_lower_limits(
    tmp_path: Path, postgres_url: str
) -> None:
    ash, oak = quick(tmp_path / "ash", postgres_url), quick(tmp_path / "oak", postgres_url)
    oak.spend(1)
    with ash.runtime.governor() as governor:
        with governor.call("m", session_id="s", estimate_usd=FIVE_CENTS) as call:
            call.used(Usage(output_tokens=200))
        host_id = governor.store.run(lambda unit: unit.state.store_id)
        epochs = f"SELECT (SELECT epoch FROM lease_host WHERE id = ''), epoch FROM lease_host WHERE id = '{host_id}'"  # noqa: E501, S608
        ((before, _),) = rows(postgres_url, epochs)
        oak.config.write_text(
            oak.config.read_text().replace("daily_limit_usd = 2", "daily_limit_usd = 1")
        )
        began = time.monotonic()
        assert oak.spend(0) == 0, "its limit is noted"
        ((present, _),) = rows(postgres_url, epochs)
        assert int(str(present)) > int(str(before))
        wait_until(lambda: len(set(rows(postgres_url, epochs)[0])) == 1, "the host has heard", 8)
        assert time.monotonic() - began < 3.4 + 2, "within one renewal"
        wait_until(lambda: not any(granted(postgres_url).values()), "what is idle came back", 12)
        assert recorded(postgres_url) == 10 * CENT
    assert oak.spend(100) == 18, "$1.00 less what both have spent"


def test_a_host_that_stops_answers_for_its_processes_together(
    tmp_path: Path, postgres_url: str
) -> None:
    """The first process that ends leaves the slices to the other; the last gives them back."""
    host = quick(tmp_path / "ash", postgres_url)
    with host.runtime.governor() as first:
        with (
            host.runtime.governor() as second,
            second.call("m", session_id="s", estimate_usd=FIVE_CENTS) as call,
        ):
            call.used(Usage(output_tokens=200))
        assert any(granted(postgres_url).values())
        assert recorded(postgres_url) == 5 * CENT, "it has reported"
        assert first.engine.shared is not None
    assert not any(granted(postgres_url).values())


def test_a_store_of_slices_belongs_to_one_shared_store(
    tmp_path: Path, postgres_server: PostgresServer, postgres_url: str
) -> None:
    """What it has to report is not reported elsewhere."""
    host = quick(tmp_path / "ash", postgres_url)
    host.spend(1)
    drop_schema(postgres_server, postgres_url.rpartition("=")[2])
    (tmp_path / "ash" / f"ledger.duckdb.{postgres_url.rpartition('=')[2]}.seen").unlink()
    with pytest.raises(StoreError, match="another shared store"):
        host.spend(1)
