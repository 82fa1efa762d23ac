"""Writes cases as the text of a test file."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from corvus.config.toml.values import written
from corvus.planning.scenarios.recording import Body, RecordedCase

_ORDER = ("name", "at", "given", "call", "expect")


def text_of(cases: Iterable[RecordedCase]) -> str:
    """Return recorded cases as TOML, each with its remark."""
    return text_of_bodies((case.body, case.remark) for case in cases)


def text_of_bodies(cases: Iterable[tuple[Body, str]]) -> str:
    """Return cases as TOML, an empty line between two of them; each key on a line of its own.

    Args:
        cases: The tables, each with what there is to know about it, or an empty text.
    """
    return "\n".join("".join(f"{line}\n" for line in _lines(*case)) for case in cases)


def _lines(body: Body, remark: str) -> list[str]:
    lines = [f"# {remark}"] if remark else []
    lines.append("[[case]]")
    return [*lines, *(f"{key} = {_value(body[key])}" for key in _ORDER if key in body)]


def _value(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"
    return written(value)
