"""Puts a new key into a document, beside those of its table and away from comments of others.

tomlkit would place it behind a comment that belongs to the next table, write a bare line end into a
file of Windows, and refuse some valid documents. It knows no settings and proves nothing: whoever
writes the text checks what it means.
"""

from __future__ import annotations

from policy.config.document import Document
from policy.config.edit import Edit
from policy.config.toml_tokens import Entry, Header


def insert(document: Document, table: str, key: str, literal: str) -> Edit:
    """Return the edit that sets a key which the document does not have.

    Args:
        document: The document.
        table: A top-level table, which need not exist.
        key: The new key, which needs no quotes.
        literal: Its value as TOML.
    """
    setting = f"{key} = {literal}"
    newline = "\r\n" if "\r\n" in document.text else "\n"
    behind: int | None = None
    inside: str | None = None
    for statement in document.statements():
        if isinstance(statement, Header):
            inside = statement.keys[0].name if len(statement.keys) == 1 else ""
            behind = statement.end if inside == table else behind
        elif isinstance(statement, Entry) and inside == table:
            behind = statement.value.end
        elif isinstance(statement, Entry) and inside is None and statement.keys[0].name == table:
            if len(statement.keys) == 1:
                return _into_inline(statement, setting)
            behind, setting = statement.value.end, f"{table}.{key} = {literal}"
    if behind is None:
        return _new_table(document.text, f"[{table}]{newline}{setting}", newline)
    return _line_below(document.text, behind, setting, newline)


def _into_inline(entry: Entry, setting: str) -> Edit:
    entries = entry.value.entries
    if not entries:
        return Edit(entry.value.start + 1, entry.value.end - 1, f" {setting} ")
    end = entries[-1].value.end
    return Edit(end, end, f", {setting}")


def _line_below(text: str, behind: int, setting: str, newline: str) -> Edit:
    line_start = text.rfind("\n", 0, behind) + 1
    indent = text[line_start : len(text) - len(text[line_start:].lstrip(" \t"))]
    end = text.find("\n", behind)
    if end < 0:
        return Edit(len(text), len(text), f"{newline}{indent}{setting}")
    return Edit(end + 1, end + 1, f"{indent}{setting}{newline}")


def _new_table(text: str, table: str, newline: str) -> Edit:
    """Append a table, a blank line before it; a last line without an end stays the only one."""
    if not text:
        return Edit(0, 0, table + newline)
    if not text.endswith("\n"):
        return Edit(len(text), len(text), newline * 2 + table)
    blank = "" if text.endswith(newline * 2) else newline
    return Edit(len(text), len(text), blank + table + newline)
