"""What a format of logs or exports is to an import, and what its reader is made of.

Each format is one module here with its ``IMPORTER``, and a name in ``FORMATS``. A reader turns each
object of a file into records: JSON objects whose keys are the fields of the generic format, one for
each call, with disjoint counts; the statement of the generic format then stages them. So identity,
validation, merging and pricing exist once. A reader refuses counts that contradict each other.
"""

from __future__ import annotations

import json
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import IO, NamedTuple, TypeAlias, cast

from corvus.usage.importers import FORMATS, module_of

OnBytes: TypeAlias = Callable[[int], None]
"""Called now and then with how many bytes of the file are read."""

Object: TypeAlias = Mapping[str, object]
"""A JSON object as it was read."""

CSV_SUFFIXES = frozenset({".csv", ".tsv"})
LINES_SUFFIXES = frozenset({".jsonl", ".ndjson"})
PARQUET_SUFFIX = ".parquet"


class Layout(Enum):
    """How the records of a file are written down."""

    LINES = "JSON lines"
    DOCUMENT = "JSON values over several lines, such as one array"
    CSV = "CSV"
    PARQUET = "Parquet"


class Statement(NamedTuple):
    """SQL that reads JSON lines into ``import_line``.

    Attributes:
        stage: The INSERT of the lines of ``$files``.
        unusable: A SELECT of position (from 1, blank lines not counted) and reason of the lines
            that could not be used.
    """

    stage: str
    unusable: str


CopyFile: TypeAlias = "Callable[[Path, Path, Path, OnBytes], CopySummary]"
"""Writes the records of a file; takes its content, its name, the copy, and who counts the bytes."""


def _no_columns(columns: AbstractSet[str]) -> bool:
    """Return whether a CSV file with these columns is of a format: of most, none is."""
    del columns
    return False


class Home(NamedTuple):
    """Where a program keeps its logs.

    Attributes:
        program: Its name for users.
        folder: The folder, with ``~`` for the user's own.
        base: The part of it that ``variable`` stands for.
        variable: The environment variable by which a user moves ``base``; several folders have a
            comma between.
        other_base: Where else ``base`` may be.
    """

    program: str
    folder: str
    base: str = ""
    variable: str = ""
    other_base: str = ""


@dataclass(frozen=True, eq=False)
class Importer:
    """One format that an import understands.

    Attributes:
        name: Its name for users, such as ``claude-code``.
        suffixes: Suffixes of the files that are read in a folder of this format.
        layouts: How its records may be written down.
        recognise: Returns whether a JSON file that begins so is of this format.
        recognise_columns: Returns whether a CSV file with these columns is.
        read: Returns what is found in an object; ``None`` where the objects are records themselves,
            or where ``statement`` reads them.
        copier: Makes what copies whole files, for one import; where a line means nothing by itself.
        statement: Reads lines where they are; ``None`` is the statement of the generic format.
        tags: Keys of its records that become tags.
        is_resumable: Whether each line stands for itself, so that of a log that has grown only what
            is new is read.
        is_of_records: Whether it has records of a ledger, which are taken over as they are.
        home: The program that keeps such logs, and where.
    """

    name: str
    suffixes: AbstractSet[str]
    layouts: AbstractSet[Layout]
    recognise: Callable[[bytes], bool]
    recognise_columns: Callable[[AbstractSet[str]], bool] = _no_columns
    read: Callable[[Object], Iterator[Found]] | None = None
    copier: Callable[[], CopyFile] | None = None
    statement: Statement | None = None
    tags: tuple[str, ...] = ()
    is_resumable: bool = False
    is_of_records: bool = False
    home: Home | None = None

    @property
    def is_copied(self) -> bool:
        """Whether its lines are read by Python and copied, rather than where they are."""
        return self.read is not None or self.copier is not None


MAX_COUNT = 10**10
NOTHING: Object = {}


@dataclass(frozen=True, slots=True)
class Notice:
    """What a reader says to the user: once a file, with how many of its calls it concerns.

    A reader yields it among its records.

    Attributes:
        text: The sentence, the same for all calls that it concerns.
    """

    text: str


class BadRecord(Exception):
    """A record that cannot be used; the message is the reason, for the user."""


Found: TypeAlias = "Object | Notice | BadRecord"
"""What a reader yields of an object: records, notices, and faults of parts of it."""


def importer_named(name: str) -> Importer:
    """Return the importer of a format of ``FORMATS``."""
    return importers()[FORMATS.index(name)]


@cache
def importers() -> tuple[Importer, ...]:
    """Return every importer, in the order of ``FORMATS``."""
    return tuple(import_module(module_of(name)).IMPORTER for name in FORMATS)


@dataclass(slots=True)
class CopySummary:
    """What was written for a file.

    Attributes:
        numbers: Line of each record written: its number from 1 in the file, or in a document the
            position of its item.
        bad: Those that could not be used, with the reason.
        other: Lines that are not blank and report no usage.
        notes: What is to be said to the user, and how many calls each sentence concerns.
    """

    numbers: array[int] = field(default_factory=lambda: array("q"))
    bad: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    other: int = 0
    notes: Counter[str] = field(default_factory=Counter[str])


def write_records(
    found: Iterable[tuple[int, Iterator[Found] | str]], target: Path, copied: CopySummary
) -> CopySummary:
    """Write the records of a file as JSON lines.

    Args:
        found: Number of each line or item, and its records, or the reason why it cannot be read.
        target: Where to write.
        copied: Where to note what was written.

    Raises:
        OSError: The copy cannot be written.
    """
    with target.open("w", encoding="utf-8", errors="replace") as copy:
        for number, records in found:
            if isinstance(records, str):
                copied.bad.append((number, records))
            elif not _written(number, records, copy, copied):
                copied.other += 1
    return copied


def _written(number: int, records: Iterator[Found], copy: IO[str], copied: CopySummary) -> bool:
    is_used = False
    try:
        for record in records:
            if isinstance(record, Notice):
                copied.notes[record.text] += 1
                continue
            if isinstance(record, BadRecord):
                copied.bad.append((number, str(record)))
                is_used = True
                continue
            copy.write(json.dumps(record, ensure_ascii=False) + "\n")
            copied.numbers.append(number)
            is_used = True
    except BadRecord as fault:
        copied.bad.append((number, str(fault)))
        return True
    return is_used


def objects_of_head(head: bytes, most: int) -> list[Object]:
    """Return the objects of the first whole lines of JSON lines, for a recogniser."""
    lines = head.splitlines(keepends=True)[:most]
    found = [_parsed(line.decode("utf-8", "replace")) for line in lines if line.startswith(b"{")]
    return [cast("Object", one) for one in found if isinstance(one, dict)]


def object_at(parent: Object, *names: str) -> Object:
    """Return the object under the first of the names that has one, else an empty one.

    A text that holds a JSON object counts as it: exports of databases write them so.
    """
    for name in names:
        value = parent.get(name)
        if isinstance(value, str) and value.startswith("{"):
            value = _parsed(value)
        if isinstance(value, dict):
            return cast("Object", value)
    return NOTHING


def objects_at(parent: Object, *names: str) -> list[Object]:
    """Return the objects of the list under the first of the names that has one."""
    for name in names:
        value = parent.get(name)
        if isinstance(value, list):
            items = cast("list[object]", value)
            return [cast("Object", item) for item in items if isinstance(item, dict)]
    return []


def text_at(parent: Object, *names: str) -> str | None:
    """Return the first text that is not empty; numbers count as text, truth values do not."""
    for name in names:
        value = parent.get(name)
        if value is None:
            continue
        if isinstance(value, str) and value.strip():
            return value.strip()
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
    return None


def count_at(parent: Object, *names: str) -> int | None:
    """Return the first count that is stated.

    Raises:
        BadRecord: It is no whole number in 0..10^10.
    """
    for name in names:
        value = parent.get(name)
        if value is None or value == "":
            continue
        return _count(name, value)
    return None


def _count(name: str, value: object) -> int:
    try:
        number = -1 if isinstance(value, bool) else float(cast("str | float", value))
    except (TypeError, ValueError, OverflowError):
        number = -1
    if not 0 <= number <= MAX_COUNT or number != int(number):
        raise BadRecord(f"{name} is no whole number of at most 10 digits, >= 0: {value!r}")
    return int(number)


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


@dataclass(frozen=True, slots=True)
class Counts:
    """Tokens as OpenAI counts them: input includes what was cached, output includes reasoning."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write_5m: int = 0
    cache_write_1h: int = 0
    reasoning: int = 0
    web_search: int = 0

    @property
    def is_zero(self) -> bool:
        """Whether nothing was used."""
        return self == Counts()

    def disjoint(self) -> dict[str, object]:
        """Return the fields of a record, whose kinds do not overlap.

        Raises:
            BadRecord: A part is more than the count that includes it.
        """
        cached = self.cache_read + self.cache_write_5m + self.cache_write_1h
        if cached > self.input or self.reasoning > self.output:
            raise BadRecord("its parts are more than the count of tokens that includes them")
        return {
            "input_tokens": self.input - cached,
            "output_tokens": self.output - self.reasoning,
            "cache_read_tokens": self.cache_read,
            "cache_write_5m_tokens": self.cache_write_5m,
            "cache_write_1h_tokens": self.cache_write_1h,
            "reasoning_tokens": self.reasoning,
            "web_search_requests": self.web_search,
        }
