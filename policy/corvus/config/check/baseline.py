"""A baseline: the findings of a run that are accepted, so that only new ones are reported.

It counts by file, code and path of keys, without lines and without indices, so that what is added
above changes nothing. What can be accepted is what a comment can ignore, and what is found about
comments: warnings, notes, and unknown keys. Of the latter a run says that other commands still
refuse the file, because they know no baseline; any other error cannot be accepted. An entry that
accepts more than there is would let the next finding through, so it is reported.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeAlias, cast

from corvus.config.check.check import CheckedFile, CheckRun
from corvus.config.check.codes import CODES, NOT_ABOUT_SETTINGS, lookup
from corvus.config.check.ignore import may_ignore
from corvus.config.check.rule_settings import regraded
from corvus.config.toml.spans import LineIndex
from corvus.config.toml.values import shown
from corvus.diagnostics.codes import Severity
from corvus.diagnostics.model import Diagnostic, Span

UNUSED = "unused-baseline"
_VERSION = 1

Counts: TypeAlias = Mapping[str, Mapping[str, Mapping[str, int]]]
"""File, code, path of keys, and how often."""


class BaselineRefused(ValueError):
    """A file is no baseline; the message says why."""


class Baseline(NamedTuple):
    """What a file accepts.

    Attributes:
        file: As the user named it; paths in it start at its folder.
        text: What it holds, for the places of its entries; empty when it is not there yet.
        counts: What it accepts.
    """

    file: str
    text: str
    counts: Counts


def read_baseline(file: str, text: str) -> Baseline:
    """Read a baseline.

    Raises:
        BaselineRefused: It is none.
    """
    try:
        whole = json.loads(text)
    except ValueError as fault:
        raise BaselineRefused(f"it is no JSON: {fault}") from fault
    except RecursionError as fault:
        raise BaselineRefused("it is no JSON of ours: too deep") from fault
    if not isinstance(whole, dict) or cast("dict[str, Any]", whole).get("version") != _VERSION:
        raise BaselineRefused(f"it has no `version` {_VERSION}")
    counts: object = cast("dict[str, Any]", whole).get("files")
    for entry in _inner(_inner(_inner([counts]))):
        if not isinstance(entry, int) or isinstance(entry, bool) or entry < 1:
            raise BaselineRefused("a count is no positive integer")
    return Baseline(file, text, cast("Counts", counts))


def _inner(tables: Iterable[object]) -> Iterable[object]:
    for table in tables:
        if not isinstance(table, dict):
            raise BaselineRefused("`files` is not file, code, path and count")
        yield from cast("dict[str, object]", table).values()


def may_accept(diagnostic: Diagnostic) -> bool:
    """Return whether a finding is none that makes a file unusable for good."""
    known = CODES.get(diagnostic.code)
    is_mild = not diagnostic.is_error or (known and known.severity is not Severity.ERROR)
    return bool(is_mild) or may_ignore(diagnostic.code)


def baseline_text(run: CheckRun, old: Baseline) -> str:
    """Return the text of a baseline that accepts what a run found, with a final newline.

    Entries of files that the run did not look at stay, unless the file is gone.
    """
    looked_at = {_name(file.shown, old.file) for file in run.files if _is_whole(file)}
    kept = {
        name: {code: {**paths} for code, paths in codes.items()}
        for name, codes in old.counts.items()
        if name not in looked_at and os.path.exists(_place(name, old.file))
    }
    for file in filter(_is_whole, run.files):
        if counted := _counted(file.diagnostics):
            kept[_name(file.shown, old.file)] = counted
    whole = {"version": _VERSION, "files": kept}
    return json.dumps(whole, indent=2, sort_keys=True) + "\n"


def without_accepted(
    run: CheckRun, baseline: Baseline, severity: Mapping[str, str] | None = None
) -> CheckRun:
    """Leave out what a baseline accepts, and report its entries that accept more than there is.

    Where there is more than it accepts nobody can say which one is new: all of them are reported.

    Args:
        run: What was found.
        baseline: What is accepted.
        severity: Level by code, for what is found about the baseline itself.
    """
    files = tuple(_without(file, baseline) for file in run.files)
    unused = regraded(_unused(run.files, baseline), severity or {})
    if unused:
        files += (CheckedFile(baseline.file, baseline.text, diagnostics=unused),)
    return run._replace(files=files)


def accepted(before: CheckRun, after: CheckRun) -> list[Diagnostic]:
    """Return the findings that a baseline took away."""
    left = {(one.file, one.code, one.span, one.message) for one in after.diagnostics}
    return [
        one for one in before.diagnostics if (one.file, one.code, one.span, one.message) not in left
    ]


def _is_whole(file: CheckedFile) -> bool:
    """Return whether all of a file was looked at: behind a syntax error more may be hidden."""
    return file.text is not None and not any(
        one.is_error and one.code in NOT_ABOUT_SETTINGS for one in file.diagnostics
    )


def _without(file: CheckedFile, baseline: Baseline) -> CheckedFile:
    accepted = baseline.counts.get(_name(file.shown, baseline.file))
    if not accepted:
        return file
    counts = _counted(file.diagnostics)
    kept: list[Diagnostic] = []
    for one in file.diagnostics:
        path = _path(one)
        allowed = accepted.get(one.code, {}).get(path, 0)
        if not allowed or not may_accept(one):
            kept.append(one)
        elif counts[one.code][path] > allowed:
            more = f"The baseline accepts {allowed} of these {counts[one.code][path]}."
            kept.append(replace(one, help=(*one.help, more)))
    return file._replace(diagnostics=tuple(kept))


def _unused(files: Sequence[CheckedFile], baseline: Baseline) -> list[Diagnostic]:
    counts = {
        _name(file.shown, baseline.file): _counted(file.diagnostics)
        for file in filter(_is_whole, files)
    }
    return [
        _useless(baseline, (name, code, path), allowed, counts.get(name, {}))
        for name, codes in baseline.counts.items()
        if name in counts or not os.path.exists(_place(name, baseline.file))
        for code, paths in codes.items()
        for path, allowed in paths.items()
        if allowed > counts.get(name, {}).get(code, {}).get(path, 0)
    ]


def _useless(
    baseline: Baseline,
    entry: tuple[str, str, str],
    allowed: int,
    counts: Mapping[str, Mapping[str, int]],
) -> Diagnostic:
    name, code, path = entry
    there = counts.get(code, {}).get(path, 0)
    where = f"at `{path}` in `{name}`" if path else f"in `{name}`"
    message = f"the baseline accepts {allowed} `{code}` {where}, and there {_are(there)}"
    help_ = ("Write it again with `--baseline FILE --write-baseline`.",)
    span = _span(baseline.text, entry)
    level = lookup(UNUSED).severity
    return Diagnostic(UNUSED, level, message, baseline.file, span, "accepts too much", help=help_)


def _are(count: int) -> str:
    return {0: "is none", 1: "is 1"}.get(count, f"are {count}")


def _span(text: str, entry: Iterable[str]) -> Span | None:
    """Return where the last name of an entry stands, each sought behind the one before."""
    end = start = 0
    for name in entry:
        written = json.dumps(name)
        start = text.find(written, end)
        if start < 0:
            return None
        end = start + len(written)
    return LineIndex(text, has_bom=False).span(start, end)


def _counted(diagnostics: Iterable[Diagnostic]) -> dict[str, dict[str, int]]:
    found = Counter((one.code, _path(one)) for one in diagnostics if may_accept(one))
    counts: dict[str, dict[str, int]] = {}
    for (code, path), count in found.items():
        counts.setdefault(code, {})[path] = count
    return counts


def _path(diagnostic: Diagnostic) -> str:
    return shown(tuple(part for part in diagnostic.path if isinstance(part, str)))


def _name(file: str, baseline: str) -> str:
    """Return how a file is called in a baseline: from the folder of that, with slashes."""
    return os.path.relpath(file, os.path.dirname(baseline) or os.curdir).replace(os.sep, "/")


def _place(name: str, baseline: str) -> str:
    return os.path.join(os.path.dirname(baseline), name)
