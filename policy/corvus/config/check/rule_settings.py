"""The settings of the checker: ``[governance.check]`` of the nearest ``corvus.toml`` (CFG-13).

Nearest is the first ``corvus.toml`` upwards, to the root of the repository, that has the table:
one without it, such as the budgets of one team, hides no other. Tables are not merged. A file that
has the table itself follows its own.

A severity is for warnings and notes, and for what raises them to errors of a check. What is an
error by itself makes the file unusable for every other command; it stays an error, so that a check
never passes what loading refuses. And a warning that was raised fails the check alone.
"""

from __future__ import annotations

import os

from corvus.base.record import Record
from corvus.base.regular import read_regular
from corvus.base.repository import MARK
from corvus.config.model.dialects import DIALECTS
from corvus.config.toml.values import Route, Table, as_items, is_table, value_at
from corvus.diagnostics.codes import LEVELS, OFF, Severity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from corvus.diagnostics.model import Diagnostic

NAME = "corvus.toml"
TABLE: Route = ("governance", "check")
_WORDS = (b"governance", b"check")
"""A file without one of these words has no such table."""
_NOTHING: Mapping[str, str] = {}


class RuleSettings(Record):
    """What one table says of the files below its folder.

    Attributes:
        file: The file with the table; empty when there is none.
        folder: Where its patterns start, absolute.
        severity: Level by code; only levels that there are.
        exclude: Patterns of files and folders that a search leaves out.
        dialect: Dialect by pattern.
    """

    file: str = ""
    folder: str = "/"
    severity: Mapping[str, str] = _NOTHING
    exclude: tuple[str, ...] = ()
    dialect: Mapping[str, str] = _NOTHING

    def dialect_of(self, path: str) -> tuple[str, str] | None:
        """Return the dialect that the table names for a file, and the pattern that did."""
        if not self.dialect:
            return None
        from corvus.config.check.patterns import Patterns

        absolute = os.path.join(absolute_folder(path), os.path.basename(path))
        for pattern, dialect in reversed([*self.dialect.items()]):
            if Patterns((pattern,), self.folder).matches(absolute, is_folder=False):
                return dialect, pattern
        return None


def absolute_folder(path: str) -> str:
    """Return the real path of the folder that holds a file; the root where there can be none."""
    try:
        return os.path.realpath(os.path.dirname(path) or os.curdir)
    except (OSError, ValueError):  # the working directory was removed, or a NUL in the name
        return os.sep


class SettingsFinder:
    """Finds the settings of folders; each file is read once."""

    def __init__(self) -> None:
        self._found: dict[str, RuleSettings] = {}
        self._folders: dict[str, str] = {}

    def of_file(self, path: str) -> RuleSettings:
        """Return the settings of a file, the same for all of its folder."""
        folder = os.path.dirname(path)
        if folder not in self._folders:
            self._folders[folder] = absolute_folder(path)
        return self.of_folder(self._folders[folder])

    def of_folder(self, folder: str) -> RuleSettings:
        """Return the settings of a folder.

        Args:
            folder: Absolute, without links.
        """
        passed: list[str] = []
        here, found = folder, self._found.get(folder)
        while found is None:
            passed.append(here)
            found = _own_settings(here) or (RuleSettings() if _is_top(here) else None)
            here = os.path.dirname(here)
            found = found or self._found.get(here)
        self._found.update(dict.fromkeys(passed, found))
        return found

    def files(self) -> list[str]:
        """Return the files whose settings count so far, each once; some may be broken."""
        files = (settings.file for settings in self._found.values() if settings.file)
        return [*dict.fromkeys(files)]


def _own_settings(folder: str) -> RuleSettings | None:
    place = os.path.join(folder, NAME)
    return _read(place) if _is_trusted(place) else None


def _is_top(folder: str) -> bool:
    """Return whether the search upwards ends here: a repository, the user's home, the root."""
    is_end = folder in {os.path.dirname(folder), os.environ.get("HOME")}
    return is_end or os.path.lexists(os.path.join(folder, MARK))


def settings_of(data: Mapping[str, object], file: str) -> RuleSettings | None:
    """Return the settings that a parsed file holds; ``None`` when it has no such table."""
    table = value_at({**data}, TABLE)
    if table is None:
        return None
    place = os.path.join(absolute_folder(file), os.path.basename(file))
    return _settings(table, place)


def _read(place: str) -> RuleSettings | None:
    """Read a ``corvus.toml``; ``None`` when it is not there or has no such table."""
    try:
        raw = read_regular(place)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except (OSError, ValueError):
        return RuleSettings(place, os.path.dirname(place))
    if raw is None or not all(word in raw for word in _WORDS):
        return None
    from corvus.config.toml.document import read_document

    document, _ = read_document(raw, place)
    if document is None:
        return RuleSettings(place, os.path.dirname(place))
    table = value_at(document.data, TABLE)
    return _settings(table, place) if table is not None else None


def _settings(table: object, place: str) -> RuleSettings:
    """Return what a table says as far as it makes sense; the rest is for a check to report."""
    folder = os.path.dirname(place)
    if not is_table(table):
        return RuleSettings(place, folder)
    severity, dialect = _strings(table, "severity"), _strings(table, "dialect")
    return RuleSettings(
        place,
        folder,
        {code: level for code, level in severity.items() if level in LEVELS},
        tuple(item for item in as_items(table.get("exclude")) if isinstance(item, str)),
        {pattern: name for pattern, name in dialect.items() if name in DIALECTS},
    )


def _strings(table: Table, key: str) -> dict[str, str]:
    inner = table.get(key)
    pairs = inner.items() if is_table(inner) else ()
    return {name: value for name, value in pairs if isinstance(value, str)}


def _is_trusted(place: str) -> bool:
    """Return whether a file belongs to the user, to root, or to who owns its repository's folder.

    Anybody may leave a file in ``/tmp``: it must not decide what others see.
    """
    if not hasattr(os, "getuid"):
        return True
    try:
        owner = os.lstat(place).st_uid
        return owner in {os.getuid(), 0, os.stat(os.curdir).st_uid}
    except (OSError, ValueError):
        return False


def refusal(code: str, level: str) -> str | None:
    """Return why the findings of a code cannot have a severity, in words; ``None`` if they can."""
    from corvus.config.check.codes import CODES
    from corvus.config.check.suggest import closest

    if code not in CODES:
        near = closest(code, CODES)
        hint = f"did you mean `{near}`?" if near else "`corvus explain` lists every code"
        return f"there is no code `{code}`; {hint}"
    if level not in LEVELS:
        return f"a severity is one of {', '.join(LEVELS)}, not `{level}`"
    if level != Severity.ERROR and CODES[code].severity is Severity.ERROR:
        return f"`{code}` stays an error: no other command could use the file"
    return None


def regraded(
    diagnostics: Iterable[Diagnostic], severity: Mapping[str, str]
) -> tuple[Diagnostic, ...]:
    """Give findings the severities that were chosen, and leave out those that are off.

    What is an error by itself stays one.
    """
    from dataclasses import replace

    kept: list[Diagnostic] = []
    for diagnostic in diagnostics:
        level = severity.get(diagnostic.code)
        if level is None or diagnostic.is_error:
            kept.append(diagnostic)
        elif level != OFF:
            kept.append(replace(diagnostic, severity=Severity(level)))
    return tuple(kept)
