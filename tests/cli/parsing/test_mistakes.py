"""Every mistake of a command line is said in one style, whoever parses it (CLI-8)."""

from __future__ import annotations

import subprocess
import sys

import pytest

from corvus.cli.exits import Exit
from corvus.cli.main import main
from tests.cli.places import Place


@pytest.mark.parametrize(
    ("words", "said", "usage"),
    [
        ("chekc", "no command 'chekc' of corvus; did you mean 'check'?", "corvus [OPTIONS]"),
        ("cost rest", "no command 'rest' of corvus cost; did you mean 'reset'?", "corvus cost"),
        ("zzz", "no command 'zzz' of corvus; `corvus --help` lists them", "corvus [OPTIONS]"),
        (
            "cost summary --sesion x",
            "unexpected argument '--sesion'; did you mean '--session'?",
            "corvus cost summary [OPTIONS]",
        ),
        (
            "code --dayly 5 -- claude",
            "unexpected argument '--dayly'; did you mean '--daily'?",
            "corvus code [OPTIONS]",
        ),
        (
            "check --stict",
            "unexpected argument '--stict'; did you mean '--strict'?",
            "corvus check",
        ),
        ("lsp --stido", "unexpected argument '--stido'; did you mean '--stdio'?", "corvus lsp"),
        (
            "explain unknow-key",
            "no code 'unknow-key'; did you mean 'unknown-key'?",
            "corvus explain",
        ),
        ("token create", "missing argument 'NAME'", "corvus token create [OPTIONS] NAME"),
        ("agent", "missing argument 'COMMAND...'", "corvus agent [OPTIONS] COMMAND..."),
        ("cost summary one two", "unexpected argument 'one'", "corvus cost summary [OPTIONS]"),
        (
            "usage export --format xlsx",
            "invalid value 'xlsx' for '--format'; it takes csv, jsonl, parquet, focus",
            "corvus usage export [OPTIONS]",
        ),
        (
            "cost history --period weak",
            "invalid value 'weak' for '--period'; did you mean 'week'?",
            "corvus cost history [OPTIONS]",
        ),
        ("cost reset --scope", "'--scope' needs a value", "corvus cost reset [OPTIONS]"),
        ("config unset", "missing argument 'KEY'", "corvus config unset [OPTIONS]"),
        ("gateway --port 99999", "invalid value for '--port'", "corvus gateway [OPTIONS]"),
    ],
)
def test_a_mistake_says_what_was_meant_and_how_it_goes(
    words: str, said: str, usage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words.split()) == Exit.USAGE
    captured = capsys.readouterr()
    assert captured.out == ""
    first, second = captured.err.splitlines()
    assert first.startswith(f"error: {said}")
    assert second.startswith(f"usage: {usage}")


def test_a_reset_of_no_budget_is_refused_before_anybody_is_asked(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.spend(10)
    words = ["cost", "reset", *place.where]
    assert main([*words, "--scope", "nope"]) == Exit.USAGE
    assert "nope" in capsys.readouterr().err
    assert main([*words, "--scope", "day"]) == Exit.USAGE
    assert "pass --yes in a script" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["report", "list"], ["explain"], ["-h"]])
def test_a_reader_that_leaves_is_told_from_a_finding(words: list[str]) -> None:
    """`corvus ... | head` ends with 141, which is no finding."""
    command = [sys.executable, "-m", "corvus", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(30) == 141
