"""Replaces in an answer what must differ between two runs, and nothing else.

Ids, secrets and ports become numbered marks, in the order of their first appearance in an answer,
so that which of them are the same, and their order, still counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
"""When everything happens: each command a second after the one before in its place."""

_ID = re.compile(r"\b([0-9a-f]{8})-?([0-9a-f]{4})-?7[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}\b")
_NEAR_MS = 30 * 86_400_000
_NOON_MS = int(NOON.timestamp()) * 1000
_NUMBERED = (
    ("token", re.compile(r"\bcv[a-z]{1,4}_[A-Za-z0-9_-]{20,}")),
    ("csrf", re.compile(r'(?<=name="csrf" value=")[A-Za-z0-9_-]{20,}')),
    ("hash", re.compile(r'(?<!sha256[:= ])(?<!sha256": ")\b[0-9a-f]{64}\b')),
    ("keyed", re.compile(r'(?:(?<="session": ")|(?<=unlisted:))[0-9a-f]{16}\b')),
    ("cookie", re.compile(r"(?<=corvus_visit=)[A-Za-z0-9_-]{20,}")),
)
_REPLACED = (
    (re.compile(r"(newest (?:\x1b\[\d+m)*)[0-9a-f]{16}\b"), r"\1<hash>"),
    (re.compile(r"\b\d{16} \d{16} \d+ [0-9a-f-]{36}"), "<witness>"),
    (re.compile(r"(?<=\r\x1b\[2K).*"), "<progress>"),
    (re.compile(r"(?m)^[0-9TZ.:-]+Z (?=[A-Z]+ )"), "<time> "),
    (re.compile(r"(/static/[\w.]+\?)[0-9a-f]{12}"), r"\1<content>"),
    (re.compile(r"(?<=127\.0\.0\.1:)\d{4,5}\b"), "<port>"),
    (re.compile(r"(?<=localhost:)\d{4,5}\b"), "<port>"),
    (re.compile(r'(?<="time": ")[0-9TZ.:-]+(?=")'), "<time>"),
    (re.compile(r'(?<="run": ")[0-9a-f]{8}(?=")'), "<run>"),
    (re.compile(r"(?mi)^date: .*$"), "date: <date>"),
    (re.compile(r"\b\d+(\.\d+)? ?(ms|seconds)(?= *$)", re.MULTILINE), "<duration>"),
)


def normalise(text: str) -> str:
    """Return an answer with marks for what must differ."""
    text = _ID.sub(_numbered("id", _is_made_here), text)
    for kind, pattern in _NUMBERED:
        text = pattern.sub(_numbered(kind), text)
    for pattern, mark in _REPLACED:
        text = pattern.sub(mark, text)
    return text


def _numbered(
    kind: str, applies: Callable[[re.Match[str]], bool] = lambda _: True
) -> Callable[[re.Match[str]], str]:
    """Return a replacement that gives each different text a number of its own."""
    marks: dict[str, str] = {}

    def replace(match: re.Match[str]) -> str:
        if not applies(match):
            return match[0]
        return marks.setdefault(match[0], f"<{kind}-{len(marks) + 1}>")

    return replace


def _is_made_here(match: re.Match[str]) -> bool:
    """Return whether a UUIDv7 is of the time of the recording: those of inputs are older."""
    instant_ms = int(match[1] + match[2], 16)
    return instant_ms == 0 or abs(instant_ms - _NOON_MS) < _NEAR_MS
