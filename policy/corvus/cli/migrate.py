"""``corvus migrate``: rewrites deprecated keys in place, or shows what would change (DEP-4).

Like ``check`` it parses its own arguments. It decides nothing: ``corvus.config.edit.migrate`` plans
and proves, ``corvus.base.files`` writes.
"""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from corvus.cli.check import read_stdin, usual_files
from corvus.cli.check_options import add_files
from corvus.cli.exits import Exit
from corvus.cli.parsing.arguments import ArgumentParser
from corvus.config.toml.values import shown
from corvus.diagnostics.plain import escape

if TYPE_CHECKING:
    from corvus.config.edit.migrate import MigratedFile, Migration, Rewrite, Run


_EPILOG = """\
examples:
  corvus migrate corvus.toml            rewrite the deprecated keys of a file, in place
  corvus migrate --diff .               show what would change, write nothing
  corvus migrate --check .              for CI: exit 1 when something would change
  corvus migrate - <old.toml >new.toml  from standard input to standard output
  corvus migrate --legacy-cap daily-limit corvus.toml
                                        also limit the money that an old cap named

exit codes: 0 done or nothing to do, 1 a change is pending (--check) or could not be made,
            2 usage, unreadable input or no file matched
"""


def main(argv: list[str]) -> int:
    """Run ``corvus migrate`` with the arguments after its name; return the exit code (DIA-5)."""
    parser = _parser()
    try:
        options = parser.parse_intermixed_args(argv)
        if options.write and options.diff:
            parser.error("--diff writes nothing: leave out --write")
    except SystemExit as stop:  # argparse has printed its message or the help
        return Exit.USAGE if stop.code else Exit.CLEAN
    from corvus.config.edit.migrate import LegacyCap, Plan, migrate_paths

    plan = Plan(options.dialect or "auto", LegacyCap(options.legacy_cap), options.to or "")
    run = migrate_paths(options.path or usual_files(), plan, read_stdin, options.stdin_filename)
    return _finish(run, options)


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        "corvus migrate",
        "[PATH ...]",
        "Rewrite deprecated keys; every other byte of a file stays as it is.",
        _EPILOG,
    )
    add_files(parser)
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--write", action="store_true", help="rewrite the files (the default)")
    mode.add_argument("--check", action="store_true", help="write nothing; exit 1 if one is due")
    parser.add_argument(
        "--diff", action="store_true", help="write nothing; print a unified diff of all changes"
    )
    parser.add_argument(
        "--to", type=_version, metavar="VERSION", help="only what is deprecated up to this version"
    )
    parser.add_argument(
        "--legacy-cap",
        choices=("keep-canonical", "daily-limit"),
        default="keep-canonical",
        help="what becomes of a cap in cents per day: nothing but the canonical key, or also "
        "cost.daily_limit_usd where the file sets none (default: keep-canonical)",
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="say only what went wrong")
    return parser


def _version(text: str) -> str:
    if re.fullmatch(r"[0-9]+(?:\.[0-9]+){0,3}", text) is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no version such as 0.1")
    return text


def _finish(run: Run, options: argparse.Namespace) -> int:
    """Write or show the result; remarks go to stderr where stdout carries a document or a diff."""
    only_shows = bool(options.check or options.diff)
    said = sys.stderr if options.diff or any(file.name == "-" for file in run.files) else sys.stdout
    failed = False
    for file in run.files:
        failed |= _tell_errors(file)
        if file.migration is None:
            continue
        if options.diff:
            print(diff(file.migration), end="")
        elif not options.check:
            failed |= not _deliver(file.name, file.migration)
        if not options.quiet:
            print(remarks(file.migration, done=not only_shows), end="", file=said)
    for words in run.unmatched:
        print(f"error[no-file-matched]: {words}", file=sys.stderr)
    if not options.quiet:
        print(summary(run, done=not only_shows), file=said)
    return _exit_code(run, failed=failed, check=options.check)


def _exit_code(run: Run, *, failed: bool, check: bool) -> int:
    if run.unmatched or any(file.text is None for file in run.files):
        return Exit.USAGE
    pending = check and any(file.migration and file.migration.is_pending for file in run.files)
    return Exit.FINDINGS if failed or pending else Exit.CLEAN


def _tell_errors(file: MigratedFile) -> bool:
    """Say why a file, or a key of it, is not migrated; return whether there was anything to say."""
    if file.errors:
        from corvus.diagnostics.formats.text import render

        sources = {file.shown: file.text} if file.text is not None else {}
        print(render(file.errors, sources, colour=False), file=sys.stderr)
    refused = file.migration.refused if file.migration else ""
    if refused:
        print(f"error[not-migrated]: {file.shown} stays as it is: {refused}", file=sys.stderr)
    return bool(file.errors or refused)


def _deliver(name: str, migration: Migration) -> bool:
    """Put the result where it belongs; return whether that went well."""
    if name == "-":
        sys.stdout.flush()
        sys.stdout.buffer.write(migration.after)
        return True
    return not migration.is_pending or _write(name, migration)


def _write(name: str, migration: Migration) -> bool:
    from corvus.base.errors import EditRefused
    from corvus.base.files import replace_file

    try:
        replace_file(Path(name), migration.after, before=migration.before)
    except EditRefused as refusal:
        print(f"error[{refusal.code}]: {refusal}", file=sys.stderr)
        return False
    _audit(name, migration)
    return True


def _audit(name: str, migration: Migration) -> None:
    """Keep the migration in the audit where the file has governed calls (AUD-1)."""
    from corvus.base.errors import PolicyError
    from corvus.diagnostics.model import ConfigError
    from corvus.governor.audit_chain import note_migration
    from corvus.runtime import local_actor, open_runtime

    keys = [".".join(change.alias.old) for change in migration.changes]
    try:
        runtime = open_runtime([name])
        if runtime.bookkeeping.has_store:
            with runtime.bookkeeping.store() as store:
                store.run(lambda u: note_migration(u, runtime.governing, local_actor(), keys))
    except ConfigError:
        pass  # it governs nothing by itself
    except PolicyError as fault:
        print(f"warning: {name} was migrated, and the audit lacks it: {fault}", file=sys.stderr)


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
