"""Reports keys that a file may not have, and keys that a table lacks.

What an unknown key was meant to be is found by ``suggestion`` for governed tables, and by
``top_level`` for the keys above them.
"""

from __future__ import annotations

from collections.abc import Sequence

from corvus.config.check.fixes import join_keys, prefix, remove, rename
from corvus.config.check.reporter import Reporter
from corvus.config.check.suggest import closest
from corvus.config.check.suggestion import suggestion
from corvus.config.check.top_level import advice
from corvus.config.model.dialects import Dialect, is_runtime_only, is_section
from corvus.config.model.keys import SETTINGS, Keys
from corvus.config.toml.finding import Finding, KeyOf
from corvus.config.toml.values import Route, is_table


def report_unknown(
    route: Route, value: object, lacking: Sequence[tuple[str, ...]], reporter: Reporter
) -> None:
    """Report an unknown key.

    Args:
        route: Where it stands.
        value: Its value.
        lacking: Keys the table must have and has not, or one of several; one of them was most
            likely meant.
        reporter: Receives the diagnostic.
    """
    table = route[:-1]
    key, dialect = str(route[-1]), reporter.dialect(route)
    found = suggestion(table, key, value, dialect, reporter.header(table))
    help_ = found.help
    if lacking:
        help_ += (f"{reporter.header(table)} lacks {_alternatives(lacking)}.",)
    fix = None
    if found.name and found.is_edit and _is_same_thing(key, found.name, dialect):
        fix = rename(reporter, route, found.name, value=found.value)
    elif route[-2:] == ("match", "tag") and is_table(value) and len(value) == 1:
        (tag,) = value
        fix = join_keys(reporter, (*route, tag), f"tag.{tag}")
    message = f"unknown key `{reporter.shown(route)}`"
    label = f"not a key of {reporter.header(table)}"
    reporter.add(Finding("unknown-key", message, KeyOf(route), label, help_, fix=fix))


def report_missing(
    table: Route,
    lacking: Sequence[tuple[str, ...]],
    reporter: Reporter,
    keys: Keys = SETTINGS,
) -> None:
    """Report the keys that a table lacks, or one of several: one diagnostic for the table."""
    known = keys.known_keys(table)
    lacking = sorted(lacking, key=lambda names: known.index(names[0]))
    message = f"`{reporter.header(table)}` lacks {_alternatives(lacking)}"
    names = (name for group in lacking for name in group)
    help_ = tuple(f"`{name}`: {keys.node((*table, name)).get('description')}" for name in names)
    reporter.add(Finding("missing-key", message, KeyOf(table), "incomplete", help_))


def report_required(keys: Sequence[str], dialect: Dialect, reporter: Reporter) -> None:
    """Report the top-level keys that a runtime's file lacks: the runtime does not start with it."""
    names = " and ".join(f"`{key}`" for key in keys)
    message = f"the file lacks {names}: the {dialect.words} runtime refuses a file without it"
    help_ = ("Add it above the first table.",)
    reporter.add(Finding("missing-key", message, KeyOf(()), "incomplete", help_))


def report_native_only(route: Route, reporter: Reporter) -> None:
    """Report a key in a runtime's file that only corvus.toml may have."""
    message = (
        f"the corvus runtime would refuse `{reporter.shown(route)}`: it does not know this key"
    )
    help_ = ("Move it to a corvus.toml of its own, and layer that on top of the runtime's file.",)
    place, fix = KeyOf(route), remove(reporter, route)
    reporter.add(Finding("native-only-key", message, place, "only in corvus.toml", help_, fix=fix))


def report_unknown_top_level(key: str, value: object, dialect: Dialect, reporter: Reporter) -> None:
    """Report a top-level key that the dialect does not have."""
    word = reporter.header((key,)) if is_section(value) else reporter.shown((key,))
    if dialect is Dialect.CORVUS and is_runtime_only(key):
        message = f"the corvus runtime sets `{word}` itself and refuses a file that has it"
        help_ = ("Remove this line.",)
        place, fix = KeyOf((key,)), remove(reporter, (key,))
        reporter.add(
            Finding("runtime-only-key", message, place, "refused in a file", help_, fix=fix)
        )
        return
    found = advice(key, value, dialect, word)
    fix = None
    if found.below:
        fix = prefix(reporter, key, found.below)
    elif found.name:
        fix = rename(reporter, (key,), found.name)
    message = f"unknown {'table' if is_section(value) else 'key'} `{word}`"
    label = f"not part of the {dialect.words} dialect"
    reporter.add(Finding("unknown-key", message, KeyOf((key,)), label, found.help, fix=fix))


def _alternatives(lacking: Sequence[tuple[str, ...]]) -> str:
    """Join names: ``a`` (or ``x``), ``b`` and ``c``, each in backticks."""
    ticked = [
        f"`{first}`" + (f" (or {', '.join(f'`{other}`' for other in others)})" if others else "")
        for first, *others in lacking
    ]
    return " and ".join((", ".join(ticked[:-1]), ticked[-1])) if ticked[1:] else ticked[0]


def _is_same_thing(key: str, name: str, dialect: Dialect) -> bool:
    """Return whether a key may be renamed as it is.

    One that holds a key is not one that names its variable. In the file of a host only a slip of
    spelling is mended: by any other name the host may read the key for itself (DEP-7).
    """
    if name.endswith("_env") and not key.casefold().endswith("env"):
        return False
    return not dialect.is_host or closest(key, (name,)) == name
