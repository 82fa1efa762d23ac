"""Finds the columns of files of the generic format, and notes what was read and what was not.

What looks like usage is looked for in the whole file, not in its beginning alone: a count that only
few lines have is a count all the same.
"""

from __future__ import annotations

import glob
import json
import re
from collections.abc import Collection, Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import cast

import duckdb

from corvus.usage.importers.columns import FIELDS, ColumnMap, places_of, resolve, shown
from corvus.usage.importers.findings import StagingSummary
from corvus.usage.importers.importer import Object
from corvus.usage.importers.lines import MAX_LINE_BYTES, mended, numbered_lines
from corvus.usage.importers.model import NOTES_KEPT, FileColumns
from corvus.usage.importers.statements import USAGE_LIKE_KEYS, Remark
from corvus.usage.importers.synonyms import Place

_SAMPLE_LINES = 100
_KEY = re.compile(rb'"([^"\\]*(?:token|cache|cost|spend)[^"\\]*)"\s*:', re.IGNORECASE).findall


_UNDECIDED = (
    "not known whether counts of input include cached tokens, and counts of output reasoning: "
    "taken as included, the least that is possible; say --inclusive or --disjoint"
)
_TEXTS = {
    Remark.COST: "the stated cost is no amount in 0..=10000000 USD and is not believed",
    Remark.UNDECIDED: _UNDECIDED,
}


class ColumnSearch:
    """Finds the columns of each file; one serves a whole import.

    Args:
        connection: A database to search with.
        columns: What the user maps: field or tag to column or dotted path.
        staged: Where to note what was found.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        columns: Mapping[str, str],
        staged: StagingSummary,
    ) -> None:
        self._connection = connection
        self._columns = columns
        self._staged = staged

    def find(self, path: Path, file: Path, *, is_table: bool) -> ColumnMap:
        """Find the columns of a file, and note which they are.

        Args:
            path: The file as the user named it.
            file: Its records as JSON lines: itself, or a copy.
            is_table: Whether every record has every column.

        Raises:
            ImportRefused: A required column, or one that the user names, is missing, or two differ.
            OSError: The file cannot be read.
        """
        keys = () if is_table else self._usage_like_keys(file)
        columns = find_columns(file, self._columns, keys=keys)
        used = columns.used()
        if used:  # else the file is empty
            self._note(path, columns, used)
        return columns

    def _note(self, path: Path, columns: ColumnMap, used: Mapping[str, str]) -> None:
        doubtful = tuple(shown(one.place) for one in columns.doubtful)
        others = [f"{name} from {column}" for name, column in used.items() if name != column]
        if others or columns.unused:
            parts = ["columns: " + ", ".join(others or used)]
            parts += [f"not used: {', '.join(columns.unused)}"] if columns.unused else []
            self._staged.note(path, "; ".join(parts))
        if doubtful:
            named = ", ".join(doubtful)
            self._staged.note(path, f"not used, although it looks like usage: {named}")
        if len(self._staged.columns) < NOTES_KEPT:
            self._staged.columns.append(FileColumns(path, used, columns.unused, doubtful))

    def _usage_like_keys(self, path: Path) -> list[str]:
        """Return the names of members of JSON lines that may be usage, wherever they stand."""
        parameters = {"files": [glob.escape(str(path))], "largest": MAX_LINE_BYTES}
        try:
            found = self._connection.execute(USAGE_LIKE_KEYS, parameters).fetchall()
        except duckdb.Error:  # one line is too long, or no text
            lines = (line for _, line in numbered_lines(path) if line is not None)
            return sorted({key.decode("utf-8", "replace") for line in lines for key in _KEY(line)})
        return sorted(str(key) for (key,) in found)


def text_of(remark: str, columns: ColumnMap) -> str:
    """Return what a remark on lines of a file says to the user."""
    remark, _, name = remark.partition(":")
    if remark == Remark.UNREAD:
        return (
            f"{name} may count cached tokens or a modality and is not known, so the cost is unknown"
        )
    if remark == Remark.UNUSED:
        named = ", ".join(shown(one.place) for one in columns.doubtful)
        return f"at least: {named} has a number that is not used, so the cost is a lower bound"
    return _TEXTS[Remark(remark)]


def find_columns(path: Path, columns: Mapping[str, str], *, keys: Iterable[str] = ()) -> ColumnMap:
    """Find the columns of a file of JSON lines.

    Args:
        path: The file, or the copy of a table.
        columns: What the user maps: field or tag to column or dotted path.
        keys: Names of members that stand somewhere in the file, of which the map is to know.

    Raises:
        ImportRefused: A required column, or one that the user names, is missing, or two differ.
        OSError: The file cannot be read.
    """
    samples = _sample(path)
    if not samples:
        named = {name: tuple(column.split(".")) for name, column in columns.items()}
        return ColumnMap({name: place for name, place in named.items() if name in FIELDS})
    seen = {name for sample in samples for place, _ in places_of(sample) for name in place}
    named = {column.rpartition(".")[2] for column in columns.values()} | set(columns.values())
    rare = {key for key in (*keys, *named) if key not in seen}
    return resolve(samples, columns, has=_places_of_rare(path, rare))


def _places_of_rare(path: Path, keys: Collection[str]) -> list[Place]:
    """Return where keys stand that no sample has, by the first line of each."""
    left = {key: json.dumps(key, ensure_ascii=False).encode() for key in keys}
    found: list[Place] = []
    if not left:
        return found
    for _, line in numbered_lines(path):
        here = [key for key, written in left.items() if line is not None and written in line]
        if not here:
            continue
        text = mended(line)[0]
        for place, _ in places_of(cast("Object", json.loads(text))) if text else ():
            found += [place for key in here if key in place]
            for name in place:
                left.pop(name, None)
        if not left:
            break
    return found


def _sample(path: Path) -> list[Object]:
    texts = (mended(line)[0] for _, line in islice(numbered_lines(path), _SAMPLE_LINES))
    return [cast("Object", json.loads(text)) for text in texts if text]
