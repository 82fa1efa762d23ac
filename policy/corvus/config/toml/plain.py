"""Reads the TOML that most configurations are made of, before ``tomli`` is worth loading.

Importing ``tomli`` takes as long as starting Python, most of it for ``re``; that is more than the
check of one file. This reader knows keys, tables, strings without escapes, integers, decimals,
booleans, arrays and inline tables. It never judges: whatever else it meets, a mistake or a date,
makes it give up, and ``tomli`` decides. Where it does answer, ``tomli`` gives the same.
"""

from __future__ import annotations

from decimal import Decimal

from corvus.config.toml.values import Table, is_array, is_bare, is_table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

LONGEST: Final = 65_536
"""Characters of the longest text that is read here; ``tomli`` reads a longer one sooner."""

_CONTROLS: Final = frozenset(map(chr, (*range(9), *range(11, 32), 127)))
_BLANK: Final = " \t"
_ENDS: Final = " \t\n,]}#"
_DEEPEST: Final = 8
_MOST_DIGITS: Final = 18
"""Fewer than the digits of the largest integer of 64 bits."""


class _GiveUp(Exception):
    """The text has something that this reader does not know."""


def read_plain(text: str) -> Table | None:
    """Return the data of a text, floats as ``Decimal``; ``None`` where ``tomli`` must decide."""
    text = text.replace("\r\n", "\n")
    if len(text) > LONGEST or not _CONTROLS.isdisjoint(text):
        return None
    try:
        return _Reader(text).read()
    except (_GiveUp, IndexError):  # the text ends in the middle of something
        return None


class _Reader:
    """One reading of a text.

    Tables differ in what may be added to them: one of a header gets its keys once, one of dotted
    keys in the section that made it, an inline one never. So sets have the identities of those
    that a header named (``_sections``), of those that may not grow (``_shut``), of those that
    dotted keys of this section made (``_dotted``), and of arrays that grow by headers (``_lists``).
    """

    def __init__(self, text: str) -> None:
        self._text = text + "\n"
        self._at = 0
        self._data: Table = {}
        self._table = self._data
        self._sections: set[int] = set()
        self._shut: set[int] = set()
        self._dotted: set[int] = set()
        self._lists: set[int] = set()

    def read(self) -> Table:
        """Read all statements.

        Raises:
            _GiveUp: It is not plain.
        """
        text = self._text
        while True:
            self._skip_lines()
            if self._at == len(text):
                return self._data
            if text[self._at] == "[":
                self._read_header()
            else:
                self._read_entry(self._table)
            self._end_line()

    def _skip_lines(self) -> None:
        """Skip white space, line ends and comments."""
        text, at, end = self._text, self._at, len(self._text)
        while at < end and text[at] in " \t\n#":
            at = text.index("\n", at) if text[at] == "#" else at + 1
        self._at = at

    def _skip_blank(self) -> str:
        """Skip white space; return the character behind it."""
        while self._text[self._at] in _BLANK:
            self._at += 1
        return self._text[self._at]

    def _end_line(self) -> None:
        end = self._skip_blank()
        if end == "#":
            self._at = self._text.index("\n", self._at)
        elif end != "\n":
            raise _GiveUp

    def _take(self, wanted: str) -> None:
        if not self._text.startswith(wanted, self._at):
            raise _GiveUp
        self._at += len(wanted)

    def _read_header(self) -> None:
        bracket = "[[" if self._text.startswith("[[", self._at) else "["
        self._take(bracket)
        *parents, last = self._read_key()
        self._take("]" * len(bracket))
        table = self._data
        for key in parents:
            table = self._entered(table, key)
        if bracket == "[[":
            if last not in table:
                table[last] = []
                self._lists.add(id(table[last]))
            items = table[last]
            if not is_array(items) or id(items) not in self._lists:
                raise _GiveUp
            new: Table = {}
            self._table = new
            items.append(new)
        else:
            self._table = self._entered(table, last, is_list=False)
            if id(self._table) in self._sections:
                raise _GiveUp
        self._sections.add(id(self._table))
        self._shut |= self._dotted
        self._dotted.clear()

    def _entered(self, table: Table, key: str, *, is_list: bool = True) -> Table:
        """Return a table that a header names, made where it is not there."""
        inner = table.setdefault(key, {})
        if is_list and is_array(inner) and id(inner) in self._lists:
            inner = inner[-1]
        if not is_table(inner) or id(inner) in self._shut or id(inner) in self._dotted:
            raise _GiveUp
        return inner

    def _read_entry(self, table: Table) -> None:
        *parents, last = self._read_key()
        self._take("=")
        for key in parents:
            if key not in table:
                new: Table = {}
                table[key] = new
                self._dotted.add(id(new))
            inner = table[key]
            if not is_table(inner) or id(inner) not in self._dotted:
                raise _GiveUp
            table = inner
        if last in table:
            raise _GiveUp
        self._skip_blank()
        table[last] = self._read_value(0)

    def _read_key(self) -> list[str]:
        """Read a dotted key and the white space around it."""
        keys: list[str] = []
        while True:
            if self._skip_blank() in "\"'":
                keys.append(self._read_string())
            else:
                start = self._at
                while self._text[self._at] not in " \t\n.=]":
                    self._at += 1
                keys.append(self._text[start : self._at])
                if not is_bare(keys[-1]):
                    raise _GiveUp
            if self._skip_blank() != ".":
                return keys
            if len(keys) == _DEEPEST:
                raise _GiveUp
            self._at += 1

    def _read_value(self, depth: int) -> object:
        match self._text[self._at]:
            case '"' | "'":
                return self._read_string()
            case "[" if depth < _DEEPEST:
                return self._read_array(depth + 1)
            case "{" if depth < _DEEPEST:
                return self._read_inline_table(depth + 1)
            case _:
                return self._read_word()

    def _read_string(self) -> str:
        quote = self._text[self._at]
        end = self._text.find(quote, self._at + 1)
        found = self._text[self._at + 1 : end]
        several = not found and self._text.startswith(quote, end + 1)
        if end < 0 or several or "\n" in found or (quote == '"' and "\\" in found):
            raise _GiveUp
        self._at = end + 1
        return found

    def _read_array(self, depth: int) -> list[object]:
        items: list[object] = []
        self._at += 1
        while True:
            self._skip_lines()
            if self._text[self._at] == "]":
                self._at += 1
                return items
            items.append(self._read_value(depth))
            self._skip_lines()
            if self._text[self._at] != "]":
                self._take(",")

    def _read_inline_table(self, depth: int) -> Table:
        table: Table = {}
        self._at += 1
        if self._skip_blank() == "}":
            self._at += 1
            return self._closed(table)
        while True:
            key, *others = self._read_key()
            self._take("=")
            if others or key in table:
                raise _GiveUp
            self._skip_blank()
            table[key] = self._read_value(depth)
            if self._skip_blank() == "}":
                self._at += 1
                return self._closed(table)
            self._take(",")

    def _closed(self, table: Table) -> Table:
        self._shut.add(id(table))
        return table

    def _read_word(self) -> object:
        """Read a boolean or a decimal number without exponent."""
        start = self._at
        while self._text[self._at] not in _ENDS:
            self._at += 1
        word = self._text[start : self._at]
        if word in {"true", "false"}:
            return word == "true"
        whole, point, part = word.removeprefix("-").partition(".")
        if not _is_whole(whole) or (point and not _are_digits(part)):
            raise _GiveUp
        return Decimal(word.replace("_", "")) if point else int(word)


def _is_whole(word: str) -> bool:
    return _are_digits(word) and (word == "0" or word[0] != "0")


def _are_digits(word: str) -> bool:
    """Return whether a word has digits alone, with single underscores between them."""
    is_short = len(word) <= _MOST_DIGITS and word.isascii()
    return is_short and all(map(str.isdigit, word.split("_")))
