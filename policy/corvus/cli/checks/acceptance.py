"""``corvus check --add-ignore`` and ``--baseline``: two ways to accept what is there."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from corvus.base.errors import EditRefused
from corvus.base.files import replace_file
from corvus.cli.exits import Exit
from corvus.cli.rewriting import rewrite
from corvus.config.check.baseline import (
    Baseline,
    BaselineRefused,
    accepted,
    baseline_text,
    read_baseline,
    without_accepted,
)
from corvus.config.check.check import CheckRun, Options, check_paths
from corvus.config.edit.ignoring import add_ignores, is_ignorable
from corvus.diagnostics.model import Diagnostic
from corvus.diagnostics.plain import escape

if TYPE_CHECKING:
    from corvus.cli.check import Arguments

_OWN_LINES = (None, "text", "concise")
"""Formats that a person reads: what was done follows on the same stream."""


def add_ignores_to(
    paths: Sequence[str], how: Options, options: Arguments, show: Callable[[CheckRun], int]
) -> int:
    """Write comments into files, report what is left, and return the exit code.

    Args:
        paths: What to check, as ``check_paths`` takes it.
        how: How to check.
        options: ``add_ignore`` is the reason.
        show: Reports a run and returns its exit code.
    """
    assert options.add_ignore is not None
    added, is_refused = 0, False
    for file in check_paths(paths, how).files:
        if not any(map(is_ignorable, file.diagnostics)):
            continue
        try:
            added += _add(file.shown, how, options.add_ignore)
        except EditRefused as refusal:
            print(f"error[{refusal.code}]: {escape(str(refusal))}", file=sys.stderr)
            is_refused = True
    left = check_paths(paths, how)
    code = show(left)
    _say(f"Added {added} ignore comment{'s' * (added != 1)}.", options)
    if any(map(is_ignorable, left.diagnostics)):
        _say("Elsewhere one would change what the file means, or bring out a mistake.", options)
    return Exit.USAGE if is_refused else code


def _add(file: str, how: Options, reason: str) -> int:
    """Write the comments of one file and return how many.

    Raises:
        EditRefused: It cannot be written.
    """
    counts: list[int] = []

    def change(now: bytes) -> bytes:
        text = add_ignores(now, file, how, reason)
        counts.append(text.added)
        return text.after

    rewrite(Path(file), change)
    return counts[-1]


def accepting(
    how: Options, options: Arguments, show: Callable[[CheckRun], int]
) -> Callable[[CheckRun], int]:
    """Return how to report a run against a baseline, which is written first if that is wanted.

    Raises:
        SystemExit: There is no baseline, or it is none; that was printed.
    """
    assert options.baseline is not None
    baseline = _read(options.baseline, is_needed=not options.write_baseline)

    def report(run: CheckRun) -> int:
        current, verb = baseline, "accepted by"
        if options.write_baseline:
            text = baseline_text(run, baseline)
            current, verb = read_baseline(baseline.file, text), "accepted in"
            try:
                replace_file(Path(baseline.file), text.encode())
            except EditRefused as refusal:
                print(f"error[{refusal.code}]: {escape(str(refusal))}", file=sys.stderr)
                return Exit.USAGE
        left = without_accepted(run, current, how.severity)
        code = show(left)
        _say(_counted(accepted(run, left), f"{verb} {escape(baseline.file)}"), options)
        return code

    return report


def _counted(found: Sequence[Diagnostic], where: str) -> str:
    errors = sum(one.code == "unknown-key" and one.is_error for one in found)
    said = f"{len(found)} finding{'s' * (len(found) != 1)} {where}"
    if not errors:
        return said
    keys = "1 unknown key" if errors == 1 else f"{errors} unknown keys"
    return f"{said}; other commands still refuse {keys} of them"


def _read(file: str, *, is_needed: bool) -> Baseline:
    shown = escape(file)
    if not is_needed and not os.path.lexists(file):
        return Baseline(file, "", {})
    try:
        return read_baseline(file, Path(file).read_text(encoding="utf-8"))
    except FileNotFoundError:
        problem = f"there is no baseline {shown}; `--write-baseline` makes one"
    except BaselineRefused as refusal:
        problem = f"{shown} is no baseline: {refusal}"
    except (OSError, ValueError) as fault:
        reason = getattr(fault, "strerror", None) or "it is not UTF-8"
        problem = f"the baseline {shown} cannot be read: {reason}"
    print(f"error: {problem}", file=sys.stderr)
    raise SystemExit(int(Exit.USAGE))


def _say(words: str, options: Arguments) -> None:
    if not options.quiet:
        is_for_people = options.format in _OWN_LINES and not options.output_file
        print(words, file=sys.stdout if is_for_people else sys.stderr)
