"""Migrates any number of files in one run, as data; it writes none of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from corvus.config.check.discover import STDIN, find, is_foreign, same_file
from corvus.config.check.rule_settings import SettingsFinder
from corvus.config.edit.migrate import Migration, Plan, migrate_document
from corvus.config.toml.document import read_bytes, read_document, source_text
from corvus.config.toml.explain import without_text

if TYPE_CHECKING:
    from corvus.config.check.walk import Search
    from corvus.diagnostics.model import Diagnostic


class MigratedFile(NamedTuple):
    """One file of a run.

    Attributes:
        name: Its path, or ``-``.
        shown: The file as the user named it.
        text: Its text, for excerpts; ``None`` when it could not be read.
        migration: What it becomes; ``None`` when it could not be parsed.
        errors: What stands in the way.
    """

    name: str
    shown: str
    text: str | None
    migration: Migration | None
    errors: tuple[Diagnostic, ...] = ()


class Run(NamedTuple):
    """A whole run.

    Attributes:
        files: Every file that was looked at, in order.
        unmatched: Arguments that name no file, and folders that cannot be searched.
        excluded: How many files were named and left out.
    """

    files: tuple[MigratedFile, ...]
    unmatched: tuple[str, ...]
    excluded: int = 0


def migrate_paths(
    arguments: Sequence[str],
    plan: Plan,
    stdin: Callable[[], bytes],
    stdin_name: str,
    search: Search | None = None,
) -> Run:
    """Migrate files, directories, patterns and standard input.

    Args:
        arguments: Paths, directories (``*.toml`` below them), glob patterns, or ``-``.
        plan: How to migrate.
        stdin: Reads standard input.
        stdin_name: How standard input is called in messages.
        search: What is left out; ``None`` leaves out the usual.
    """
    files: dict[str | tuple[int, int], MigratedFile] = {}
    unmatched: list[str] = []
    excluded: set[str] = set()
    finder = SettingsFinder()
    for argument in arguments:
        found = find(argument, finder, search)
        excluded |= {*found.excluded}
        for name, why in found.unsearched:
            unmatched.append(f"the directory {name} cannot be searched: {why}")
        for name in found.names:
            key = same_file(name)
            if key in files or (found.walked and _is_of_others(name)):
                continue
            files[key] = _migrate(name, plan, stdin, stdin_name if name == STDIN else name)
        if not found.names and not found.excluded:
            unmatched.append(f"no file matches `{argument}`")
    return Run(tuple(files.values()), tuple(unmatched), len(excluded))


def _migrate(name: str, plan: Plan, stdin: Callable[[], bytes], shown: str) -> MigratedFile:
    try:
        raw, errors = (stdin(), []) if name == STDIN else read_bytes(Path(name), shown)
    except OSError as fault:
        why = fault.strerror or str(fault)
        found = without_text("file-unreadable", f"`{shown}` cannot be read: {why}", shown)
        return MigratedFile(name, shown, None, None, (found,))
    if raw is None:
        return MigratedFile(name, shown, None, None, tuple(errors))
    migration, wrong = migrate_document(raw, shown, plan)
    return MigratedFile(name, shown, source_text(raw), migration, tuple(wrong))


def _is_of_others(name: str) -> bool:
    """Return whether a file found below a directory is the config of another tool."""
    if os.path.basename(name) == "corvus.toml":
        return False
    raw, _ = read_bytes(Path(name), name)
    document = read_document(raw, name)[0] if raw is not None else None
    if document is None or not is_foreign(document.data):
        return False
    return SettingsFinder().of_file(name).dialect_of(name) is None
