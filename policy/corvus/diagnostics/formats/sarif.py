"""SARIF 2.1.0, the format of code scanning services (DIA-2).

Findings are results; what says that an input could not be read is a notification, and the run then
counts as not successful: nobody may take a report without results for a clean one. A report holds
no line of a document, so nothing secret, and no absolute path unless a file is outside the root.

Source:
    "Static Analysis Results Interchange Format (SARIF) Version 2.1.0 Plus Errata 01", OASIS
    Standard, 28 August 2023; sections are named where a choice needs one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

from corvus.base.links import HOMEPAGE, rule_page
from corvus.diagnostics.codes import CodeInfo, Severity
from corvus.diagnostics.explanation import as_markdown, as_text
from corvus.diagnostics.fingerprint import fingerprints
from corvus.diagnostics.formats.json import json_text
from corvus.diagnostics.model import Diagnostic, Fix, Span
from corvus.diagnostics.outcome import Outcome, place_of
from corvus.diagnostics.plain import escape
from corvus.version import __version__

_Object: TypeAlias = dict[str, object]

_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_BASE: Final = "%SRCROOT%"
_FINGERPRINT: Final = "corvusFinding/v1"
_CONCERN: Final = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.NOTE: "recommendation",
}
"""What GitHub calls the severities of a rule (`problem.severity`)."""
_PLACEHOLDER: Final = re.compile(r"\{([0-9]+)\}")


def render(outcome: Outcome) -> str:
    """Return a SARIF log with one run, without a final newline."""
    run = {
        "tool": {"driver": _driver(outcome)},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {
            _BASE: {"description": {"text": "The folder that paths in this report start from."}}
        },
        "invocations": [_invocation(outcome)],
        "artifacts": [_artifact(outcome, index) for index in range(len(outcome.inputs))],
        "results": _results(outcome),
    }
    return json_text({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]})


def _driver(outcome: Outcome) -> _Object:
    return {
        "name": "corvus",
        "fullName": "corvus: budgets as code for AI agents",
        "version": __version__,
        "semanticVersion": __version__,
        "informationUri": HOMEPAGE,
        "rules": [_rule(outcome.codes[code]) for code in _codes(_read(outcome))],
        "notifications": [_rule(outcome.codes[code]) for code in _codes(outcome.unread)],
    }


def _read(outcome: Outcome) -> list[Diagnostic]:
    unread = set(map(id, outcome.unread))
    return [diagnostic for diagnostic in outcome.diagnostics if id(diagnostic) not in unread]


def _codes(diagnostics: Iterable[Diagnostic]) -> list[str]:
    return sorted({diagnostic.code for diagnostic in diagnostics})


def _rule(info: CodeInfo) -> _Object:
    return {
        "id": info.code,
        "name": "".join(part.capitalize() for part in re.split(r"[-.]", info.code)),
        "shortDescription": {"text": _words(info.title)},
        "fullDescription": {"text": _words(info.explanation)},
        "helpUri": rule_page(info.code),
        "help": {"text": _text(as_text(info)), "markdown": as_markdown(info)},
        "defaultConfiguration": {"level": info.severity.value},
        "properties": {"precision": "very-high", "problem.severity": _CONCERN[info.severity]},
    }


def _invocation(outcome: Outcome) -> _Object:
    codes = _codes(outcome.unread)
    return {
        "executionSuccessful": not outcome.unread,
        "exitCode": outcome.exit_code,
        "toolConfigurationNotifications": [
            {
                "descriptor": {"id": diagnostic.code, "index": codes.index(diagnostic.code)},
                "level": diagnostic.severity.value,
                "message": {"text": _message(diagnostic)},
                "locations": [{"physicalLocation": {"artifactLocation": _at(diagnostic, outcome)}}],
            }
            for diagnostic in outcome.unread
        ],
    }


def _artifact(outcome: Outcome, index: int) -> _Object:
    file = outcome.inputs[index]
    artifact: _Object = {
        "location": _location(file.file, outcome),
        "roles": ["analysisTarget"],
        "mimeType": "application/toml",
    }
    if file.checked_as is not None:
        artifact["properties"] = {"dialect": file.checked_as}
    return artifact


def _location(file: str, outcome: Outcome) -> _Object:
    place = place_of(file, outcome)
    return {"uri": place.uri, "uriBaseId": _BASE} if place.is_below_root else {"uri": place.uri}


def _at(diagnostic: Diagnostic, outcome: Outcome) -> _Object:
    return _location(diagnostic.file, outcome)


def _results(outcome: Outcome) -> list[_Object]:
    rules = {code: index for index, code in enumerate(_codes(_read(outcome)))}
    unread = set(map(id, outcome.unread))
    return [
        _result(diagnostic, outcome, rules) | {"partialFingerprints": {_FINGERPRINT: name}}
        for diagnostic, name in zip(outcome.diagnostics, fingerprints(outcome), strict=True)
        if id(diagnostic) not in unread
    ]


def _result(diagnostic: Diagnostic, outcome: Outcome, rules: Mapping[str, int]) -> _Object:
    at = _at(diagnostic, outcome)
    result: _Object = {
        "ruleId": diagnostic.code,
        "ruleIndex": rules[diagnostic.code],
        "level": diagnostic.severity.value,
        "message": {"text": _message(diagnostic)},
        "locations": [{"physicalLocation": _physical(at, diagnostic.span)}],
    }
    if diagnostic.related:
        result["relatedLocations"] = [
            {
                "id": number,
                "message": {"text": _words(label.message)},
                "physicalLocation": _physical(at, label.span),
            }
            for number, label in enumerate(diagnostic.related)
        ]
    if diagnostic.fix:
        result["fixes"] = [_fix(diagnostic.fix, at)]
    return result


def _physical(at: _Object, span: Span | None) -> _Object:
    return {"artifactLocation": at, "region": _region(span)} if span else {"artifactLocation": at}


def _region(span: Span) -> _Object:
    """Describe a span; the end is exclusive in SARIF, too (SARIF 3.30.8)."""
    return {
        "startLine": span.start.line,
        "startColumn": span.start.column,
        "endLine": span.end.line,
        "endColumn": span.end.column,
        "charOffset": span.start.offset,
        "charLength": span.end.offset - span.start.offset,
        "byteOffset": span.start.byte_offset,
        "byteLength": span.end.byte_offset - span.start.byte_offset,
    }


def _fix(fix: Fix, at: _Object) -> _Object:
    replacements = [
        {"deletedRegion": _region(edit.span), "insertedContent": {"text": edit.replacement}}
        for edit in fix.edits
    ]
    change = {"artifactLocation": at, "replacements": replacements}
    return {
        "description": {"text": _words(fix.description)},
        "artifactChanges": [change],
        "properties": {"applicability": fix.applicability, "isSafe": fix.is_safe},
    }


def _message(diagnostic: Diagnostic) -> str:
    return "\n".join(map(_words, (diagnostic.message, *diagnostic.help)))


def _words(text: str) -> str:
    return _text(escape(text))


def _text(text: str) -> str:
    """Take from a text what SARIF gives a meaning: `{0}` and `[words](target)` (SARIF 3.11)."""
    return _PLACEHOLDER.sub(r"{{\1}}", text).replace("](", "] (")
