"""Writes cases as the text of a test file."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from corvus.config.toml.values import written
from corvus.planning.scenarios.recording import RecordedCase


def text_of(cases: Iterable[RecordedCase]) -> str:
    """Return cases as TOML, an empty line between two of them; each key on a line of its own."""
    return "\n".join("".join(f"{line}\n" for line in _lines(case)) for case in cases)


def _lines(case: RecordedCase) -> list[str]:
    lines = [f"# {case.remark}"] if case.remark else []
    lines.append("[[case]]")
    return [*lines, *(f"{key} = {_value(value)}" for key, value in case.body.items())]


def _value(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"
    return written(value)
