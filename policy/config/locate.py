"""Where a config is looked for when the user names none, and when one is named (CFG-6)."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Located:
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
) -> Located:
    """Find the config: files named, ``corvus.toml``, ``$CORVUS_CONFIG``, the user's own, defaults.

    Args:
        named: Files the user named; taken as they are, so that a missing one becomes an error.
        environment: ``CORVUS_CONFIG``, ``XDG_CONFIG_HOME`` and ``HOME`` are read from it.
        directory: Where ``./corvus.toml`` is looked for; the working directory by default.
    """
    if named:
        return Located(tuple(named), ", ".join(str(path) for path in named))
    places = tuple(_places(environment, directory or Path()))
    explicit = environment.get("CORVUS_CONFIG")
    for index, place in enumerate(places):
        # CORVUS_CONFIG was set by the user: a missing file is an error, not a reason to go on.
        # NOTE: os.path answers False where Path raises, as below a folder one may not enter.
        if os.path.isfile(place) or (explicit and place == Path(explicit)):
            return Located((place,), str(place), places[: index + 1])
    tried = ", ".join(str(place) for place in places)
    return Located((), f"defaults (no {tried})", places)


def _places(environment: Mapping[str, str], directory: Path) -> list[Path]:
    places = [directory / "corvus.toml"]
    explicit = environment.get("CORVUS_CONFIG")
    if explicit:
        places.append(Path(explicit))
    base = environment.get("XDG_CONFIG_HOME")
    home = environment.get("HOME")
    if base:
        places.append(Path(base) / "corvus" / "config.toml")
    elif home:
        places.append(Path(home) / ".config" / "corvus" / "config.toml")
    return places
