"""Ledgers merge into one: each row once, in any order, whole or not at all (EXP-1)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from corvus import Usage, open_runtime
from corvus.base.errors import LedgerCorrupt, LedgerError, LedgerTooNew
from corvus.base.money import NanoUSD
from corvus.cli.app import application
from corvus.ledger.archive import archive
from corvus.ledger.drain import drain
from corvus.ledger.ledger import open_file, open_ledger
from corvus.ledger.other_ledgers import KEPT_APART, MERGED
from corvus.ledger.verify import check_audit, check_numbers, check_settlements
from corvus.model.request import Request
from corvus.usage.ledgers import Merge, merge_ledgers
from tests.books import books_at
from tests.ledger.outboxes import FileOutbox, call, mixed

OTHER_STORE = "01900000-0000-7000-8000-000000000002"
CENT = 10_000_000


def filled(path: Path, store_id: str, count: int, first: int = 0) -> Path:
    """Make a ledger of what a store has handed over."""
    outbox = FileOutbox(path.with_suffix(".sqlite"), store_id)
    outbox.append(mixed(count, first))
    drain(path, outbox)
    return path


def merge(path: Path, *others: Path, own_store: str | None = None) -> list[Any]:
    plan = Merge(path, others, own_store)
    return merge_ledgers(plan, lambda: open_ledger(path, write=True))


def contents(path: Path) -> dict[str, list[str]]:
    with open_ledger(path) as ledger:
        return {
            table: sorted(map(repr, ledger.connection.execute(f"FROM {table}").fetchall()))
            for table in ("usage_record", *MERGED)
        }


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    first = filled(tmp_path / "one.duckdb", "01900000-0000-7000-8000-000000000001", 40)
    return first, filled(tmp_path / "two.duckdb", OTHER_STORE, 30, 1000)


def test_every_table_of_the_ledger_is_merged_or_kept_apart_for_a_reason(
    two: tuple[Path, Path],
) -> None:
    with open_ledger(two[0]) as ledger:
        rows = ledger.connection.execute(
            "SELECT table_name FROM duckdb_tables() WHERE NOT temporary"
        ).fetchall()
    assert {name for (name,) in rows} == {*MERGED, *KEPT_APART, "usage_record", "price_entry"}


def test_ledgers_merge_to_the_same_in_both_orders_and_again_adds_nothing(
    tmp_path: Path, two: tuple[Path, Path]
) -> None:
    before = [contents(path) for path in two]
    forth, back, once = (tmp_path / f"{name}.duckdb" for name in ("forth", "back", "once"))
    merge(forth, *two)
    merge(back, two[1])
    merge(back, two[0])
    merge(once, two[0], two[1], two[0])
    assert contents(forth) == contents(back) == contents(once)
    for table, rows in contents(forth).items():
        assert rows == sorted([*before[0][table], *before[1][table]])
    (again,) = merge(forth, two[0])
    assert (again.usage.new, sum(again.rows.values())) == (0, 0)
    assert [contents(path) for path in two] == before


def test_what_was_merged_verifies_and_what_decides_over_money_stays_away(
    tmp_path: Path, two: tuple[Path, Path]
) -> None:
    path = tmp_path / "merged.duckdb"
    merge(path, *two)
    with open_file(path) as ledger:
        assert [*check_audit(ledger), *check_numbers(ledger), *check_settlements(ledger)] == []
        for table in ("reset", "opened_window", "ledger_watermark", "import_file"):
            query = f"SELECT count(*) FROM {table}"  # noqa: S608 - names of this test
            assert ledger.connection.execute(query).fetchone() == (0,)


def test_rows_of_an_archive_come_too(tmp_path: Path, two: tuple[Path, Path]) -> None:
    before = contents(two[0])
    assert archive(two[0], 1).rows > 0
    path = tmp_path / "merged.duckdb"
    merge(path, two[0])
    assert contents(path)["usage_record"] == before["usage_record"]


def test_a_ledger_does_not_merge_into_itself_by_any_name(two: tuple[Path, Path]) -> None:
    link, hard = two[0].with_name("link.duckdb"), two[0].with_name("hard.duckdb")
    link.symlink_to(two[0])
    os.link(two[0], hard)
    for other in (two[0], link, hard):
        with pytest.raises(LedgerError, match="is the ledger itself"):
            merge(two[0], other)


def test_what_is_no_ledger_of_this_version_is_refused_by_name(
    tmp_path: Path, two: tuple[Path, Path]
) -> None:
    target = tmp_path / "target.duckdb"
    with pytest.raises(LedgerError, match=r"no ledger at .*missing"):
        merge(target, two[0], tmp_path / "missing.duckdb")
    with open_file(two[1], write=True) as ledger:
        ledger.connection.execute(
            "INSERT INTO ledger_migration VALUES (9999, 'later', 'x', now()::TIMESTAMP)"
        )
    with pytest.raises(LedgerTooNew, match=r"two\.duckdb"):
        merge(target, two[0], two[1])
    assert not target.exists()


def test_a_later_copy_of_the_same_ledger_and_a_contradiction_are_refused(
    tmp_path: Path, two: tuple[Path, Path]
) -> None:
    fresh = tmp_path / "fresh.duckdb"
    with open_ledger(fresh, write=True):
        pass
    with pytest.raises(LedgerError, match="later copy"):
        merge(fresh, two[1], own_store=OTHER_STORE)
    merge(fresh, two[1])
    with open_file(two[1], write=True) as ledger:
        ledger.connection.execute("UPDATE session SET event = 'forged'")
    before = contents(fresh)
    with pytest.raises(LedgerCorrupt, match=OTHER_STORE):
        merge(fresh, two[1])
    assert contents(fresh) == before


MERGE = """
import sys
from pathlib import Path
from corvus.ledger.ledger import open_ledger
from corvus.usage.ledgers import Merge, merge_ledgers
from tests.books import books_at
path, *others = map(Path, sys.argv[1:])
print("ready", flush=True)
merge_ledgers(Merge(path, others), lambda: open_ledger(path, write=True))
"""


def test_a_merge_that_is_killed_at_any_moment_is_whole_or_nothing(
    tmp_path: Path, two: tuple[Path, Path]
) -> None:
    whole = tmp_path / "whole.duckdb"
    merge(whole, *two)
    path = tmp_path / "killed.duckdb"
    with open_ledger(path, write=True):
        pass
    empty, full = contents(path), contents(whole)
    for delay in (0.05, 0.4, 0.9):
        words = [sys.executable, "-c", MERGE, str(path), *map(str, two)]
        there = os.environ | {"TMPDIR": str(tmp_path)}
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=there) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(delay)
            process.send_signal(signal.SIGKILL)
        assert contents(path) in (empty, full)
    merge(path, *two)
    assert contents(path) == full


CONFIG = """
[cost]
enabled = true
daily_limit_usd = 10

[cost.prices.m]
input = 1
output = 2
"""


@pytest.fixture
def governed(tmp_path: Path) -> Callable[[str], Path]:
    """Spend 3 cents in a place of its own, and return its ledger, which has drained nothing."""

    def spend(name: str) -> Path:
        config = tmp_path / "corvus.toml"
        config.write_text(CONFIG)
        path = tmp_path / name / "l.duckdb"
        path.parent.mkdir()
        with open_runtime([config], ledger=path).governor() as governor:
            for cents in (1, 2):
                cost = NanoUSD(cents * CENT)
                decision = governor.reserve(Request("m", cost, f"s-{name}"))
                assert decision.reservation is not None
                governor.commit(decision.reservation, Usage(10, 5), cost_nano_usd=cost)
        return path

    return spend


def run(tmp_path: Path, *words: object) -> Any:
    arguments = [*map(str, words), "--config", str(tmp_path / "corvus.toml")]
    result = CliRunner().invoke(application(), arguments)
    assert result.exit_code == 0, result.output
    return result


def spent(path: Path) -> tuple[int, int]:
    with books_at(path).ledger() as ledger:
        query = "SELECT sum(calls)::BIGINT, sum(cost_nano_usd)::BIGINT FROM usage_record"
        return ledger.connection.execute(query).fetchone() or (0, 0)


@pytest.mark.parametrize("shape", ["csv", "parquet"])
def test_a_governed_call_that_comes_by_file_and_by_draining_counts_once(
    tmp_path: Path, governed: Callable[[str], Path], shape: str
) -> None:
    """LED-2: an export has what the store has not handed over yet."""
    path = governed("one")
    out = tmp_path / f"out.{shape}"
    run(tmp_path, "usage", "export", "--ledger", path, "-o", out)
    run(tmp_path, "usage", "import", out, "--ledger", path)
    books_at(path).drain()
    assert spent(path) == (2, 3 * CENT)
    assert books_at(path).verify().is_sound


def test_two_places_merge_and_their_budgets_count_each_call_once(
    tmp_path: Path, governed: Callable[[str], Path]
) -> None:
    one, two = governed("one"), governed("two")
    books_at(two).drain()
    told = run(tmp_path, "ledger", "merge", two, "--ledger", one, "--format", "kv").output
    assert "new=2" in told.splitlines()
    assert spent(one) == (4, 6 * CENT)
    assert books_at(one).verify().is_sound
    run(tmp_path, "ledger", "merge", two, "--ledger", one)
    assert spent(one) == (4, 6 * CENT)


def test_a_record_that_an_export_brought_is_not_drained_once_more(tmp_path: Path) -> None:
    """A store that is put next to a ledger which has its calls from a file."""
    rows = [call(1), call(2)]
    first = FileOutbox(tmp_path / "first.sqlite")
    first.append(rows)
    drain(tmp_path / "a.duckdb", first)
    target = tmp_path / "b.duckdb"
    merge(target, tmp_path / "a.duckdb")
    again = FileOutbox(tmp_path / "again.sqlite")
    again.append([*rows, call(3)])
    assert drain(target, again).events == 1
    with open_ledger(target) as ledger:
        counted = ledger.connection.execute("SELECT count(*), count(DISTINCT id) FROM usage_record")
        assert counted.fetchone() == (3, 3)
