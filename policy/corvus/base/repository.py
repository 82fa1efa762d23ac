"""Where the repository of a folder begins.

NOTE: it asks ``os.path`` and not ``Path``, whose questions raise where the answer is no.
"""

from __future__ import annotations

import os

MARK = ".git"
"""A folder; a file in a worktree and in a submodule. Whatever it is, it marks the root."""


def repository_of(folder: str) -> str | None:
    """Return the nearest folder at or above one that is the root of a repository.

    Args:
        folder: Absolute, without links.
    """
    while True:
        if os.path.lexists(os.path.join(folder, MARK)):
            return folder
        above = os.path.dirname(folder)
        if above == folder:
            return None
        folder = above
