"""What an unknown key or table at the top level of a file was most likely meant to be.

Knowledge goes before spelling here, too: the table that has such a key, the runtime that has such a
section, another word for a section; only then a near word of the same kind, a table or a value.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from corvus.config.check.suggest import closest
from corvus.config.check.suggestion import is_key_of, tables_with
from corvus.config.check.synonyms import SECTIONS
from corvus.config.model.dialects import GOVERNED, HOSTS, Dialect, host_keys, is_section
from corvus.config.model.keys import node
from corvus.config.toml.values import Route, as_items, header, is_table, shown

_HOST_WORD: Final = 0.8
"""How near a key of a host must be: many of its sections begin with the same word."""


class Advice(NamedTuple):
    """What to say about an unknown key, and what to write in its place.

    Attributes:
        help: One sentence each.
        name: The name that was meant; ``None`` where that is not known.
        below: The governed table that it belongs into, where that is known and its value fits.
    """

    help: tuple[str, ...]
    name: str | None = None
    below: Route | None = None


def advice(key: str, value: object, dialect: Dialect, word: str) -> Advice:
    """Return the best advice about a key that the top level of a file may not have.

    Args:
        key: The key.
        value: What it is set to.
        dialect: What the file is checked as.
        word: The key as the reader knows it, with brackets where it is a table.
    """
    if tables := tables_with(key, dialect):
        return _by_table(key, value, tables, dialect, word)
    return (
        _by_synonym(key, value, dialect)
        or _by_spelling(key, value, dialect)
        or Advice(_of_runtime(key, word) or (_near_host(key, dialect) or _all(dialect),))
    )


def near_section(key: str, dialect: Dialect) -> str | None:
    """Return the section or key of a host runtime that another name stands for."""
    known = host_keys(dialect)
    other = SECTIONS.get(key.casefold())
    return other if other in known else closest(key, known, cutoff=_HOST_WORD)


def _by_table(key: str, value: object, tables: list[Route], dialect: Dialect, word: str) -> Advice:
    """Recognise the name of a key of a governed table."""
    fitting = [table for table in tables if len(table) == 1 and _fits((*table, key), value)]
    below = fitting[0] if len(fitting) == 1 else None
    if below is None or not is_section(value):
        help_ = (is_key_of(key, tables),)
    else:
        items = not is_table(value)
        written = header((*below, key, 0)) if items else header((*below, key))
        help_ = (f"It belongs into {header(below)}: write `{written}`.",)
    more = _of_runtime(key, word) if dialect is Dialect.NATIVE else ()
    return Advice((*help_, *more), below=below)


def _fits(route: Route, value: object) -> bool:
    """Return whether a key may be the table, or the array of tables, that stands there."""
    type_ = node(route).get("type")
    if is_table(value):
        return type_ == "object"
    if is_section(value):
        return type_ == "array"
    return type_ not in {"object", None} or not as_items(value)


def _by_synonym(key: str, value: object, dialect: Dialect) -> Advice | None:
    name = SECTIONS.get(key.casefold())
    if name is None or name not in host_keys(dialect) or not is_section(value):
        return None
    return Advice((f"Did you mean `{header((name,))}`?",), name)


def _by_spelling(key: str, value: object, dialect: Dialect) -> Advice | None:
    ours = closest(key, GOVERNED) if is_section(value) else None
    name = ours or closest(key, host_keys(dialect), cutoff=_HOST_WORD)
    if name is None:
        return None
    return Advice(
        (f"Did you mean `{header((name,)) if is_section(value) else shown((name,))}`?",), name
    )


def _of_runtime(key: str, word: str) -> tuple[str, ...]:
    owners = [other for other in HOSTS if key in host_keys(other)]
    if not owners:
        return ()
    owner = owners[-1]
    return (f"`{word}` belongs to the {owner} runtime: check with `--dialect {owner}`.",)


def _near_host(key: str, dialect: Dialect) -> str | None:
    name = closest(key, host_keys(Dialect.UNDECIDED), cutoff=_HOST_WORD)
    return f"Did you mean `{name}`? That is a key of a host runtime's own file." if name else None


def _all(dialect: Dialect) -> str:
    known = ", ".join(header((name,)) for name in GOVERNED)
    more = "" if dialect is Dialect.NATIVE else f" and the keys of the {dialect.words} runtime"
    return f"A file may have {known}{more}."
