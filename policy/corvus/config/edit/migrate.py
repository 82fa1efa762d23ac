"""Rewrites deprecated keys of one document, and proves the result before anyone writes it (DEP-4).

Renames and removals change the bytes of the key and nothing else; only ``--legacy-cap daily-limit``
adds a key. The result must parse to exactly the intended data, mean the same settings, have no more
errors than before, and need no second run; otherwise there is no result (DEP-5). It never writes a
file itself.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from corvus.base.errors import EditRefused
from corvus.config.check.discover import STDIN, find, is_foreign, same_file
from corvus.config.check.documents import LoadedConfig, load_documents
from corvus.config.edit.edit import Edit, applied, remove_statement, rename, same
from corvus.config.edit.placing import put
from corvus.config.model.aliases import ALIASES, Alias, canonical
from corvus.config.toml.document import BOM, Document, read_bytes, read_document, source_text
from corvus.config.toml.values import Table, is_table, value_at

if TYPE_CHECKING:
    from corvus.diagnostics.model import Diagnostic

_DAILY_LIMIT = ("cost", "daily_limit_usd")
_CENTS = "cents per day"


class LegacyCap(StrEnum):
    """What becomes of a number of cents that its owner may have meant as a cap on money."""

    KEEP_CANONICAL = "keep-canonical"
    DAILY_LIMIT = "daily-limit"


class Rewrite(NamedTuple):
    """One deprecated key that is rewritten.

    Attributes:
        line: Line of the key in the document before, from 1.
        column: Its column, from 1, in code points.
        old_value: Its number.
        new_value: The number of the canonical key; ``None`` where the old one takes its place.
        daily_limit_usd: The limit that was added for it, if any.
        in_force: Whether limits in USD are enforced at all, by ``cost.enabled``.
    """

    alias: Alias
    line: int
    column: int
    old_value: object
    new_value: object
    daily_limit_usd: int | Decimal | None
    in_force: bool


class Migration(NamedTuple):
    """What a document becomes.

    Attributes:
        file: The file as the user named it.
        before: Its bytes.
        after: What to write; the same as ``before`` when there is nothing to do.
        changes: What was rewritten.
        refused: Why nothing may be written although a deprecated key is there; empty otherwise.
        host: The runtime that reads the keys for itself, if the document is its config.
    """

    file: str
    before: bytes
    after: bytes
    changes: tuple[Rewrite, ...]
    refused: str
    host: str | None

    @property
    def is_pending(self) -> bool:
        """Whether the document changes."""
        return self.before != self.after


class Plan(NamedTuple):
    """How to migrate.

    Attributes:
        dialect: ``auto``, or the dialect every file must be.
        cap: What becomes of the money that a cap named.
        to: Version of corvus whose canonical keys are wanted; later deprecations stay.
    """

    dialect: str = "auto"
    cap: LegacyCap = LegacyCap.KEEP_CANONICAL
    to: str = ""


def migrate_document(
    raw: bytes, file: str, plan: Plan
) -> tuple[Migration | None, list[Diagnostic]]:
    """Migrate one document.

    Args:
        raw: The bytes of the file.
        file: The file as the user named it.
        plan: How to migrate.

    Returns:
        The migration, and the errors of the document that stand in its way: one that cannot be
        parsed is not touched, nor is a deprecated key whose value is wrong.
    """
    document, errors = read_document(raw, file)
    if document is None:
        return None, errors
    loaded = load_documents((document,), plan.dialect)
    wrong = [
        diagnostic
        for diagnostic in loaded.diagnostics
        if diagnostic.is_error and _is_about_alias(diagnostic)
    ]
    aliases = [
        alias
        for alias in ALIASES
        if value_at(document.data, alias.old) is not None
        and (not plan.to or version(alias.deprecated) <= version(plan.to))
        and not any(diagnostic.path == alias.old for diagnostic in wrong)
    ]
    host = "zeroclaw" if loaded.dialects[0].dialect == "zeroclaw" else None
    changes = tuple(_change(document, alias, plan.cap) for alias in aliases)
    try:
        after = _proved(document, loaded, changes, plan)
    except EditRefused as fault:
        return Migration(file, raw, raw, changes, str(fault), host), wrong
    whole = (BOM if document.has_bom else b"") + after.encode()
    return Migration(file, raw, whole, changes, "", host), wrong


def version(text: str) -> tuple[int, ...]:
    """Read a version such as ``0.2``.

    Raises:
        ValueError: It is none.
    """
    return tuple(int(part) for part in text.split("."))


def _is_about_alias(diagnostic: Diagnostic) -> bool:
    return any(diagnostic.path == alias.old for alias in ALIASES)


def _change(document: Document, alias: Alias, cap: LegacyCap) -> Rewrite:
    old = value_at(document.data, alias.old)
    start = document.key(alias.old).start
    added: int | Decimal | None = None
    if (
        cap is LegacyCap.DAILY_LIMIT
        and alias.old_unit == _CENTS
        and isinstance(old, int)
        and old > 0
        and value_at(document.data, _DAILY_LIMIT) is None
    ):
        usd = Decimal(old) / 100
        added = int(usd) if usd == usd.to_integral_value() else usd
    new = value_at(document.data, alias.new)
    in_force = value_at(document.data, ("cost", "enabled")) is True
    return Rewrite(alias, start.line, start.column, old, new, added, in_force)


def _proved(
    document: Document, loaded: LoadedConfig, changes: tuple[Rewrite, ...], plan: Plan
) -> str:
    """Return the new text, once everything that is promised of it was checked.

    Raises:
        EditRefused: Something promised does not hold.
    """
    text = _edited(document, changes)
    again, errors = read_document(text.encode(), document.file)
    if again is None:
        raise EditRefused(f"the result would not parse: {errors[0].message}")
    if not same(again.data, _intended(document.data, changes)):
        raise EditRefused("the result would hold other data than intended")
    reloaded = load_documents((again,), plan.dialect)
    if _errors(reloaded) > _errors(loaded):
        raise EditRefused("the result would have more errors than before")
    if not _means_the_same(loaded, reloaded, changes):
        raise EditRefused("the result would mean other settings")
    return text


def _errors(loaded: LoadedConfig) -> int:
    return sum(diagnostic.is_error for diagnostic in loaded.diagnostics)


def _means_the_same(
    before: LoadedConfig, after: LoadedConfig, changes: tuple[Rewrite, ...]
) -> bool:
    """Return whether only the limits that were asked for differ."""
    added = [change.daily_limit_usd for change in changes if change.daily_limit_usd is not None]
    if before.settings is None or after.settings is None or not added:
        return before.settings == after.settings
    limit = {"daily_limit_usd": Decimal(added[-1])}
    cost = before.settings.cost.model_copy(update=limit)
    return before.settings.model_copy(update={"cost": cost}) == after.settings


def _edited(document: Document, changes: tuple[Rewrite, ...]) -> str:
    for change in changes:
        if change.daily_limit_usd is not None:
            edit = put(document, _DAILY_LIMIT, str(change.daily_limit_usd))
            text = applied(document.text, [edit])
            again, _ = read_document(text.encode(), document.file)
            if again is None:
                raise EditRefused("the limit cannot be added")
            document = again
    edits = [edit for change in changes for edit in _edits(document, change)]
    return applied(document.text, edits)


def _edits(document: Document, change: Rewrite) -> list[Edit]:
    alias = change.alias
    if change.new_value is None:
        return rename(document, alias.old, alias.new[-1])
    return remove_statement(document, alias.old)


def _intended(data: Table, changes: tuple[Rewrite, ...]) -> Table:
    """Return what the data shall be, made without looking at the text."""
    for change in changes:
        old = value_at(data, change.alias.old)
        data = canonical(data, change.alias, old)
        if change.daily_limit_usd is not None:
            cost = data.get("cost")
            kept = cost if is_table(cost) else {}
            data = {**data, "cost": {**kept, _DAILY_LIMIT[-1]: change.daily_limit_usd}}
    return data


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
    """

    files: tuple[MigratedFile, ...]
    unmatched: tuple[str, ...]


def migrate_paths(
    arguments: Sequence[str], plan: Plan, stdin: Callable[[], bytes], stdin_name: str
) -> Run:
    """Migrate files, directories, patterns and standard input.

    Args:
        arguments: Paths, directories (``*.toml`` below them), glob patterns, or ``-``.
        plan: How to migrate.
        stdin: Reads standard input.
        stdin_name: How standard input is called in messages.
    """
    files: dict[str | tuple[int, int], MigratedFile] = {}
    unmatched: list[str] = []
    for argument in arguments:
        found = find(argument)
        unmatched += (f"the directory {name} cannot be searched: {why}" for name, why in found[2])
        for name in found.names:
            key = same_file(name)
            if key in files or (found.walked and _is_of_others(name)):
                continue
            files[key] = _migrate(name, plan, stdin, stdin_name if name == STDIN else name)
        if not found.names:
            unmatched.append(f"no file matches `{argument}`")
    return Run(tuple(files.values()), tuple(unmatched))


def _migrate(name: str, plan: Plan, stdin: Callable[[], bytes], shown: str) -> MigratedFile:
    raw, errors = (stdin(), []) if name == STDIN else read_bytes(Path(name), shown)
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
    return document is not None and is_foreign(document.data)
