"""Whoever types what a page shows sees what it shows: commands, outputs, configs, programs."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from corvus.config.check.cases.file_names import is_test_file
from corvus.config.check.check import check_text
from tests.clients.upstream import Upstream
from tests.docs.forms import mistake_in
from tests.docs.pages import PAGES, ROOT, Block, Page
from tests.docs.reader import Ended, Reader, commands

PARSED_ELSEWHERE = {
    "lua": "an editor's language",
    "js": "an editor's language",
    "rust": "an editor's language",
    "groovy": "Jenkins' language",
    "yaml": "a pipeline of a CI service",
}
"""Languages of other programs, which nothing here can run."""


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream().running() as running:
        yield running


@pytest.fixture
def reader(
    tmp_path: Path, upstream: Upstream, capfd: pytest.CaptureFixture[str]
) -> Iterator[Reader]:
    reader = Reader(tmp_path, upstream, capfd)
    yield reader
    reader.close()


@pytest.mark.parametrize("path", PAGES, ids=[Page(path).name for path in PAGES])
def test_a_page_does_what_it_says(path: Path, reader: Reader) -> None:
    page = Page(path)
    following = Following(reader)
    if page.is_of_an_example:
        reader.copy(path.parent)
    for mark in page.marks:
        if mark.startswith("start "):
            reader.start(mark.removeprefix("start "))
    blocks = list(page.blocks())
    if page.name == "README.md":
        blocks = blocks[2:]  # .ci/run types them in a fresh clone
    for block in blocks:
        if block.language in page.tested_elsewhere or block.language in PARSED_ELSEWHERE:
            continue
        try:
            following.follow(block)
        except AssertionError as wrong:
            raise AssertionError(f"{page.name}:{block.line}: {wrong}") from None


@pytest.mark.parametrize("path", PAGES, ids=[Page(path).name for path in PAGES])
def test_what_is_tested_elsewhere_is_tested_there(path: Path) -> None:
    page = Page(path)
    languages = {block.language for block in page.blocks()}
    for language, test in page.tested_elsewhere.items():
        assert language in languages, language
        assert page.path.name in (ROOT / test).read_text(encoding="utf-8"), test


class Following:
    """Goes through the blocks of a page; what a ``text`` shows was printed since the last one.

    Attributes:
        commands: How many were run so far.
    """

    def __init__(self, reader: Reader) -> None:
        self.commands = 0
        self._reader = reader
        self._printed = ""
        self._is_of_program = False

    def follow(self, block: Block) -> None:
        """Do what a block says, and see what it says.

        Raises:
            AssertionError: It is not so.
        """
        if block.mark == "drawing":
            return
        if block.mark == "forms":
            assert {mistake_in(command) for command in commands(block.text)} == {""}
            return
        kinds: dict[str, Callable[[Block], None]] = {
            "sh": self._run,
            "console": self._watch,
            "text": self._compare,
            "python": self._run_program,
            "toml": self._config,
            "json": self._parse,
            "sql": self._ask,
        }
        kinds[block.language](block)

    def _run(self, block: Block) -> None:
        for command in commands(block.text):
            self._printed += self._ended_well(self._reader.run(command), block, command)

    def _watch(self, block: Block) -> None:
        for command, shown in sessions(block.text):
            seen(shown, self._ended_well(self._reader.run(command), block, command))

    def _compare(self, block: Block) -> None:
        seen(block.text, self._printed)
        if self._is_of_program:
            assert exactly(block.text, self._printed), f"it prints more:\n{self._printed}"
        self._printed, self._is_of_program = "", False

    def _run_program(self, block: Block) -> None:
        ended = self._reader.run_program(block.text)
        self._printed = self._ended_well(ended, block, block.text)
        self._is_of_program = True

    def _parse(self, block: Block) -> None:
        json.loads(block.text)

    def _ask(self, block: Block) -> None:
        with duckdb.connect() as connection:
            connection.execute(self._reader.played(block.text))

    def _ended_well(self, ended: Ended, block: Block, what: str) -> str:
        self.commands += 1
        expected = int(block.mark.removeprefix("exit ")) if block.mark.startswith("exit") else 0
        assert ended.code == expected, f"{what}\nended with {ended.code}:\n{ended.printed}"
        return ended.printed

    def _config(self, block: Block) -> None:
        if block.mark == "not ours":
            tomllib.loads(block.text)
            return
        name = block.mark.removeprefix("file ") if block.mark.startswith("file ") else ""
        if name:
            (self._reader.folder / name).write_text(block.text)
        shown = name if is_test_file(name) else "corvus.toml"
        found = check_text(block.text.encode(), shown).diagnostics
        accepted = block.mark.removeprefix("warns ").split(", ")
        assert {one.code for one in found} <= {*accepted}, found


def sessions(text: str) -> Iterator[tuple[str, str]]:
    """Split what a terminal shows into each command, and what is printed before the next."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        (command, *more), rest = [*commands(part.split("\n")[0])], part.partition("\n")[2]
        assert not more, command
        yield command, rest


def exactly(shown: str, printed: str) -> bool:
    """Return whether nothing else was printed than what is shown, but for what dots stand for."""
    parts = re.split(r"\.\.\.|…", shown.strip())
    return bool(re.fullmatch(".*".join(map(re.escape, parts)), printed.strip(), re.DOTALL))


def seen(shown: str, printed: str) -> None:
    """See that each part between dots was printed, in this order.

    Raises:
        AssertionError: One was not.
    """
    rest = "\n".join(line.rstrip() for line in printed.splitlines())
    for part in re.split(r"\.\.\.|…", "\n".join(line.rstrip() for line in shown.splitlines())):
        if lines := part.strip("\n"):
            before, found, rest = rest.partition(lines)
            assert found, f"shown, but not printed:\n{lines}\nprinted:\n{before}"
