"""A top-level key or table of a runtime's file that corvus does not know (CFG-2).

Runtimes grow: their next version has a section that this version of corvus has not heard of. That
is no mistake of the file's author, as a misspelt table of ours is, which would leave a limit out.
It runs in ``documents``, before the settings model.
"""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import Final

from corvus.config.check.reporter import Reporter
from corvus.config.check.suggest import closest
from corvus.config.check.top_level import near_section
from corvus.config.model.aliases import ALIASES
from corvus.config.model.dialects import GOVERNED, Dialect, host_keys, is_runtime_only, is_section
from corvus.config.model.keys import homes, known_keys
from corvus.config.toml.finding import Finding, KeyOf
from corvus.config.toml.values import Table, as_items, header, is_table, shown
from corvus.diagnostics.codes import CodeInfo, Severity

INFO: Final = CodeInfo(
    "unknown-host-key",
    Severity.WARNING,
    "a key or table of a host runtime's file that corvus does not know",
    "The sections of a host runtime are its own: corvus knows their names and never looks inside. "
    "A name that it does not know is a newer version of the runtime, or a mistake. A misspelt "
    "table of corvus is an error in every file.",
    "default_temperature = 0.7\n\n[storage]\n\n[swarm_router]\nenabled = true\n",
    "default_temperature = 0.7\n\n[storage]\n",
    "Compare the name with the documentation of the runtime. Nothing is to be done when the "
    "runtime knows it.",
)
_SAME_WORD: Final = 0.85
"""From this likeness on, a name is a misspelt table of ours whatever it holds."""
_SHARED_WITH_HOSTS: Final = GOVERNED[:3]
"""The tables of ours that a runtime's file may have, too."""


def report(key: str, value: object, dialect: Dialect, reporter: Reporter) -> None:
    """Report a top-level key that no dialect of the file has.

    Args:
        key: The key.
        value: Its value, a table or not.
        dialect: What the file is checked as.
        reporter: Receives a warning; an error where the key is ours, or the host refuses it.
    """
    if not dialect.is_host or _is_ours(key, value) or _is_refused(key, dialect):
        from corvus.config.check.unknown import report_unknown_top_level

        report_unknown_top_level(key, value, dialect, reporter)
        return
    word = reporter.header((key,)) if is_section(value) else reporter.shown((key,))
    what = "section" if is_section(value) else "key"
    message = f"unknown {what} `{word}` of the {dialect.words} runtime"
    help_ = (*_advice(key, value, dialect), *_lost_keys(value))
    reporter.add(Finding(INFO.code, message, KeyOf((key,)), "passed over", help_))


def _is_ours(key: str, value: object) -> bool:
    """Return whether a key is a misspelt table of ours, or a key that belongs into one."""
    if not is_section(value):
        return len(_homes(key)) == 1
    near = closest(key, GOVERNED)
    if near is None:
        return False
    likeness = SequenceMatcher(None, key.casefold(), near).ratio()
    return likeness >= _SAME_WORD or _holds_keys_of(near, value)


def _homes(key: str) -> list[str]:
    """Return the tables that have such a key, of those that a runtime's file may have."""
    found = [str(home[0]) for home in homes(key) if len(home) == 1]
    found += [alias.old[0] for alias in ALIASES if alias.old[1:] == (key,)]
    return [table for table in found if table in _SHARED_WITH_HOSTS]


def _holds_keys_of(table: str, value: object) -> bool:
    """Return whether a table is empty, or has a key that is one of ours or nearly so."""
    keys = [key for part in _tables(value) for key in part]
    known = (*known_keys((table,)), *(alias.old[-1] for alias in ALIASES if alias.old[0] == table))
    return not keys or any(closest(key, known) for key in keys)


def _tables(value: object) -> list[Table]:
    return [value] if is_table(value) else [item for item in as_items(value) if is_table(item)]


def _is_refused(key: str, dialect: Dialect) -> bool:
    """Return whether the runtime is known to refuse a key: the corvus runtime is strict."""
    refused = host_keys(Dialect.ZEROCLAW)
    return dialect is Dialect.CORVUS and (is_runtime_only(key) or key in refused)


def _advice(key: str, value: object, dialect: Dialect) -> tuple[str, ...]:
    if near := near_section(key, dialect):
        return (f"Did you mean `{header((near,)) if is_section(value) else shown((near,))}`?",)
    if dialect is Dialect.ZEROCLAW and key in host_keys(Dialect.CORVUS):
        return ("It belongs to the corvus runtime: check with `--dialect corvus`.",)
    if dialect is Dialect.CORVUS:
        return ("The corvus runtime refuses a file with a key that its version does not know.",)
    return ("A runtime newer than this version of corvus may know it.",)


def _lost_keys(value: object) -> tuple[str, ...]:
    """Name the keys inside that limit something in a table of ours, and nothing here."""
    keys = dict.fromkeys(key for part in _tables(value) for key in part)
    lost = {key: _homes(key) for key in keys}
    return tuple(
        f"`{key}` is a key of [{tables[0]}]: here corvus does not read it."
        for key, tables in lost.items()
        if len(tables) == 1
    )[:1]
