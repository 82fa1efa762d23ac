"""``corvus check --fix`` and ``--diff``: applies fixes to files, or shows what they would change.

It decides nothing: rules propose fixes, ``corvus.config.edit.fixing`` proves and applies them, and
``corvus.base.files`` writes. What is reported as fixed was written before.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TextIO

from corvus.base.errors import EditRefused
from corvus.cli.checks.fixable import fixable
from corvus.cli.exits import Exit
from corvus.cli.rewriting import rewrite
from corvus.config.check.check import CheckedFile, CheckRun, Options, check_paths
from corvus.config.check.discover import STDIN
from corvus.config.edit.fixing import FixedText, fix_text, is_wanted, prove
from corvus.config.toml.values import shown
from corvus.diagnostics.model import Diagnostic
from corvus.diagnostics.plain import escape
from corvus.diagnostics.unified import unified_diff

if TYPE_CHECKING:
    from corvus.cli.check import Arguments

_OWN_LINES = ("text", "concise")
"""Formats that a person reads: the outcome follows on the same stream."""


class _Outcome(NamedTuple):
    """What became of the files of a run.

    Attributes:
        remaining: The run as it would be now.
        texts: The files with a fix, by how the user named them.
        refused: Why files could not be written.
    """

    remaining: CheckRun
    texts: dict[str, FixedText]
    refused: tuple[str, ...]

    @property
    def applied(self) -> list[Diagnostic]:
        return [found for text in self.texts.values() for found in text.applied]


def fix_paths(
    paths: Sequence[str],
    how: Options,
    options: Arguments,
    show: Callable[[CheckRun], int],
) -> int:
    """Check files and fix them.

    Args:
        paths: What to check, as ``check_paths`` takes it.
        how: How to check.
        options: ``fix_only``, ``unsafe_fixes``, ``show_fixes``, ``diff``, ``quiet``, ``format``.
        show: Reports a run on standard output, and returns its exit code.

    Returns:
        The exit code: that of what remains; with ``--diff`` 1 where there is a difference.
    """
    how = how._replace(stdin=cache(how.stdin))
    run = check_paths(paths, how)
    if STDIN in paths and [file.shown for file in run.files].count(how.stdin_name) > 1:
        name = escape(how.stdin_name)
        print(f"error: {name} is both a file and the name of standard input", file=sys.stderr)
        return Exit.USAGE
    piped = how.stdin_name if STDIN in paths else None
    outcome = _fixed(run, how, options, piped)
    for problem in outcome.refused:
        print(f"error[edit-refused]: {escape(problem)}", file=sys.stderr)
    if options.diff:
        return _show_diffs(outcome, options)
    with redirect_stdout(sys.stderr if piped else sys.stdout):
        code = _reported(outcome, options, show)
    if piped and any(file.shown == piped and file.text for file in outcome.remaining.files):
        text = outcome.texts.get(piped)
        _write(text.after if text else how.stdin())
    return Exit.USAGE if outcome.refused else code


def _fixed(run: CheckRun, how: Options, options: Arguments, piped: str | None) -> _Outcome:
    files: list[CheckedFile] = []
    texts: dict[str, FixedText] = {}
    refused: list[str] = []
    for checked in run.files:
        file = prove(checked, how)
        if any(is_wanted(found, unsafe=options.unsafe_fixes) for found in file.diagnostics):
            try:
                texts[file.shown] = _deliver(file, how, options, piped)
            except EditRefused as refusal:
                refused.append(str(refusal))
            else:
                file = texts[file.shown].remaining
        files.append(file)
    return _Outcome(run._replace(files=tuple(files)), texts, tuple(refused))


def _deliver(file: CheckedFile, how: Options, options: Arguments, piped: str | None) -> FixedText:
    """Fix what a file holds by now, and write it unless only the difference is wanted.

    Args:
        file: The file as it was checked.
        how: How to check.
        options: The command line.
        piped: How standard input is called, where it is one of the files.

    Raises:
        EditRefused: It cannot be written.
    """

    def fixed(now: bytes) -> FixedText:
        return fix_text(now, file.shown, how, unsafe=options.unsafe_fixes)

    if file.shown == piped:
        return fixed(how.stdin())
    path = Path(file.shown)
    if options.diff:
        try:
            return fixed(path.read_bytes())
        except OSError as fault:
            raise EditRefused(f"{path} cannot be read any more: {fault.strerror}") from fault
    done: list[FixedText] = []

    def change(now: bytes) -> bytes:
        done.append(fixed(now))
        return done[-1].after

    rewrite(path, change)
    migrated = [shown(one.path) for one in done[-1].applied if one.code == "deprecated-key"]
    if migrated:
        from corvus.cli.migration.note import keep_in_audit

        keep_in_audit(file.shown, migrated)
    return done[-1]


def _show_diffs(outcome: _Outcome, options: Arguments) -> int:
    difference = b"".join(
        unified_diff(text.before, text.after, escape(name).lstrip("/"))
        for name, text in outcome.texts.items()
    )
    _write(difference)
    if b"***" in difference and not options.quiet:
        print("note: secrets are shown as *; that part of the patch fails", file=sys.stderr)
    _print_unread(outcome.remaining)
    if not options.quiet:
        _print_fixes(outcome, options, "Would fix", sys.stderr)
    if outcome.remaining.unreadable or outcome.refused:
        return Exit.USAGE
    return Exit.FINDINGS if difference else Exit.CLEAN


def _reported(outcome: _Outcome, options: Arguments, show: Callable[[CheckRun], int]) -> int:
    """Report what remains, then what was fixed; return the exit code."""
    if options.fix_only:
        _print_unread(outcome.remaining)
        code = Exit.USAGE if outcome.remaining.unreadable else Exit.CLEAN
    else:
        code = show(outcome.remaining)
    if not options.quiet:
        is_read_by_people = (options.format or "text") in _OWN_LINES
        stream = sys.stdout if is_read_by_people or options.fix_only else sys.stderr
        _print_fixes(outcome, options, "Fixed", stream)
    return code


def _print_fixes(outcome: _Outcome, options: Arguments, verb: str, stream: TextIO) -> None:
    applied = outcome.applied
    if options.show_fixes and applied:
        print(f"{verb} {counted(applied)}:", file=stream)
        for name, text in outcome.texts.items():
            codes = Counter(found.code for found in text.applied)
            if codes:
                print(f"- {escape(name)}:", file=stream)
            for code, count in sorted(codes.items()):
                print(f"    {count} x {code}", file=stream)
    if outcome.refused and not applied:
        return  # why has been said, and is no lack of a fix
    if options.fix_only or options.diff:
        print(f"{verb} {counted(applied)}." if applied else _none(outcome), file=stream)
    elif applied:
        left = outcome.remaining.diagnostics
        both = f"({len(applied)} fixed, {len(left)} remaining)"
        print(f"Found {counted([*applied, *left])} {both}.", file=stream)


def _none(outcome: _Outcome) -> str:
    """Say that there was nothing to fix, and what a guess would."""
    more = fixable(outcome.remaining.diagnostics)
    return f"There is no safe fix; {more}." if more else "There is no fix."


def _print_unread(run: CheckRun) -> None:
    from corvus.diagnostics.formats.text import concise

    unread = [found for file in run.files if file.text is None for found in file.diagnostics]
    if run.unmatched or unread:
        print(concise([*run.unmatched, *unread]), file=sys.stderr)


def counted(diagnostics: Sequence[Diagnostic]) -> str:
    """Count findings in the word for their severity, where they share one: ``2 errors``."""
    words = {found.severity.value for found in diagnostics}
    word = words.pop() if len(words) == 1 else "finding"
    return f"{len(diagnostics)} {word}{'s' * (len(diagnostics) != 1)}"


def _write(data: bytes) -> None:
    """Write bytes as they are: no line end is translated."""
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
