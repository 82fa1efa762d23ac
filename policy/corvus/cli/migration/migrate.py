"""``corvus migrate``: rewrites deprecated keys in place, or shows what would change (DEP-4).

Like ``check`` it parses its own arguments. It decides nothing: ``corvus.config.edit.migrate`` plans
and proves, ``corvus.base.files`` writes. What is done is said when it is done, and not before.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from corvus.cli.check import read_stdin, usual_files
from corvus.cli.check_options import add_files, add_force_exclude
from corvus.cli.exits import Exit
from corvus.cli.migration.remarks import Outcome, diff, remarks, summary
from corvus.cli.parsing.arguments import ArgumentParser

if TYPE_CHECKING:
    from collections.abc import Sequence

    from corvus.config.edit.migrate import Migration, Plan
    from corvus.config.edit.migrate_files import MigratedFile, Run


_EPILOG = """\
examples:
  corvus migrate corvus.toml            rewrite the deprecated keys of a file, in place
  corvus migrate --diff .               show what would change, write nothing
  corvus migrate --check .              for CI: exit 1 when something would change
  corvus migrate - <old.toml >new.toml  from standard input to standard output
  corvus migrate --legacy-cap daily-limit corvus.toml
                                        also limit the money that an old cap named

A key that the host runtime of a file still reads is left alone, with a note (see host-key).

exit codes: 0 done or nothing to do, 1 a change is pending (--check) or could not be made,
            2 usage, unreadable input or no file matched
"""


def main(argv: list[str]) -> int:
    """Run ``corvus migrate`` with the arguments after its name; return the exit code (DIA-5)."""
    parser = parser_of_migrate()
    try:
        options = parser.parse_intermixed_args(argv)
        if options.write and options.diff:
            parser.error("--diff writes nothing: leave out --write")
    except SystemExit as stop:  # argparse has printed its message or the help
        return Exit.USAGE if stop.code else Exit.CLEAN
    from corvus.config.check.walk import Search
    from corvus.config.edit.migrate import LegacyCap, Plan
    from corvus.config.edit.migrate_files import migrate_paths

    plan = Plan(
        options.dialect or "auto",
        LegacyCap(options.legacy_cap),
        options.to or "",
        host_keys=options.host_keys,
    )
    run = migrate_paths(
        options.path or usual_files(),
        plan,
        read_stdin,
        options.stdin_filename,
        Search(force_exclude=options.force_exclude),
    )
    return _finish(run, plan, options)


def parser_of_migrate() -> ArgumentParser:
    """Return the parser of ``corvus migrate``."""
    parser = ArgumentParser(
        "corvus migrate",
        "[PATH ...]",
        "Rewrite deprecated keys; every other byte of a file stays as it is.",
        _EPILOG,
    )
    add_force_exclude(add_files(parser))
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
    parser.add_argument(
        "--host-keys",
        action="store_true",
        help="rewrite also what the host runtime of a file still reads, which is left alone else",
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="say only what went wrong")
    return parser


def _version(text: str) -> str:
    if re.fullmatch(r"[0-9]+(?:\.[0-9]+){0,3}", text) is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no version such as 0.1")
    return text


def _finish(run: Run, plan: Plan, options: argparse.Namespace) -> int:
    """Write or show the result; remarks go to stderr where stdout carries a document or a diff."""
    only_shows = bool(options.check or options.diff)
    said = sys.stderr if options.diff or any(file.name == "-" for file in run.files) else sys.stdout
    outcomes: list[Outcome] = []
    for file in run.files:
        failed = _show_errors(file)
        migration = file.migration
        if migration and options.diff:
            print(diff(migration), end="")
        elif migration and not options.check:
            migration = _deliver(file, migration, plan)
        outcomes.append(Outcome(migration, failed or migration is None))
        if migration and not options.quiet:
            print(remarks(migration, done=not only_shows), end="", file=said)
    for words in run.unmatched:
        print(f"error[no-file-matched]: {words}", file=sys.stderr)
    if not options.quiet and (words := summary(outcomes, run.excluded, done=not only_shows)):
        print(words, file=said)
    return _exit_code(run, outcomes, check=options.check)


def _exit_code(run: Run, outcomes: Sequence[Outcome], *, check: bool) -> int:
    if run.unmatched or any(file.text is None for file in run.files):
        return Exit.USAGE
    pending = check and any(outcome.is_pending for outcome in outcomes)
    failed = any(outcome.failed for outcome in outcomes)
    return Exit.FINDINGS if failed or pending else Exit.CLEAN


def _show_errors(file: MigratedFile) -> bool:
    """Say why a file, or a key of it, is not migrated; return whether there was anything to say."""
    if file.errors:
        from corvus.diagnostics.formats.text import render

        sources = {file.shown: file.text} if file.text is not None else {}
        print(render(file.errors, sources, colour=False), file=sys.stderr)
    refused = file.migration.refused if file.migration else ""
    if refused:
        print(f"error[not-migrated]: {file.shown} stays as it is: {refused}", file=sys.stderr)
    return bool(file.errors or refused)


def _deliver(file: MigratedFile, migration: Migration, plan: Plan) -> Migration | None:
    """Put the result where it belongs; return what was written, ``None`` where that failed."""
    from corvus.base.errors import EditRefused

    try:
        if file.name == "-":
            _print_bytes(migration.after)
            return migration
        return _rewritten(file, plan) if migration.is_pending else migration
    except EditRefused as refusal:
        print(f"error[{refusal.code}]: {refusal}", file=sys.stderr)
        return None


def _print_bytes(data: bytes) -> None:
    from corvus.base.errors import EditRefused

    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as fault:
        raise EditRefused(f"standard output cannot be written: {fault.strerror}") from fault


def _rewritten(file: MigratedFile, plan: Plan) -> Migration:
    """Migrate a file as it is when its turn comes (CFG-12).

    Raises:
        EditRefused: It cannot be written, or no longer migrated.
    """
    from corvus.base.errors import EditRefused
    from corvus.cli.rewriting import rewrite
    from corvus.config.edit.migrate import migrate_document

    written: list[Migration] = []

    def change(now: bytes) -> bytes:
        again, errors = migrate_document(now, file.shown, plan)
        if again is None or again.refused or errors:
            raise EditRefused(f"{file.shown} changed since it was read: nothing is written")
        written.append(again)
        return again.after

    before, after = rewrite(Path(file.name), change)
    if before != after:
        from corvus.cli.migration.note import keep_in_audit

        keep_in_audit(file.name, [".".join(change.alias.old) for change in written[-1].changes])
    return written[-1]
