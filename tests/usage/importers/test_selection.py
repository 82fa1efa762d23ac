"""What was imported is not read again, and nothing new is passed over (IMP-1)."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corvus.base.errors import LedgerError
from corvus.ledger.ledger import Ledger, open_ledger
from corvus.usage.importers.model import ImportOptions, ImportSummary
from corvus.usage.importers.run import import_usage
from corvus.usage.importers.selection import imported_files
from tests.fakes import FrozenClock
from tests.properties import examples
from tests.usage.importers.conftest import HAIKU, Books, Desk, assistant, price

Line = Callable[..., dict[str, Any]]
LONG_AGO_NS = 1_700_000_000_000_000_000


def settle(path: Path, seconds: int = 0) -> Path:
    """Let the file have been written long ago, so that its time can be trusted."""
    os.utime(path, ns=(LONG_AGO_NS, LONG_AGO_NS + seconds * 1_000_000_000))
    return path


def told(summary: ImportSummary) -> tuple[int, int, int]:
    return summary.unchanged, summary.read_lines, summary.new


def test_an_unchanged_file_is_not_read_and_the_ledger_not_opened_for_it(
    desk: Desk, line: Line
) -> None:
    log = settle(desk.write("log.jsonl", [line(n) for n in range(5)]))
    assert told(desk.take_new(log)) == (0, 5, 5)
    with open_ledger(desk.path) as ledger:
        known = imported_files(ledger)

    def never() -> AbstractContextManager[Ledger]:
        raise AssertionError("nothing is to be recorded")

    log.chmod(0)  # nor can it have been read
    again = import_usage(never, [log], desk.books, options=ImportOptions(imported=known))
    assert told(again) == (1, 0, 0)
    assert again.files == {}


def test_of_a_log_that_has_grown_only_the_new_lines_are_read(desk: Desk, line: Line) -> None:
    log = settle(desk.write("log.jsonl", [line(n) for n in range(5)]))
    desk.take_new(log)
    desk.write("log.jsonl", [line(n) for n in range(7)])
    assert told(desk.take_new(log)) == (0, 2, 2)
    settle(log, 1)
    assert told(desk.take_new(log)) == (1, 0, 0)
    assert desk.totals()[0] == 7


def test_a_line_that_was_torn_is_read_once_it_is_whole(desk: Desk, line: Line) -> None:
    log = desk.write("log.jsonl", [line(1), line(2)], end="")
    whole = log.read_bytes()
    log.write_bytes(whole[:-40])
    settle(log)
    assert desk.take_new(log).bad_lines == 1
    assert told(desk.take_new(log)) == (1, 0, 0)
    log.write_bytes(whole)
    assert told(desk.take_new(log)) == (0, 1, 1)
    log.write_bytes(whole + b"\n")
    assert desk.take_new(log).duplicate == 1
    assert desk.totals()[0] == 2


def test_the_last_snapshot_counts_also_when_it_comes_with_the_next_import(
    desk: Desk, line: Line
) -> None:
    first = line(1, usage={"input_tokens": 10, "output_tokens": 1})
    last = line(1, at="2026-11-16T10:00:09.000Z", usage={"input_tokens": 10, "output_tokens": 90})
    log = settle(desk.write("log.jsonl", [first]))
    desk.take_new(log)
    desk.write("log.jsonl", [first, last])
    assert desk.take_new(log).updated == 1
    assert desk.totals()[:3] == (1, 10, 90)


def test_a_renamed_file_and_a_copy_are_known_by_their_content(desk: Desk, line: Line) -> None:
    lines = [line(n) for n in range(5)]
    log = settle(desk.write("log.jsonl", lines))
    desk.take_new(log)
    moved = log.rename(log.with_name("moved.jsonl"))
    copy = desk.write("copy.jsonl", lines)
    assert told(desk.take_new(moved, copy)) == (2, 0, 0)
    settle(copy)
    moved.chmod(0)
    assert told(desk.take_new(moved, copy)) == (2, 0, 0)  # by then it is known by its name, too
    grown = desk.write("grown.jsonl", [*lines, line(6)])
    assert told(desk.take_new(grown)) == (0, 1, 1)


def test_a_file_whose_beginning_or_middle_has_changed_is_read_whole(desk: Desk, line: Line) -> None:
    filler = [{"type": "user", "sessionId": "s", "text": "x" * 5_000}]
    log = settle(desk.write("log.jsonl", [*filler, line(1), line(2)]))
    desk.take_new(log)
    desk.write("log.jsonl", [*filler, line(3), line(2), line(4)])
    assert told(desk.take_new(settle(log, 1))) == (0, 4, 2)
    desk.write("log.jsonl", [line(5), *filler])
    assert told(desk.take_new(settle(log, 2))) == (0, 2, 1)


def test_a_file_that_became_shorter_is_read_whole(desk: Desk, line: Line) -> None:
    log = settle(desk.write("log.jsonl", [line(1), line(2), line(3)]))
    desk.take_new(log)
    desk.write("log.jsonl", [line(4)])
    assert told(desk.take_new(log)) == (0, 1, 1)


def test_a_fresh_time_of_modification_is_not_trusted(desk: Desk, line: Line) -> None:
    clock = FrozenClock(datetime(2026, 11, 20, tzinfo=UTC))
    now_ns = int(clock.now().timestamp()) * 1_000_000_000
    log = desk.write("log.jsonl", [line(1)])
    os.utime(log, ns=(now_ns, now_ns))
    desk.take_new(log, clock=clock)
    desk.write("log.jsonl", [line(2)])  # as long as before, within the same tick of the clock
    os.utime(log, ns=(now_ns, now_ns))
    assert told(desk.take_new(log, clock=clock)) == (0, 1, 1)
    clock.move(timedelta(seconds=3))
    assert told(desk.take_new(log, clock=clock)) == (1, 0, 0)


def test_other_options_read_the_file_again(desk: Desk, line: Line) -> None:
    log = settle(desk.write("log.jsonl", [line(1)]))
    desk.take_new(log)
    assert desk.take_new(log, project="other").unchanged == 0
    assert desk.take_new(log, project="other").unchanged == 1


def test_calls_without_a_price_are_priced_once_there_is_one(desk: Desk, line: Line) -> None:
    log = settle(desk.write("log.jsonl", [line(1, model="acme-1"), line(2)]))
    assert desk.take_new(log).unpriced == 1
    assert told(desk.take_new(log)) == (1, 0, 0)  # the same prices as before
    desk.books = Books(*desk.books.prices, price("acme-1", HAIKU))
    summary = desk.take_new(log)
    assert (summary.unchanged, summary.updated) == (0, 1)
    assert desk.ask("SELECT count(*) FROM usage_call WHERE cost_nano_usd IS NULL") == [(0,)]
    desk.books = Books(*desk.books.prices, price("acme-2", HAIKU))
    assert desk.take_new(log).unchanged == 1  # nothing waits for a price any more


def test_a_bad_line_of_the_new_part_has_its_number_in_the_whole_file(
    desk: Desk, line: Line
) -> None:
    log = settle(desk.write("log.jsonl", ["", line(1), line(2)]))
    desk.take_new(log)
    desk.write("log.jsonl", ["", line(1), line(2), line(3), '{"type":"assistant"', line(4)])
    ((number, _),) = [(bad.line, bad.reason) for bad in desk.take_new(log).bad]
    assert number == 5
    desk.write("log.jsonl", ["", line(1), line(2), line(3), "[1]", line(4), line(5), '{"type":'])
    assert [bad.line for bad in desk.take_new(log).bad] == [5, 8]


def test_a_table_that_has_grown_is_read_whole_for_its_lines_are_told_apart_by_place(
    desk: Desk,
) -> None:
    row = {"timestamp": "2026-11-16T10:00:00Z", "model": "m", "input_tokens": 1, "output_tokens": 1}
    table = settle(desk.write("table.jsonl", [row, row]))
    assert told(desk.take_new(table)) == (0, 2, 2)
    desk.write("table.jsonl", [row, row, row])
    assert told(desk.take_new(table)) == (0, 3, 1)
    assert told(desk.take_new(settle(table, 1))) == (1, 0, 0)


def test_a_file_that_cannot_be_read_is_tried_again(desk: Desk, line: Line) -> None:
    packed = desk.folder / "log.jsonl.gz"
    good = settle(desk.write("good.jsonl", [line(1)]))
    packed.write_bytes(b"\x1f\x8b" + b"cut")
    settle(packed)
    assert desk.take_new(packed, good).bad_lines == 1
    again = desk.take_new(packed, good)
    assert (again.unchanged, again.bad_lines) == (1, 1)


def test_what_failed_while_it_was_recorded_is_not_known(desk: Desk, line: Line) -> None:
    class Failing(Books):
        def history(self, model: str, *, provider: str | None = None) -> tuple[Any, ...]:
            raise LedgerError("the disk is full")

    log = settle(desk.write("log.jsonl", [line(1)]))
    prices, desk.books = desk.books, Failing()
    with pytest.raises(LedgerError, match="disk is full"):
        desk.take_new(log)
    desk.books = prices
    assert told(desk.take_new(log)) == (0, 1, 1)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["append", "append", "rename", "copy", "tear", "rewrite", "import"]),
        st.integers(1, 4),
        st.booleans(),
    ),
    max_size=12,
)


class Logs:
    """A folder with a log that lives: it grows, moves, is copied, torn and rewritten."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        for file in folder.glob("*"):
            file.unlink()
        self.folder = folder
        self.log = folder / "log.jsonl"
        self.log.write_bytes(b"")
        self.calls = 0

    def append(self, count: int) -> None:
        lines = [assistant(self.calls + number) for number in range(1, count + 1)]
        self.calls += count
        with self.log.open("a") as file:
            file.writelines(json.dumps(line) + "\n" for line in lines)

    def tear(self, count: int) -> None:
        self.append(count)
        self.log.write_bytes(self.log.read_bytes()[:-30])

    def rename(self, _: int) -> None:
        self.log = self.log.rename(self.folder / f"log-{len(self.log.name)}.jsonl")

    def copy(self, count: int) -> None:
        (self.folder / f"copy-{count}.jsonl").write_bytes(self.log.read_bytes())

    def rewrite(self, _: int) -> None:
        lines = self.log.read_bytes().splitlines(keepends=True)
        self.log.write_bytes(b"".join(reversed(lines)))


@settings(
    max_examples=examples(8, by_day=4), suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(STEPS)
def test_pieces_imported_in_any_way_are_what_one_import_of_all_would_be(
    desk: Desk, steps: list[tuple[str, int, bool]]
) -> None:
    desk.path.unlink(missing_ok=True)
    logs = Logs(desk.folder / "logs")
    whole = Desk(desk.folder / "whole", desk.books)
    whole.folder.mkdir(exist_ok=True)
    whole.path.unlink(missing_ok=True)
    for number, (step, count, is_old) in enumerate([*steps, ("import", 0, False)]):
        if step == "import":
            desk.take_new(logs.folder)
            whole.take(logs.folder)
        else:
            getattr(logs, step)(count)
        if is_old:
            settle(logs.log, number)
    assert desk.totals() == whole.totals()
