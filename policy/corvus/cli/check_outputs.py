"""What ``corvus check`` writes for programs: one table of formats, each imported when asked for."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping

from corvus.config.check.check import Checked
from corvus.config.check.codes import CODES
from corvus.diagnostics.codes import Severity
from corvus.diagnostics.outcome import Input, Outcome

_CI_FOLDERS = ("GITHUB_WORKSPACE", "CI_PROJECT_DIR")
"""Variables that name the checkout; the services want paths that start there."""


def outcome_of(checked: Checked, *, failing: tuple[str, ...], exit_code: int) -> Outcome:
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
            from corvus.diagnostics.formats.text import concise as render

            return render(outcome.diagnostics)
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
    findings = render(outcome.diagnostics, sources, colour=False)
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
