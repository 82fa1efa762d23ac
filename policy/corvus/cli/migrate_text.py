"""The words and the diff of ``corvus migrate``."""

from __future__ import annotations

import difflib
from decimal import Decimal
from typing import TYPE_CHECKING

from corvus.config.toml.values import shown
from corvus.diagnostics.plain import escape

if TYPE_CHECKING:
    from corvus.config.edit.migrate import Migration, Rewrite
    from corvus.config.edit.migrate_paths import Run


def diff(migration: Migration) -> str:
    """Return the change as a unified diff that ``patch`` applies; empty when nothing changes."""
    before, after = (text.decode().splitlines(keepends=True) for text in migration[1:3])
    name = escape(migration.file).lstrip("/")
    lines = difflib.unified_diff(before, after, f"a/{name}", f"b/{name}")
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )


def remarks(migration: Migration, *, done: bool) -> str:
    """Return what a person should know of each change, a line each, with a final newline."""
    if not migration.is_pending:
        return ""
    file = escape(migration.file)
    lines: list[str] = []
    for change in migration.changes:
        lines.append(f"{file}:{change.line}:{change.column}: {_headline(change, done=done)}")
        lines += [f"  {words}" for words in _advice(change, migration.host)]
    return "\n".join(lines) + "\n"


def summary(run: Run, *, done: bool) -> str:
    """Return the last line: how many files change."""
    changed = sum(bool(file.migration and file.migration.is_pending) for file in run.files)
    total = f"{len(run.files)} file{'s' * (len(run.files) != 1)}"
    if not changed:
        return f"nothing to migrate in {total}"
    return f"{changed} of {total} {'migrated' if done else 'to migrate'}"


def _headline(change: Rewrite, *, done: bool) -> str:
    old, new = shown(change.alias.old), shown(change.alias.new)
    tense = "is" if done else "would be"
    if change.new_value is None:
        return f"`{old}` = {change.old_value} {tense} renamed to `{new}`"
    return f"`{old}` = {change.old_value} {tense} removed: `{new}` = {change.new_value} wins"


def _advice(change: Rewrite, host: str | None) -> list[str]:
    alias, old = change.alias, change.old_value
    lines: list[str] = []
    if change.new_value is None:
        lines.append(
            f"review the number: {old} {alias.old_unit} were read as {old} {alias.new_unit}"
        )
    if change.daily_limit_usd is not None:
        until = "" if change.in_force else "; not in force until `cost.enabled` is true"
        lines.append(f"`cost.daily_limit_usd = {change.daily_limit_usd}` for the old cap{until}")
    elif isinstance(old, int) and old > 0 and change.new_value != old:
        usd = Decimal(old) / 100
        lines.append(
            f"a cap of {usd:f} USD per day is NOT enforced by this key; `--legacy-cap daily-limit` "
            "writes it as `cost.daily_limit_usd` where the file sets none"
        )
    if host is not None:
        lines.append(
            f"NOTE: the {host} runtime reads this key for itself, as a cap on money: keep it in a "
            f"file that {host} still loads"
        )
    return lines
