from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from corvus.base.errors import ImportRefused, LedgerError
from corvus.ledger.ledger import open_ledger
from corvus.usage.importers.lines import MAX_LINE_BYTES
from tests.properties import examples
from tests.usage.importers.test_codex import PARENT, at, context, meta
from tests.usage.importers.test_codex import count as count_of

if TYPE_CHECKING:
    from tests.usage.importers.conftest import Desk

Line = Callable[..., dict[str, Any]]

IMPORT = """
import sys
from pathlib import Path
from corvus.ledger.ledger import open_ledger
from corvus.usage.importers.run import import_usage
class Books:
    version = ""
    def history(self, model, *, provider=None):
        return ()
print("ready", flush=True)
def ledger():
    return open_ledger(Path(sys.argv[1]), write=True)
print(import_usage(ledger, sys.argv[2:], Books()).new, flush=True)
"""


def importing(ledger: Path, *sources: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", IMPORT, str(ledger), *map(str, sources)],
        env=os.environ | {"TMPDIR": str(ledger.parent)},  # a killed import leaves its files behind
        stdout=subprocess.PIPE,
        text=True,
    )


def bad(desk: Desk, *sources: Path, **options: Any) -> list[tuple[int | None, str]]:
    return [(one.line, one.reason) for one in desk.take(*sources, **options).bad]


def test_a_second_import_adds_nothing(desk: Desk, line: Line) -> None:
    log = desk.write("log.jsonl", [line(n) for n in range(100)])
    assert desk.take(log).new == 100
    before = desk.totals()
    again = desk.take(log)
    assert (again.new, again.updated, again.duplicate, again.new_cost_nano_usd) == (0, 0, 100, 0)
    assert desk.totals() == before
    assert desk.ask("SELECT count(*) FROM usage_record") == [(100,)]


def test_a_torn_last_line_is_bad_and_imported_once_it_is_whole(desk: Desk, line: Line) -> None:
    log = desk.write("log.jsonl", [line(1), line(2)], end="")
    whole = log.read_bytes()
    log.write_bytes(whole[:-40])
    ((number, reason),) = bad(desk, log)
    assert number == 2
    assert "middle of a JSON value" in reason
    log.write_bytes(whole + b"\n")
    summary = desk.take(log)
    assert (summary.new, summary.duplicate, summary.bad) == (1, 1, ())


def test_bad_lines_have_their_true_numbers_also_after_blank_lines(desk: Desk, line: Line) -> None:
    log = desk.write(
        "log.jsonl",
        ["", line(1), "  \t", "garbage", b"\r", line(2), '{"type":"assistant"', "", "[1,2]"],
    )
    summary = desk.take(log)
    assert [(one.line, one.reason) for one in summary.bad] == [
        (4, "not JSON: Expecting value at column 1"),
        (7, "ends in the middle of a JSON value (was the writer stopped, or is it still writing?)"),
        (9, "not a JSON object"),
    ]
    assert (summary.read_lines, summary.new) == (5, 2)


@pytest.mark.parametrize(
    ("usage", "extra", "reason"),
    [
        ({"input_tokens": -1, "output_tokens": 1}, {}, "no whole number"),
        ({"input_tokens": 1.5, "output_tokens": 1}, {}, "no whole number"),
        ({"input_tokens": 1e3, "output_tokens": 1}, {}, "no whole number"),
        ({"input_tokens": "5", "output_tokens": 1}, {}, "no whole number"),
        ({"input_tokens": True, "output_tokens": 1}, {}, "no whole number"),
        ({"input_tokens": 10**18, "output_tokens": 1}, {}, "no whole number"),
        ({"server_tool_use": {"web_search_requests": -3}}, {}, "no whole number"),
        (None, {"timestamp": None}, "without timestamp"),
        (None, {"timestamp": "yesterday"}, "no instant: yesterday"),
        (None, {"timestamp": "1969-12-31T23:59:59Z"}, "outside 1970..2199"),
        (None, {"timestamp": "2200-01-01T00:00:00Z"}, "outside 1970..2199"),
    ],
)
def test_a_call_that_makes_no_sense_is_a_bad_line(
    desk: Desk, line: Line, usage: dict[str, Any] | None, extra: dict[str, Any], reason: str
) -> None:
    log = desk.write("log.jsonl", [line(1), line(2, usage=usage) | extra, line(3)])
    ((number, said),) = bad(desk, log)
    assert number == 2
    assert reason in said
    assert desk.totals()[0] == 2


def test_a_call_without_model_is_a_bad_line(desk: Desk, line: Line) -> None:
    entry = line(1)
    del entry["message"]["model"]
    assert bad(desk, desk.write("log.jsonl", [entry, line(2)])) == [
        (1, "a message with usage, but without model")
    ]


def test_unusual_but_valid_lines_are_imported(desk: Desk, line: Line) -> None:
    half_a_pair = line(1)
    half_a_pair["message"]["content"] = "\ud83d"
    log = desk.write("log.jsonl", [half_a_pair, line(2)])
    log.write_bytes(b"\xef\xbb\xbf" + log.read_bytes().replace(b"\n", b"\r\n"))
    assert rb"\ud83d" in log.read_bytes()
    summary = desk.take(log)
    assert (summary.new, summary.read_lines, summary.bad) == (2, 2, ())


def test_invalid_utf8_and_nul_cost_their_own_line_only(desk: Desk, line: Line) -> None:
    broken = b'{"type":"assistant","x":"\xff"}'
    nul = b'{"type":"assistant","x":"\x00"}'
    log = desk.write("log.jsonl", [line(1), broken, nul, line(2)])
    assert [number for number, _ in bad(desk, log)] == [2, 3]
    assert desk.totals()[0] == 2


def test_a_line_beyond_the_limit_is_told_and_the_rest_is_imported(desk: Desk, line: Line) -> None:
    log = desk.write("log.jsonl", [line(1), line(2)])
    with log.open("ab") as file:
        file.write(b'{"type":"user","x":"')
        for _ in range(3 * MAX_LINE_BYTES // 1_000_000):
            file.write(b"x" * 1_000_000)
        file.write(b'"}\n')
    with log.open("a") as file:
        file.write("\n")
    desk.write("more.jsonl", [line(3)])
    with log.open("ab") as file:
        file.write((desk.folder / "more.jsonl").read_bytes())
    assert bad(desk, log) == [(3, "longer than 16 MiB")]
    assert desk.totals()[0] == 3


def test_one_percent_of_garbage_costs_one_percent(desk: Desk, line: Line) -> None:
    chance = random.Random(1)
    wrong = set(chance.sample(range(1, 3001), 30))
    lines = [
        chance.randbytes(40).replace(b"\n", b"x") if n in wrong else line(n) for n in range(1, 3001)
    ]
    summary = desk.take(desk.write("log.jsonl", lines))
    assert {one.line for one in summary.bad} == wrong
    assert (summary.new, summary.read_lines) == (2970, 3000)


def test_bad_lines_beyond_those_kept_are_still_counted(desk: Desk, line: Line) -> None:
    summary = desk.take(desk.write("log.jsonl", ["{"] * 1500 + [line()]))
    assert (summary.bad_lines, len(summary.bad), summary.new) == (1500, 1000, 1)


def test_a_binary_file_alone_is_refused_with_its_name(desk: Desk) -> None:
    (desk.folder / "noise.jsonl").write_bytes(random.Random(2).randbytes(100_000))
    with pytest.raises(ImportRefused, match=r"noise\.jsonl: neither a known log"):
        desk.take(desk.folder / "noise.jsonl")


def test_a_binary_file_among_logs_is_told_and_skipped(desk: Desk, line: Line) -> None:
    desk.write("logs/good.jsonl", [line()])
    (desk.folder / "logs" / "noise.jsonl").write_bytes(random.Random(2).randbytes(100_000))
    ((number, reason),) = bad(desk, desk.folder / "logs")
    assert number is None
    assert "neither" in reason
    assert desk.totals()[0] == 1


def test_a_binary_file_read_as_a_log_on_request_is_all_bad_lines(desk: Desk) -> None:
    (desk.folder / "noise.jsonl").write_bytes(random.Random(2).randbytes(100_000))
    summary = desk.take(desk.folder / "noise.jsonl", format="claude-code")
    assert (summary.bad_lines, summary.new) == (summary.read_lines, 0)
    assert summary.bad_lines > 300


def test_an_empty_file_has_nothing_to_say(desk: Desk) -> None:
    (desk.folder / "empty.jsonl").write_bytes(b"")
    summary = desk.take(desk.folder / "empty.jsonl")
    assert (summary.read_lines, summary.new, summary.bad) == (0, 0, ())
    assert [note.text for note in summary.notes] == ["0 calls; read as generic, it is empty"]


def test_a_path_that_matches_nothing_is_refused(desk: Desk) -> None:
    with pytest.raises(ImportRefused, match="no file matches"):
        desk.take(desk.folder / "nothing")
    (desk.folder / "logs").mkdir()
    with pytest.raises(ImportRefused, match=r"no \*\.csv, .*\*\.jsonl, .* file in the directory"):
        desk.take(desk.folder / "logs")


@pytest.mark.usefixtures("unprivileged")
def test_an_unreadable_file_among_logs_is_told_and_skipped(desk: Desk, line: Line) -> None:
    desk.write("logs/good.jsonl", [line()])
    desk.write("logs/secret.jsonl", [line(2)]).chmod(0)
    assert bad(desk, desk.folder / "logs") == [(None, "cannot be read: Permission denied")]


def test_many_small_files_are_read_within_the_memory_limit(desk: Desk, line: Line) -> None:
    for n in range(120):
        desk.write(f"logs/{n}.jsonl", [line(n)])
    summary = desk.take(desk.folder / "logs")
    assert (sum(summary.files.values()), summary.new, summary.bad) == (120, 120, ())


def test_two_processes_that_import_the_same_log_record_each_call_once(
    desk: Desk, line: Line
) -> None:
    log = desk.write("log.jsonl", [line(n) for n in range(2000)])
    processes = [importing(desk.path, log) for _ in range(3)]
    new = [int(process.communicate()[0].split()[-1]) for process in processes]
    assert sorted(new) == [0, 0, 2000]
    assert desk.ask("SELECT count(*), count(DISTINCT import_key) FROM usage_record") == [
        (2000, 2000)
    ]


def test_a_killed_import_leaves_nothing_or_everything(desk: Desk, line: Line) -> None:
    log = desk.write("log.jsonl", [line(n) for n in range(20_000)])
    with open_ledger(desk.path, write=True):
        pass
    chance = random.Random(3)
    for _ in range(examples(4, by_day=2)):
        process = importing(desk.path, log)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(chance.uniform(0.05, 0.9))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert desk.totals()[0] in (0, 20_000)
    desk.take(log)
    assert desk.totals()[0] == 20_000
    assert desk.ask("SELECT count(DISTINCT import_key) FROM usage_record") == [(20_000,)]


def test_a_ledger_that_fails_while_recording_keeps_nothing(desk: Desk, line: Line) -> None:
    log = desk.write("log.jsonl", [line(n) for n in range(10)])
    desk.take(desk.write("first.jsonl", [line(99)]))

    class Failing:
        version = ""

        def history(self, model: str, *, provider: str | None = None) -> tuple[Any, ...]:
            raise LedgerError("the disk is full")

    desk.books = Failing()  # pyright: ignore[reportAttributeAccessIssue] - another kind of books
    with pytest.raises(LedgerError, match="disk is full"):
        desk.take(log)
    assert desk.totals()[0] == 1


@pytest.mark.nightly
def test_a_line_of_two_gigabytes_is_told_in_little_memory(desk: Desk, line: Line) -> None:
    log = desk.write("log.jsonl", [line(1)])
    with log.open("ab") as file:
        file.write(b'{"type":"user","x":"')
        for _ in range(2_000):
            file.write(b"x" * 1_000_000)
        file.write(b'"}\n')
        file.write((desk.write("more.jsonl", [line(2)])).read_bytes())
    with importing(desk.path, log) as child:
        _, status, used = os.wait4(child.pid, 0)
    assert status == 0
    assert used.ru_maxrss < 600_000  # KiB
    assert desk.totals()[0] == 2


@pytest.mark.parametrize("form", ["claude", "codex"])
def test_a_log_that_grows_while_it_is_read_is_imported_whole_and_once(
    desk: Desk, line: Line, form: str
) -> None:
    count = 3000

    def entry(number: int) -> dict[str, Any]:
        return line(number) if form == "claude" else turns(number)

    head = [] if form == "claude" else [meta(PARENT), context()]
    log = desk.write("log.jsonl", [*head, entry(1)])

    def write() -> None:
        with log.open("a", buffering=1 << 10) as file:  # blocks end within lines
            for number in range(2, count + 1):
                file.write(json.dumps(entry(number)) + "\n")
                if number % 100 == 0:
                    time.sleep(0.02)

    writer = threading.Thread(target=write)
    writer.start()
    new = 0
    while writer.is_alive():
        new += desk.take_new(log).new
    writer.join()
    new += desk.take_new(log).new
    assert new == desk.totals()[0] == count


def turns(number: int) -> dict[str, Any]:
    return count_of(at(number // 60 % 60, number % 60), (number * 10, 0, number, 0), (10, 0, 1, 0))
