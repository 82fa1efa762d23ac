"""What in a document may be a secret, judged by names and shapes alone, and how it is hidden.

A secret may never reach a terminal or a CI log because a diagnostic quoted it. The guess errs on
the safe side: a text next to a secret-looking name is hidden, a number or boolean never is.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

MASK: Final = "***"
_LINES_BELOW: Final = 3

_SECRET: Final = re.compile(
    r"api[ _-]?key|token|secret|passw|passphrase|authorization|bearer|credential|cookie|keys?\Z"
    r"|private[ _-]?key|mnemonic|seed[ _-]?phrase|webhook|dsn\Z|connection[ _-]?string"
    r"|(?:\A|[ _-])(?:pass|pwd|pin|auth|seed|salt|jwt)(?:\Z|[ _-])",
    re.IGNORECASE,
)
_COUNT: Final = re.compile(
    r"max|min|limit|count|input|output|context|prompt|completion|cache|total|num|per|reserve|above",
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
_NUMBER: Final = r"(?:[+-]?[0-9][0-9_.:eETZx+-]*|true|false)"
_HARMLESS: Final = re.compile(rf"{_NUMBER}?[ \t\r]*(?:[,\]}}#\n]|\Z)")
_WHOLE_NUMBER: Final = re.compile(rf"{_NUMBER}[ \t\r]*(?:[,\]}}#\n]|\Z)")
_STRING: Final = re.compile(
    r'"""(?:[^"\\]++|\\[\s\S]|"{1,2}(?!"))*+(?:"{3,5}|\\?+\Z)'
    r"|'''(?:[^']++|'{1,2}(?!'))*+(?:'{3,5}|\Z)"
    r'|"(?:[^"\\\n]++|\\[^\n])*+\\?+"?+'
    r"|'[^'\n]*+'?+"
)
_INSIDE: Final = re.compile(rf"(?:[^\"'#\[\]{{}}\n]++|#[^\n]*+|{_STRING.pattern})*+")
_JUNK: Final = re.compile(r"[^\s,\]}#]*+")
_REST: Final = re.compile(r"[^\n]*+")
_PREFIXES: Final = (
    r"sk[-_]|cvk_|rk_|pk_live_|gh[oprsu]_|github_pat_|glpat-|xox[abeprs]-|xapp-|AKIA|ASIA|AIza|eyJ|hf_"
    r"|gsk_|xai-|pplx-|npm_|pypi-|ya29\.|whsec_|dop_v1_|SG\.|AGE-SECRET-KEY-"
)
_WEBHOOKS: Final = (
    "hooks.slack.com/",
    "discord.com/api/webhooks/",
    "discordapp.com/api/webhooks/",
    "webhook.office.com/",
    "logic.azure.com/",
    "logic.azure.com:443/",
    "chat.googleapis.com/",
    "hooks.zapier.com/",
    "maker.ifttt.com/",
    "api.telegram.org/",
)
"""Services whose webhooks let in whoever knows the path."""
_SHAPES: Final = re.compile(
    # A password in a URL, which may hold a slash or an @ behind its colon.
    r"(?<=://)(?:[^\s/@:\"']{0,256}:[^\s\"']{1,512}|[^\s/@\"']{1,512})(?=@)"
    rf"|(?:{'|'.join(f'(?<={re.escape(host)})' for host in _WEBHOOKS)})[^\s\"']++"
    rf"|(?<![\w-])(?:{_PREFIXES})[\w./+=-]{{10,}}+"
    r"|(?<![\w-])[0-9]{8,10}:[\w-]{30,}+"
    r"|(?i:(?<=bearer )|(?<=basic ))[\w./+=-]{8,}+"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[^\"']*+"
)
_PASTED: Final = re.compile(
    # A key pasted where the name of its variable belongs.
    r"""(?<![\w-])[\w-]++(?<=_env)["']?+[ \t]*+=[ \t]*+(?P<quote>["'])"""
    r"""(?![A-Za-z_][A-Za-z0-9_]*+(?P=quote))(?P<value>[^"'\r\n]*)"""
)
_LOOSE: Final = re.compile(
    rf"(?<![\w-])(?P<key>[\w-]++)[\s.\"']{{0,8}}+=[ \t]*+(?!{_NUMBER}[ \t\r]*(?:[,\]}}#\n]|\Z))"
)
_ASSIGNED: Final = re.compile(r"(?P<key>[\w-]++)[\"']?+[ \t]*+[=:][ \t]*+(?P<value>[^\s,;]++)")
_STATEMENT: Final = re.compile(
    r"[ \t\r]*+(?:\Z|[#\[\n]|[^\s#=\"']++(?:[ \t]++[^\s#=]++)?+[ \t]*+=)"
)

_WORD: Final = re.compile(r"[^\s`\"']{8,}")
_QUOTING: Final = " \t\r\n\"'"


def looks_secret(key: str) -> bool:
    """Return whether a key is named like one that holds a secret.

    ``max_tokens`` counts tokens and ``api_key_env`` names a variable: neither is a secret.
    """
    match = _SECRET.search(key)
    if match is None or _NAME_OF.search(key):
        return False
    return not (match.group().lower() == "token" and _COUNT.search(key))


def any_secret(path: Iterable[str | int]) -> bool:
    """Return whether any part of a route of keys looks secret."""
    return any(isinstance(part, str) and looks_secret(part) for part in path)


def secret_ranges(text: str) -> list[tuple[int, int]]:
    """Return where a document may hold secrets.

    Args:
        text: A whole document, valid TOML or not.

    Returns:
        Half-open ranges of offsets, in order, without overlap.
    """
    found = [match.span() for match in _SHAPES.finditer(text)]
    found += [match.span("value") for match in _PASTED.finditer(text)]
    pos = 0
    while match := _SETTING.search(text, pos):
        pos = match.end()
        if _SECRET.search(match["key"]) and any_secret(re.split(r"[.\"']+", match["key"])):
            end = _end_of_secret(text, pos)
            if end > pos:
                found.append((pos, end))
            pos = max(pos, end)
    found = joined(sorted(found))
    return joined(sorted([*found, *_beside_broken_keys(text, found)]))


def _beside_broken_keys(text: str, found: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield the rest of each line whose key is broken, so that it was not seen as a setting."""
    known = [start for start, _ in found]
    end = 0
    for match in _LOOSE.finditer(text):
        start = match.end()
        place = bisect_right(known, start) - 1
        is_known = start < end or (place >= 0 and found[place][1] >= start)
        if is_known or not looks_secret(match["key"]):
            continue
        newline = text.find("\n", start)
        end = len(text) if newline < 0 else newline
        if end > start:
            yield start, end


def hidden(text: str) -> str:
    """Return a document with ``*`` for each character of what may be a secret; lines stay."""
    for start, end in secret_ranges(text):
        stars = "".join(char if char == "\n" else "*" for char in text[start:end])
        text = text[:start] + stars + text[end:]
    return text


def looks_like_secret(text: str) -> bool:
    """Return whether a text has the shape of a secret, whatever its name is."""
    return _SHAPES.search(text) is not None


def is_number(text: str, start: int) -> bool:
    """Return whether a number, date or boolean stands at an offset: none of them is a secret."""
    return _WHOLE_NUMBER.match(text, start) is not None


def scrub(text: str) -> str:
    """Return a sentence of a person with ``***`` for each secret in it.

    Shapes of keys and passwords are hidden, and what is assigned to a name like that of a secret;
    plain words such as "needs more tokens" stay.
    """
    hidden = _SHAPES.sub(MASK, text)
    return _ASSIGNED.sub(
        lambda found: (
            found[0].replace(found["value"], MASK) if looks_secret(found["key"]) else found[0]
        ),
        hidden,
    )


def _end_of_secret(text: str, start: int) -> int:
    harmless = _HARMLESS.match(text, start)
    if harmless:
        return _end_of_next_line(text, start) if text[start : start + 1] in "\r\n" else start
    string = _STRING.match(text, start)
    if string:
        rest = _JUNK.match(text, string.end())  # what follows a stray quote belongs to the secret
        return rest.end() if rest else string.end()
    if text[start] in "[{":
        return _end_of_bracket(text, start)
    rest = _REST.match(text, start)
    return rest.end() if rest else start


def _end_of_next_line(text: str, start: int) -> int:
    """Return the end of a value that was put below its key; ``start`` without one."""
    end = start
    for _ in range(_LINES_BELOW):
        below = text.find("\n", end) + 1
        if not below or _STATEMENT.match(text, below):
            break
        rest = _REST.match(text, below)
        end = rest.end() if rest else end
    return end


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


def joined(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return sorted ranges with those that overlap or touch made one."""
    whole: list[tuple[int, int]] = []
    for start, end in ranges:
        if whole and start <= whole[-1][1]:
            whole[-1] = (whole[-1][0], max(end, whole[-1][1]))
        else:
            whole.append((start, end))
    return whole


@lru_cache(maxsize=2)
def secrets_of(text: str) -> Secrets:
    """Return what a document hides; several findings ask for that of one text.

    Args:
        text: The document without byte order mark.
    """
    return Secrets(text)


class Secrets:
    """What a document hides.

    Args:
        text: The document without byte order mark.
    """

    def __init__(self, text: str) -> None:
        self._ranges = secret_ranges(text)
        pieces = (text[start:end].strip(_QUOTING) for start, end in self._ranges)
        self._whole = frozenset(pieces) - {""}
        self._joined = "\n".join(self._whole)

    def overlap(self, start: int, end: int) -> bool:
        """Return whether a secret stands between two offsets, or part of it does."""
        place = bisect_left(self._ranges, (end, 0)) - 1
        return place >= 0 and self._ranges[place][1] > start

    def hides(self, piece: str, shortest: int) -> bool:
        """Return whether a piece of the document holds a secret, or is cut from one.

        Args:
            piece: A key, a value, or a part of one.
            shortest: Fewest characters of a part of a secret that gives it away.
        """
        bare = piece.strip(_QUOTING)
        if bare in self._whole or secret_ranges(bare):
            return True
        if len(bare) >= shortest and bare in self._joined:
            return True
        return any(word in self._whole for word in _WORD.findall(bare))
