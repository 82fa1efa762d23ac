"""A host that is killed while it takes events of a shared store over (LED-2, STO-3)."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import duckdb

from corvus import Usage, open_runtime
from tests.postgres import PostgresServer

CONFIG = """
[governance.ledger]
path = "ledger.duckdb"
url = "{url}"

[cost]
enabled = true
monthly_limit_usd = 1000

[cost.prices.m]
input = 50
output = 250
"""
CALLS_AND_DRAINS = """
import sys
from decimal import Decimal
from corvus import Usage, open_runtime
from corvus.ledger import outbox
outbox.BATCH_EVENTS = 3
runtime = open_runtime([sys.argv[1]])
with runtime.governor() as governor:
    print("ready", flush=True)
    while True:
        for _ in range(4):
            with governor.call("m", session_id="s", estimate_usd=Decimal("0.05")) as call:
                call.used(Usage(output_tokens=200))
            print("called", flush=True)
        runtime.bookkeeping.drain()
"""
_RECORDED = "SELECT count(*), count(DISTINCT id), sum(cost_nano_usd)::BIGINT FROM usage_record"


def test_a_host_that_is_killed_in_a_drain_loses_nothing_and_doubles_nothing(
    tmp_path: Path, postgres_server: PostgresServer, postgres_url: str
) -> None:
    config = tmp_path / "corvus.toml"
    config.write_text(CONFIG.format(url=postgres_url))
    moments, acknowledged = random.Random(5), 0
    for _ in range(4):
        command = [sys.executable, "-c", CALLS_AND_DRAINS, str(config)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        acknowledged += process.stdout.readline() == "called\n"
        time.sleep(moments.uniform(0, 0.5))
        process.kill()
        acknowledged += process.communicate()[0].count("called\n")
    runtime = open_runtime([config])
    runtime.bookkeeping.drain()
    schema = postgres_url.rpartition("=")[2]
    events = f"FROM {schema}.outbox WHERE ledger_table = 'usage_record'"
    ((written,),) = postgres_server.query(f"SELECT count(*) {events}")
    with runtime.ledger() as ledger:
        found = ledger.connection.execute(_RECORDED).fetchall()
    assert isinstance(written, int)
    assert found == [(written, written, written * 50_000_000)]
    assert acknowledged <= written <= acknowledged + 4, "each kill may leave one that is recorded"
    assert runtime.bookkeeping.verify().is_sound


def test_a_ledger_whose_maker_was_killed_is_made_to_its_end(
    tmp_path: Path, postgres_url: str
) -> None:
    """It is a database without a table, from before the first of its migrations."""
    config = tmp_path / "corvus.toml"
    config.write_text(CONFIG.format(url=postgres_url))
    duckdb.connect(tmp_path / "ledger.duckdb").close()
    runtime = open_runtime([config])
    with runtime.governor() as governor, governor.call("m", estimate_usd=Decimal("0.05")) as call:
        call.used(Usage(output_tokens=200))
    runtime.bookkeeping.drain()
    with runtime.ledger() as ledger:
        assert ledger.connection.execute(_RECORDED).fetchall() == [(1, 1, 50_000_000)]
