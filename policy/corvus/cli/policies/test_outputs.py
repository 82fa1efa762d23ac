"""What ``corvus policy test`` writes: for people, for programs, for CI services."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from corvus.base.repository import repository_of
from corvus.cli.policies.test_files import FileRun, Tested, TestRun
from corvus.cli.policies.test_junit import report_junit
from corvus.config.check.codes import CODES
from corvus.config.toml.values import Route
from corvus.diagnostics.formats import github
from corvus.diagnostics.formats.json import as_json, json_text
from corvus.diagnostics.formats.text import render
from corvus.diagnostics.model import Diagnostic
from corvus.diagnostics.outcome import Input, Outcome
from corvus.diagnostics.plain import escape
from corvus.model.policy import Policy
from corvus.planning.scenarios.touched import LIMIT, Coverage, Item

_POLICIES_MAX = 3
"""How many policies the sums name."""


def coverage_of(tested: Tested) -> Coverage:
    """Return what the cases of a run touch of a policy."""
    return tested.touched.of(tested.runtime.policy)


def report_text(run: TestRun, *, colour: bool, verbose: bool) -> str:
    """Return a run for a person: a line for each file, then what failed, then the sums."""
    sources = {file.file: file.text for file in run.files if file.text is not None}
    findings = render(run.diagnostics, sources, colour=colour)
    parts = [
        "\n".join(_progress(run, verbose=verbose)),
        findings,
        "\n".join(_coverage_lines(run)) if run.shows_coverage else "",
        _summary(run),
    ]
    return "\n\n".join(part for part in parts if part)


def _progress(run: TestRun, *, verbose: bool) -> Iterator[str]:
    width = max((len(escape(file.file)) for file in run.files), default=0)
    for file in run.files:
        name = escape(file.file)
        if not file.results:
            yield f"{name:<{width}}  {'not run' if file.problems else 'no case'}"
        elif verbose:
            yield name
            yield from (
                f"  {'ok    ' if result.passed else 'FAILED'} {escape(result.name)}"
                for result in file.results
            )
        else:
            marks = "".join("." if result.passed else "F" for result in file.results)
            yield f"{name:<{width}}  {marks}"


def _summary(run: TestRun) -> str:
    passed = len(run.results) - run.failed
    said = [f"{run.failed} failed"] if run.failed else []
    said.append(f"{passed} passed")
    if run.broken:
        said.append(f"{_many(len(run.broken), 'file')} not run")
    policies = [
        f"{escape(tested.runtime.config_shown)} ({tested.runtime.policy.content_hash[:14]}…)"
        for tested in run.tested
    ]
    more = len(policies) - _POLICIES_MAX
    rest = [f"{_many(more, 'other policy', 'other policies')}"] if more > 0 else []
    by = f", by {', '.join([*policies[:_POLICIES_MAX], *rest])}" if policies else ""
    return f"{', '.join(said)} in {run.seconds:.2f} s{by}"


def _coverage_lines(run: TestRun) -> Iterator[str]:
    for tested in run.tested:
        coverage = coverage_of(tested)
        total = len(coverage.items)
        done = total - len(coverage.missing)
        yield (
            f"coverage of {escape(tested.runtime.config_shown)}: {done} of "
            f"{_many(total, 'limit and rung', 'limits and rungs')} ({coverage.percent:.0f} %)"
        )
        by_budget: dict[str, list[str]] = {}
        for item in coverage.missing:
            by_budget.setdefault(item.budget, []).append(item.what)
        width = max(map(len, by_budget), default=0)
        for name, missing in by_budget.items():
            yield f"  {name:<{width}}  {_missing_words(name, missing, coverage)}"


def _missing_words(name: str, missing: Sequence[str], coverage: Coverage) -> str:
    if LIMIT not in missing:
        return f"never tried: {', '.join(missing)}"
    if name in coverage.met:
        return "its limit is never in the way of a call"
    return "no case has a call that it counts"


def _many(count: int, word: str, words: str = "") -> str:
    return f"{count} {word if count == 1 else words or f'{word}s'}"


def report_json(run: TestRun) -> str:
    """Return a run as one document."""
    return json_text(
        {
            "version": 1,
            "files": [_file_body(file) for file in run.files],
            "diagnostics": as_json(run.diagnostics),
            "coverage": [_coverage_body(tested) for tested in run.tested],
            "summary": {
                "cases": len(run.results),
                "passed": len(run.results) - run.failed,
                "failed": run.failed,
                "files_not_run": len(run.broken),
            },
        }
    )


def _file_body(file: FileRun) -> dict[str, object]:
    runtime = file.tested.runtime if file.tested is not None else None
    return {
        "file": file.file,
        "config": None if runtime is None else runtime.config_shown,
        "policy_hash": None if runtime is None else runtime.policy.content_hash,
        "cases": [
            {"name": result.name, "passed": result.passed, "seconds": round(result.seconds, 4)}
            for result in file.results
        ],
    }


def _coverage_body(tested: Tested) -> dict[str, object]:
    coverage = coverage_of(tested)
    return {
        "config": tested.runtime.config_shown,
        "percent": round(coverage.percent, 2),
        "items": [
            {"budget": item.budget, "what": item.what, "is_touched": item in coverage.touched}
            for item in coverage.items
        ],
    }


def report_github(run: TestRun) -> str:
    """Return a run as workflow commands of GitHub Actions, then its sums."""
    files: dict[str, tuple[str | None, list[Diagnostic]]] = {
        file.file: (file.text, [*file.diagnostics]) for file in run.files
    }
    if run.shows_coverage:
        for tested in run.tested:
            for found in untested(tested):
                files.setdefault(found.file, (None, []))[1].append(found)
    here = os.getcwd()
    outcome = Outcome(
        tuple(Input(name, text, diagnostics=tuple(each)) for name, (text, each) in files.items()),
        run.unmatched,
        exit_code=run.exit_code,
        summary=(_summary(run),),
        root=repository_of(here) or here,
        folder=here,
        codes=CODES,
    )
    return github.render(outcome)


def untested(tested: Tested) -> Iterator[Diagnostic]:
    """Yield a finding in the config for each limit and rung that no case touches."""
    runtime = tested.runtime
    assert runtime.loaded is not None, "it was opened from files"
    documents = runtime.loaded.documents
    for item in coverage_of(tested).missing:
        route = _route_of(item, runtime.policy)
        document = next((each for each in reversed(documents) if each.has(route)), None)
        file = document.file if document is not None else runtime.config_shown
        what = "comes to the limit" if item.what == LIMIT else f"brings about `{item.what}`"
        yield Diagnostic(
            "untested-limit",
            CODES["untested-limit"].severity,
            f"no case {what} of budget `{item.budget}`",
            file,
            document.value(route) if document is not None else None,
            "untested",
            help=("Write a case whose call is more than the budget has left.",),
        )


def _route_of(item: Item, policy: Policy) -> Route:
    """Return where the config sets the limit of a budget, or its ladder."""
    budget = next(each for each in policy.budgets if each.name == item.budget)
    words = budget.config_key.replace("[", ".").replace("]", "").split(".")
    return tuple(int(word) if word.isdigit() else word for word in words)


REPORTS: Final[Mapping[str, Callable[[TestRun], str]]] = MappingProxyType(
    {"json": report_json, "junit": report_junit, "github": report_github}
)
"""By name, all but text."""
