"""Hides what may be a secret in a source excerpt, without moving a single column.

A diagnostic may point at any line of a stranger's file, also one that holds a key or a password.
"""

from __future__ import annotations

import re

_SECRET = re.compile(
    r"""(?ix)
    (?: key | token | secret | passw | credential | auth )  # a key whose name says what it holds
    [\w-]* ["']? \s* = \s* (?P<quote> \"\"\" | ''' | " | ' ) (?P<value> .*? ) (?P=quote)
    """,
    re.DOTALL,
)
_LOGIN = re.compile(r"(?<=://)[^\s/@\"']+(?=@)")


def masked(text: str) -> str:
    """Return the text with secret-looking strings replaced by ``*``, line ends and length kept."""

    def hide(found: re.Match[str]) -> str:
        start, end = found.start("value") - found.start(), found.end("value") - found.start()
        whole = found.group()
        return whole[:start] + re.sub(r"[^\r\n]", "*", whole[start:end]) + whole[end:]

    return _LOGIN.sub(lambda found: "*" * len(found.group()), _SECRET.sub(hide, text))
