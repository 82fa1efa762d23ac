"""Imports what is new in the folders where coding agents keep their logs (IMP-1, CLI-7).

Each folder is read in the one format that its program writes: what an agent has put next to its
logs, such as the answer of a tool, is never taken for usage. A folder that cannot be read does not
keep the others from being read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from corvus.base.errors import ImportRefused
from corvus.usage.importers.importer import Home, Importer, importers
from corvus.usage.importers.model import ImportOptions, ImportSummary, OnProgress
from corvus.usage.importers.pricing import PriceHistory
from corvus.usage.importers.run import OpenLedger, import_usage


@dataclass(frozen=True, slots=True)
class KnownLogs:
    """A folder of logs.

    Attributes:
        program: Which program keeps them, in words for a user.
        format: The name of their format.
        folder: Where they are; there is at least one.
    """

    program: str
    format: str
    folder: Path


def known_logs(environment: Mapping[str, str]) -> list[KnownLogs]:
    """Return the folders of this user that hold logs of a known program.

    Args:
        environment: ``HOME``, and the variables by which programs move their folders.
    """
    return [
        KnownLogs(importer.home.program, importer.name, folder)
        for importer in importers()
        if importer.home is not None
        for folder in _folders(importer.home, environment)
        if _has_log(folder, importer)
    ]


def import_known(
    open_ledger: OpenLedger,
    logs: KnownLogs,
    books: PriceHistory,
    *,
    options: ImportOptions,
    on_progress: OnProgress | None = None,
) -> ImportSummary | None:
    """Import what is new in a folder.

    Args:
        open_ledger: Opens the ledger for writing.
        logs: The folder.
        books: Where prices come from.
        options: How to read; the format is that of the folder.
        on_progress: As for ``import_usage``.

    Returns:
        ``None`` where no file could be read.

    Raises:
        LedgerError: The ledger could not be written.
    """
    options = replace(options, format=logs.format)
    try:
        return import_usage(
            open_ledger, [logs.folder], books, options=options, on_progress=on_progress
        )
    except ImportRefused:
        return None


def _folders(home: Home, environment: Mapping[str, str]) -> Iterator[Path]:
    """Yield where a program keeps its logs: each folder once."""
    moved = environment.get(home.variable) if home.variable else None
    below = home.folder.removeprefix(home.base) if home.base else ""
    if moved:
        bases = [base.strip() for base in moved.split(",") if base.strip()]
        places = [base + below for base in bases]
    else:
        places = [home.folder, *([home.other_base + below] if home.other_base else [])]
    own = environment.get("HOME") or os.path.expanduser("~")
    found = {os.path.realpath(_absolute(place, own)): _absolute(place, own) for place in places}
    yield from map(Path, found.values())


def _absolute(place: str, own: str) -> str:
    return own + place[1:] if place == "~" or place.startswith("~/") else place


def _has_log(folder: Path, importer: Importer) -> bool:
    return any(
        Path(name.removesuffix(".gz")).suffix.lower() in importer.suffixes
        for _, _, names in os.walk(folder)
        for name in names
    )
