"""Advice on a value that TOML cannot read, from the type that its key takes.

The reader of TOML knows no settings: of ``daily_limit_usd = $10`` it can only say that a text needs
quotes. Here the key is known, and the words are those that ``corvus config set`` and the checker
have for the same value in quotes. Nothing of the document is repeated but a number, a boolean, a
date or a word of ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from corvus.config.check.plain_value import CONVERT, names_other_currency, plain
from corvus.config.toml.values import Route, Table, as_items

if TYPE_CHECKING:
    from corvus.diagnostics.model import Diagnostic

_CODE: Final = "syntax-error"
_LINE: Final = re.compile(
    r"[ \t]*+(?P<key>[\w.\"'-]++)[ \t]*+(?P<sign>[=:>~-]*+)[ \t]*+(?P<value>[^\"'\[\]{}#\n]{0,80}?)"
    r"[ \t\r]*(?:#.*)?\Z"
)
"""A whole line of a key and a value without quotes and brackets."""
_WANTED: Final = {"boolean": "bool_type", "integer": "int_type", "number": "decimal_type"}
_NUMBERS: Final = frozenset({"int_type", "decimal_type"})
_EXACT: Final = {
    "bool_type": re.compile(r"true|false"),
    "int_type": re.compile(r"[+-]?(?:0|[1-9][0-9]{0,17})"),
    "decimal_type": re.compile(r"[+-]?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,9})?"),
    "date_type": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"),
}
_SECONDS: Final = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400}
_LENGTH: Final = re.compile(r"([0-9]{1,6})[ ]?(s|sec|m|min|h|d)", re.IGNORECASE)
_THOUSANDS: Final = re.compile(r"[1-9][0-9]{0,2}(?:[, '][0-9]{3})+")
_OTHER_COMMENT: Final = re.compile(r"(?:\A|[ \t])(?://|--|;|/\*)")
_FRACTION: Final = re.compile(r"((?:0|[1-9][0-9]*)),([0-9]{1,2})")
_ZEROS: Final = re.compile(r"0+([1-9][0-9]*(?:\.[0-9]+)?)")
_OPEN_POINT: Final = re.compile(r"([0-9]*)\.([0-9]*)")


class _Line(NamedTuple):
    """A line that cannot be read: its key, the sign behind it, and what stands for the value."""

    key: str
    sign: str
    value: str


def with_types(found: Iterable[Diagnostic], text: str) -> list[Diagnostic]:
    """Return diagnostics with the advice that the type of their key allows.

    Args:
        found: Why a document could not be read.
        text: The document without byte order mark.
    """
    diagnostics = [*found]
    if not any(one.code == _CODE and one.path for one in diagnostics):
        return diagnostics
    lines = text.split("\n")
    return [_with_type(one, lines) for one in diagnostics]


def _with_type(diagnostic: Diagnostic, lines: list[str]) -> Diagnostic:
    if diagnostic.code != _CODE or diagnostic.span is None or not diagnostic.path:
        return diagnostic
    start = diagnostic.span.start
    found = _LINE.match(lines[start.line - 1]) if start.line <= len(lines) else None
    if found is None or start.column <= found.start("key") - 1:
        return diagnostic
    line = _Line(found["key"], found["sign"], found["value"])
    advice = _advice(diagnostic.path, line)
    return replace(diagnostic, help=advice) if advice else diagnostic


def _advice(route: Route, line: _Line) -> tuple[str, ...]:
    from corvus.config.model.keys import choices, node

    schema = node(route)
    words = choices(route)
    wanted = _wanted(schema)
    if not schema or (wanted is None and not words):
        return ()
    if _OTHER_COMMENT.search(line.value):
        return ("A comment begins with `#`.",)
    if wanted in _NUMBERS and names_other_currency(line.value):
        return (CONVERT,)
    key = str(route[-1])
    written = _choice(line.value, words) if words else _plain(line.value, wanted or "", key)
    return _written(written, line, key, schema) if written else _none_written(line, key, schema)


def _written(written: str, line: _Line, key: str, schema: Table) -> tuple[str, ...]:
    if line.sign == "=":
        return (f"Write {written}.", *_zero_means(schema))
    colon = ", with `=` instead of `:`" if line.sign == ":" else ""
    return (f"Write `{key} = {written}`{colon}.",)


def _none_written(line: _Line, key: str, schema: Table) -> tuple[str, ...]:
    """Say what the key takes, where nobody can say what was meant."""
    wanted = _wanted(schema)
    if words := as_items(schema.get("enum")):
        return ("It is one of " + ", ".join(f'"{word}"' for word in words) + ".",)
    if not line.value:
        return (f"Write `{key} = true` or `{key} = false`.",) if wanted == "bool_type" else ()
    return _kind_of(wanted, schema) if line.sign == "=" and line.value[0].isalpha() else ()


def _kind_of(wanted: str | None, schema: Table) -> tuple[str, ...]:
    """Say what the key takes, of a word that stands in place of it."""
    match wanted:
        case "int_type":
            return ("Write a whole number.", *_zero_means(schema))
        case "decimal_type":
            return ("Write a number.", *_zero_means(schema))
        case "bool_type":
            return ("Write `true` or `false`, in lower case.",)
        case _:
            return ()


def _wanted(schema: Table) -> str | None:
    """Return the kind of error that pydantic has for a value of another type."""
    types = schema.get("type")
    named = [types] if isinstance(types, str) else as_items(types)
    if schema.get("format") == "date":
        return "date_type"
    if "number" in named:
        return _WANTED["number"]
    return next((_WANTED[str(name)] for name in named if name in _WANTED), None)


def _choice(text: str, words: tuple[str, ...]) -> str | None:
    from corvus.config.check.suggest import closest

    exact = [word for word in words if word.casefold() == text.strip().casefold()]
    near = exact[0] if exact else closest(text, words) if text else None
    return f'"{near}"' if near else None


def _plain(text: str, wanted: str, key: str) -> str | None:
    """Return the value that a text spells, as TOML writes it."""
    if (exact := _EXACT.get(wanted)) and exact.fullmatch(text):
        return text
    if meant := plain(text, wanted, key):
        return meant
    if wanted == "bool_type":
        from corvus.config.check.suggest import closest

        return closest(text, ("true", "false")) if text else None
    return _number(text, wanted, key) if wanted in {"int_type", "decimal_type"} else None


def _number(text: str, wanted: str, key: str) -> str | None:
    """Return a number that is spelt as people do and TOML does not."""
    bare = text.removeprefix("$").strip()
    if key.endswith("_seconds") and (length := _LENGTH.fullmatch(bare)):
        return str(int(length[1]) * _SECONDS[length[2].lower()])
    if wanted == "int_type" and _THOUSANDS.fullmatch(bare):
        return re.sub(r"[, ']", "", bare)
    if wanted == "decimal_type" and (fraction := _FRACTION.fullmatch(bare)):
        return f"{fraction[1]}.{fraction[2]}"
    if (zeros := _ZEROS.fullmatch(bare)) and (wanted == "decimal_type" or "." not in bare):
        return zeros[1]
    point = _OPEN_POINT.fullmatch(bare)
    if point and wanted == "decimal_type" and (point[1] or point[2]):
        return f"{point[1] or 0}.{point[2] or 0}"
    return None


def _zero_means(schema: Table) -> tuple[str, ...]:
    """Say what 0 means for this key, where the settings say so (CFG-7)."""
    from corvus.config.model.defaults import ZERO_ACTIONS, ZERO_LIMIT

    description = str(schema.get("description"))
    return tuple(f"{zero}." for zero in (ZERO_LIMIT, ZERO_ACTIONS) if zero in description)
