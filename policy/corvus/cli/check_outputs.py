"""What ``corvus check`` writes besides plain text: what renderers get, and where reports go."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from corvus.base.errors import EditRefused
from corvus.base.files import replace_file
from corvus.base.repository import repository_of
from corvus.config.check.check import CheckRun
from corvus.config.check.codes import CODES
from corvus.diagnostics.outcome import Input, Outcome
from corvus.diagnostics.plain import escape

_CI_FOLDERS = ("GITHUB_WORKSPACE", "CI_PROJECT_DIR", "BUILD_SOURCESDIRECTORY")
"""Variables that name the checkout; the services want paths that start there."""


def outcome_of(checked: CheckRun, *, failing: tuple[str, ...], exit_code: int) -> Outcome:
    """Turn a run into what renderers know; paths start at the checkout, if any."""
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
    """Return the checkout of a CI service, else the repository, else the working directory."""
    for name in _CI_FOLDERS:
        named = environment.get(name)
        checkout = os.path.realpath(named) if named else None
        if checkout and f"{folder}/".startswith(f"{checkout.rstrip('/')}/"):
            return checkout
    return repository_of(folder) or folder


class Report(NamedTuple):
    """One report to write: its format and the path as the user named it."""

    format: str
    path: str


def planned(
    values: Sequence[str], chosen: str | None, formats: Sequence[str], output: str | None = None
) -> tuple[str, tuple[Report, ...]]:
    """Read the values of ``--report``, ``--format`` and ``--output-file``.

    Args:
        values: ``FORMAT=PATH`` each.
        chosen: The value of ``--format``, if there is one.
        formats: The formats there are.
        output: The file that gets what standard output would.

    Returns:
        The format of standard output, empty when it gets nothing, and the reports that go to files.

    Raises:
        ValueError: A value is wrong, two want one place, or a folder is missing; in words.
    """
    reports = [_named_report(value, formats) for value in values]
    printed = [report.format for report in reports if report.path == "-"]
    if len(printed) + (chosen is not None) > 1:
        raise ValueError("standard output takes one format: give --format or one FORMAT=- only")
    style = (printed or [chosen or "text"])[0]
    files = tuple(report for report in reports if report.path != "-")
    if output is not None:
        style, files = "", (Report(style, output), *files)
    taken: set[str] = set()
    for report in files:
        place = os.path.realpath(report.path)
        if place in taken:
            raise ValueError(f"two reports would be written to {escape(report.path)}")
        taken.add(place)
        _require_folder(report.path)
    return style, files


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
