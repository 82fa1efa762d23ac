"""A place where nothing is, such as a mistyped path, is never taken for an empty ledger.

Every command that takes ``--ledger`` stands in one of the tables here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from corvus.cli.app import application
from corvus.cli.exits import Exit
from corvus.cli.main import main

CONFIG = "[cost]\nenabled = true\nallow_override = true\ndaily_limit_usd = 5\n"
ID = "01a222b4-ceed-7d99-b84d-e7f8963fe520"
MAKERS = frozenset(
    {
        *("usage import", "ledger merge", "ledger restore"),
        *("store init", "agent", "code", "gateway"),
    }
)
"""What makes a ledger or a store where nothing is; nothing else does."""
SHOWN = {
    "status": "status",
    "store status": "store status",
    "policy decide": "policy decide --command ls",
    "notify status": "notify status",
}
"""What says that nothing is there, and is no failure for that."""
SERVES = frozenset({"mcp"})
"""What answers an agent until it goes, and only looks (tests/cli/test_mcp*.py)."""
REFUSED_ALREADY = {
    "top": "top",
    "reconcile": "reconcile bill.csv",
    "notify test": "notify test",
    "notify flush": "notify flush",
    "store move": "store move other.duckdb",
    "policy bisect": "policy bisect",
    "policy test": "policy test",
    "pr": "pr",
    "prove": "prove",
}
"""What is refused for another reason before: no terminal, no bill, no branch, nothing to move."""
REFUSED = {
    "today": "today --no-import",
    "plan": "plan",
    "sql": "sql SELECT",
    "approve": f"approve {ID}",
    "usage export": "usage export",
    "cost summary": "cost summary",
    "cost history": "cost history",
    "cost budgets": "cost budgets",
    "cost override": "cost override --yes",
    "cost reset": "cost reset --scope day --yes",
    "cost audit": "cost audit",
    "cost tree": "cost tree --session s",
    "report reprice": "report reprice --model claude-haiku-4-5",
    "report NAME": "report by-model",
    "ledger drain": "ledger drain",
    "ledger archive": "ledger archive --home",
    "ledger backup": "ledger backup backups",
    "ledger reclaim": "ledger reclaim build-1",
    "ledger settle": "ledger settle",
    "ledger seed": "ledger seed other.duckdb",
    "ledger verify": "ledger verify --rebuild --yes",
    "store migrate": "store migrate",
    "token create": "token create ci",
    "token list": "token list",
    "token rotate": "token rotate ci",
    "token revoke": "token revoke ci",
}
"""Each with words that would be right where a store is."""


def _commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    for name, below in getattr(command, "commands", {}).items():
        yield from _commands(below, (*path, name))
    if not hasattr(command, "commands"):
        yield " ".join(path), command


def test_every_command_with_a_ledger_is_in_one_table() -> None:
    takes_ledger = {
        name
        for name, command in _commands(get_command(application()))
        if any("--ledger" in parameter.opts for parameter in command.params)
    }
    tables = [*MAKERS, *SERVES, *SHOWN, *REFUSED_ALREADY, *REFUSED]
    assert sorted(tables) == sorted(takes_ledger)


@pytest.mark.parametrize("words", [*REFUSED.values(), "approve", "ledger archive"])
def test_a_missing_store_is_refused_and_nothing_is_made(
    words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = _tried(words, tmp_path)
    told = capsys.readouterr()
    assert (code, told.out) == (Exit.LEDGER_UNAVAILABLE, "")
    assert "WRONG.duckdb" in told.err


@pytest.mark.parametrize("words", [*SHOWN.values(), *REFUSED_ALREADY.values()])
def test_what_only_looks_makes_nothing(words: str, tmp_path: Path) -> None:
    assert _tried(words, tmp_path) in {Exit.CLEAN, Exit.USAGE}


@pytest.mark.parametrize(
    "words", ["approve", f"approve {ID}", "token list", "token revoke ci", "cost audit"]
)
def test_nor_is_a_store_made_where_the_config_wants_one(words: str, tmp_path: Path) -> None:
    config = f'{CONFIG}[governance.ledger]\npath = "own.duckdb"\n'
    _tried(words, tmp_path, config=config, where=())


def _tried(
    words: str,
    folder: Path,
    *,
    config: str = CONFIG,
    where: tuple[str, ...] = ("--ledger", "WRONG.duckdb"),
) -> int:
    """Run a command, and return its exit code; it must have made nothing."""
    (folder / "corvus.toml").write_text(config)
    (folder / "bill.csv").touch()
    with contextlib.chdir(folder):
        code = main([*words.split(), *where])
    assert sorted(path.name for path in folder.iterdir()) == ["bill.csv", "corvus.toml"]
    return code
