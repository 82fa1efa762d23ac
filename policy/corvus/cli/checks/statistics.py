"""``corvus check --statistics``: how many findings each code has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from corvus.config.check.codes import lookup
from corvus.diagnostics.formats.json import json_text
from corvus.diagnostics.model import Diagnostic


def statistics(diagnostics: Sequence[Diagnostic], style: str) -> str:
    """Return the counts, the highest first, without a final newline.

    Args:
        diagnostics: With proved fixes.
        style: ``json`` gives an array of objects; any other lines of count, code and title, split
            by tabs, with ``[*]`` where a finding of the code can be fixed.
    """
    counts = Counter(one.code for one in diagnostics)
    fixable = Counter(one.code for one in diagnostics if one.fix)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    if style == "json":
        return json_text(
            [
                {
                    "code": code,
                    "title": lookup(code).title,
                    "count": count,
                    "fixable": fixable[code],
                }
                for code, count in ordered
            ]
        )
    return "\n".join(
        f"{count}\t{code}\t[{'*' if fixable[code] else ' '}] {lookup(code).title}"
        for code, count in ordered
    )
