"""The forms in which diagnostics are written: one table, and one file each, imported when wanted.

The help of the command line, its completion and its dispatch are read from ``FORMATS``.
"""

from __future__ import annotations

from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from corvus.diagnostics.outcome import Outcome

FORMATS: Final[Mapping[str, tuple[str, str, str]]] = MappingProxyType(
    {
        "text": ("text", "report", "excerpts with carets, for people"),
        "concise": ("text", "report_concise", "file:line:column, one finding a line"),
        "json": ("json", "report", "one document: files, findings, counts"),
        "jsonl": ("json", "report_lines", "one JSON object a line for each finding"),
        "sarif": ("sarif", "render", "SARIF 2.1.0, for code scanning"),
        "github": ("github", "render", "annotations of GitHub Actions"),
        "gitlab": ("gitlab", "render", "the Code Quality report of GitLab"),
        "junit": ("junit", "render", "JUnit XML: each file is a test"),
        "azure": ("azure", "render", "issues of Azure Pipelines"),
        "rdjson": ("rdjson", "render", "one document for reviewdog"),
        "rdjsonl": ("rdjson", "render_lines", "one finding a line for reviewdog"),
        "checkstyle": ("checkstyle", "render", "Checkstyle XML, as Jenkins reads it"),
    }
)
"""By name: the module of this package, its function of an ``Outcome``, and what it is for."""


def written(style: str, outcome: Outcome) -> str:
    """Return a run in one of the formats, without colour and without a final newline.

    Raises:
        KeyError: There is no such format.
    """
    module, function, _ = FORMATS[style]
    text: str = getattr(import_module(f"{__name__}.{module}"), function)(outcome)
    return text
