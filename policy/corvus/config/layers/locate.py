"""Where a config is looked for when the user names none, and when one is named (CFG-6).

NOTE: it asks ``os.path`` and not ``Path``, whose questions raise where the answer is no: below a
folder one may not enter, in a directory that was removed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from corvus.diagnostics.model import ConfigError

NAME = "corvus.toml"
"""What the config of a repository is called."""

_REPOSITORY = ".git"
"""A folder; a file in a worktree and in a submodule. Whatever it is, it marks the root."""


@dataclass(frozen=True, slots=True)
class Location:
    """The files to read.

    Attributes:
        paths: Lowest layer first; empty when defaults apply.
        shown: Where the config comes from, in words for a person.
        looked_at: The places that were tried in order; empty when the user named files.
    """

    paths: tuple[Path, ...]
    shown: str
    looked_at: tuple[Path, ...] = ()


def locate(
    named: Sequence[Path] = (), *, environment: Mapping[str, str], directory: Path | None = None
) -> Location:
    """Find the config: files named, ``corvus.toml``, ``$CORVUS_CONFIG``, the user's own, defaults.

    ``corvus.toml`` is looked for in the working directory and upwards to the root of its
    repository; outside of one, to the user's home or the root of the file system.

    Args:
        named: Files the user named; taken as they are, so that a missing one becomes an error.
        environment: ``CORVUS_CONFIG``, ``XDG_CONFIG_HOME`` and ``HOME`` are read from it.
        directory: Where the search begins; the working directory by default.

    Raises:
        ConfigError: A config above the working directory belongs to a stranger.
    """
    if named:
        return Location(tuple(named), ", ".join(str(path) for path in named))
    start = directory or Path()
    tried: list[Path] = []
    for place in _upwards(start, environment.get("HOME")):
        tried.append(place)
        if _is_there(place):
            if len(tried) > 1:
                _require_trusted(place, start)
            return Location((place,), str(place), tuple(tried))
    explicit = environment.get("CORVUS_CONFIG")
    if explicit:
        # It was set by the user: a missing file is an error, not a reason to go on.
        place = Path(explicit)
        return Location((place,), str(place), (*tried, place))
    own = _own_place(environment)
    if own is not None and _is_there(own):
        return Location((own,), str(own), (*tried, own))
    above = f" here or above, up to {tried[-1].parent}" if len(tried) > 1 else ""
    rest = f", and no {own}" if own is not None else ""
    places = (*tried, own) if own is not None else tuple(tried)
    return Location((), f"defaults (no {tried[0]}{above}{rest})", places)


def _upwards(start: Path, home: str | None) -> Iterator[Path]:
    """Yield where the config of the working directory may be, nearest first.

    The working directory itself is named as the caller names it, its parents by their real paths: a
    symbolic link to a folder of a repository leads to that repository.
    """
    yield start / NAME
    try:
        folder = Path(os.path.realpath(start))
    except OSError:  # the working directory was removed
        return
    top = os.path.realpath(home) if home else None
    for here in (folder, *folder.parents):
        if here != folder:
            yield here / NAME
        if os.path.lexists(here / _REPOSITORY) or str(here) == top:
            return


def _is_there(place: Path) -> bool:
    """Return whether a config is meant to be there, although it may be impossible to read.

    A link to nowhere counts, and so does what is in a folder that may not be searched: passing over
    it would loosen budgets without a word.
    """
    try:
        os.lstat(place)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError):
        return True
    return not os.path.isdir(place)


def _require_trusted(place: Path, start: Path) -> None:
    """Refuse a file that another user left above the working directory, such as in ``/tmp``.

    It would decide who gets the user's keys. Trusted are the user, root, and whoever owns the
    working directory, as in a container that mounts somebody's repository.

    Raises:
        ConfigError: It belongs to somebody else.
    """
    if not hasattr(os, "getuid"):
        return
    try:
        owner = os.lstat(place).st_uid
        trusted = {os.getuid(), 0, os.stat(start).st_uid}
    except OSError as fault:
        raise ConfigError(f"cannot use {place}: {fault.strerror or fault}") from fault
    if owner not in trusted:
        raise ConfigError(
            f"{place} is the config of this folder by its place, but another user owns it: name it "
            "with --config if you trust it, or put a corvus.toml of your own here"
        )


def _own_place(environment: Mapping[str, str]) -> Path | None:
    """Return where the user's own config is, for all folders."""
    base, home = environment.get("XDG_CONFIG_HOME"), environment.get("HOME")
    if base:
        return Path(base) / "corvus" / "config.toml"
    return Path(home) / ".config" / "corvus" / "config.toml" if home else None
