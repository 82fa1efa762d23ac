"""What to write in place of a line that TOML cannot read, where its key says what it must be.

The reader of TOML knows no settings. Here the type of the key decides: ``$10`` is the number 10 for
a limit, and a bare word is a string where the key takes words. Each fix is a guess, and is proved
like any other before anybody sees it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from corvus.config.check.plain_value import plain
from corvus.config.toml.quotes import Quotes
from corvus.config.toml.spans import LineIndex
from corvus.config.toml.values import quoted
from corvus.diagnostics.model import Diagnostic, Edit, Fix
from corvus.diagnostics.secrets import MASK, any_secret

_ENTRY = re.compile(
    r"[ \t]*(?P<key>[\w-]+(?:\.[\w-]+)*)(?P<sign>[ \t]*[:=]?[ \t]*)"
    r"(?P<value>[^\s#=:\[{][^#\n]*?)[ \t]*,?[ \t\r]*(?:#.*)?",
    re.ASCII,
)
_READS = re.compile(
    r"true|false|[+-]?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?|\"[^\"\\\n]*\"|'[^'\n]*'", re.ASCII
)
"""A single value that TOML reads as it stands."""
_TEXT = re.compile(r"[\w./:@-]+", re.ASCII)
_KINDS = (("bool_type", "boolean"), ("int_type", "integer"), ("decimal_type", "number"))


def with_fixes(text: str, diagnostics: Sequence[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Return what is wrong with a document, each mistake of syntax with a fix where one is known.

    Args:
        text: The document without byte order mark.
        diagnostics: What is wrong with it.
    """
    has_bom = any(found.code == "byte-order-mark" for found in diagnostics)
    lines, quotes = LineIndex(text, has_bom=has_bom), Quotes(text)
    return tuple(
        _with_fix(found, text, lines, quotes) if _is_fixable(found) else found
        for found in diagnostics
    )


def _is_fixable(found: Diagnostic) -> bool:
    is_named = bool(found.path) and MASK not in found.path and not any_secret(found.path)
    return (
        found.code == "syntax-error" and found.fix is None and found.span is not None and is_named
    )


def _with_fix(found: Diagnostic, text: str, lines: LineIndex, quotes: Quotes) -> Diagnostic:
    assert found.span is not None, "the caller has looked"
    start = text.rfind("\n", 0, found.span.start.offset) + 1
    end = text.find("\n", start)
    entry = _ENTRY.fullmatch(text, start, len(text) if end < 0 else end)
    if entry is None or quotes.hides(entry["value"]):
        return found
    value = entry["value"]
    meant = value if _READS.fullmatch(value) else _meant(found.path, value)
    if meant is None:
        return found
    sign = "" if "=" in entry["sign"] else " = "
    place = entry.span("value")
    edits = [Edit(lines.span(place[0], _end(text, place[1])), meant)]
    if sign:
        edits.insert(0, Edit(lines.span(*entry.span("sign")), sign))
    fix = Fix(f"Write {entry['key']} = {meant}", tuple(edits))
    return replace(found, fix=fix)


def _end(text: str, end: int) -> int:
    """Take a comma behind a value along."""
    rest = re.compile(r"[ \t]*,").match(text, end)
    return rest.end() if rest else end


def _meant(path: tuple[str | int, ...], value: str) -> str | None:
    """Return the value that a word was meant to be, by the type of its key."""
    from corvus.config.check.suggest import closest
    from corvus.config.check.suggestion import json_types
    from corvus.config.model.keys import choices

    types = json_types(path)
    for how, name in _KINDS:
        if name in types and (spelt := plain(value, how, str(path[-1]))):
            return spelt
    if "string" not in types or not _TEXT.fullmatch(value):
        return None
    words = choices(path)
    word = closest(value, words) if words else value
    return quoted(word) if word else None
