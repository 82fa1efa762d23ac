"""Hides a key pasted where the name of its variable belongs, and a password before an ``@``.

The renderer hides the values of keys that sound secret. ``api_key_env`` does not: it names a
variable. A value that is no such name is most likely the key itself, and the excerpt of that very
mistake would show it.
"""

from __future__ import annotations

import re

_PASTED = re.compile(
    r"""(?P<head>(?<![\w-])[\w-]+?_env["']?[ \t]*=[ \t]*(?P<quote>["']))"""
    r"""(?![A-Za-z_][A-Za-z0-9_]*+(?P=quote))(?P<value>[^"'\r\n]*)"""
)
_BEHIND_SCHEME = re.compile(r"""(?<=://)[^\s"']++""")
"""The rest of a URL, as a whole: so no character is looked at twice."""
_PASSWORD = re.compile(r"""(?<=:)(?!//)[^\s/:@"']+(?=@)""")


def masked(text: str) -> str:
    """Return the text with such values replaced by ``*``; no line or column moves."""
    text = _PASTED.sub(lambda found: found["head"] + "*" * len(found["value"]), text)
    text = _BEHIND_SCHEME.sub(_without_credentials, text)
    return _PASSWORD.sub(lambda found: "*" * len(found.group()), text)


def _without_credentials(found: re.Match[str]) -> str:
    """Hide what stands before the last ``@``: a password that was not escaped may hold a slash."""
    end = found.group().rfind("@")
    return "*" * end + found.group()[end:] if end > 0 else found.group()
