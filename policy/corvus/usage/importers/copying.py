"""Copies a file as JSON lines whose keys are the fields of a record, for the generic statement.

Refuses files that are not what they seem: a Parquet file that was cut, JSON that ends too early.
"""

from __future__ import annotations

import glob
from array import array
from collections.abc import Iterator
from pathlib import Path

import duckdb

from corvus.base.errors import ImportRefused
from corvus.ledger.connect import clean_message
from corvus.usage.importers.documents import (
    objects_of_csv,
    objects_of_document,
    objects_of_lines,
)
from corvus.usage.importers.importer import (
    CopyFile,
    CopySummary,
    Layout,
    Object,
    OnBytes,
    write_records,
)
from corvus.usage.importers.sources import Source

_OBJECTS = {
    Layout.LINES: objects_of_lines,
    Layout.DOCUMENT: objects_of_document,
    Layout.CSV: objects_of_csv,
}
_PARQUET_ROWS = """
COPY (SELECT * FROM read_parquet($file)) TO $copy (FORMAT json)
"""


def _as_it_is(found: Object) -> Iterator[Object]:
    yield found


class Copier:
    """Copies files; one serves a whole import.

    Args:
        connection: A database to read Parquet with.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._copiers: dict[str, CopyFile] = {}

    def copy(self, source: Source, target: Path, on_bytes: OnBytes) -> CopySummary:
        """Copy the records of a file.

        Args:
            source: The file.
            target: Where to write.
            on_bytes: Called now and then with how many bytes are read.

        Returns:
            Which line each record stands in, and what could not be used.

        Raises:
            ImportRefused: The file is not what it seems.
            OSError: It cannot be read, or the copy not written.
        """
        if source.layout is Layout.PARQUET:
            return self._parquet(source, target)
        importer = source.importer
        if importer.copier is not None:
            if importer.name not in self._copiers:
                self._copiers[importer.name] = importer.copier()
            return self._copiers[importer.name](source.file, source.path, target, on_bytes)
        read = importer.read or _as_it_is
        records = (
            (number, item if isinstance(item, str) else read(item))
            for number, item in _OBJECTS[source.layout](source.file, on_bytes)
        )
        return write_records(records, target, CopySummary())

    def _parquet(self, source: Source, target: Path) -> CopySummary:
        names = {"file": glob.escape(str(source.file)), "copy": str(target)}
        try:
            rows = self._connection.execute(_PARQUET_ROWS, names).fetchone()
        except duckdb.Error as fault:
            reason = clean_message(fault)
            raise ImportRefused(
                f"no Parquet file that can be read; was it cut? ({reason})"
            ) from fault
        return CopySummary(array("q", range(1, 1 + (rows[0] if rows else 0))))
