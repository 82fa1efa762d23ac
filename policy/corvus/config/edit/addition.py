"""Writes what is added to a config: tomlkit edits the one table that a key belongs to (DEP-5).

Which table that is, and where a new one stands, is for ``edit`` to say. tomlkit gets the lines or
the braces of that table and no others, so that it cannot change them. Where it changes more of
these than it adds, the key is written without it, behind the last one.

NOTE: tomlkit 0.15.2 (tried 2026-11-28) on whole documents puts a new key below the comments of the
next section, a new table behind them, and a header between dotted keys, which takes in those below
it (python-poetry/tomlkit#588). ``Table.append`` fails for a boolean below an indented header;
``Container.append``, which is used here, does not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from corvus.config.toml.values import shown

if TYPE_CHECKING:
    from tomlkit.container import Container

_HEAD = "x = "
_SPACE_BEFORE_BRACE = re.compile(r"[ \t]*(?=\}\Z)")


class Insertion(NamedTuple):
    """Text to insert at an offset of the lines or braces of a table."""

    at: int
    text: str


def into_lines(
    lines: str, table: Sequence[str | int], names: Sequence[str], value: str
) -> Insertion:
    """Add a key to a table that whole lines make.

    Args:
        lines: Header and entries, or one dotted entry, which parse by themselves.
        table: What leads to the table; the one element of an array of tables has the index 0.
        names: The key below it.
        value: The value as TOML.
    """
    found = _inserted(lines, lambda: _in_lines(lines, table, names, value))
    if found:
        return found
    is_headed = lines.lstrip().startswith("[")
    key = shown(tuple(names) if is_headed else (*table, *names))
    end = "" if lines.endswith("\n") else "\n"
    return Insertion(len(lines), f"{end}{key} = {value}\n")


def into_braces(braces: str, names: Sequence[str], value: str) -> Insertion:
    """Add a key to a table in braces.

    Args:
        braces: The table, from brace to brace.
        names: The key; what is there of it is a table of dotted keys.
        value: The value as TOML.
    """
    if not braces[1:-1].strip():
        return Insertion(1, _in_braces("{ }", names, value)[1:-1].removesuffix(braces[1:-1]))
    found = _inserted(braces, lambda: _in_braces(braces, names, value))
    at = len(braces[:-1].rstrip())
    return found or Insertion(at, f", {shown(tuple(names))} = {value}")


def new_table(table: Sequence[str], key: Sequence[str], value: str) -> str:
    """Return the lines of a new table with a header.

    Args:
        table: Its name.
        key: The one key in it; none when the value is the table.
        value: The value as TOML.
    """
    import tomlkit

    made: Any = tomlkit.table()
    entries: Any = {name: tomlkit.value(value) for name in key} or tomlkit.value(value)
    for name, item in entries.items():
        item.trivia.indent, item.trivia.trail = "", "\n"
        made.value.append(name, item)
    for name in reversed(table[1:]):
        above = tomlkit.table(is_super_table=True)
        above.append(name, made)
        made = above
    document = tomlkit.document()
    document.append(table[0], made)
    return tomlkit.dumps(document)


def _in_lines(lines: str, table: Sequence[str | int], names: Sequence[str], value: str) -> str:
    import tomlkit

    document = tomlkit.parse(lines if lines.endswith("\n") else f"{lines}\n")
    holder: Any = document
    for part in table:
        holder = holder[part]
    container = _container(holder)
    item = tomlkit.value(value)
    item.trivia.indent = _indent(holder, container)
    container.append(tomlkit.key(names), item)
    return tomlkit.dumps(document)


def _in_braces(braces: str, names: Sequence[str], value: str) -> str:
    import tomlkit

    document = tomlkit.parse(_HEAD + braces)
    holder: Any = document["x"]
    while len(names) > 1 and names[0] in holder:
        holder, names = holder[names[0]], names[1:]
    for name in reversed(names[1:]):
        value = f"{{ {shown((name,))} = {value} }}"
    holder[names[0]] = tomlkit.value(value)
    written = tomlkit.dumps(document)[len(_HEAD) :]
    # The space before the closing brace goes with the entry that was the last one.
    return written[:-1].rstrip() + _SPACE_BEFORE_BRACE.findall(braces)[0] + "}"


def _container(holder: Any) -> Container:
    return getattr(holder, "value", holder)


def _indent(holder: Any, container: Container) -> str:
    """Return how the last entry of a table is indented, or its header."""
    items = [item for key, item in container.body if key is not None]
    return (items[-1] if items else holder).trivia.indent


def _inserted(before: str, edited: Callable[[], str]) -> Insertion | None:
    """Return what tomlkit inserted into a text; ``None`` when it failed, or did more than that.

    It writes ``{ a. b = 1 }`` otherwise once the table is changed.
    """
    from tomlkit.exceptions import TOMLKitError

    try:
        after = edited()
    except (TOMLKitError, AttributeError, LookupError, TypeError, ValueError):
        return None
    at = next(
        (
            place
            for place, pair in enumerate(zip(before, after, strict=False))
            if pair[0] != pair[1]
        ),
        min(len(before), len(after)),
    )
    rest = len(before) - at
    if after[len(after) - rest :] != before[at:] or len(after) <= len(before):
        return None
    return Insertion(at, after[at : len(after) - rest])
