"""``corvus check``: parses its own arguments, because typer would cost more than the whole check.

It translates a run of ``policy.config.check`` into text and an exit code, and decides nothing.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

from policy.cli.exits import Exit
from policy.cli.inputs import read_stdin, usual_files
from policy.cli.price_facts import PRICE_FACTS

if TYPE_CHECKING:
    from policy.config.check import Checked, CheckedFile

_EPILOG = """\
examples:
  corvus check corvus.toml              one file
  corvus check .                        every *.toml below a directory, except those of known tools
  corvus check 'teams/**/*.toml'        a pattern
  cat corvus.toml | corvus check - --stdin-filename corvus.toml
  corvus check --strict --format concise corvus.toml
  corvus explain unknown-key            what a code means and how to mend it

exit codes: 0 clean, 1 findings at or above --fail-on, 2 usage, unreadable input or no file matched
"""
_EVIDENCE = 3
_SEVERITIES = ("error", "warning", "note")


def main(argv: list[str]) -> int:
    """Run ``corvus check`` with the arguments after its name; return the exit code (DIA-5)."""
    parser = _parser()
    try:
        options = parser.parse_args(argv)
    except SystemExit as stop:  # argparse has printed its message or the help
        return Exit.USAGE if stop.code else Exit.CLEAN
    from policy.config.check import Options, check_paths

    checked = check_paths(
        options.path or usual_files(),
        Options(
            dialect=options.dialect,
            stdin=read_stdin,
            stdin_name=options.stdin_filename,
            facts=PRICE_FACTS,
        ),
    )
    written = _written(checked, options)
    if written:
        print(written)
    if checked.unreadable:
        return Exit.USAGE
    threshold = "warning" if options.strict else options.fail_on
    return Exit.FINDINGS if _fails(checked, threshold) else Exit.CLEAN


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="corvus check",
        description="Check config files and report every problem with file:line:column.",
        epilog=_EPILOG,
        # A fixed width: asking the terminal for its own imports shutil, for every option.
        formatter_class=partial(argparse.RawDescriptionHelpFormatter, width=96),
    )
    parser.add_argument(
        "path",
        nargs="*",
        metavar="PATH",
        help="a file, a directory, a pattern, or - for stdin; without one, ./corvus.toml and "
        "the other places a config is looked for",
    )
    parser.add_argument(
        "--dialect",
        choices=("auto", "native", "corvus", "zeroclaw"),
        default="auto",
        help="which keys a file may have (default: decided by the file, and said)",
    )
    parser.add_argument("--format", choices=("text", "concise", "json"), default="text")
    parser.add_argument(
        "--fail-on",
        choices=_SEVERITIES,
        default="error",
        help="lowest severity that exits 1 (default: error)",
    )
    parser.add_argument("--strict", action="store_true", help="the same as --fail-on warning")
    parser.add_argument(
        "--stdin-filename", default="<stdin>", metavar="NAME", help="name of - in messages"
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="findings only, no summary")
    parser.add_argument("--color", choices=("auto", "always", "never"), default="auto")
    return parser


def _fails(checked: Checked, threshold: str) -> bool:
    failing = _SEVERITIES[: _SEVERITIES.index(threshold) + 1]
    return any(diagnostic.severity.value in failing for diagnostic in checked.diagnostics)


def _written(checked: Checked, options: argparse.Namespace) -> str:
    if options.format == "json":
        return _json(checked)
    parts: list[str] = []
    if checked.diagnostics:
        parts.append(_findings(checked, options).rstrip("\n"))
    if not options.quiet and options.format == "text":
        parts.append("\n".join(_summary(checked)))
    return ("\n\n" if options.format == "text" else "\n").join(part for part in parts if part)


def _findings(checked: Checked, options: argparse.Namespace) -> str:
    if options.format == "concise":
        from policy.diagnostics.machine import concise

        return concise(checked.diagnostics)
    from policy.diagnostics.text import render

    sources = {
        file.shown: file.text
        for file in checked.files
        if file.diagnostics and file.text is not None
    }
    return render(checked.diagnostics, sources, colour=_colour(options.color))


def _colour(wanted: str) -> bool:
    if wanted != "auto":
        return wanted == "always"
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def _summary(checked: Checked) -> list[str]:
    counts = Counter(diagnostic.severity.value for diagnostic in checked.diagnostics)
    said = ", ".join(_many(counts[word], word) for word in _SEVERITIES if counts[word])
    looked_at = [file for file in checked.files if file.detected is not None or file.diagnostics]
    affected = sum(bool(file.diagnostics) for file in looked_at)
    total = _many(len(checked.files), "file")
    if not said:
        head = f"ok: no problems in {total}"
    elif not looked_at:
        head = said
    else:
        head = f"{said} in {total if len(looked_at) == 1 else f'{affected} of {total}'}"
    lines = _dialect_lines(checked.files)
    if checked.passed_over:
        lines.append(f"{_many(len(checked.passed_over), 'file')} of other tools passed over")
    return [f"{head}; {lines[0]}"] if not said and len(lines) == 1 else [head, *lines]


def _many(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def _dialect_lines(files: tuple[CheckedFile, ...]) -> list[str]:
    """Say what the files were checked as and why: one line for each dialect (CFG-2)."""
    lines: list[str] = []
    found = [file.detected for file in files if file.detected is not None]
    for dialect in dict.fromkeys(detected.dialect for detected in found):
        same = [detected for detected in found if detected.dialect is dialect]
        evidence = Counter(key for detected in same for key in detected.evidence)
        shown = [key for key, _ in evidence.most_common(_EVIDENCE)]
        more = f" and {len(evidence) - _EVIDENCE} more" if len(evidence) > _EVIDENCE else ""
        if same[0].pinned:
            why = "as --dialect says"
        elif shown:
            why = f"found {', '.join(shown)}{more}"
        else:
            why = "no key of a host runtime"
        many = f"{_many(len(same), 'file')} " if len(found) > 1 else ""
        lines.append(f"{many}checked as {dialect}: {why}")
    return lines


def _json(checked: Checked) -> str:
    from policy.cli.common import json_text
    from policy.diagnostics.machine import as_json

    files = [
        {
            "file": file.shown,
            "dialect": file.detected.dialect.value if file.detected else None,
            "dialect_evidence": list(file.detected.evidence) if file.detected else [],
            "deprecated_fields": list(file.deprecated_fields),
        }
        for file in checked.files
    ]
    counts = Counter(diagnostic.severity.value for diagnostic in checked.diagnostics)
    summary = {"files": len(checked.files), **{f"{word}s": counts[word] for word in _SEVERITIES}}
    whole = {
        "version": 1,
        "files": files,
        "diagnostics": as_json(checked.diagnostics),
        "summary": summary,
    }
    return json_text(whole)
