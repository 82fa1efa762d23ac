"""The list of commands says of each what the command says of itself, without importing any."""

from __future__ import annotations

import subprocess
import sys

import typer
from typer.main import get_command

from corvus.cli.app import COMMANDS, application


def _lines(app: typer.Typer) -> dict[str, str]:
    commands = getattr(get_command(app), "commands")  # noqa: B009 - of a class that typer hides
    return {name: command.get_short_help_str(300) for name, command in commands.items()}


def test_the_list_says_what_each_command_says() -> None:
    assert _lines(application(())) == _lines(application())


def test_every_command_can_be_run_alone() -> None:
    for name in COMMANDS:
        assert name in _lines(application([name]))


def test_the_list_of_commands_imports_none_of_them() -> None:
    heavy = [
        "duckdb",
        "pydantic",
        "corvus.runtime",
        *{f"corvus.cli.{one.module}" for one in COMMANDS.values()},
    ]
    script = (
        "import sys; from corvus.cli.main import main; code = main(['--help'])\n"
        f"assert code == 0 and not set({heavy!r}) & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
