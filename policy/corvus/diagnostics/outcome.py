"""What one run of a check found, as every report needs it.

The renderers of reports know this and nothing of settings, the command line or the file system, so
that each can be tested on made-up findings.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import quote

from corvus.diagnostics.codes import CodeInfo
from corvus.diagnostics.model import Diagnostic


class Input(NamedTuple):
    """One file that was looked at.

    Attributes:
        file: The file as the user named it, as in ``Diagnostic.file``.
        text: Its text, secrets and all, for excerpts that hide them; ``None`` when it could not be
            read.
        checked_as: The dialect; ``None`` when it could not be parsed.
        evidence: The keys that decided the dialect.
        deprecated_fields: Dotted paths of the deprecated keys in use.
        diagnostics: By place.
        ignored: How many findings a comment in it ignores.
    """

    file: str
    text: str | None = None
    checked_as: str | None = None
    evidence: tuple[str, ...] = ()
    deprecated_fields: tuple[str, ...] = ()
    diagnostics: tuple[Diagnostic, ...] = ()
    ignored: int = 0


class Outcome(NamedTuple):
    """A whole run.

    Attributes:
        inputs: In the order of the output.
        unmatched: Diagnostics of arguments that name no file; their ``file`` is the argument.
        failing: The severities that make the run fail, as words; none with ``--fail-on never``.
        exit_code: What the process will exit with.
        summary: What was checked and as what, one sentence a line.
        root: Absolute folder that paths in reports start from.
        folder: Absolute folder that relative paths of ``inputs`` start from.
        codes: What there is to know of each code that was found.
    """

    inputs: tuple[Input, ...]
    unmatched: tuple[Diagnostic, ...] = ()
    failing: tuple[str, ...] = ("error",)
    exit_code: int = 0
    summary: tuple[str, ...] = ()
    root: str = "/"
    folder: str = "/"
    codes: Mapping[str, CodeInfo] = MappingProxyType({})

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """All findings in the order of the output."""
        return (
            *self.unmatched,
            *(diagnostic for file in self.inputs for diagnostic in file.diagnostics),
        )

    @property
    def unread(self) -> tuple[Diagnostic, ...]:
        """The findings that say an input could not be read, so that nothing is known of it."""
        missing = (file for file in self.inputs if file.text is None)
        return (
            *self.unmatched,
            *(diagnostic for file in missing for diagnostic in file.diagnostics),
        )


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
