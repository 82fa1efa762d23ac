from __future__ import annotations

import json
from pathlib import Path

import pytest

from corvus.usage.importers.lines import last_line, mended, numbered_lines, pick


def write(tmp_path: Path, content: bytes) -> Path:
    path = tmp_path / "log.jsonl"
    path.write_bytes(content)
    return path


def test_blank_lines_are_passed_over_but_counted(tmp_path: Path) -> None:
    path = write(tmp_path, b"\n a \r\n\t\n\nb")
    assert list(numbered_lines(path)) == [(2, b"a"), (5, b"b")]


def test_lines_are_picked_by_position_among_those_not_blank(tmp_path: Path) -> None:
    path = write(tmp_path, b"a\n\nb\nc\n\nd\n")
    assert list(pick(path, [2, 4])) == [(2, 3, b"b"), (4, 6, b"d")]


@pytest.mark.parametrize(
    "content",
    [
        b"a",
        b"a\n",
        b"a\nb",
        b"a\nb\n",
        b"\n\na\n \nbb  \r\n\r\n  \n\n",
        b"first\n" + b"x" * 3_000_000,
        b"first\n" + b"x" * 3_000_000 + b"\n\n",
        b"x" * 900_000 + b"\n" + b"y" * 900_000 + b"\n" + b"z" * 900_000 + b"\n",
        b"\n" * 2_500_000,
        b"a\n" + b"\n" * 2_500_000,
        b"",
    ],
)
def test_the_last_line_is_the_last_of_all_lines(tmp_path: Path, content: bytes) -> None:
    path = write(tmp_path, content)
    assert last_line(path) == ([(0, None), *numbered_lines(path)])[-1]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (None, "longer than 16 MiB"),
        (b'{"a": "\xff"}', "not UTF-8 at byte 8 of the line"),
        (b'{"a": "cut', "ends in the middle of a JSON value"),
        (b'{"a": 1', "ends in the middle of a JSON value"),
        (b'{"a" 1}', "not JSON: Expecting ':' delimiter at column 6"),
        (b'{"a": NaN}', "not JSON: NaN is no JSON number"),
        (b"3", "not a JSON object"),
        (b"[" * 100_000, "not JSON"),
    ],
)
def test_a_line_that_cannot_be_mended_has_a_reason(line: bytes | None, reason: str) -> None:
    text, said = mended(line)
    assert text == b""
    assert said.startswith(reason)


def test_half_a_surrogate_pair_and_a_byte_order_mark_are_mended() -> None:
    text, reason = mended(b'\xef\xbb\xbf{"a": "\\ud83d", "n": 12345678901234567890}')
    assert reason == ""
    assert json.loads(text) == {"a": "?", "n": 12345678901234567890}
