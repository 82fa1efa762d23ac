"""Mistakes of a command line are one sentence and one line of usage (CLI-8)."""

from __future__ import annotations

import pytest

from corvus.cli.main import main

Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["check", "--stict"], "unexpected argument '--stict'; did you mean '--strict'?"),
        (["check", "--zzz=1", "a.toml"], "unexpected argument '--zzz'"),
        (["check", "--format", "jsn"], "invalid value 'jsn' for '--format'; did you mean 'json'?"),
        (
            ["check", "--color", "x"],
            "invalid value 'x' for '--color'; it takes auto, always",
        ),
        (["check", "--format"], "'--format' needs a value"),
        (["check", "--strict=1"], "'--strict': ignored explicit argument '1'"),
        (["check", "--\x1b"], "unexpected argument '--\\x1b'"),
        (["migrate", "--dif"], "unexpected argument '--dif'; did you mean '--diff'?"),
        (["migrate", "--dialect", "zeroclaws"], "invalid value 'zeroclaws' for '--dialect'; did"),
    ],
)
def test_a_mistake_is_one_line_and_the_usage(
    arguments: list[str], message: str, capsys: Capture
) -> None:
    assert main(arguments) == 2
    printed, said = capsys.readouterr()
    assert printed == ""
    first, usage = said.splitlines()
    assert first.startswith(f"error: {message}")
    assert usage == f"usage: corvus {arguments[0]} [OPTIONS] [PATH ...]"


def test_options_may_stand_between_paths(capsys: Capture) -> None:
    assert main(["check", "absent.toml", "--quiet", "gone.toml"]) == 2
    assert capsys.readouterr().out.count("error[file-missing]") == 2
