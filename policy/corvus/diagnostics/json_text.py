"""JSON that is the same bytes on every machine and harmless on a terminal.

Everything beyond printable ASCII is an escape, so no locale can spoil it and no control character
gets through. Half a surrogate pair, which a file name that is not UTF-8 may hold, is no Unicode
text: strict readers refuse its escape, so it becomes ``U+FFFD``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final, cast

_LONE: Final = re.compile("[\ud800-\udfff]")


def json_text(value: object) -> str:
    """Return an indented document without a final newline."""
    return json.dumps(_well_formed(value), indent=2)


def json_line(value: object) -> str:
    """Return a document on one line, without a newline."""
    return json.dumps(_well_formed(value), separators=(",", ":"))


def _well_formed(value: object) -> object:
    if isinstance(value, str):
        return _LONE.sub("\ufffd", value)
    if isinstance(value, Mapping):
        table = cast("Mapping[str, object]", value)
        return {_LONE.sub("\ufffd", key): _well_formed(inner) for key, inner in table.items()}
    if isinstance(value, list | tuple):
        return [_well_formed(inner) for inner in cast("list[object]", value)]
    return value
