"""Which files are tests of a policy: those that say so by their name."""

from __future__ import annotations

import os

SUFFIX = ".test.toml"
FOLDER = "policy-tests"
"""A folder whose TOML files are tests, but for the config itself."""
_CONFIG = "corvus.toml"


def is_test_file(name: str) -> bool:
    """Return whether a file holds cases of a policy test, by its name or that of its folder."""
    folder, base = os.path.split(name)
    if base.endswith(SUFFIX):
        return True
    return base.endswith(".toml") and base != _CONFIG and _is_in(folder)


def _is_in(folder: str) -> bool:
    return os.path.basename(os.path.abspath(folder)) == FOLDER
