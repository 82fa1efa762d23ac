"""What in a document may be a secret, judged by names and shapes alone.

A secret may never reach a terminal or a CI log because a diagnostic quoted its line. The guess errs
on the safe
side: a text beside a secret-looking name is hidden, a number or boolean never is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

MASK: Final = "***"

_SECRET: Final = re.compile(
    r"api[_-]?key|token|secret|passw|passphrase|authorization|bearer|credential|cookie"
    r"|[_-]keys?\Z|private[_-]?key",
    re.IGNORECASE,
)
_COUNT: Final = re.compile(
    r"max|min|limit|count|input|output|context|prompt|completion|cache|total|num|per|reserve",
    re.IGNORECASE,
)
_NAME_OF: Final = re.compile(r"[_-](?:env|path|file|kind|type)\Z", re.IGNORECASE)

_PART: Final = r"[\w-]++"
_SETTING: Final = re.compile(
    rf"(?<![\w.\"'-])[\"']?(?P<key>{_PART}(?:[\"']?\.[\"']?{_PART})*+)[\"']?"
    r"(?:[ \t]*+[=:]|(?<=\w)[ \t]++(?![ \t=:#\]}),.]))[ \t]*+"
)
_STARTS_SETTING: Final = re.compile(
    rf"[ \t]*+[\"']?{_PART}(?:[\"']?\.[\"']?{_PART})*+[\"']?[ \t]*+="
)
_HARMLESS: Final = re.compile(r"(?:[+-]?[0-9][0-9_.:eETZx+-]*|true|false)?[ \t\r]*(?:[,\]}#\n]|\Z)")
_STRING: Final = re.compile(
    r'"""(?:[^"\\]++|\\[\s\S]|"{1,2}(?!"))*+(?:"{3,5}|\\?+\Z)'
    r"|'''(?:[^']++|'{1,2}(?!'))*+(?:'{3,5}|\Z)"
    r'|"(?:[^"\\\n]++|\\[^\n])*+\\?+"?+'
    r"|'[^'\n]*+'?+"
)
_INSIDE: Final = re.compile(rf"(?:[^\"'#\[\]{{}}\n]++|#[^\n]*+|{_STRING.pattern})*+")
_JUNK: Final = re.compile(r"[^\s,\]}#]*+")
_REST: Final = re.compile(r"[^\n]*+")
_SHAPES: Final = re.compile(
    r"(?<=://)[^\s/@\"']{1,512}(?=@)"
    r"|(?<![\w-])(?:sk-|gh[opsu]_|github_pat_|glpat-|xox[abeprs]-|AKIA|AIza|eyJ)[\w.-]{12,}+"
)


def looks_secret(key: str) -> bool:
    """Tell whether a key is named like one that holds a secret.

    ``max_tokens`` counts tokens and ``api_key_env`` names a variable: neither is a secret.
    """
    match = _SECRET.search(key)
    if match is None or _NAME_OF.search(key):
        return False
    return not (match.group().lower() == "token" and _COUNT.search(key))


def any_secret(path: Iterable[str | int]) -> bool:
    """Tell whether any part of a route of keys looks secret."""
    return any(isinstance(part, str) and looks_secret(part) for part in path)


def secret_ranges(text: str) -> list[tuple[int, int]]:
    """Return where a document may hold secrets.

    Args:
        text: A whole document, valid TOML or not.

    Returns:
        Half-open ranges of offsets, in order, without overlap.
    """
    found = [match.span() for match in _SHAPES.finditer(text)]
    pos = 0
    while match := _SETTING.search(text, pos):
        pos = match.end()
        if _SECRET.search(match["key"]) and any_secret(re.split(r"[.\"']+", match["key"])):
            end = _end_of_secret(text, pos)
            if end > pos:
                found.append((pos, end))
            pos = max(pos, end)
    return _joined(sorted(found))


def _end_of_secret(text: str, start: int) -> int:
    if _HARMLESS.match(text, start):
        return start
    string = _STRING.match(text, start)
    if string:
        rest = _JUNK.match(text, string.end())  # what follows a stray quote belongs to the secret
        return rest.end() if rest else string.end()
    if text[start] in "[{":
        return _end_of_bracket(text, start)
    rest = _REST.match(text, start)
    return rest.end() if rest else start


def _end_of_bracket(text: str, start: int) -> int:
    """Return where a bracket closes, or else where the next setting starts."""
    depth, pos = 0, start
    while pos < len(text):
        inside = _INSIDE.match(text, pos)
        pos = inside.end() if inside else pos
        char = text[pos : pos + 1]
        pos += 1
        depth += (char in {"[", "{"}) - (char in {"]", "}"})
        if depth == 0:
            return pos
        if char == "\n" and _STARTS_SETTING.match(text, pos):
            return pos - 1
    return len(text)


def _joined(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in ranges:
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined
