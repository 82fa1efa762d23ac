"""The pictures are small, and the terminal in one of them says what a terminal says today."""

from __future__ import annotations

from html import unescape
from pathlib import Path

from tests.clients.upstream import Upstream
from tests.docs.pictures import IMAGES, drawn, refusal
from tests.docs.reader import Reader

BYTES_MAX = 200_000


def test_no_picture_is_large() -> None:
    assert {one.name for one in IMAGES.iterdir() if one.stat().st_size > BYTES_MAX} == set()


def test_the_refusal_is_what_a_terminal_says_but_for_the_day(tmp_path: Path) -> None:
    with Upstream().running() as upstream:
        now = drawn(refusal(Reader(tmp_path, upstream), upstream))
    kept = (IMAGES / "refusal.svg").read_text()
    assert unescape(kept).partition("resets at")[0] == unescape(now).partition("resets at")[0]
