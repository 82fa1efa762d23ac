"""Paths as reports write them: from one folder on, with slashes, and as URIs where asked for."""

from __future__ import annotations

import os
from typing import NamedTuple
from urllib.parse import quote

from corvus.diagnostics.outcome import Outcome


class Place(NamedTuple):
    """Where a file is: a path, and whether it starts at the root of the reports."""

    path: str
    is_below_root: bool

    @property
    def uri(self) -> str:
        """A relative reference below the root, else an absolute ``file:`` URI (RFC 3986)."""
        encoded = quote(_bytes(self.path), safe="/")
        return encoded if self.is_below_root else f"file://{encoded}"


def place_of(file: str, outcome: Outcome) -> Place:
    """Return the place of a file that the user named.

    Paths are compared as text: no link is followed and nothing has to exist.
    """
    absolute = os.path.normpath(os.path.join(outcome.folder, file))
    root = outcome.root.rstrip("/") + "/"
    if not absolute.startswith(root):
        return Place(absolute.replace(os.sep, "/"), is_below_root=False)
    return Place(absolute[len(root) :].replace(os.sep, "/"), is_below_root=True)


def _bytes(path: str) -> bytes:
    """Return the bytes that name a file; what no file system gave us is encoded all the same."""
    try:
        return path.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return path.encode("utf-8", "surrogatepass")
