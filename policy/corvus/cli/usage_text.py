"""The summary of an import as text: for a person, for a script, as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from corvus.base.money import usd_exact
from corvus.cli.output import json_text
from corvus.diagnostics.plain import escape

if TYPE_CHECKING:
    from rich.table import Table

    from corvus.prices.lookup import PriceBooks
    from corvus.usage.importers.model import ImportSummary

_SHOWN = 10
_WORDS = {
    "formats": "recognised as",
    "unchanged_files": "files unchanged, not read again",
    "read_lines": "lines read",
    "usage_lines": "lines with usage",
    "synthetic": "client's own error messages",
    "new": "new calls",
    "updated": "calls known better now",
    "duplicate": "calls already there",
    "unpriced_calls": "calls without a price",
    "bad": "bad lines, skipped",
    "new_cost_usd": "cost added, USD",
    "ledger": "ledger",
}


def facts(summary: ImportSummary, ledger: Path) -> dict[str, str | int]:
    """Return the facts of a summary by key, in the order in which they are shown."""
    formats = ", ".join(f"{form} ({count})" for form, count in sorted(summary.files.items()))
    return {
        "formats": formats or "none",
        "unchanged_files": summary.unchanged,
        "read_lines": summary.read_lines,
        "usage_lines": summary.usage_lines,
        "synthetic": summary.synthetic,
        "new": summary.new,
        "updated": summary.updated,
        "duplicate": summary.duplicate,
        "unpriced_calls": summary.unpriced,
        "bad": summary.bad_lines,
        "new_cost_usd": usd_exact(summary.new_cost_nano_usd),
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
    return json_text(document)


def as_table(summary: ImportSummary, ledger: Path) -> Table:
    """Build a table for a person; what is zero and needs no mention is left out."""
    from rich.table import Table

    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column()
    table.add_column(justify="right", overflow="fold")
    always = {"formats", "read_lines", "new", "duplicate", "unpriced_calls", "bad", "ledger"}
    for key, value in facts(summary, ledger).items():
        if value or key in always:
            shown = f"{value:,}" if isinstance(value, int) else value
            table.add_row(_WORDS[key], shown)
    return table


def remarks(summary: ImportSummary, books: PriceBooks) -> Iterator[str]:
    """Yield what a reader should know beside the numbers, one line each."""
    for bad in summary.bad[:_SHOWN]:
        yield f"skipped {escape(str(bad))}"
    rest = summary.bad_lines - min(_SHOWN, len(summary.bad))
    if rest:
        yield f"... and {rest:,} more"
    if summary.read_lines and not summary.usage_lines:
        formats = ", ".join(sorted(summary.files))
        yield (
            f"no line has usage: the files were read as {formats}; "
            "name the format with --from, or the columns with --map"
        )
    for provider, model, calls in summary.unpriced_models[:_SHOWN]:
        many = "1 call" if calls == 1 else f"{calls:,} calls"
        why = _why_unpriced(books, model, None if provider == "unknown" else provider)
        yield f"no price for {escape(model)} ({many}): {escape(why)}"


def _why_unpriced(books: PriceBooks, model: str, provider: str | None) -> str:
    from corvus.model.decision import AmbiguousModel

    try:
        history = books.history(model, provider=provider)
    except AmbiguousModel as fault:
        return f"{fault} with --provider"
    if history:
        return f"{history[-1].entry} lacks a kind of token that was used"
    near = books.resembling(model)
    hint = f"; the book has {', '.join(near)}" if near else ""
    return f'add [cost.prices."{model}"] to the config and import again{hint}'
