"""The summary of an import as text: for a person, for a script, as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from policy.money import usd_text

if TYPE_CHECKING:
    from rich.table import Table

    from policy.reporting.importers.model import ImportSummary

_BAD_LINES_SHOWN = 10
_WORDS = {
    "formats": "recognised as",
    "read_lines": "lines read",
    "usage_lines": "lines with usage",
    "synthetic": "client's own error messages",
    "new": "new calls",
    "updated": "calls with later counts",
    "duplicate": "calls already there",
    "unpriced": "calls without a price",
    "bad": "bad lines, skipped",
    "new_cost_usd": "cost added, USD",
    "ledger": "ledger",
}


def facts(summary: ImportSummary, ledger: Path) -> dict[str, str | int]:
    """Return the facts of a summary by key, in the order in which they are shown."""
    formats = ", ".join(f"{form} ({count})" for form, count in sorted(summary.files.items()))
    return {
        "formats": formats,
        "read_lines": summary.read_lines,
        "usage_lines": summary.usage_lines,
        "synthetic": summary.synthetic,
        "new": summary.new,
        "updated": summary.updated,
        "duplicate": summary.duplicate,
        "unpriced": summary.unpriced,
        "bad": summary.bad_lines,
        "new_cost_usd": usd_text(summary.new_cost_nano_usd, 9),
        "ledger": str(ledger),
    }


def as_lines(summary: ImportSummary, ledger: Path) -> str:
    """Write ``key=value`` lines."""
    return "\n".join(f"{key}={value}" for key, value in facts(summary, ledger).items())


def as_json(summary: ImportSummary, ledger: Path) -> str:
    """Write one JSON object, with every kept bad line and the exact cost in nano-USD."""
    document: dict[str, object] = dict(facts(summary, ledger))
    document["formats"] = {str(form): count for form, count in sorted(summary.files.items())}
    document["new_cost_nano_usd"] = str(summary.new_cost_nano_usd)
    document["bad_lines"] = [
        {"file": str(bad.file), "line": bad.line, "reason": bad.reason} for bad in summary.bad
    ]
    return json.dumps(document, indent=2, ensure_ascii=False)


def as_table(summary: ImportSummary, ledger: Path) -> Table:
    """Build a table for a person; what is zero and needs no mention is left out."""
    from rich.table import Table

    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column()
    table.add_column(justify="right", overflow="fold")
    always = {"formats", "read_lines", "new", "duplicate", "unpriced", "bad", "ledger"}
    for key, value in facts(summary, ledger).items():
        if value or key in always:
            shown = f"{value:,}" if isinstance(value, int) else value
            table.add_row(_WORDS[key], shown)
    return table


def bad_lines(summary: ImportSummary) -> Iterator[str]:
    """Yield the first bad lines with their reasons, and how many more there are."""
    for bad in summary.bad[:_BAD_LINES_SHOWN]:
        yield f"skipped {bad}"
    rest = summary.bad_lines - min(_BAD_LINES_SHOWN, len(summary.bad))
    if rest:
        yield f"… and {rest:,} more"
