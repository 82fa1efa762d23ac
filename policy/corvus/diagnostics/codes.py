"""The registry of every diagnostic code (DIA-4).

A code that is not here cannot be explained, so ``lookup`` refuses it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from corvus.diagnostics import codes_config, codes_document, codes_ignore, codes_layers
from corvus.diagnostics.code_info import CodeInfo

__all__ = ["CODES", "CodeInfo", "lookup"]

CODES: Final[Mapping[str, CodeInfo]] = MappingProxyType(
    {
        info.code: info
        for module in (codes_document, codes_config, codes_layers, codes_ignore)
        for info in module.CODES
    }
)
"""Every entry by its code: documents, settings, layers above the files, comments that ignore."""


def lookup(code: str) -> CodeInfo:
    """Return the entry of a code.

    Raises:
        KeyError: The code is not registered: a mistake of ours, never of a user.
    """
    return CODES[code]
