"""What ``corvus check`` writes for programs: one table of formats, each imported when asked for."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from corvus.base.errors import EditRefused
from corvus.base.files import replace_file
from corvus.config.check.check import CheckRun
from corvus.config.check.codes import CODES
from corvus.diagnostics.codes import Severity
from corvus.diagnostics.outcome import Input, Outcome
from corvus.diagnostics.plain import escape

_CI_FOLDERS = ("GITHUB_WORKSPACE", "CI_PROJECT_DIR")
"""Variables that name the checkout; the services want paths that start there."""


def outcome_of(checked: CheckRun, *, failing: tuple[str, ...], exit_code: int) -> Outcome:
    """Turn a run into what renderers know; paths start at the checkout of a CI service, if any."""
    folder = os.getcwd()
    return Outcome(
        inputs=tuple(
            Input(
                file=file.shown,
                text=file.text,
                checked_as=file.detected.dialect.value if file.detected else None,
                evidence=file.detected.evidence if file.detected else (),
                deprecated_fields=file.deprecated_fields,
                diagnostics=file.diagnostics,
                ignored=file.ignored,
            )
            for file in checked.files
        ),
        unmatched=checked.unmatched,
        failing=failing,
        exit_code=exit_code,
        root=_root(folder, os.environ),
        folder=folder,
        codes=CODES,
    )


def _root(folder: str, environment: Mapping[str, str]) -> str:
    for name in _CI_FOLDERS:
        named = environment.get(name)
        checkout = os.path.realpath(named) if named else None
        if checkout and f"{folder}/".startswith(f"{checkout.rstrip('/')}/"):
            return checkout
    return folder


def written(style: str, outcome: Outcome) -> str:
    """Return a run in one of the formats, without colour and without a final newline."""
    match style:
        case "text":
            return _text(outcome)
        case "concise":
            from corvus.diagnostics.formats.text import concise

            return concise(outcome.diagnostics, marks=True)
        case "json":
            return _json(outcome)
        case "jsonl":
            from corvus.diagnostics.formats.json import as_json_lines

            return as_json_lines(outcome.diagnostics)
        case _:
            return _report(style, outcome)


def _report(style: str, outcome: Outcome) -> str:
    match style:
        case "sarif":
            from corvus.diagnostics.formats.sarif import render
        case "github":
            from corvus.diagnostics.formats.github import render
        case "gitlab":
            from corvus.diagnostics.formats.gitlab import render
        case _:
            from corvus.diagnostics.formats.junit import render
    return render(outcome)


def _text(outcome: Outcome) -> str:
    from corvus.diagnostics.formats.text import render

    sources = {file.file: file.text for file in outcome.inputs if file.text is not None}
    findings = render(outcome.diagnostics, sources, colour=False, marks=True)
    return "\n\n".join(part for part in (findings, "\n".join(outcome.summary)) if part)


def _json(outcome: Outcome) -> str:
    from corvus.diagnostics.formats.json import as_json, json_text

    counts = Counter(diagnostic.severity for diagnostic in outcome.diagnostics)
    whole = {
        "version": 1,
        "files": [
            {
                "file": file.file,
                "dialect": file.checked_as,
                "dialect_evidence": list(file.evidence),
                "deprecated_fields": list(file.deprecated_fields),
                "ignored": file.ignored,
            }
            for file in outcome.inputs
        ],
        "diagnostics": as_json(outcome.diagnostics),
        "summary": {
            "files": len(outcome.inputs),
            **{f"{severity.value}s": counts[severity] for severity in Severity},
        },
    }
    return json_text(whole)


class Report(NamedTuple):
    """One report to write: its format and the path as the user named it."""

    format: str
    path: str


def planned(
    values: Sequence[str], chosen: str | None, formats: Sequence[str]
) -> tuple[str, tuple[Report, ...]]:
    """Read the values of ``--report``.

    Args:
        values: ``FORMAT=PATH`` each.
        chosen: The value of ``--format``, if there is one.
        formats: The formats there are.

    Returns:
        The format of standard output, and the reports that go to files.

    Raises:
        ValueError: A value is wrong, two want one place, or a folder is missing; in words.
    """
    reports = [_named_report(value, formats) for value in values]
    printed = [report.format for report in reports if report.path == "-"]
    if len(printed) + (chosen is not None) > 1:
        raise ValueError("standard output takes one format: give --format or one FORMAT=- only")
    files = tuple(report for report in reports if report.path != "-")
    taken: set[str] = set()
    for report in files:
        place = os.path.realpath(report.path)
        if place in taken:
            raise ValueError(f"two reports would be written to {escape(report.path)}")
        taken.add(place)
        _require_folder(report.path)
    return (printed or [chosen or "text"])[0], files


def _named_report(value: str, formats: Sequence[str]) -> Report:
    style, sign, path = value.partition("=")
    if style not in formats:
        known = ", ".join(formats)
        raise ValueError(f"--report {escape(value)}: the format must be one of {known}")
    if not sign or not path:
        raise ValueError(f"--report {escape(value)}: a path is missing, as in {style}=report.txt")
    return Report(style, path)


def _require_folder(path: str) -> None:
    folder = os.path.dirname(path) or "."
    if os.path.isdir(path):
        raise ValueError(f"the report {escape(path)} cannot be written: it is a directory")
    if not os.path.isdir(folder):
        reason = f"there is no directory {escape(folder)}"
        raise ValueError(f"the report {escape(path)} cannot be written: {reason}")


def write(report: Report, text: str, outcome: Outcome) -> str | None:
    """Write a report, with a final newline unless it is empty.

    Returns:
        Why it could not be written, in words for the user; ``None`` when it was.
    """
    place = os.path.realpath(report.path)  # another hard link may go: the file itself stays
    if any(os.path.realpath(file.file) == place for file in outcome.inputs):
        return f"the report {escape(report.path)} is not written: it is a file that was checked"
    data = f"{text}\n".encode("utf-8", "backslashreplace") if text else b""
    try:
        if _is_special(report.path):
            with open(report.path, "wb") as stream:
                stream.write(data)
        else:
            replace_file(Path(report.path), data)
    except EditRefused as refusal:
        return f"the report is not written: {escape(str(refusal))}"
    except (OSError, ValueError) as fault:
        reason = getattr(fault, "strerror", None) or str(fault)
        return f"the report {escape(report.path)} cannot be written: {reason}"
    return None


def _is_special(path: str) -> bool:
    """Return whether a file is no regular one, which must not be replaced by one."""
    return os.path.exists(path) and not stat.S_ISREG(os.stat(path).st_mode)
