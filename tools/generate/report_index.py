"""The list of reports in ``docs/reports.md``, made from the headers of their SQL."""

from __future__ import annotations

import re
from typing import Final

from corvus.reporting.catalog import load_catalog

_INDEX: Final = re.compile(r"(?<=<!-- reports -->\n)(.*?)(?=<!-- end of reports -->)", re.DOTALL)


def render(page: str) -> str:
    """Return the text of the page with the list of today's reports.

    Raises:
        ValueError: The text lacks the marks between which the list stands.
    """
    if _INDEX.search(page) is None:
        raise ValueError("docs/reports.md has no place for the list of reports")
    return _INDEX.sub(lambda _: _index(), page)


def _index() -> str:
    lines = ["\n| report | what it tells |", "|---|---|"]
    for name, report in load_catalog().reports.items():
        lines.append(f"| [`{name}`](../reports/{name}.sql) | {report.header.summary} |")
    return "\n".join([*lines, "", ""])
