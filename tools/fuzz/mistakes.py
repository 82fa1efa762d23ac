"""Mistakes that people make in a config, each with the line where it stands.

It reads a config line by line and knows nothing of how corvus reads one. A line is changed only
where what comes of it is a mistake for sure: keys of the governed tables, and the syntax of all.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from corvus.config.model.keys import routes

_HEADER = re.compile(r"[ \t]*(\[\[?)([^\[\]\n\"'#]+)(\]\]?)[ \t]*(?:#.*)?")
_ENTRY = re.compile(
    r"(?P<key>[A-Za-z0-9_]+) = (?P<value>\"[^\"\\]*\"|-?[0-9][0-9_]*(?:\.[0-9]+)?|true|false"
    r"|\[[^\[\]{}#]*\])(?P<rest>[ \t]*(?:#.*)?)"
)
_TOML_WORDS = ("true", "false", "inf", "nan")
_GOVERNED = ("cost", "autonomy", "mission", "governance")
_KNOWN = frozenset(str(part) for route in routes() for part in route)
_OWN = frozenset((str(route[0]), str(route[-1])) for route in routes())
"""Keys that are ours, each with the first part of its table; a runtime has others there."""
_FREE = ("cost.prices", "cost.downgrade", "limits", "match", "notify")
"""Tables, or parts of their names, whose keys are names that an author chooses."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A config with one mistake.

    Attributes:
        path: The file without it.
        kind: What the mistake is.
        text: The file with it.
        lines: The lines, from 1, at which a message may stand.
        shown: The line as it became.
    """

    path: Path
    kind: str
    text: str
    lines: frozenset[int]
    shown: str


@dataclass(frozen=True, slots=True)
class _Entry:
    """One line ``key = value``, with the table that it is in."""

    index: int
    table: str
    key: str
    value: str
    rest: str

    @property
    def is_closed(self) -> bool:
        """Whether it is a key of ours, in a table with a fixed set of keys."""
        is_own = (self.table.partition(".")[0], self.key) in _OWN
        return is_own and not any(part in self.table for part in _FREE)

    @property
    def kind(self) -> str:
        if self.value[0] in '"[':
            return "string" if self.value[0] == '"' else "array"
        if self.value in {"true", "false"}:
            return "boolean"
        return "decimal" if "." in self.value else "integer"


_Change = Callable[[_Entry, random.Random], str | None]


def _typo(word: str, chance: random.Random) -> str | None:
    """Return a word with a letter lost, doubled, or two swapped; ``None`` where that is a word."""
    if len(word) < 5:
        return None
    at = chance.randrange(1, len(word) - 1)
    swapped = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    other = chance.choice((word[:at] + word[at + 1 :], word[:at] + word[at] + word[at:], swapped))
    return None if other == word or other in _KNOWN else other


def _key_typo(entry: _Entry, chance: random.Random) -> str | None:
    other = _typo(entry.key, chance)
    return f"{other} = {entry.value}" if entry.is_closed and other else None


def _of(kinds: Sequence[str], form: str, *, is_governed: bool = False) -> _Change:
    """Return a change of values of some types, by a form with ``key``, ``value`` and ``bare``."""

    def change(entry: _Entry, chance: random.Random) -> str | None:
        if entry.kind not in kinds or (is_governed and not entry.is_closed):
            return None
        return form.format(key=entry.key, value=entry.value, bare=entry.value.strip('"'))

    return change


def _bare_word(entry: _Entry, chance: random.Random) -> str | None:
    bare = entry.value.strip('"')
    is_word = entry.kind == "string" and re.fullmatch(r"[a-z]{3,}", bare)
    return f"{entry.key} = {bare}" if is_word and bare not in _TOML_WORDS else None


def _case(entry: _Entry, chance: random.Random) -> str | None:
    is_word = entry.is_closed and entry.key in {"level", "enforce", "period", "unpriced_models"}
    return f"{entry.key} = {entry.value.title()}" if is_word else None


def _out_of_range(entry: _Entry, chance: random.Random) -> str | None:
    is_number = entry.kind in {"integer", "decimal"} and entry.is_closed
    return f"{entry.key} = -{entry.value.lstrip('-')}" if is_number and entry.value != "0" else None


def _beyond_percent(entry: _Entry, chance: random.Random) -> str | None:
    return f"{entry.key} = 180" if entry.key.endswith("_percent") and entry.is_closed else None


def _fine(entry: _Entry, chance: random.Random) -> str | None:
    is_usd = entry.key.endswith("_usd") and entry.is_closed and entry.kind in {"integer", "decimal"}
    return f"{entry.key} = 0.12345678901" if is_usd else None


def _currency(entry: _Entry, chance: random.Random) -> str | None:
    if not entry.key.endswith("_usd") or not entry.is_closed:
        return None
    return (
        f"{entry.key.removesuffix('_usd')}_{chance.choice(('eur', 'gbp', 'chf'))} = {entry.value}"
    )


CHANGES: dict[str, _Change] = {
    "bare word": _bare_word,
    "beyond a percentage": _beyond_percent,
    "boolean in capitals": lambda entry, chance: (
        f"{entry.key} = {entry.value.title()}" if entry.kind == "boolean" else None
    ),
    "boolean in quotes": _of(["boolean"], '{key} = "{value}"', is_governed=True),
    "colon": _of(["string", "integer", "boolean"], "{key}: {value}"),
    "comma in a decimal": lambda entry, chance: (
        f"{entry.key} = {entry.value.replace('.', ',')}" if entry.kind == "decimal" else None
    ),
    "currency": _currency,
    "dollar": _of(["decimal", "integer"], "{key} = ${value}"),
    "equals missing": _of(["string", "integer", "boolean", "array"], "{key} {value}"),
    "equals twice": _of(["string", "integer", "boolean"], "{key} == {value}"),
    "key typo": _key_typo,
    "leading zero": lambda entry, chance: (
        f"{entry.key} = 0{entry.value}" if entry.kind == "integer" and entry.value >= "0" else None
    ),
    "negative": _out_of_range,
    "number in quotes": _of(["integer", "decimal"], '{key} = "{value}"', is_governed=True),
    "number for a string": _of(["string"], "{key} = 12", is_governed=True),
    "quote missing at the end": _of(["string"], '{key} = "{bare}'),
    "quote missing at the start": _of(["string"], '{key} = {bare}"'),
    "quotes from a text program": _of(["string"], "{key} = \u201c{bare}\u201d"),
    "slashes for a comment": _of(["integer", "boolean"], "{key} = {value} // why"),
    "string for an array": lambda entry, chance: (
        f'{entry.key} = "x"' if entry.kind == "array" and entry.is_closed else None
    ),
    "table for a value": _of(
        ["integer", "decimal", "boolean"], "{key} = {{ x = 1 }}", is_governed=True
    ),
    "too fine": _fine,
    "two values": _of(["string", "integer", "boolean"], "{key} = {value} {value}"),
    "unit": _of(["integer", "decimal"], "{key} = {value} USD"),
    "value missing": _of(["string", "integer", "decimal", "boolean"], "{key} ="),
    "word in capitals": _case,
}  # fmt: skip
"""Changes of one line with a key; the message stands at that line."""


def mutants_of(path: Path, chance: random.Random) -> Iterator[Mutant]:
    """Yield a mutant of each kind at each place of a file that has one for it."""
    lines = path.read_bytes().decode().removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    for entry in _entries(lines):
        for kind, change in CHANGES.items():
            changed = change(entry, chance)
            if changed is not None:
                yield _replaced(path, kind, lines, entry.index, changed + entry.rest)
        yield from _added(path, lines, entry)
    yield from _of_headers(path, lines, chance)


def _entries(lines: Sequence[str]) -> Iterator[_Entry]:
    """Yield the lines ``key = value`` that stand for themselves."""
    table, is_open = "", False
    for index, line in enumerate(lines):
        if '"""' in line or "'''" in line:
            return  # a text of several lines may look like anything
        header = _HEADER.fullmatch(line)
        if is_open:
            is_open = line.strip() not in {"]", "}"}
        elif header:
            table = header[2].strip()
        elif line.rstrip().endswith(("[", "{", ",")):
            is_open = True
        elif entry := _ENTRY.fullmatch(line):
            yield _Entry(index, table, entry["key"], entry["value"], entry["rest"])


def _replaced(path: Path, kind: str, lines: Sequence[str], index: int, line: str) -> Mutant:
    changed = [*lines[:index], line, *lines[index + 1 :]]
    return Mutant(path, kind, "\n".join(changed), frozenset({index + 1}), line)


def _inserted(path: Path, kind: str, lines: Sequence[str], index: int, line: str) -> Mutant:
    changed = [*lines[:index], line, *lines[index:]]
    return Mutant(path, kind, "\n".join(changed), frozenset({index + 1}), line)


def _added(path: Path, lines: Sequence[str], entry: _Entry) -> Iterator[Mutant]:
    """Yield mutants that have a line more behind an entry."""
    below = entry.index + 1
    yield _inserted(path, "key twice", lines, below, lines[entry.index])
    yield _inserted(path, "line of prose", lines, below, "this limit was agreed with finance")
    if entry.table == "cost":
        yield _inserted(path, "key of another table", lines, below, "max_actions_per_hour = 20")
        yield _inserted(path, "invented key", lines, below, "colour_of_money = 1")
    if entry.table == "autonomy" and not any(line.startswith("daily_limit") for line in lines):
        yield _inserted(path, "key of another table", lines, below, "daily_limit_usd = 20")


def _of_headers(path: Path, lines: Sequence[str], chance: random.Random) -> Iterator[Mutant]:
    for index, line in enumerate(lines):
        header = _HEADER.fullmatch(line)
        if header is None:
            continue
        opened, name, closed = header[1], header[2], header[3]
        yield _replaced(path, "bracket missing", lines, index, f"{opened}{name}{closed[1:]}")
        if name.strip() in _GOVERNED and (typo := _typo(name, chance)):
            yield _replaced(path, "table typo", lines, index, f"{opened}{typo}{closed}")
        if opened == "[" and name.strip() in _GOVERNED:
            yield _inserted(path, "table twice", lines, len(lines), line)
            yield _replaced(path, "brackets doubled", lines, index, f"[[{name}]]")


KINDS = frozenset(
    {
        *CHANGES, "bracket missing", "brackets doubled", "invented key", "key of another table",
        "key twice", "line of prose", "table twice", "table typo",
    }
)  # fmt: skip
