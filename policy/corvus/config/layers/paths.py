"""Paths that settings state, from where they count."""

from __future__ import annotations

import os
from pathlib import Path

from corvus.config.check.documents import LoadedConfig
from corvus.config.toml.values import Route


def stated_path(loaded: LoadedConfig, route: Route, path: str | None) -> Path | None:
    """Return the path that a setting states, ``None`` where it states none.

    A relative path starts at the folder of the file that states it, wherever a command is run; one
    of the environment or the command line starts at the working directory.

    Args:
        loaded: The layers in force.
        route: The setting.
        path: Its value.
    """
    if not path:
        return None
    stating = (document for document in reversed(loaded.documents) if document.has(route))
    return next((document.folder for document in stating), Path()) / os.path.expanduser(path)
