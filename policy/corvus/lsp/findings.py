"""Diagnostics as the protocol has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from lsprotocol import types

from corvus.base.links import rule_page
from corvus.diagnostics.codes import Severity
from corvus.diagnostics.model import Diagnostic
from corvus.lsp.text import Text

SOURCE: Final = "corvus"
"""Whose diagnostics they are, as editors show it."""

_SEVERITIES: Final = {
    Severity.ERROR: types.DiagnosticSeverity.Error,
    Severity.WARNING: types.DiagnosticSeverity.Warning,
    Severity.NOTE: types.DiagnosticSeverity.Information,
}
_TAGS: Final = {
    "deprecated-key": types.DiagnosticTag.Deprecated,
    "unused-ignore": types.DiagnosticTag.Unnecessary,
}
"""Codes that editors show in a way of their own: struck out, or faded."""


def diagnostics(found: Sequence[Diagnostic], text: Text, uri: str) -> list[types.Diagnostic]:
    """Return findings about a text.

    Args:
        found: What a check of exactly this text found.
        text: The text.
        uri: Its file, for second places.
    """
    return [_diagnostic(finding, text, uri) for finding in found]


def _diagnostic(finding: Diagnostic, text: Text, uri: str) -> types.Diagnostic:
    tag = _TAGS.get(finding.code)
    related = [
        types.DiagnosticRelatedInformation(
            types.Location(uri, text.range_of(label.span)), label.message
        )
        for label in finding.related
    ]
    return types.Diagnostic(
        range=place(finding, text),
        message="\n".join((finding.message, *finding.help)),
        severity=_SEVERITIES[finding.severity],
        code=finding.code,
        code_description=types.CodeDescription(rule_page(finding.code)),
        source=SOURCE,
        tags=[tag] if tag is not None else None,
        related_information=related or None,
    )


def place(finding: Diagnostic, text: Text) -> types.Range:
    """Return where a finding stands; one about the file as a whole stands at its start."""
    return text.range(0, 0) if finding.span is None else text.range_of(finding.span)
