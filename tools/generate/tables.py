"""Cells of tables in Markdown."""

from __future__ import annotations


def as_cell(text: str) -> str:
    """Return a text on one line, with what would end a cell, or begin a tag, escaped."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
