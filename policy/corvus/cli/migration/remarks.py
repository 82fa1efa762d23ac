"""What ``corvus migrate`` says of its files: a line for each change, a diff, a summary."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from corvus.config.toml.values import shown
from corvus.diagnostics.plain import escape
from corvus.diagnostics.unified import unified_diff

if TYPE_CHECKING:
    from collections.abc import Sequence

    from corvus.config.edit.migrate import Migration, Rewrite


class Outcome(NamedTuple):
    """What became of one file.

    Attributes:
        migration: What was written, shown, or is pending; ``None`` where there is none.
        failed: Whether the file, or a key of it, could not be migrated.
    """

    migration: Migration | None
    failed: bool

    @property
    def is_pending(self) -> bool:
        """Whether the file changed, or would."""
        return self.migration is not None and self.migration.is_pending


def diff(migration: Migration) -> str:
    """Return the change as ``unified_diff`` has it; empty when nothing changes."""
    name = escape(migration.file).lstrip("/")
    return unified_diff(migration.before, migration.after, name).decode(errors="surrogateescape")


def remarks(migration: Migration, *, done: bool) -> str:
    """Return what a person should know of each change, a line each, with a final newline.

    Args:
        migration: Of one file.
        done: Whether it was written.
    """
    file = escape(migration.file)
    lines: list[str] = []
    for kept in migration.kept:
        place = f"{file}:{kept.span.start.line}:{kept.span.start.column}" if kept.span else file
        lines.append(f"{place}: note: {kept.message} (`--host-keys` rewrites it)")
    for change in migration.changes if migration.is_pending else ():
        lines.append(f"{file}:{change.line}:{change.column}: {_headline(change, done=done)}")
        lines += [f"  {words}" for words in _advice(change)]
    return "".join(f"{line}\n" for line in lines)


def summary(outcomes: Sequence[Outcome], excluded: int, *, done: bool) -> str:
    """Return the last line: how many files changed, or would; empty where every file failed.

    Args:
        outcomes: A file each.
        excluded: How many named files were left out.
        done: Whether changes were written.
    """
    changed = sum(outcome.is_pending for outcome in outcomes)
    failed = sum(outcome.failed for outcome in outcomes)
    total = f"{len(outcomes)} file{'s' * (len(outcomes) != 1)}"
    left_out = f"; {excluded} excluded" if excluded else ""
    if (not outcomes and not excluded) or (outcomes and not changed and failed == len(outcomes)):
        return ""
    if changed:
        words = f"{changed} of {total} {'migrated' if done else 'to migrate'}"
    elif failed:
        words = f"nothing to migrate in {len(outcomes) - failed} of {total}"
    else:
        words = f"nothing to migrate in {total}"
    return f"{words}; {failed} failed{left_out}" if failed else f"{words}{left_out}"


def _headline(change: Rewrite, *, done: bool) -> str:
    old, new = shown(change.alias.old), shown(change.alias.new)
    tense = "is" if done else "would be"
    if change.new_value is None:
        return f"`{old}` = {change.old_value} {tense} renamed to `{new}`"
    return f"`{old}` = {change.old_value} {tense} removed: `{new}` = {change.new_value} wins"


def _advice(change: Rewrite) -> list[str]:
    alias, old, reading = change.alias, change.old_value, change.reading
    lines: list[str] = []
    if change.new_value is None:
        verb = "become" if reading else "were read as"
        lines.append(f"review the number: {old} {alias.old_unit} {verb} {old} {alias.new_unit}")
    if change.daily_limit_usd is not None:
        until = "" if change.in_force else "; not in force until `cost.enabled` is true"
        lines.append(f"`cost.daily_limit_usd = {change.daily_limit_usd}` for the old cap{until}")
    elif reading is None and isinstance(old, int) and old > 0 and change.new_value != old:
        usd = Decimal(old) / 100
        lines.append(
            f"a cap of {usd:f} USD per day is NOT enforced by this key; `--legacy-cap daily-limit` "
            "writes it as `cost.daily_limit_usd` where the file sets none"
        )
    if reading is not None:
        lines.append(
            f"the {reading.host} runtime reads the key as {reading.meaning}; {reading.without}"
        )
    return lines
