"""Other engines read the archive, with the right types: times are UTC without a zone (LED-4)."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import polars
import pyarrow
import pyarrow.parquet
import pytest

from corvus.base.time import FixedClock
from corvus.ledger.archive import Destination, archive
from corvus.ledger.drain import drain
from tests.ledger.outboxes import FileOutbox, call
from tests.object_store import file_system

LATER = FixedClock(datetime(2026, 11, 23, tzinfo=UTC))
NOON = datetime(2025, 11, 25, 12, 1)  # noqa: DTZ001 - the archive is naive UTC
LARGE = 9_007_199_254_740_993
"""2^53 + 1, which no binary float holds."""


@pytest.fixture
def usage(path: Path, outbox: FileOutbox, bucket: str) -> str:
    """The URL of the usage of an archive."""
    outbox.append([call(1, cost_nano_usd=LARGE), call(2, cost_nano_usd=None)])
    drain(path, outbox)
    archive(path, 30, to=Destination(bucket), clock=LATER)
    return f"{bucket}/usage_record"


def test_pyarrow_reads_the_archive_from_the_object_store(usage: str) -> None:
    fs, root = file_system(usage)
    read = cast("Any", pyarrow.parquet).read_table
    table = read(root, filesystem=fs, partitioning=None)
    types = {field.name: str(field.type) for field in table.schema}
    wanted = {
        "admitted_at": "timestamp[us]",
        "cost_nano_usd": "int64",
        "input_tokens": "int64",
        "provider": "string",
    }
    assert {name: types[name] for name in wanted} == wanted
    assert types["tags"].startswith("map<")
    rows = table.sort_by("admitted_at").to_pylist()
    assert [row["cost_nano_usd"] for row in rows] == [LARGE, None]
    assert rows[0]["admitted_at"] == NOON
    assert dict(rows[0]["tags"]) == {"team": "core"}


def test_polars_reads_a_file_of_the_archive(usage: str) -> None:
    fs, root = file_system(usage)
    (name,) = fs.find(root)
    with fs.open(name, "rb") as file:
        frame: Any = polars.read_parquet(file, columns=["admitted_at", "cost_nano_usd"])
    assert dict(frame.schema) == {
        "admitted_at": polars.Datetime("us", None),
        "cost_nano_usd": polars.Int64(),
    }
    assert frame.sort("admitted_at")["cost_nano_usd"].to_list() == [LARGE, None]
