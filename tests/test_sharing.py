"""Hosts that share a store: each ledger ends as the others and as the truth (STO-3)."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from corvus.base.errors import LedgerError, StoreUnavailable
from corvus.base.money import NanoUSD
from corvus.base.period import Period
from corvus.base.time import FixedClock
from corvus.bookkeeping import Bookkeeping
from corvus.governor.recount import recount
from corvus.ledger.ledger import Ledger, open_file
from corvus.model.budget import Budget
from corvus.model.outbox import LedgerTable, Row
from corvus.prices.lookup import PriceBooks
from corvus.reconcile.reconcile import Choice, reconcile
from corvus.store.election import resign, try_elect
from corvus.store.imports import IMPORT, Imported
from corvus.store.kinds import BALANCES_OF
from corvus.store.place import StorePlace, open_store, place_of
from corvus.store.replicas import replicas
from corvus.usage.importers.model import ImportOptions
from corvus.usage.importers.run import import_usage
from tests.ledger.outboxes import call, mixed
from tests.reconcile.months import BOOKS, anthropic_cost, month, recorded
from tests.store.sharing import SharedPlace, SharedSchema

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
CENT = 10_000_000
TABLES = (
    "usage_record",
    "reservation_event",
    "session",
    "price_entry",
    "import_file",
    "provider_charge",
    "charge_model",
    "reconciliation",
)


class Team:
    """Hosts with a folder each, and the store that they share."""

    def __init__(self, folder: Path, url: str | None = None) -> None:
        self.folder = folder
        self.place: StorePlace = SharedPlace(folder / "shared.store")
        if url is not None:
            self.place = SharedSchema(url, folder / "beside")
        self.now = NOW

    def host(self, name: str) -> Bookkeeping:
        (self.folder / name).mkdir(exist_ok=True)
        path = self.folder / name / "ledger.duckdb"
        return Bookkeeping(path, self.place, FixedClock(self.now))

    def record(self, rows: Sequence[tuple[LedgerTable, Row]]) -> None:
        """Have the store record what a governor would."""
        store = open_store(self.place, FixedClock(self.now))
        store.run(lambda unit: [unit.append(table, row) for table, row in rows])
        store.close()

    def bring(self, host: str, path: Path) -> Any:
        """Import a file on a host."""
        books = self.host(host)
        options = ImportOptions(
            clock=FixedClock(self.now),
            imported=books.imported_files(),
            own_store=books.store_id(),
        )
        summary = import_usage(books.importing, [path], PriceBooks(), options=options)
        books.settle_import()
        return summary

    def contents(self, host: str, *, drained: bool = False) -> dict[str, list[str]]:
        books = self.host(host)
        opened = open_file(books.ledger_path) if drained else books.ledger(may_be_missing=True)
        with opened as ledger:
            return {
                table: sorted(map(repr, ledger.connection.execute(f"FROM {table}").fetchall()))
                for table in TABLES
            }


@pytest.fixture
def files(tmp_path: Path) -> Team:
    return Team(tmp_path)


@pytest.fixture(params=["sqlite", "postgresql"])
def team(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Team]:
    is_file = request.param == "sqlite"
    team = Team(tmp_path, None if is_file else request.getfixturevalue("postgres_url"))
    yield team
    if isinstance(team.place, SharedSchema):
        team.place.close()


def usage_file(path: Path, count: int, first: int = 0, *, tokens: int = 5, cents: int = 1) -> Path:
    """Write calls of elsewhere, of so much each."""
    with path.open("w") as file:
        for number in range(first, first + count):
            at = NOW - timedelta(hours=1) + timedelta(milliseconds=number)
            record = {
                "id": f"call-{number}",
                "timestamp": at.isoformat(),
                "model": "gpt-5",
                "provider": "openai",
                "input_tokens": 10,
                "output_tokens": tokens,
                "cost_usd": f"0.0{cents}",
                "user": "ana",
            }
            file.write(json.dumps(record) + "\n")
    return path


def test_a_report_shows_what_another_host_has_recorded(team: Team) -> None:
    team.record(mixed(30))
    team.host("a").drain()
    team.record(mixed(10, 30))
    team.host("b").drain()
    assert team.contents("a") == team.contents("b")
    assert len(team.contents("a")["usage_record"]) == 14


def test_what_is_imported_on_one_host_is_seen_on_the_others_once(
    team: Team, tmp_path: Path
) -> None:
    path = usage_file(tmp_path / "usage.jsonl", 25)
    assert team.bring("a", path).new == 25
    assert len(team.contents("b")["usage_record"]) == 25
    again = team.bring("b", path)
    assert (again.new, again.duplicate) == (0, 0)
    assert again.unchanged == 1
    for host in ("a", "b"):
        team.host(host).drain()
    assert team.contents("a", drained=True) == team.contents("b", drained=True)


def forgotten(team: Team) -> None:
    """Let host a have everything, and the store forget it."""
    team.now += timedelta(hours=1)
    team.host("a").drain()
    team.now += timedelta(days=31)
    team.record(mixed(1, 9_000))
    team.host("a").drain()
    team.record(mixed(2, 9_100))


def test_a_new_host_is_refused_and_seeded_once(team: Team, tmp_path: Path) -> None:
    team.bring("a", usage_file(tmp_path / "usage.jsonl", 10))
    team.record(mixed(30))
    forgotten(team)
    new, other = team.host("new"), team.host("a").ledger_path
    with (
        pytest.raises(LedgerError, match=r"new to the store.*corvus ledger seed"),
        new.ledger(may_be_missing=True),
    ):
        pass
    with pytest.raises(LedgerError, match="corvus ledger seed"):
        new.drain()
    first = new.seed(other)
    assert first.events == 42
    assert new.seed(other).events == 0
    new.drain()
    team.host("a").drain()
    assert team.contents("new", drained=True) == team.contents("a", drained=True)
    assert new.verify().findings == ()


def test_a_host_that_was_away_is_seeded_with_what_it_lacks(team: Team) -> None:
    team.record(mixed(20))
    team.host("b").drain()
    team.record(mixed(20, 20))
    forgotten(team)
    books = team.host("b")
    with pytest.raises(LedgerError, match="corvus ledger seed"), books.ledger():
        pass
    with pytest.raises(LedgerError, match="corvus ledger seed"):
        books.rebuild("ana", None)
    assert books.seed(team.host("a").ledger_path).events == 21
    assert team.contents("b") == team.contents("a")
    assert books.verify().findings == ()


def test_the_ledger_of_another_store_seeds_nothing(team: Team) -> None:
    team.record(mixed(5))
    other = Team(team.folder / "a")
    other.folder.mkdir()
    other.record(mixed(7))
    other.host("x").drain()
    with pytest.raises(LedgerError, match="no event of this store"):
        team.host("b").seed(other.host("x").ledger_path)


def test_who_is_as_far_behind_seeds_nobody(team: Team) -> None:
    team.record(mixed(20))
    team.host("b").drain()
    team.record(mixed(20, 20))
    forgotten(team)
    with pytest.raises(LedgerError, match=r"ledger.duckdb: .*corvus ledger seed"):
        team.host("new").seed(team.host("b").ledger_path)


def test_a_ledger_with_records_of_its_own_is_no_replica(team: Team, tmp_path: Path) -> None:
    team.record(mixed(5))
    path = team.host("b").ledger_path
    alone = Bookkeeping(path, place_of(path), FixedClock(NOW))
    options = ImportOptions(clock=FixedClock(NOW))
    import_usage(
        alone.importing, [usage_file(tmp_path / "u.jsonl", 3)], PriceBooks(), options=options
    )
    for use in (team.host("b").drain, lambda: team.contents("b")):
        with pytest.raises(LedgerError, match="corvus ledger merge"):
            use()


def test_a_store_that_was_set_back_and_went_on_is_refused(files: Team) -> None:
    team = files
    team.record(mixed(5))
    before = (team.folder / "shared.store").read_bytes()
    team.record(mixed(5, 5))
    team.host("a").drain()
    team.host("b").drain()
    for end in ("-wal", "-shm"):
        Path(f"{team.folder}/shared.store{end}").unlink(missing_ok=True)
    (team.folder / "shared.store").write_bytes(before)
    with pytest.raises(LedgerError, match="older than the ledger"):
        team.host("a").drain()
    team.record(mixed(9, 500))
    with pytest.raises(LedgerError, match="set back and went on"):
        team.host("a").drain()
    with pytest.raises(LedgerError, match="set back and went on"), team.host("b").ledger():
        pass


def test_a_copied_ledger_breaks_nobody(team: Team) -> None:
    team.record(mixed(10))
    team.host("a").drain()
    (team.folder / "b").mkdir()
    copy = team.folder / "b" / "ledger.duckdb"
    copy.write_bytes(team.host("a").ledger_path.read_bytes())
    team.record(mixed(10, 10))
    team.host("a").drain()
    team.host("b").drain()
    team.record(mixed(10, 20))
    for host in ("b", "a", "b"):
        team.host(host).drain()
    assert team.contents("a", drained=True) == team.contents("b", drained=True)
    with team.place.looking() as look:
        found = replicas(look)
    assert {row.watermark for row in found} == {30}
    assert len(found) == 2


def test_a_second_import_waits_and_is_refused(
    team: Team, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(team.place, FixedClock(NOW))
    try_elect(store, IMPORT, "elsewhere:7:x", 60)
    monkeypatch.setattr("corvus.store.election._PATIENCE_SECONDS", 0.0)
    with pytest.raises(StoreUnavailable, match="process 7 on elsewhere"):
        team.bring("a", usage_file(tmp_path / "u.jsonl", 3))
    store.close()


BILLED = Budget("all", Period.TOTAL, NanoUSD(10**15), (), "")


def sums(team: Team, host: str) -> tuple[int, int]:
    """Return calls and cost that a host counts for a budget over everything, as a recount does."""
    books = team.host(host)
    with books.store() as store:
        recount(store, books.history(store), [BILLED], write=True)
        differences = recount(store, books.history(store), write=False)
        assert differences == []
        (balance,) = store.look(lambda rows: rows.find(BALANCES_OF, 1))
    return balance.calls, balance.spent_nano_usd


def test_every_host_counts_an_import_once(team: Team, tmp_path: Path) -> None:
    team.record(mixed(30))
    before = sums(team, "a")
    team.bring("b", usage_file(tmp_path / "usage.jsonl", 12))
    assert sums(team, "a") == sums(team, "b") == (before[0] + 12, before[1] + 12 * CENT)


def test_a_large_import_comes_in_bounded_batches(
    files: Team, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("corvus.ledger.capture.ROWS_AT_ONCE", 8)
    sizes: list[int] = []
    append = Imported._append  # pyright: ignore[reportPrivateUsage] - counts the batches

    def counted(self: Imported, batch: Sequence[tuple[LedgerTable, Row]]) -> bool:
        sizes.append(len(batch))
        return append(self, batch)

    monkeypatch.setattr(Imported, "_append", counted)
    files.bring("a", usage_file(tmp_path / "usage.jsonl", 30))
    files.bring("b", usage_file(tmp_path / "usage.jsonl", 30, tokens=9))
    assert sizes == [8, 8, 8, 6, 1, *([8] * 7), 4, 1]
    assert files.contents("a") == files.contents("b")
    assert len(files.contents("a")["usage_record"]) == 90


def test_a_call_that_is_recorded_while_it_is_imported_ends_the_import(
    team: Team, tmp_path: Path
) -> None:
    path = usage_file(tmp_path / "usage.jsonl", 3)
    keys = overtaken(team, path, {})
    assert team.host("b").ledger_path.exists() is False
    ways: list[Row] = [{"id": keys[0][0]}, {"import_key": keys[1][1]}]
    for overtaking in ways:
        with pytest.raises(StoreUnavailable, match="recorded while it ran"):
            overtaken(team, path, overtaking)


def overtaken(team: Team, path: Path, overtaking: Row) -> list[tuple[str, str]]:
    """Import a file while a call is recorded; with nothing said of the call, give up instead."""
    keys: list[tuple[str, str]] = []
    with suppress(InterruptedError), team.host("a").importing() as ledger:
        bring_into(ledger, path)
        rows = ledger.connection.execute("SELECT id, import_key FROM usage_record ORDER BY id")
        keys = [(str(id_), str(key)) for id_, key in rows.fetchall()]
        if not overtaking:
            raise InterruptedError
        team.record([call(77_000 + len(overtaking), **overtaking)])
    return keys


def bring_into(ledger: Ledger, path: Path) -> None:
    @contextmanager
    def opened() -> Generator[Ledger]:
        yield ledger

    import_usage(opened, [path], PriceBooks(), options=ImportOptions(clock=FixedClock(NOW)))


_IMPORTED = """
SELECT sum(calls), count(DISTINCT import_key) FROM usage_call WHERE surface = 'import'
"""
_KILLED = """
import os, signal, sys
from datetime import datetime
from pathlib import Path
from corvus.ledger import capture
from corvus.store.sqlite import SqliteBackend
from tests.test_sharing import Team
folder, file, now, step = sys.argv[1:]
capture.ROWS_AT_ONCE = 6
commit, left = SqliteBackend.commit, [int(step)]
def dying(self, changes):
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    commit(self, changes)
    if left[0] == 1 and int(step) % 2:
        os.kill(os.getpid(), signal.SIGKILL)
SqliteBackend.commit = dying
team = Team(Path(folder))
team.now = datetime.fromisoformat(now)
team.bring("a", Path(file))
"""


def test_an_import_that_is_killed_at_any_step_loses_and_doubles_nothing(
    files: Team, tmp_path: Path
) -> None:
    files.record(mixed(9))
    files.bring("b", usage_file(tmp_path / "usage.jsonl", 20))
    later = usage_file(tmp_path / "later.jsonl", 20, tokens=9, cents=2)
    ended = 0
    for step in range(1, 40):
        files.now += timedelta(minutes=5)
        arguments = [str(files.folder), str(later), files.now.isoformat(), str(step)]
        command = [sys.executable, "-c", _KILLED, *arguments]
        own = {**os.environ, "TMPDIR": str(tmp_path)}  # a killed import leaves its files
        done = subprocess.run(command, check=False, env=own)
        assert done.returncode in (0, -signal.SIGKILL)
        with files.host("b").ledger() as ledger:
            assert ledger.connection.execute(_IMPORTED).fetchone() == (20, 20)
        ended = done.returncode
        if ended == 0:
            break
    assert ended == 0
    files.now += timedelta(minutes=5)
    calls, cost = sums(files, "a")
    assert (calls, cost) == sums(files, "b")
    governed = [row["cost_nano_usd"] for table, row in mixed(9) if table == "usage_record"]
    assert cost == 20 * 2 * CENT + sum(int(str(nano_usd)) for nano_usd in governed)
    for host in ("a", "b"):
        files.host(host).drain()
    assert files.contents("a", drained=True) == files.contents("b", drained=True)


def test_a_bill_that_one_host_reads_stands_in_the_place_of_an_older_one_on_all(
    team: Team, tmp_path: Path
) -> None:
    truth = month(11, days=3)
    with team.host("a").importing() as ledger:
        recorded(ledger, truth)
    for host, text in (("a", anthropic_cost(truth[:-2])), ("b", anthropic_cost(truth))):
        file, books = tmp_path / f"{host}.json", team.host(host)
        file.write_text(text)
        with books.ledger() as ledger:
            before = ledger.through_seq
        reconcile([str(file)], BOOKS, Choice(NOW), read=books.ledger, write=books.billing)
        for one in ("a", "b"):  # of which one has it in its file, the other in the tail alone
            with team.host(one).ledger() as ledger:
                assert ledger.through_seq > before
                billed = ledger.connection.execute(_BILLED).fetchone()
            assert billed == (sum(call.nano_usd for call in truth[: -2 if host == "a" else None]),)
    for host in ("a", "b"):
        team.host(host).drain()
    assert team.contents("a", drained=True) == team.contents("b", drained=True)


_BILLED = "SELECT sum(amount_nano_usd)::BIGINT FROM provider_charge"


class Chances:
    """Hosts at random: what they do, and what there must be in the end."""

    def __init__(self, team: Team, folder: Path, seed: int) -> None:
        self.team, self.folder, self.chance = team, folder, random.Random(seed)
        self.hosts = ["a", "b"]
        self.recorded = 0
        self.brought: set[int] = set()

    def step(self, number: int) -> None:
        """Let time go by, and one host do something."""
        self.team.now += timedelta(minutes=self.chance.choice([1, 61, 60 * 24 * 4, 60 * 24 * 9]))
        doing = (self.record, self.record, self.catch_up, self.catch_up, self.bring, self.restore)
        self.chance.choice(doing)(self.chance.choice(self.hosts))
        if self.chance.random() < 0.1:
            self.hosts.append(f"new{number}")

    def record(self, host: str) -> None:
        del host
        count = self.chance.randrange(1, 30)
        self.team.record(mixed(count, self.recorded))
        self.recorded += count

    def bring(self, host: str) -> None:
        first = self.chance.randrange(0, 30)
        self.catch_up(host)
        self.team.bring(host, usage_file(self.folder / "usage.jsonl", 10, first))
        self.brought |= {*range(first, first + 10)}

    def restore(self, host: str) -> None:
        """Set the ledger of a host back to what it was once."""
        path, kept = self.team.host(host).ledger_path, self.folder / f"kept-{host}"
        if kept.exists():
            path.write_bytes(kept.read_bytes())
        elif path.exists():
            kept.write_bytes(path.read_bytes())

    def catch_up(self, host: str) -> None:
        """Drain; who is refused is seeded from whoever is not behind."""
        if not is_refused(self.team.host(host).drain):
            return
        for other in (other for other in self.hosts if other != host):
            source = self.team.host(other).ledger_path
            with suppress(LedgerError):
                self.team.host(host).seed(source)
                self.team.host(host).drain()
                return
        pytest.fail("nobody has what the store has forgotten")


def is_refused(drain: Callable[[], object]) -> bool:
    try:
        drain()
    except LedgerError as refused:
        if "corvus ledger seed" not in str(refused):
            raise
        return True
    return False


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_each_ledger_ends_as_the_others(
    team: Team, tmp_path: Path, seed: int
) -> None:
    chances = Chances(team, tmp_path, seed)
    chances.record("a")
    for number in range(14):
        chances.step(number)
    for host in [*chances.hosts, *chances.hosts]:
        chances.catch_up(host)
    first, *others = [team.contents(host, drained=True) for host in chances.hosts]
    assert all(other == first for other in others)
    governed = sum(table == "usage_record" for table, _ in mixed(chances.recorded))
    assert len(first["usage_record"]) == governed + len(chances.brought)
    for host in chances.hosts:
        assert team.host(host).verify().findings == ()


def test_of_the_hosts_that_share_a_store_one_archives_at_a_url(team: Team, tmp_path: Path) -> None:
    team.record(mixed(30))
    url = (tmp_path / "archive").as_uri()
    for host in ("a", "b"):
        team.host(host).drain()
    team.now += timedelta(days=90)
    store = open_store(team.place, FixedClock(team.now))
    try_elect(store, "archive", "elsewhere:7:x", 60)
    assert team.host("a").archive(1, url).rows == 0
    resign(store, "archive", "elsewhere:7:x")
    store.close()
    before = team.contents("a")
    moved = team.host("a").archive(1, url)
    assert moved.rows > 0
    assert team.contents("a") == before == team.contents("b")
    taken = team.host("b").archive(1, url)  # what is there
    assert {*taken.files} == {*moved.files}
    assert team.contents("b") == before


def test_a_report_by_command_is_the_same_on_two_hosts(tmp_path: Path, postgres_url: str) -> None:
    usage = usage_file(tmp_path / "usage.jsonl", 7)

    def run(host: str, *command: str) -> str:
        folder = tmp_path / host
        folder.mkdir(exist_ok=True)
        (folder / "corvus.toml").write_text(
            f'[cost]\nenabled = true\n[governance.ledger]\nurl = "{postgres_url}"\n'
        )
        ledger = ["--ledger", str(folder / "ledger.duckdb")]
        program = [sys.executable, "-m", "corvus", *command, *ledger]
        return subprocess.run(
            program, cwd=folder, check=True, capture_output=True, text=True, timeout=120
        ).stdout

    run("a", "usage", "import", str(usage))
    assert "calls=7 " in run("b", "report", "by-model")
    assert run("a", "report", "by-model") == run("b", "report", "by-model")
    run("b", "ledger", "drain")
    assert "unchanged_files=1" in run("b", "usage", "import", str(usage))
    assert "events=0" in run("b", "ledger", "seed", str(tmp_path / "a" / "ledger.duckdb"))
    assert "sound=true" in run("b", "ledger", "verify")
