"""Which files are tests of a policy: those that say so by their name."""

from __future__ import annotations

import os

SUFFIX = ".test.toml"
FOLDER = "policy-tests"
"""A folder whose TOML files are all tests."""


def is_test_file(name: str) -> bool:
    """Return whether a file holds cases of a policy test, by its name or that of its folder."""
    folder, base = os.path.split(name)
    return base.endswith(SUFFIX) or (base.endswith(".toml") and _is_in(folder))


def _is_in(folder: str) -> bool:
    return os.path.basename(os.path.abspath(folder)) == FOLDER
