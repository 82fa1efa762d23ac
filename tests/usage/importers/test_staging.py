from __future__ import annotations

import gzip
import time
from collections.abc import Callable
from hashlib import sha512
from pathlib import Path

import pytest

from corvus.ledger.ledger import open_ledger
from corvus.prices.lookup import PriceBooks
from corvus.usage.importers.meter import Meter
from corvus.usage.importers.model import ImportProgress
from corvus.usage.importers.run import import_usage


class FakeConnection:
    """Stands at a percentage until told otherwise."""

    def __init__(self) -> None:
        self.percent = -1.0
        self.statements: list[str] = []

    def execute(self, query: str) -> object:
        self.statements.append(query)
        return None

    def query_progress(self) -> float:
        return self.percent


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("corvus.usage.importers.meter._SECONDS", 0.001)


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_what_duckdb_has_read_is_told_while_the_statement_runs() -> None:
    told: list[ImportProgress] = []
    meter, connection = Meter(told.append, 1000), FakeConnection()
    meter.finish(200)
    with meter.watching(connection, 400):
        for percent, done in ((-1.0, 200), (50.0, 400), (25.0, 400), (100.0, 600)):
            connection.percent = percent
            seen = len(told)
            wait_until(lambda seen=seen: len(told) > seen + 1)
            assert told[-1] == ImportProgress("reading", done, 1000)
    ended = len(told)
    time.sleep(0.02)
    assert len(told) == ended


def test_the_thread_ends_when_the_statement_fails() -> None:
    told: list[ImportProgress] = []
    reading = Meter(told.append, 10).watching(FakeConnection(), 10)
    with pytest.raises(OSError, match="disk"), reading:
        raise OSError("disk")
    ended = len(told)
    time.sleep(0.02)
    assert len(told) == ended


def test_nothing_is_asked_when_nobody_is_told() -> None:
    connection = FakeConnection()
    with Meter(None, 10).watching(connection, 10):
        pass
    assert connection.statements == []


@pytest.mark.parametrize("packed", [False, True])
def test_the_bar_moves_within_one_file_and_ends_at_its_size(tmp_path: Path, packed: bool) -> None:
    lines = ["timestamp,model,input_tokens,output_tokens,session_id"]
    names = [sha512(b"%d" % n).hexdigest() for n in range(30_000)]  # hardly to be compressed
    lines += [f"2026-11-17T10:00:00Z,claude-haiku-4-5,{n},1,{name}" for n, name in enumerate(names)]
    text = "\n".join(lines).encode()
    path = tmp_path / ("export.csv.gz" if packed else "export.csv")
    path.write_bytes(gzip.compress(text) if packed else text)
    told: list[ImportProgress] = []
    summary = import_usage(
        lambda: open_ledger(tmp_path / "ledger.duckdb", write=True),
        [path],
        PriceBooks(),
        on_progress=told.append,
    )
    assert summary.new == 30_000
    size = path.stat().st_size
    reading = [one.done_bytes for one in told if one.step == "reading"]
    assert len({done for done in reading if 0 < done < size // 2}) > 3
    assert reading == sorted(reading)
    assert reading[-1] == size
    assert [one.step for one in told][-2:] == ["merging", "recording"]
    assert all(one.total_bytes == size for one in told)
