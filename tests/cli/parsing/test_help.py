"""Help says what its texts say, every word of them (CLI-8)."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command

from corvus.cli.app import application
from corvus.cli.main import main
from corvus.config.layers.environment import OTHER_USES
from corvus.version import __version__

Capture = pytest.CaptureFixture[str]
OWN_HELP = {"check", "migrate", "explain", "lsp"}
"""Their own parsers write it, without markup."""


def tree(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        if not inner.hidden and name not in OWN_HELP:
            yield from tree(inner, (*path, name))


COMMANDS = dict(tree(get_command(application())))


def flat(text: str) -> str:
    """Return the words of a text, without what a frame or a line break adds."""
    return " ".join(re.sub("[│╭╮╰╯─]", " ", text).split())


def shown(path: tuple[str, ...], capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("COLUMNS", "1000")
    monkeypatch.setenv("TERMINAL_WIDTH", "1000")
    assert main([*path, "--help"]) == 0
    return flat(capsys.readouterr().out)


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_no_word_of_a_text_is_swallowed(
    path: tuple[str, ...], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stands in brackets, such as `[cost.prices]`, was taken for a style."""
    command = COMMANDS[path]
    printed = shown(path, capsys, monkeypatch)
    texts = [paragraph for paragraph in inspect.cleandoc(command.help or "").split("\n\n")]
    texts += [one.help for one in command.params if getattr(one, "help", None)]
    assert texts
    for text in texts:
        assert flat(text) in printed


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_no_option_is_shown_with_a_type_of_python(
    path: tuple[str, ...], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    printed = shown(path, capsys, monkeypatch)
    assert not re.search(r"<\w|list\[|\bPath\b", printed)
    assert "--help -h Show this message" in printed


def test_the_list_has_its_commands_in_parts(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    assert main(["--help"]) == 0
    parts = re.findall(r"^╭─ (\w+) ─", capsys.readouterr().out, re.MULTILINE)
    assert parts == ["Options", "Config", "Spend", "Run", "Serve"]


@pytest.mark.parametrize("words", [["--version"], ["-V"], ["version"]], ids=" ".join)
def test_the_version_is_found_in_each_usual_way(words: list[str], capsys: Capture) -> None:
    assert main(words) == 0
    assert capsys.readouterr().out == f"corvus {__version__}\n"


@pytest.mark.parametrize("path", [[], ["check"], ["cost"], ["config", "set"]], ids=" ".join)
def test_help_is_a_command_too(path: list[str], capsys: Capture) -> None:
    assert main([*path, "--help"]) == 0
    expected = capsys.readouterr().out
    assert main(["help", *path]) == 0
    assert capsys.readouterr().out == expected


def test_a_variable_that_an_option_reads_is_no_mistake_in_the_config() -> None:
    """A config is refused where a variable of ours sets nothing."""
    read = {
        str(option.envvar)
        for command in COMMANDS.values()
        for option in command.params
        if option.envvar
    }
    assert {"CORVUS_BRANCH", "CORVUS_SESSION_ID"} <= read
    assert {name for name in read if name.startswith("CORVUS_")} <= OTHER_USES.keys()
