"""Rewrites deprecated keys of one document, and proves the result before anyone writes it (DEP-4).

A rename changes the bytes of the key, a removal takes the comment behind it along, and nothing else
changes; only ``--legacy-cap daily-limit`` adds a key. A key that the host runtime of a file reads
for itself stays, unless the user wants it rewritten (DEP-7). The result must parse to exactly the
intended data, mean the same settings, have no more errors than before, and need no second run;
otherwise there is no result (DEP-5). It never writes a file itself.
"""

from __future__ import annotations

from collections.abc import Set
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from corvus.base.errors import EditRefused
from corvus.config.check.documents import LoadedConfig, load_documents
from corvus.config.check.syntax_advice import with_types
from corvus.config.edit.edit import Edit, applied, remove_statement, rename, same
from corvus.config.edit.placing import put
from corvus.config.model.aliases import ALIASES, Alias, HostReading, canonical
from corvus.config.model.dialects import Dialect
from corvus.config.toml.document import BOM, Document, read_document, source_text
from corvus.config.toml.values import Route, Table, is_table, value_at

if TYPE_CHECKING:
    from corvus.diagnostics.model import Diagnostic

_DAILY_LIMIT = ("cost", "daily_limit_usd")
_CENTS = "cents per day"
_HOST_KEY = "host-key"


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
        reading: What the host of the file reads the old key as, if it does.
    """

    alias: Alias
    line: int
    column: int
    old_value: object
    new_value: object
    daily_limit_usd: int | Decimal | None
    in_force: bool
    reading: HostReading | None = None


class Migration(NamedTuple):
    """What a document becomes.

    Attributes:
        file: The file as the user named it.
        before: Its bytes.
        after: What to write; the same as ``before`` when there is nothing to do.
        changes: What was rewritten.
        refused: Why nothing may be written although a deprecated key is there; empty otherwise.
        kept: A note for each deprecated key that stays, because the host of the file reads it.
    """

    file: str
    before: bytes
    after: bytes
    changes: tuple[Rewrite, ...]
    refused: str
    kept: tuple[Diagnostic, ...] = ()

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
        host_keys: Whether to rewrite also what the host of a file reads for itself.
    """

    dialect: str = "auto"
    cap: LegacyCap = LegacyCap.KEEP_CANONICAL
    to: str = ""
    host_keys: bool = False


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
        return None, with_types(errors, source_text(raw))
    loaded = load_documents((document,), plan.dialect)
    wrong = [
        diagnostic
        for diagnostic in loaded.diagnostics
        if diagnostic.is_error and _is_about_alias(diagnostic)
    ]
    kept = () if plan.host_keys else _of_host(loaded)
    untouched = {diagnostic.path for diagnostic in (*wrong, *kept)}
    changes = _changes(document, loaded.dialects[0].dialect, plan, untouched)
    try:
        after = _proved(document, loaded, changes, plan)
    except EditRefused as fault:
        return Migration(file, raw, raw, changes, str(fault), kept), wrong
    whole = (BOM if document.has_bom else b"") + after.encode()
    return Migration(file, raw, whole, changes, "", kept), wrong


def _changes(
    document: Document, dialect: Dialect, plan: Plan, untouched: Set[Route]
) -> tuple[Rewrite, ...]:
    """Return what is to be rewritten: the deprecated keys but for those that stay."""
    return tuple(
        _change(document, alias, plan.cap)._replace(reading=alias.reading(dialect))
        for alias in ALIASES
        if value_at(document.data, alias.old) is not None
        and (not plan.to or version(alias.deprecated) <= version(plan.to))
        and alias.old not in untouched
    )


def _of_host(loaded: LoadedConfig) -> tuple[Diagnostic, ...]:
    """Return the notes about keys that the host of a file reads for itself."""
    return tuple(found for found in loaded.diagnostics if found.code == _HOST_KEY)


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
    """Return whether only what was wanted differs: limits that are added, numbers of a host."""
    expected = before.settings
    if expected is None:
        return after.settings is None
    for change in changes:
        wanted: dict[tuple[str, ...], object] = {}
        if change.daily_limit_usd is not None:
            wanted[_DAILY_LIMIT] = Decimal(change.daily_limit_usd)
        if change.reading and change.new_value is None:
            wanted[change.alias.new] = change.old_value
        for (table, key), value in wanted.items():
            changed = getattr(expected, table).model_copy(update={key: value})
            expected = expected.model_copy(update={table: changed})
    return expected == after.settings


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
