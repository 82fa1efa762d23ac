"""What ``corvus config set`` and ``unset`` write, and what they print once it is written."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from pathlib import Path

from corvus.base.errors import EditRefused
from corvus.base.files import count_hard_links
from corvus.cli.rewriting import note_hard_links
from corvus.config.edit.change import Change, read_config, write_change
from corvus.config.layers.assignment import read_key, whole_key
from corvus.config.layers.environment import variable
from corvus.config.layers.locate import locate
from corvus.config.toml.values import Route, shown
from corvus.diagnostics.formats.text import concise
from corvus.diagnostics.plain import escape
from corvus.diagnostics.secrets import hidden

_CONTEXT_LINES = 3


def values_of(words: Sequence[str]) -> dict[str, str]:
    """Return the keys and values of ``config set``: one of each, or ``KEY=VALUE`` words.

    Raises:
        EditRefused: A word is neither, or a key is named twice.
    """
    if len(words) == 2 and whole_key(words[0]) is not None:
        return {words[0]: words[1]}
    return values_of_pairs(words)


def values_of_pairs(words: Sequence[str]) -> dict[str, str]:
    """Return the keys and values of ``KEY=VALUE`` words.

    Raises:
        EditRefused: A word sets nothing, or a key is named twice.
    """
    values: dict[str, str] = {}
    routes: set[Route] = set()
    for word in words:
        key = read_key(word)
        if key is None or word[key.end : key.end + 1] != "=":
            name = word[: key.end].strip() if key else word
            raise EditRefused(
                f"`{name}` sets nothing: write `KEY VALUE`, or `KEY=VALUE` for several"
            )
        if key.route in routes:
            raise EditRefused(f"`{shown(key.route)}` is set twice")
        routes.add(key.route)
        values[word[: key.end]] = word[key.end + 1 :]
    return values


def file_to_change(named: Path | None, environment: Mapping[str, str]) -> Path:
    """Return the file to change: the one named, else the one that other commands read.

    Raises:
        EditRefused: There is none.
    """
    located = locate([named] if named else (), environment=environment)
    if not located.paths:
        raise EditRefused("there is no config to change: `corvus init` writes one")
    return located.paths[-1]


def apply_change(path: Path, plan: Callable[[bytes], Change], *, dry_run: bool) -> None:
    """Write a change, print its diff, and tell what it leads to.

    Args:
        path: The file.
        plan: Plans the change of its bytes.
        dry_run: Whether to print only.

    Raises:
        ConfigError: The file cannot be read, or as ``plan``.
        EditRefused: The file cannot be written, or as ``plan``.
    """
    links = 0 if dry_run else count_hard_links(path)
    change = plan(read_config(path)) if dry_run else write_change(path, plan)
    file = escape(str(path))
    if change.after == change.before:
        print(f"unchanged: {file} says so already")
        return
    print("\n".join(_diff(file, change.before.decode(), change.after.decode())))
    if change.warnings:
        print(concise(change.warnings), file=sys.stderr)
    for name in map(variable, change.routes):
        if name in os.environ:
            print(f"note: {escape(name)} is set and stands above the file", file=sys.stderr)
    note_hard_links(path, links)
    if dry_run:
        print(f"dry run: {file} is as it was", file=sys.stderr)


def _diff(path: str, before: str, after: str) -> Iterator[str]:
    """Yield a unified diff; what may be a secret is compared as it is and shown as ``*``."""
    old, new = hidden(before).split("\n"), hidden(after).split("\n")
    matcher = SequenceMatcher(None, before.split("\n"), after.split("\n"), autojunk=False)
    yield f"--- {path}"
    yield f"+++ {path}"
    for group in matcher.get_grouped_opcodes(_CONTEXT_LINES):
        (_, old_start, _, new_start, _), (_, _, old_end, _, new_end) = group[0], group[-1]
        yield (
            f"@@ -{old_start + 1},{old_end - old_start} +{new_start + 1},{new_end - new_start} @@"
        )
        for word, *places in group:
            yield from _hunk(word, old[slice(*places[:2])], new[slice(*places[2:])])


def _hunk(word: str, old: list[str], new: list[str]) -> Iterator[str]:
    if word == "equal":
        yield from (f" {_line(line)}" for line in old)
        return
    yield from (f"-{_line(line)}" for line in old)
    yield from (f"+{_line(line)}" for line in new)


def _line(text: str) -> str:
    return escape(text.removesuffix("\r").removeprefix("\ufeff"))
