"""Roll-ups say what the records come to, whatever happens to the ledger (LED-5)."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import duckdb
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from corvus.base.errors import LedgerError
from corvus.base.time import FixedClock, SystemClock
from corvus.ledger import roll_ups as module
from corvus.ledger.archive import archive
from corvus.ledger.drain import drain
from corvus.ledger.ledger import Ledger, open_file, open_ledger, upgrade
from corvus.ledger.roll_ups import ROLL_UPS, differing
from corvus.ledger.verify import FindingCode, check_roll_ups
from corvus.model.outbox import LedgerTable, Row
from corvus.model.usage import COUNTS
from tests.ledger.outboxes import FileOutbox
from tests.properties import examples

NOW = datetime(2026, 6, 15, tzinfo=UTC)
CLOCK = FixedClock(NOW)
FIRST = datetime(2026, 1, 1)  # noqa: DTZ001 - the ledger is naive UTC
SPAN_SECONDS = 160 * 86_400
KEYS = {
    "model_usage": ("provider", "requested_model", "source", "at_least"),
    "caller_usage": ("project", "user_name", "agent", "surface", "token"),
}
SUMS = ", ".join(
    f"sum({name})"
    for name in ("calls", *COUNTS, "cost_nano_usd", "coalesce(computed_cost_nano_usd, 0)")
)


def record(drawn: dict[str, Any], number: int) -> Row:
    """A usage record as the store hands it over."""
    at_us = (FIRST - datetime(1970, 1, 1)) // timedelta(microseconds=1) + drawn["at"]  # noqa: DTZ001
    names = ("provider", "requested_model", "source", "project", "user_name", "agent", "surface")
    row: Row = {name: drawn[name] for name in names}
    row |= dict.fromkeys(COUNTS, 0)
    row |= {"input_tokens": drawn["tokens"], "cache_read_audio_tokens": drawn["tokens"] // 3}
    row |= {
        "id": f"01990000-0000-7000-8000-{number:012x}",
        "calls": 1,
        "requested_at": at_us,
        "admitted_at": at_us,
        "settled_at": at_us + drawn["late"],
        "session_id": drawn["session"],
        "mission_id": drawn["mission"],
        "cost_nano_usd": drawn["cost"],
        "estimated_tokens": drawn["estimated"],
        "token": drawn["agent"],
        "outcome": "completed",
        "at_least": drawn["at_least"],
    }
    return row


def taken_back(row: Row, number: int) -> Row:
    """The row that takes a record back."""
    numbers = {
        name: -value
        for name, value in row.items()
        if isinstance(value, int)
        and name in {*COUNTS, "calls", "cost_nano_usd", "estimated_tokens"}
    }
    return (
        row | numbers | {"id": f"01990000-0000-7000-9000-{number:012x}", "corrects_id": row["id"]}
    )


def refusal(row: Row, number: int, times: int | None) -> Row:
    return {
        "kind": "denied",
        "recorded_at": row["admitted_at"],
        "session_id": row["session_id"],
        "mission_id": row["mission_id"],
        "project": row["project"],
        "provider": row["provider"],
        "requested_model": row["requested_model"],
        "surface": row["surface"],
        "times": times,
        "denial": "budget_exceeded",
        "state": "exceeded",
        "seq": None,
        "override_id": f"01990000-0000-7000-a000-{number:012x}",
    }


CALL = st.fixed_dictionaries(
    {
        "at": st.integers(0, SPAN_SECONDS * 1_000_000)
        | st.integers(0, SPAN_SECONDS // 900).map(lambda quarter: quarter * 900_000_000),
        "provider": st.sampled_from(["anthropic", "openai"]),
        "requested_model": st.sampled_from(["m", "n"]),
        "source": st.sampled_from(["priced", "estimated", "unknown"]),
        "project": st.sampled_from([None, "web", "ops"]),
        "user_name": st.sampled_from([None, "ana"]),
        "agent": st.sampled_from([None, "coder"]),
        "surface": st.sampled_from(["proxy", "import"]),
        "session": st.sampled_from([None, "s-1", "s-2", ""]),
        "mission": st.sampled_from([None, "mission"]),
        "tokens": st.integers(0, 10**6),
        "late": st.integers(0, 10**10),
        "cost": st.none() | st.integers(0, 10**12) | st.just(2**62),
        "estimated": st.none() | st.integers(1, 1000),
        "at_least": st.booleans(),
        "refused": st.sampled_from([0, 0, 1, None]),
    }
)
STEP = st.sampled_from(["drain", "drain", "merge", "archive", "correct", "import", "none"])
BOUND = st.none() | st.integers(0, SPAN_SECONDS * 1_000_000).map(
    lambda us: FIRST + timedelta(microseconds=us)
)


class Scene:
    """A ledger to which things happen."""

    def __init__(self, folder: Path) -> None:
        self.path, self.outbox = folder / "ledger.duckdb", FileOutbox(folder / "outbox.sqlite")
        self.rows: list[Row] = []
        self.number = 0

    def record(self, drawn: dict[str, Any]) -> None:
        self.number += 1
        row = record(drawn, self.number)
        if drawn["refused"] == 0:
            self.rows.append(row)
            self.outbox.append([(LedgerTable.USAGE_RECORD, row)])
        else:
            refused = refusal(row, self.number, drawn["refused"])
            self.outbox.append([(LedgerTable.RESERVATION_EVENT, refused)])

    def happen(self, step: str) -> None:
        match step:
            case "drain":
                drain(self.path, self.outbox, clock=CLOCK)
            case "correct" if self.rows:
                self.number += 1
                back = taken_back(self.rows.pop(), self.number)
                again = record_again(back, self.number)
                self.outbox.append([(LedgerTable.USAGE_RECORD, one) for one in (back, again)])
            case "archive" if self.path.exists():
                archive(self.path, 30, clock=CLOCK)
            case "merge" | "import" if self.path.exists():
                with open_ledger(self.path, write=True, clock=CLOCK) as ledger:
                    self.write(ledger, step)
            case _:
                pass

    def write(self, ledger: Ledger, step: str) -> None:
        with ledger.transaction():
            if step == "merge":
                module.merge(ledger.connection, ledger.table, ROLL_UPS, NOW)
            else:  # an older day comes by another way
                ledger.connection.execute(
                    "CREATE OR REPLACE TEMP TABLE usage_staged AS "
                    "SELECT * EXCLUDE (token, at_least) REPLACE (uuid() AS id, "
                    "admitted_at - INTERVAL 40 DAY AS admitted_at) "
                    "FROM usage_record LIMIT 3"
                )
                ledger.append(LedgerTable.USAGE_RECORD, "temp.usage_staged")


def record_again(back: Row, number: int) -> Row:
    """What is known of a call now, after its record was taken back: it cost a little more."""
    numbers = {
        name: -value
        for name, value in back.items()
        if isinstance(value, int)
        and name in {*COUNTS, "calls", "cost_nano_usd", "estimated_tokens"}
    }
    row = back | numbers | {"id": f"01990000-0000-7000-b000-{number:012x}"}
    cost = row["cost_nano_usd"]
    return row | {"cost_nano_usd": 7 if not isinstance(cost, int) else cost // 2}


def sums(ledger: Ledger, query: str, **values: object) -> list[Any]:
    return sorted(ledger.connection.execute(query, values).fetchall(), key=repr)


@settings(
    max_examples=examples(300, by_day=12),
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking makes hundreds of ledgers
)
@given(
    story=st.lists(st.tuples(CALL, STEP), min_size=1, max_size=14),
    since=BOUND,
    until=BOUND,
    zone=st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe"]),
)
def test_sums_of_roll_ups_are_those_of_the_records(
    story: list[tuple[dict[str, Any], str]],
    since: datetime | None,
    until: datetime | None,
    zone: str,
) -> None:
    with TemporaryDirectory() as name:
        scene = Scene(Path(name))
        for drawn, step in story:
            scene.record(drawn)
            scene.happen(step)
        outbox = scene.outbox if scene.outbox.newest_seq() else None
        with open_ledger(scene.path, outbox=outbox) as ledger:
            assert differing(ledger.connection) == []
            for table, keys in KEYS.items():
                select = (
                    f"SELECT date_trunc('day', local_time(admitted_at, $zone)), {', '.join(keys)}, "  # noqa: S608
                    f"cost_nano_usd IS NULL, {SUMS}, max({{last}}) FROM {{source}} GROUP BY ALL"
                )
                in_time = (
                    "(SELECT * FROM usage_record WHERE ($since IS NULL OR admitted_at >= "
                    "$since::TIMESTAMP) AND ($until IS NULL OR admitted_at < $until::TIMESTAMP))"
                )
                given = {"since": since, "until": until, "zone": zone}
                recorded = sums(ledger, select.format(source=in_time, last="admitted_at"), **given)
                for by_record in ("false", "true"):
                    between = f"{table}_between($since, $until, {by_record})"
                    found = sums(ledger, select.format(source=between, last="last_at"), **given)
                    assert found == recorded
            select = (
                f"SELECT session_id, project, mission_id, {SUMS}, sum(denied_calls), "  # noqa: S608
                "min(first_at), max(last_at) FROM session_usage_between(NULL, NULL, {by_record}) "
                "GROUP BY ALL"
            )
            assert sums(ledger, select.format(by_record="false")) == sums(
                ledger, select.format(by_record="true")
            )


def test_time_zones_change_at_whole_quarters_of_an_hour() -> None:
    """So a local day is a whole number of the rows that a roll-up has for it."""
    step = 3 * 86_400
    start = int(datetime(2021, 1, 1, tzinfo=UTC).timestamp())
    instants = range(start, start + 17 * 366 * 86_400, step)
    others: set[str] = set()
    for name in sorted(available_timezones()):
        zone, before = ZoneInfo(name), None
        for instant in instants:
            offset = datetime.fromtimestamp(instant, zone).utcoffset()
            assert offset is not None
            assert offset.total_seconds() % 900 == 0, name
            changes = before is not None and offset != before
            if changes and change(zone, instant - step, instant) % 900:
                others.add(name)
            before = offset
    assert others <= {"Antarctica/Casey"}, "a station whose clocks change at 00:01"


def change(zone: ZoneInfo, after: int, until: int) -> int:
    """Return the first second at which the offset is that of the end."""
    wanted = datetime.fromtimestamp(until, zone).utcoffset()
    while until - after > 1:
        middle = (after + until) // 2
        if datetime.fromtimestamp(middle, zone).utcoffset() == wanted:
            until = middle
        else:
            after = middle
    return until


@pytest.fixture
def filled(tmp_path: Path, record_calls: Callable[..., Path]) -> Path:
    """A ledger with calls of half a year, the older ones in its archive."""
    calls = [
        {"admitted_at": FIRST + timedelta(days=day), "session_id": f"s-{day % 3}"}
        for day in range(0, 160, 2)
    ]
    path = record_calls(tmp_path / "ledger.duckdb", *calls)
    assert archive(path, 60, clock=CLOCK).files
    return path


def older(path: Path) -> Path:
    """Make of a ledger what the last version without roll-ups has left."""
    with duckdb.connect(path) as connection:
        for name in (*(f"{roll_up.table}" for roll_up in ROLL_UPS), "roll_up_merge"):
            connection.execute(f"DROP TABLE {name}")
        for roll_up in ROLL_UPS:
            connection.execute(f"DROP MACRO TABLE {roll_up.table}_between")
        connection.execute("DROP MACRO quarter_from; DROP MACRO quarter_until")
        connection.execute("DELETE FROM ledger_migration WHERE version >= 17")
    return path


def test_an_older_ledger_is_summed_with_its_archive_when_it_is_upgraded(filled: Path) -> None:
    seen: list[tuple[int, int]] = []
    upgrade(older(filled), lambda done, total: seen.append((done, total)))
    assert seen[-1] == (80, 80)
    with open_ledger(filled) as ledger:
        assert differing(ledger.connection) == []
        assert sums(ledger, "SELECT sum(calls) FROM model_usage") == [(80,)]


def test_an_upgrade_that_fails_leaves_the_older_ledger(
    filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise LedgerError("the disk is full")

    older(filled)
    monkeypatch.setattr(module, "_merge", fail)
    with pytest.raises(LedgerError, match="full"):
        upgrade(filled)
    monkeypatch.undo()
    upgrade(filled)
    with open_ledger(filled) as ledger:
        assert differing(ledger.connection) == []


def test_an_upgrade_does_without_a_file_of_the_archive_until_it_is_back(
    filled: Path, tmp_path: Path
) -> None:
    older(filled)
    folder = filled.with_name(f"{filled.name}.archive")
    file = min(folder.glob("usage_record-*.parquet"))
    shutil.move(file, tmp_path / "kept.parquet")
    upgrade(filled)
    shutil.move(tmp_path / "kept.parquet", file)
    with open_ledger(filled) as ledger:
        codes = {finding.code for finding in check_roll_ups(ledger)}
    assert codes == {FindingCode.ROLL_UP_DIFFERS}
    with open_ledger(filled, write=True) as ledger:
        ledger.fill_roll_ups(SystemClock())
    with open_ledger(filled) as ledger:
        assert check_roll_ups(ledger) == []


@pytest.mark.parametrize("roll_up", ROLL_UPS, ids=lambda one: one.table)
def test_one_token_too_many_is_found(filled: Path, roll_up: module.RollUp) -> None:
    with open_file(filled, write=True) as ledger:
        ledger.connection.execute(
            f"UPDATE {roll_up.table} SET input_tokens = input_tokens + 1 WHERE rowid = 0"  # noqa: S608
        )
    with open_ledger(filled) as ledger:
        (finding,) = check_roll_ups(ledger)
    assert finding.words == f"{roll_up.table} is not what the records come to"


def test_many_new_rows_are_merged_by_a_drain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MERGED_FROM_ROWS", 5)
    scene = Scene(tmp_path)
    usual: dict[str, Any] = dict.fromkeys(
        ("project", "user_name", "agent", "mission", "estimated"), None
    )
    usual |= {"provider": "p", "requested_model": "m", "source": "priced", "surface": "proxy"}
    usual |= {"session": "s", "tokens": 3, "late": 0, "cost": 5, "at_least": False, "refused": 0}
    for number in range(12):
        scene.record(usual | {"at": number * 1_000_000})
        scene.happen("drain")
    with open_ledger(scene.path) as ledger:
        assert differing(ledger.connection) == []
        for roll_up in ROLL_UPS:
            count = f"SELECT count(*), sum(calls) FROM {roll_up.table}"  # noqa: S608
            ((rows, calls),) = sums(ledger, count)
            assert rows < 6
            assert calls == 12


def test_sums_too_large_for_a_column_stop_no_drain(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    usual: dict[str, Any] = dict.fromkeys(
        ("project", "user_name", "agent", "mission", "estimated"), None
    )
    usual |= {"provider": "p", "requested_model": "m", "source": "priced", "surface": "proxy"}
    usual |= {"session": "s", "tokens": 2**62, "late": 0, "cost": 2**62, "at_least": False}
    for number in range(4):
        scene.record(usual | {"at": number, "refused": 0})
    scene.happen("drain")
    scene.happen("merge")
    with open_ledger(scene.path) as ledger:
        assert differing(ledger.connection) == []
        assert sums(ledger, "SELECT sum(cost_nano_usd) FROM caller_usage") == [(2**64,)]
