"""Hides a key that was pasted where the name of its variable belongs.

The renderer hides the values of keys that sound secret. ``api_key_env`` does not: it names a
variable. A value that is no such name is most likely the key itself, and the excerpt of that very
mistake would show it.
"""

from __future__ import annotations

import re

_PASTED = re.compile(
    r"""(?P<head>[\w-]+_env["']?[ \t]*=[ \t]*(?P<quote>["']))"""
    r"""(?![A-Za-z_][A-Za-z0-9_]*+(?P=quote))(?P<value>[^"'\r\n]*)"""
)


def masked(text: str) -> str:
    """Return the text with such values replaced by ``*``; no line or column moves."""
    return _PASTED.sub(lambda found: found["head"] + "*" * len(found["value"]), text)
