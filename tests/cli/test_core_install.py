"""What an install without extras does: everything about configs, and nothing half.

The environment truly lacks DuckDB. What needs it says so in one line, before it writes a byte.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from corvus import open_runtime
from corvus.model.usage import Usage
from corvus.runtime import Runtime
from tests.core_install import core_environment
from tests.properties import some_by_day

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
    ["demo"],
    ["sql", "-c", "SELECT 1"],
    ["usage", "import", "corvus.toml"],
    ["usage", "export"],
    ["report", "by-model"],
    ["cost", "history"],
    ["cost", "summary", "--ledger", "here.duckdb"],
    ["cost", "reset", "--scope", "day", "--yes"],
    ["cost", "audit"],
    ["ledger", "drain"],
    ["ledger", "verify"],
    ["token", "list"],
    ["token", "create", "ana", "--scope", "proxy"],
    ["approve"],
)
"""Every command that reads or writes spend; none of them is answered from the store alone."""


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


@pytest.mark.parametrize("words", some_by_day(CORE), ids=" ".join)
def test_what_is_about_configs_works(words: list[str], python: Path, folder: Path) -> None:
    result = run(python, folder, "-m", "corvus", *words)
    assert (result.returncode, result.stderr) == (0, ""), result.stdout


@pytest.mark.parametrize("words", some_by_day(WITH_LEDGER), ids=" ".join)
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


def files(folder: Path) -> dict[str, bytes]:
    """Return what lies in a folder, but for what SQLite makes to read."""
    return {
        path.name: path.read_bytes()
        for path in folder.iterdir()
        if path.is_file() and not path.name.endswith(("-shm", "-wal"))
    }


@pytest.mark.parametrize("style", some_by_day(["json", "kv", "text"]))
@pytest.mark.parametrize(
    ("enabled", "code"), [(False, 0), (True, 30)], ids=["disabled", "enforced"]
)
def test_the_status_shows_the_config_and_what_is_not_installed(
    style: str, enabled: bool, code: int, python: Path, folder: Path
) -> None:
    """CLI-6: only where something governs is a ledger that cannot be opened a fault."""
    legacy = "[autonomy]\nmax_cost_per_day_cents = 5\n"
    (folder / "corvus.toml").write_text((CONFIG if enabled else WITHOUT_BUDGET) + legacy)
    before = files(folder)
    result = run(python, folder, "-m", "corvus", "status", "--format", style)
    assert (result.returncode, result.stderr) == (code, "")
    assert "cost.daily_limit_usd" in result.stdout
    assert "corvus.toml:2:1" in result.stdout
    assert "autonomy.max_cost_per_day_cents" in result.stdout
    assert ("not installed" if style == "text" else "not-installed") in result.stdout
    assert ADVICE in " ".join(result.stdout.split())
    if style == "json":
        body = json.loads(result.stdout)
        assert (body["healthy"], body["store"]["state"]) == (not enabled, "missing")
        assert body["deprecated_fields"] == ["autonomy.max_cost_per_day_cents"]
    assert files(folder) == before
    assert {path.name for path in folder.iterdir()} == {"corvus.toml"}


def answer(python: Path | None, folder: Path, *words: str) -> dict[str, object]:
    """Return what a command answers as JSON: in the core, or in this environment."""
    result = run(python or Path(sys.executable), folder, "-m", "corvus", *words, "--format", "json")
    assert (result.returncode, result.stderr) == (0, "")
    body = json.loads(result.stdout)
    return {name: value for name, value in body.items() if name != "as_of"}


BUDGETS = (["cost", "summary"], ["cost", "budgets"])


@pytest.mark.parametrize("words", BUDGETS, ids=" ".join)
@pytest.mark.parametrize("text", [WITHOUT_BUDGET, CONFIG], ids=["disabled", "enforced"])
def test_before_the_first_call_there_are_the_same_zeros(
    text: str, words: list[str], python: Path, folder: Path
) -> None:
    (folder / "corvus.toml").write_text(text)
    assert answer(python, folder, *words) == answer(None, folder, *words)
    assert {path.name for path in folder.rglob("*") if path.is_file()} == {"corvus.toml"}


def governed(folder: Path) -> Runtime:
    """Make a store in which a session has spent something and holds something."""
    runtime = open_runtime([folder / "corvus.toml"], ledger=folder / "here.duckdb")
    with runtime.governor() as governor, governor.session("s") as session:
        for _ in range(2):
            with session.call("claude-sonnet-4-5", estimate_usd=Decimal("0.5")) as call:
                call.used(Usage(input_tokens=100_000, output_tokens=1))
    return runtime


@pytest.mark.parametrize(
    "more", some_by_day([("--session", "s"), (), ("--session", "other")]), ids=" ".join
)
@pytest.mark.parametrize("words", BUDGETS, ids=" ".join)
def test_a_store_that_knows_all_is_answered_from_and_not_written(
    words: list[str], more: Sequence[str], python: Path, folder: Path
) -> None:
    governed(folder)
    before = files(folder)
    named = [*words, "--ledger", "here.duckdb", *more]
    seen = answer(python, folder, *named)
    assert files(folder) == before
    whole = answer(None, folder, *named)
    whole.pop("accuracy", None)  # how exact the month is, the ledger alone says
    assert seen == whole
    assert "0.6" in json.dumps(seen)


@pytest.mark.parametrize("words", BUDGETS, ids=" ".join)
def test_what_the_store_does_not_know_is_refused_rather_than_guessed(
    words: list[str], python: Path, folder: Path
) -> None:
    """A budget that is new in the config would have to be counted from the ledger."""
    governed(folder)
    more = '[[cost.budgets]]\nname = "team"\nperiod = "day"\nlimit_usd = 1\n'
    (folder / "corvus.toml").write_text(CONFIG + more)
    before = files(folder)
    result = run(python, folder, "-m", "corvus", *words, "--ledger", "here.duckdb")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.splitlines()[-1].endswith(ADVICE)
    assert files(folder) == before


def test_a_store_without_audit_events_has_an_empty_audit(python: Path, folder: Path) -> None:
    governed(folder)
    named = ["-m", "corvus", "cost", "audit", "--ledger", "here.duckdb"]
    result = run(python, folder, *named)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_the_status_of_a_store_whose_events_cannot_be_read_is_no_pass(
    python: Path, folder: Path
) -> None:
    """Also where nothing is enforced any more: what was recorded is out of reach."""
    governed(folder)
    (folder / "corvus.toml").write_text(WITHOUT_BUDGET)
    named = ["status", "--ledger", "here.duckdb", "--format", "json"]
    result = run(python, folder, "-m", "corvus", *named)
    body = json.loads(result.stdout)
    assert (result.returncode, body["healthy"], body["store"]["state"]) == (30, False, "ok")
    assert body["store"]["undrained_events"] > 0


SHARED = f'{CONFIG}[governance.ledger]\nurl = "postgresql://corvus@127.0.0.1:1/corvus"\n'
POSTGRES_ADVICE = "pip install 'corvus-policy[postgres]'"
OF_A_SHARED_STORE = (
    ["store", "init"],
    ["store", "init", "postgresql://corvus@127.0.0.1:1/corvus?schema=team_a"],
    ["store", "migrate", "--dry-run"],
    ["store", "move", "postgresql://corvus@127.0.0.1:1/other"],
    ["cost", "summary"],
    ["cost", "budgets"],
    ["cost", "reset", "--scope", "day", "--yes"],
    ["report", "by-model"],
    ["usage", "export"],
    ["token", "list"],
    ["token", "create", "ana", "--scope", "proxy"],
    ["ledger", "drain"],
    ["ledger", "verify"],
)


@pytest.fixture(scope="module")
def with_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return core_environment(tmp_path_factory.mktemp("ledger") / "environment", "ledger")


@pytest.fixture
def shared(folder: Path) -> Path:
    (folder / "corvus.toml").write_text(SHARED)
    return folder


@pytest.mark.parametrize("words", some_by_day(OF_A_SHARED_STORE), ids=" ".join)
def test_a_shared_store_without_its_client_says_what_to_install(
    words: list[str], with_ledger: Path, shared: Path
) -> None:
    """STO-1: never a bug of corvus, and no server is asked."""
    result = run(with_ledger, shared, "-m", "corvus", *words)
    assert (result.returncode, result.stdout) == (2, "")
    line = result.stderr.splitlines()[-1]
    assert line.startswith("error[postgres-not-installed]: ")
    assert line.endswith(POSTGRES_ADVICE)


@pytest.mark.parametrize("words", [["status"], ["store", "status"]], ids=" ".join)
def test_the_status_of_a_shared_store_without_its_client_says_so(
    words: list[str], with_ledger: Path, shared: Path
) -> None:
    result = run(with_ledger, shared, "-m", "corvus", *words, "--format", "text")
    assert (result.returncode, result.stderr) == (30, "")
    assert POSTGRES_ADVICE in " ".join(result.stdout.split())


def test_a_policy_that_is_not_in_force_needs_no_client_of_a_shared_store(
    with_ledger: Path, shared: Path
) -> None:
    """EVA-11."""
    (shared / "corvus.toml").write_text(SHARED.replace("enabled = true\n", ""))
    result = run(with_ledger, shared, "-c", GOVERN, "corvus.toml", "here.duckdb")
    assert result.stdout == "allowed\n", result.stderr
