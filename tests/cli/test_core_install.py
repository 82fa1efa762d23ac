"""What an install without extras does: everything about configs, and nothing half.

The environment truly lacks DuckDB. What needs it says so in one line, before it writes a byte.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from corvus import open_runtime
from corvus.model.usage import Usage
from tests.core_install import core_environment

WITHOUT_BUDGET = "[cost]\ndaily_limit_usd = 5\n"
CONFIG = f"{WITHOUT_BUDGET}enabled = true\n"
ADVICE = "pip install 'corvus-policy[ledger]'"
GOVERN = """\
import sys
from corvus import PolicyError, open_runtime
runtime = open_runtime([sys.argv[1]], ledger=sys.argv[2])
try:
    with runtime.governor() as governor:
        with governor.call("claude-sonnet-4-5", input_tokens=10, max_output_tokens=10) as call:
            print("allowed")
except PolicyError as error:
    print(error.code, error)
"""
CORE = (
    ["check", "corvus.toml"],
    ["check", "--format", "sarif", "corvus.toml"],
    ["migrate", "--check", "corvus.toml"],
    ["config", "show"],
    ["config", "set", "cost.daily_limit_usd", "6"],
    ["policy", "show"],
    ["explain", "unknown-key"],
    ["schema"],
    ["schema", "show", "native"],
    ["init", "new"],
    ["report", "list"],
    ["--help"],
    ["cost", "--help"],
    ["usage", "import", "--help"],
)
WITH_LEDGER = (
    ["status"],
    ["demo"],
    ["sql", "-c", "SELECT 1"],
    ["usage", "import", "corvus.toml"],
    ["usage", "export"],
    ["report", "by-model"],
    ["cost", "summary"],
    ["cost", "reset", "--scope", "day", "--yes"],
    ["cost", "audit"],
    ["ledger", "drain"],
    ["ledger", "verify"],
    ["token", "list"],
    ["token", "create", "ana", "--scope", "proxy"],
    ["approve"],
)
"""Every command that reads or writes spend."""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return core_environment(tmp_path_factory.mktemp("core") / "environment")


def run(python: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, *words],
        cwd=folder,
        env={"HOME": str(folder / "home"), "PATH": "/usr/bin:/bin", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "corvus.toml").write_text(CONFIG)
    return tmp_path


def test_the_core_has_no_duckdb(python: Path, folder: Path) -> None:
    assert "No module named 'duckdb'" in run(python, folder, "-c", "import duckdb").stderr


@pytest.mark.parametrize("words", CORE, ids=" ".join)
def test_what_is_about_configs_works(words: list[str], python: Path, folder: Path) -> None:
    result = run(python, folder, "-m", "corvus", *words)
    assert (result.returncode, result.stderr) == (0, ""), result.stdout


@pytest.mark.parametrize("words", WITH_LEDGER, ids=" ".join)
def test_what_needs_the_ledger_says_so_in_one_line_and_leaves_nothing(
    words: list[str], python: Path, folder: Path
) -> None:
    result = run(python, folder, "-m", "corvus", *words)
    assert result.returncode == 2
    assert result.stdout.strip() == ""
    line = result.stderr.splitlines()[-1]
    assert line.startswith("error[ledger-not-installed]: ")
    assert line.endswith(ADVICE)
    assert "Traceback" not in result.stderr
    assert {path.name for path in folder.rglob("*") if path.is_file()} == {"corvus.toml"}


@pytest.mark.parametrize("words", [["gateway"], ["agent", "--", "true"]], ids=" ".join)
def test_what_serves_names_the_extra_that_brings_all_of_it(
    words: list[str], python: Path, folder: Path
) -> None:
    result = run(python, folder, "-m", "corvus", *words)
    assert result.returncode == 2
    assert result.stderr.splitlines()[-1].endswith("pip install 'corvus-policy[gateway]'")


def test_an_enforcing_governor_is_refused_before_it_makes_a_store(
    python: Path, folder: Path
) -> None:
    """It would have to count from the ledger in a new session, in the middle of its work."""
    result = run(python, folder, "-c", GOVERN, "corvus.toml", "here.duckdb")
    assert result.stdout.startswith("ledger-not-installed ")
    assert ADVICE in result.stdout
    assert {path.name for path in folder.iterdir()} == {"corvus.toml"}


def test_a_policy_that_is_not_in_force_lets_calls_pass(python: Path, folder: Path) -> None:
    """EVA-11: nothing is enforced, so nothing has to be counted."""
    (folder / "corvus.toml").write_text(WITHOUT_BUDGET)
    result = run(python, folder, "-c", GOVERN, "corvus.toml", "here.duckdb")
    assert result.stdout == "allowed\n"


def test_what_a_store_holds_waits_there_until_a_ledger_can_take_it(
    python: Path, folder: Path
) -> None:
    ledger = folder / "here.duckdb"
    runtime = open_runtime([folder / "corvus.toml"], ledger=ledger)
    with (
        runtime.governor() as governor,
        governor.call("claude-sonnet-4-5", input_tokens=10, max_output_tokens=10) as call,
    ):
        call.used(Usage(input_tokens=10, output_tokens=1))
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    assert ADVICE in run(python, folder, "-c", GOVERN, "corvus.toml", str(ledger)).stdout
    drain = run(python, folder, "-m", "corvus", "ledger", "drain", "--ledger", str(ledger))
    assert (drain.returncode, ADVICE in drain.stderr) == (2, True)
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before
    assert runtime.bookkeeping.drain().events > 0
    with runtime.ledger() as opened:
        (calls,) = opened.connection.execute("SELECT count(*) FROM usage_call").fetchone() or (0,)
    assert calls == 1
