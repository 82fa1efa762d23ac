"""The README lists every report as its header describes it; ``--update-golden`` writes the list."""

from __future__ import annotations

import re
from pathlib import Path

from corvus.reporting.catalog import load_catalog

README = Path(__file__).parents[2] / "README.md"
_INDEX = re.compile(r"(?<=<!-- reports -->\n)(.*?)(?=<!-- end of reports -->)", re.DOTALL)


def index() -> str:
    lines = ["\n| report | what it tells |", "|---|---|"]
    for name, report in load_catalog().reports.items():
        lines.append(f"| [`{name}`](reports/{name}.sql) | {report.header.summary} |")
    return "\n".join([*lines, "", ""])


def test_the_readme_lists_every_report_with_its_summary(update_golden: bool) -> None:
    text = README.read_text(encoding="utf-8")
    if update_golden:
        README.write_text(_INDEX.sub(lambda _: index(), text), encoding="utf-8")
    found = _INDEX.search(README.read_text(encoding="utf-8"))
    assert found is not None
    assert found[1] == index()
