"""The order of the layers, stated here and nowhere else (CFG-5)."""

from __future__ import annotations

from enum import StrEnum


class Layer(StrEnum):
    """The kinds of layers, lowest first; a later one decides over those before it."""

    DEFAULT = "default"
    FILE = "file"
    ENVIRONMENT = "env"
    COMMAND_LINE = "set"
