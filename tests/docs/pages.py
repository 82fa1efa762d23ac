"""The pages that people read: their blocks of code, and the marks that say how each is tested.

A mark is a comment of one line, which no reader sees: right above a block it is about that block,
above the first heading of a page about all of its blocks of a language.

    <!-- exit 1 -->                  its commands end with 1, because there is something to find
    <!-- file corvus.toml -->        it is what the reader puts into that file
    <!-- not ours -->                config of another program: it must parse, no more
    <!-- warns long-wait -->         a config with such findings, as the text says
    <!-- forms -->                   with words in capitals: options must exist, nothing is run
    <!-- drawing -->                 printed by nothing
    <!-- sh: tests/test_x.py -->     of a page: that test runs every block of this language
    <!-- start demo -->              of a page: what the reader has done before
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    *sorted(path for path in (ROOT / "docs").rglob("*.md") if path.parent.name != "rules"),
    *sorted((ROOT / "examples").glob("*/README.md")),
]
"""All that have examples; those of rules are made from the table of codes, and tested with it."""

_FENCE = re.compile(
    r"^(?:<!-- (?P<mark>[^\n]*?) -->\n)?(?P<indent> *)```(?P<language>\w+)\n(?P<text>.*?)^ *```$",
    re.DOTALL | re.MULTILINE,
)
_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)


class Block(NamedTuple):
    """A fenced block: its language, its text without the fence, its line, and its mark."""

    language: str
    text: str
    line: int
    mark: str


class Page(NamedTuple):
    """A page, as its reader gets it."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @property
    def is_of_an_example(self) -> bool:
        """Whether its reader works in a copy of the folder that it is in."""
        return self.path.parent.parent.name == "examples"

    @property
    def prose(self) -> str:
        """The text without its blocks."""
        return _FENCE.sub("", self.text)

    @property
    def marks(self) -> list[str]:
        """Those of the page, which stand above its first heading."""
        return re.findall(r"^<!-- (.*?) -->$", self.text.partition("# ")[0], re.MULTILINE)

    @property
    def tested_elsewhere(self) -> dict[str, str]:
        """The languages whose blocks another test runs, each with that test."""
        return dict(mark.split(": ") for mark in self.marks if ": " in mark)

    def blocks(self) -> Iterator[Block]:
        for found in _FENCE.finditer(self.text):
            line = self.text.count("\n", 0, found.start("text")) + 1
            yield Block(found["language"], found["text"], line, found["mark"] or "")

    def spans(self) -> Iterator[str]:
        """The words that stand as code in the prose."""
        for _, span in _SPAN.findall(self.prose):
            yield " ".join(span.split())
