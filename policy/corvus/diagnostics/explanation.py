"""A code of the registry in words, for ``corvus explain``, SARIF rules and the pages of ``docs/``.

A page says what the command says, from the same entry, so that neither can fall behind.
"""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import fill, indent
from typing import Final

from corvus.base.links import rule_page
from corvus.diagnostics.codes import CodeInfo
from corvus.diagnostics.plain import escape

_WIDTH: Final = 88
_GENERATED: Final = "<!-- Written by `python -m tools generate`; edit the entry of the code. -->"


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


def in_order(codes: Iterable[CodeInfo]) -> list[CodeInfo]:
    """Return entries in the order of every list of them: errors first, then by code."""
    return sorted(codes, key=lambda info: (info.severity.rank, info.code))


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


def as_page(info: CodeInfo) -> str:
    """Return the page of a code, the target of ``rule_page``, with a final newline."""
    head = f"# {info.code}\n\n**{info.severity.value}**: {info.title}."
    foot = (
        f"On the command line: `corvus explain {info.code}`. Every code is in the "
        f"[list of rules](README.md)."
    )
    return f"{_GENERATED}\n\n{head}\n\n{as_markdown(info)}\n\n{foot}\n"


def as_index(codes: Iterable[CodeInfo]) -> str:
    """Return the page that lists all codes, errors first, with a final newline."""
    rows = [
        f"| [{info.code}]({info.code}.md) | {info.severity.value} | {_cell(info.title)} |"
        for info in in_order(codes)
    ]
    head = (
        "# Rules\n\nEvery code that `corvus check` reports, with the severity that it has by "
        "default. `corvus explain CODE` prints\nthe same text as its page."
    )
    table = "\n".join(["| code | severity | what it reports |", "|---|---|---|", *rows])
    return f"{_GENERATED}\n\n{head}\n\n{table}\n"


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
        "url": rule_page(info.code),
    }


def _reported(info: CodeInfo) -> str:
    return "Reported for:" if info.bad_is_text else "Reported when:"


def _example(text: str) -> str:
    """Spell out what does not show: some examples are about a NUL byte or a byte order mark."""
    return "\n".join(map(escape, text.strip().split("\n")))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
