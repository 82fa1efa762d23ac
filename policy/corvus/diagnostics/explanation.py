"""A code of the registry in words, for ``corvus explain`` and for the rules of a SARIF report."""

from __future__ import annotations

from textwrap import fill, indent
from typing import Final

from corvus.diagnostics.codes import CodeInfo
from corvus.diagnostics.plain import escape

_WIDTH: Final = 88


def as_text(info: CodeInfo) -> str:
    """Return what a code means, both examples and the remedy, at most 88 columns wide."""
    parts = (
        f"{info.code} ({info.severity.value}): {info.title}",
        fill(info.explanation, _WIDTH),
        f"{_reported(info)}\n\n{indent(_example(info.bad), '    ')}",
        f"Not reported for:\n\n{indent(_example(info.good), '    ')}",
        f"How to mend it:\n\n{indent(fill(info.mend, _WIDTH - 4), '    ')}",
    )
    return "\n\n".join(parts)


def as_markdown(info: CodeInfo) -> str:
    """Return the same as Markdown, for a page that shows the title and the code itself."""
    fence = "toml" if info.bad_is_text else "text"
    parts = (
        info.explanation,
        f"{_reported(info)}\n\n```{fence}\n{_example(info.bad)}\n```",
        f"Not reported for:\n\n```{fence}\n{_example(info.good)}\n```",
        f"How to mend it: {info.mend}",
    )
    return "\n\n".join(parts)


def as_json(info: CodeInfo) -> dict[str, object]:
    """Return the entry as JSON values; ``bad_is_text`` is true when ``bad`` is a file's text."""
    return {
        "code": info.code,
        "severity": info.severity.value,
        "title": info.title,
        "explanation": info.explanation,
        "bad": info.bad,
        "bad_is_text": info.bad_is_text,
        "good": info.good,
        "mend": info.mend,
    }


def _reported(info: CodeInfo) -> str:
    return "Reported for:" if info.bad_is_text else "Reported when:"


def _example(text: str) -> str:
    """Spell out what does not show: some examples are about a NUL byte or a byte order mark."""
    return "\n".join(map(escape, text.strip().split("\n")))
