"""Which keys a file may have besides the governed ones (CFG-2), read from a data file.

A host section is never looked into. ``auto`` decides by the path and by the host keys present, in
the order of ``detect``, and keeps the evidence, so that every surface can say what a file was
checked as. Where nothing tells two hosts apart the answer is ``UNDECIDED``, never a guess.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import cache, lru_cache

from corvus.base.record import Record
from corvus.config.model.quick import compiled, read_data
from corvus.config.toml.values import Route, Table, as_items, is_table, shown, value_at

GOVERNED = ("cost", "autonomy", "mission", "governance")
"""The tables that the settings model owns."""
OWN_NAME = "corvus.toml"
"""What the config of corvus itself is called by convention."""


class Dialect(StrEnum):
    """A set of keys that a file may have."""

    NATIVE = "native"
    CORVUS = "corvus"
    ZEROCLAW = "zeroclaw"
    UNDECIDED = "corvus|zeroclaw"
    """A file of one of the two runtimes, and nothing says of which. No value of ``--dialect``."""

    @property
    def is_host(self) -> bool:
        """Whether a host runtime owns the file."""
        return self is not Dialect.NATIVE

    @property
    def hosts(self) -> tuple[Dialect, ...]:
        """The runtimes whose file it may be; none for ``NATIVE``."""
        if self is Dialect.UNDECIDED:
            return HOSTS
        return (self,) if self.is_host else ()

    @property
    def words(self) -> str:
        """Its name in a sentence, such as ``corvus or zeroclaw``."""
        return " or ".join(self.value.split("|"))


HOSTS = (Dialect.CORVUS, Dialect.ZEROCLAW)
"""The host runtimes."""
DIALECTS = (Dialect.NATIVE, *HOSTS)
"""What a user may pin, each with a schema of its own."""


class Detection(Record):
    """What a file was checked as.

    Attributes:
        evidence: What decided it: keys in file order, such as ``[storage]``, or a part of the
            path, such as ``.zeroclaw/ in the path``, or the pattern of the settings that names
            it; empty when the command line does, and when it is undecided.
        pinned: Whether the user named the dialect.
    """

    dialect: Dialect
    evidence: tuple[str, ...] = ()
    pinned: bool = False


@cache
def _hosts() -> dict[str, dict[str, frozenset[str]]]:
    """Read the data file: dialect to group (``top_level``, or a governed table) to keys."""
    loaded = read_data("dialects.json")
    return {
        dialect: {
            group: frozenset(str(key) for key in as_items(keys)) for group, keys in groups.items()
        }
        for dialect, groups in loaded.items()
    }


@cache
def host_keys(dialect: Dialect, table: str = "top_level") -> frozenset[str]:
    """Return the keys host runtimes add to a governed table, or to the top level.

    Args:
        dialect: A runtime; of an undecided file, the keys that either has.
        table: A governed table.
    """
    found: set[str] = set()
    for host in dialect.hosts:
        found |= _hosts()[host.value].get(table, frozenset())
    return frozenset(found.difference(GOVERNED))


def required_keys(dialect: Dialect) -> frozenset[str]:
    """Return the top-level keys without which the runtime of a dialect refuses a file."""
    if len(dialect.hosts) != 1:
        return frozenset()
    return _hosts()[dialect.value].get("required", frozenset())


def is_runtime_only(key: str) -> bool:
    """Return whether the corvus runtime sets a key itself and refuses a file that has it."""
    return key in _hosts()["corvus"]["runtime_only"]


def detect(data: Mapping[str, object], wanted: str = "auto", file: str = "") -> Detection:
    """Decide the dialect of a document by the first of these that says something.

    1. ``wanted``, where it is no ``auto``.
    2. The path: a file in a folder ``.zeroclaw``, ``zeroclaw`` or ``.corvus``, the nearest first.
    3. Without a host key at the top level, or with more keys that only corvus.toml may have:
       native, unless ``zeroclaw`` is a word of the name or of the folder and nothing is ours. So
       is a file called ``corvus.toml`` in which a single key belongs to a host, and is not one
       that a runtime requires: a slip of its author sooner than a runtime's file.
    4. Keys of one runtime alone, also inside governed tables. ``[mission]`` is none, although
       zeroclaw has not got it: whoever governs such a file with corvus may add it.
    5. ``zeroclaw`` as a word of the name; the path that ``config_path`` or ``workspace_dir`` holds.
    6. Those two keys, which the corvus runtime alone knows, and refuses in a file. They come this
       late because files of zeroclaw have them, too: it passes over what it does not know.
    7. Undecided.

    Args:
        data: The parsed document.
        wanted: A dialect, or ``auto``.
        file: Where the document is or would be, absolute or from the working directory; empty, or
            in angle brackets, when nobody knows.
    """
    if wanted != "auto":
        return Detection(Dialect(wanted), pinned=True)
    return _by_path(file) or _as_native(data, file) or _by_keys(data, file)


_FOLDERS = {
    ".zeroclaw": Dialect.ZEROCLAW,
    "zeroclaw": Dialect.ZEROCLAW,
    ".corvus": Dialect.CORVUS,
}
"""Folders in which a runtime keeps its own config, or its repository."""
_WORD = Dialect.ZEROCLAW.value
"""A word that names its runtime in any file name; ``corvus`` is also the name of this program."""


def _by_path(file: str) -> Detection | None:
    """Decide by the folders of a file, as it is named and as it is after every link."""
    if not file or file.startswith("<"):
        return None
    folder, name = os.path.split(file)
    if name.casefold().split(".")[0] == _WORD:
        return Detection(Dialect.ZEROCLAW, (f"the name {name}",))
    found = None
    try:
        if name != OWN_NAME:
            found = _whose(folder, "" if os.path.isabs(folder) else os.getcwd())
        if found is None and os.path.islink(file):
            target, name = os.path.split(os.path.realpath(file))
            found = _deciding(target) if name != OWN_NAME else None
    except (OSError, ValueError):  # the working directory is gone, or a name has a NUL
        found = _deciding(folder)
    return Detection(_FOLDERS[found], (f"{found}/ in the path",)) if found else None


@lru_cache(maxsize=64)
def _whose(folder: str, working: str) -> str | None:
    """Return what decides about a folder as it is named, else as it is after every link.

    It is the same for all files of a folder, and they are many.
    """
    named = os.path.normpath(os.path.join(working, folder))
    return _deciding(named) or _deciding(os.path.realpath(named))


def _deciding(folder: str) -> str | None:
    """Return the nearest part of a folder that says whose files are in it."""
    parts = reversed(folder.casefold().split(os.sep))
    return next((part for part in parts if part in _FOLDERS), None)


def _is_own(file: str) -> bool:
    return os.path.basename(file) == OWN_NAME


def _as_native(data: Mapping[str, object], file: str) -> Detection | None:
    """Decide that no host owns a file: for lack of its keys, or because ours outweigh them."""
    keys = host_keys(Dialect.UNDECIDED)
    found = [key for key in data if key in keys]
    native = native_only({**data})
    if not found:
        named = None if native or _is_own(file) else _by_word(file)
        return named or Detection(Dialect.NATIVE)
    if len(native) > len(found):
        return Detection(Dialect.NATIVE, tuple(map(shown, native)))
    is_slip = len(found) == 1 and found[0] not in required_keys(Dialect.CORVUS)
    if _is_own(file) and is_slip and not any(_inner_host_keys(data)):
        return Detection(Dialect.NATIVE, (f"the name {OWN_NAME}",))
    return None


def _by_word(file: str) -> Detection | None:
    """Decide by the word in the name of a file without any other evidence, or of its folder."""
    folder, name = os.path.split(file)
    for part, shown_as in ((name, f"the name {name}"), (os.path.basename(folder), "")):
        if _WORD in _words(part):
            return Detection(Dialect.ZEROCLAW, (shown_as or f"{part}/ in the path",))
    return None


def _by_names(data: Mapping[str, object], file: str) -> Detection | None:
    """Decide by the name of a file with host keys, and by the place that it states itself."""
    name = os.path.basename(file)
    if _WORD in _words(name):
        return Detection(Dialect.ZEROCLAW, (f"the name {name}",))
    for key in sorted(_hosts()["corvus"]["runtime_only"]):
        stated = data.get(key)
        parts = stated.casefold().split("/") if isinstance(stated, str) else ()
        for part in reversed(parts):
            if part in _FOLDERS or _WORD in _words(part):
                host = _FOLDERS.get(part, Dialect.ZEROCLAW)
                return Detection(host, (f"{part}/ in {key}",))
    return None


def _words(name: str) -> list[str]:
    """Split a name into its words, as in ``zeroclaw-config.toml``."""
    return "".join(char if char.isalnum() else " " for char in name.casefold()).split()


def _by_keys(data: Mapping[str, object], file: str) -> Detection:
    """Decide by keys that one runtime alone has, in the order of the file, else by names."""
    corvus, zeroclaw = host_keys(Dialect.CORVUS), host_keys(Dialect.ZEROCLAW)
    own = [key for key in data if key in corvus - zeroclaw]
    other = [key for key in data if key in zeroclaw - corvus and not is_runtime_only(key)]
    inner = [shown(route) for route in _inner_host_keys(data)]
    if len(other) + len(inner) > len(own):
        return Detection(Dialect.ZEROCLAW, (*(_word(key, data) for key in other), *inner))
    refused = [key for key in data if is_runtime_only(key)]
    if len(own) > len(other) + len(inner):
        decisive = (key for key in data if key in own or key in refused)
        return Detection(Dialect.CORVUS, tuple(_word(key, data) for key in decisive))
    if named := _by_names(data, file):
        return named
    if refused and not own:
        return Detection(Dialect.CORVUS, tuple(_word(key, data) for key in refused))
    return Detection(Dialect.UNDECIDED)


def _word(key: str, data: Mapping[str, object]) -> str:
    return f"[{key}]" if is_section(data[key]) else key


def is_section(value: object) -> bool:
    """Return whether a value is a table or an array of tables."""
    return is_table(value) or any(is_table(item) for item in as_items(value))


def _inner_host_keys(data: Mapping[str, object]) -> Iterator[Route]:
    for name in GOVERNED:
        table = data.get(name)
        if is_table(table):
            yield from ((name, key) for key in table if key in host_keys(Dialect.ZEROCLAW, name))


@cache
def native_only_keys() -> tuple[Route, ...]:
    """Return what only corvus.toml may have; ``*`` stands for any model.

    The corvus runtime refuses a file with one of these, and of a price it knows ``input`` and
    ``output`` alone.
    """
    routes = (tuple(route) for route in compiled()["native_only"])
    return tuple(sorted(routes, key=len))


def native_only(data: Table) -> list[Route]:
    """Return the routes in a runtime's file that only corvus.toml may have."""
    found: list[Route] = []
    of_prices: set[str | int] = set()
    for route in native_only_keys():
        holder = data if len(route) == 1 else data.get(str(route[0]))
        if "*" in route:
            of_prices.add(route[-1])
        elif is_table(holder) and route[-1] in holder:
            found.append(route)
    prices = value_at(data, ("cost", "prices"))
    for model, price in prices.items() if is_table(prices) else ():
        if is_table(price):
            found += [("cost", "prices", model, key) for key in price if key in of_prices]
    return found
