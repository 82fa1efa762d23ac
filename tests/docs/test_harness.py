"""The harness sees what is wrong: what it cannot fail on, it does not test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.upstream import Upstream
from tests.docs.forms import mistake_in
from tests.docs.pages import Block, Page
from tests.docs.reader import Reader, commands
from tests.docs.test_pages import Following, exactly, seen


@pytest.fixture
def following(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Iterator[Following]:
    with Upstream().running() as upstream:
        yield Following(Reader(tmp_path, upstream, capfd))


@pytest.mark.parametrize(
    ("language", "text", "mark"),
    [
        ("sh", "corvus check missing.toml", ""),
        ("sh", "corvus --version", "exit 1"),
        ("sh", "false | cat; false", ""),
        ("sh", "pip install 'corvus-policy[gatway]'", ""),
        ("sh", "corvus chek ID", "forms"),
        ("sh", "corvus approve ID --denny", "forms"),
        ("console", "$ corvus --version\ncorvus 0.0.0", ""),
        ("text", "nothing has printed this", ""),
        ("python", "import corvus.no_such_module", ""),
        ("python", "def test_it():\n    assert False", ""),
        ("toml", "[cost]\ndaly_limit_usd = 5", ""),
        ("toml", "[cost]\ndaly_limit_usd = 5", "warns long-wait"),
        ("toml", "[cost", "not ours"),
        ("json", "{", ""),
        ("sql", "SELECT", ""),
        ("cobol", "DISPLAY 'hello'", ""),
    ],
)
def test_what_is_wrong_is_seen(following: Following, language: str, text: str, mark: str) -> None:
    with pytest.raises(Exception):  # noqa: B017, PT011 - each language fails in its own way
        following.follow(Block(language, text, 1, mark))


@pytest.mark.parametrize("shown", ["a\nc", "b\na", "a...c\na", "A"])
def test_other_lines_or_another_order_are_seen(shown: str) -> None:
    with pytest.raises(AssertionError):
        seen(shown, "a\nb\nc\n")


def test_a_program_prints_nothing_else_than_is_shown() -> None:
    assert exactly("a\n...\nc", "a\nb\nc\n")
    assert not exactly("a", "a\nb\n")


def test_dots_stand_for_what_differs_from_day_to_day() -> None:
    seen("a\n...\nc", "a\nb\nc\n")
    seen("spent ... of $5", "spent $0.12 of $5.00\n")


def test_marks_and_blocks_are_found(tmp_path: Path) -> None:
    page = Page(tmp_path / "page.md")
    page.path.write_text("<!-- start demo -->\n# A\n\n`b`\n\n<!-- exit 1 -->\n```sh\nfalse\n```\n")
    assert page.marks == ["start demo"]
    assert [*page.blocks()] == [Block("sh", "false\n", 8, "exit 1")]
    assert [*page.spans()] == ["b"]


def test_a_command_may_be_on_several_lines() -> None:
    text = 'corvus sql "SELECT 1\nFROM t" # it is so\ncorvus check \\\n  a.toml\n\n# no command\n'
    assert [*commands(text)] == [
        'corvus sql "SELECT 1\nFROM t" # it is so',
        "corvus check   a.toml",
        "# no command",
    ]


def test_commands_are_held_against_the_parsers() -> None:
    assert mistake_in("corvus report by-model --since 7d") == ""
    assert mistake_in("corvus code --daily 5 -- claude --continue") == ""
    assert "--sinc" in mistake_in("corvus report by-model --sinc 7d")
    assert mistake_in("corvus reports list") != ""
