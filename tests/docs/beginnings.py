"""What the reader of a page has done before its first block."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from corvus.ledger.ledger import open_ledger
from tests.docs.pages import ROOT
from tests.reconcile.months import anthropic_cost, anthropic_usage, month, openai_costs, recorded

if TYPE_CHECKING:
    from tests.docs.reader import Reader


def _demo(reader: Reader) -> None:
    assert reader.run("corvus demo").code == 0


def _in_demo(reader: Reader) -> None:
    _demo(reader)
    reader.run("cd corvus-demo")


def _init(reader: Reader) -> None:
    assert reader.run("corvus init").code == 0


def _claude_logs(reader: Reader) -> None:
    source = ROOT / "examples" / "first-light" / "sessions"
    shutil.copytree(source, reader.home / ".claude" / "projects" / "-work-web")


def _governed_run(reader: Reader) -> None:
    """One call in a session, and a status line that knows which budgets are in force."""
    _init(reader)
    for command in (
        "corvus config set cost.daily_limit_usd=5 cost.session_limit_usd=2",
        "corvus code --session s1 -- claude hello",
    ):
        assert reader.run(command).code == 0
    reader.environment["NO_COLOR"] = "1"
    for _ in range(100):  # the first line starts a process that finds out
        if "day" in reader.run("echo '{}' | corvus statusline").printed:
            return
        time.sleep(0.2)
    raise AssertionError("the status line shows no budget")


def _init_team(reader: Reader) -> None:
    assert reader.run("corvus init --for team").code == 0


def _checkout(reader: Reader) -> None:
    for part in ("examples", "pyproject.toml", "README.md"):
        source = ROOT / part
        (shutil.copytree if source.is_dir() else shutil.copy)(source, reader.folder / part)


def _archive(reader: Reader) -> None:
    """A call of a month that is long past, and a bucket."""
    (reader.home / "bucket").mkdir()
    (reader.folder / "corvus.toml").write_text("[governance.ledger]\nretention_days = 90\n")
    (reader.folder / "old.csv").write_text(
        "timestamp,model,input_tokens,output_tokens\n2026-01-07T10:00:00Z,claude-haiku-4-5,9,1\n"
    )
    for command in ("corvus usage import old.csv", "corvus ledger drain"):
        assert reader.run(command).code == 0


def _bills(reader: Reader) -> None:
    """A month of calls, and what two providers billed for it."""
    claude, gpt = month(1), month(2, models=("gpt-4o", "gpt-4o-mini"), provider="openai")
    path = reader.folder / "ledger.duckdb"
    (reader.folder / "corvus.toml").write_text('[governance.ledger]\npath = "ledger.duckdb"\n')
    with open_ledger(path, write=True) as ledger:
        recorded(ledger, [*claude, *gpt])
    for name, text in {
        "november.json": anthropic_cost(claude),
        "cost.json": anthropic_cost(claude),
        "usage.json": anthropic_usage(claude),
        "costs-1.json": openai_costs(gpt),
    }.items():
        (reader.folder / name).write_text(text)


BEGINNINGS: dict[str, Callable[[Reader], None]] = {
    "demo": _demo,
    "in demo": _in_demo,
    "init": _init,
    "logs of Claude Code": _claude_logs,
    "governed run": _governed_run,
    "init for a team": _init_team,
    "checkout": _checkout,
    "archive": _archive,
    "bills": _bills,
}
