from __future__ import annotations

import gc
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import duckdb
import pytest
from hypothesis import settings

from corvus.ledger.migrate import shipped_migrations
from tests.costs import Costs
from tests.postgres import make_postgres_server as make_postgres_server
from tests.postgres import postgres_programs as postgres_programs
from tests.postgres import postgres_server as postgres_server
from tests.postgres import postgres_url as postgres_url
from tests.stores import Engine, engines_for
from tests.stores import engine as engine
from tests.stores import store_of as store_of
from tests.stores import stored as stored

# Examples run beside other tests on few cores: how long one takes says nothing about the code.
settings.register_profile("corvus", deadline=None, max_examples=40)
settings.register_profile("nightly", deadline=None)
settings.load_profile("corvus")

_MEMORY = Path("/dev/shm")
_MEMORY_BYTES = 4 << 30


def _keep_files_in_memory() -> None:
    """Put the folders of tests into memory where there is room: stores and ledgers sync a lot.

    No test takes the power away, so what a sync reaches makes no difference to any of them. Run
    with ``PYTEST_DEBUG_TEMPROOT=/tmp`` to have them on the disk.
    """
    if not os.access(_MEMORY, os.W_OK) or "PYTEST_DEBUG_TEMPROOT" in os.environ:
        return
    there = os.statvfs(_MEMORY)
    if there.f_bavail * there.f_frsize >= _MEMORY_BYTES and not there.f_flag & os.ST_NOEXEC:
        os.environ["PYTEST_DEBUG_TEMPROOT"] = str(_MEMORY)


def _compile_once() -> None:
    """Let Python keep the bytecode of modules, even where the environment says not to.

    The suite starts a thousand programs; each would compile all that it imports.
    """
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def _collect_rarely() -> None:
    """Look for garbage rarely: else it takes an eighth of the CPU of the suite."""
    gc.set_threshold(20_000)


_keep_files_in_memory()
_compile_once()
_collect_rarely()

TESTS = Path(__file__).parent
SLOW = (
    "autonomy/test_shell.py",
    "ci",
    "cli/test_core_install.py",
    "clients/test_example_folders.py",
    "clients/test_examples.py",
    "config/model/test_schema_editors.py",
    "config/toml/test_spans.py",
    "faults/hosts",
    "faults/test_kill.py",
    "faults/test_overspend.py",
    "faults/test_parts.py",
    "faults/test_settlements.py",
    "gateway/pages",
    "gateway/test_agent_command.py",
    "gateway/test_gateway_command.py",
    "gateway/test_hostile_requests.py",
    "gateway/test_openapi.py",
    "gateway/test_prometheus.py",
    "gateway/proxy/test_sdks.py",
    "gateway/test_run_budgets.py",
    "ledger/archives",
    "ledger/test_archive.py",
    "ledger/test_drain.py",
    "lsp/test_features.py",
    "lsp/test_server.py",
    "metering/test_recordings.py",
    "stateful",
    "test_sharing.py",
    "tidy/test_readme.py",
    "tidy/test_sdist.py",
    "tidy/test_shadowing.py",
    "tidy/test_wheel.py",
)
"""Files and folders whose tests take seconds: browsers, programs that are started, long properties.

Each is marked ``slow``, so that the loop of one room leaves it out with ``-m "not slow"``.
"""
_NOBODY = 65_534
_USUAL_CALL: dict[str, object] = {
    "calls": 1,
    "surface": "import",
    "provider": "openai",
    "requested_model": "gpt-5",
    "input_tokens": 10,
    "output_tokens": 0,
    "cache_read_tokens": 0,
    "cache_write_5m_tokens": 0,
    "cache_write_1h_tokens": 0,
    "reasoning_tokens": 0,
    "web_search_requests": 0,
    "source": "imported",
    "outcome": "completed",
}


@pytest.fixture(autouse=True, scope="session")
def _temporary_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Give programs that tests start a folder for temporary files; they must leave it clean."""
    folder = tmp_path_factory.mktemp("temporary")
    folder.chmod(0o777)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TMPDIR", str(folder))
        environment.setattr(tempfile, "tempdir", str(folder))
        yield
    assert list(folder.glob("corvus-*")) == []


def pytest_xdist_auto_num_workers() -> int:
    """Start two workers more than there are cores: half of its time a test waits for others."""
    return (os.cpu_count() or 1) + 2


def pytest_collection_finish() -> None:
    """Keep what the tests share out of the collector's sight: it would walk it again and again."""
    gc.collect()
    gc.freeze()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="rewrite expected outputs; review the diff"
    )
    parser.addoption(
        "--store",
        choices=[*Engine],
        default=Engine.MEMORY,
        help="what keeps the stores of tests that do not mind (tests/stores.py)",
    )
    parser.addoption(
        "--costs", action="store_true", help="show what files of tests cost (tests/costs.py)"
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--costs"):
        config.pluginmanager.register(Costs(), "costs")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a sample of tests on every engine that they may run on."""
    if "engine" in metafunc.fixturenames:
        chosen = engines_for(metafunc.definition.path, str(metafunc.config.getoption("--store")))
        if len(chosen) > 1:
            metafunc.parametrize("engine", chosen, indirect=True)


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-golden"))


@pytest.fixture
def unprivileged(tmp_path: Path) -> Iterator[None]:
    """Run a test as a user for whom permissions count; root gives up its rights for as long."""
    if os.geteuid() != 0:
        yield
        return
    with duckdb.connect():
        shipped_migrations()  # loads modules that without rights may be out of reach
    for folder in tmp_path.parents:
        if folder.stat().st_mode & 0o011 != 0o011:
            folder.chmod(folder.stat().st_mode | 0o011)
    os.chown(tmp_path, _NOBODY, _NOBODY)
    os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


RecordCalls = Callable[..., Path]


@pytest.fixture(scope="session")
def record_calls() -> RecordCalls:
    """Make a ledger at a path and put calls into it; each says only what is unusual of it."""
    return record_calls_into


def record_calls_into(path: Path, *calls: dict[str, object]) -> Path:
    """Make a ledger at a path and put calls into it; each says only what is unusual of it."""
    from corvus.base.time import SystemClock
    from corvus.ledger.ledger import open_ledger

    with open_ledger(path, write=True) as ledger:
        for call in calls:
            at = call["admitted_at"]
            row = {"requested_at": at, "settled_at": at} | _USUAL_CALL | call
            names, marks = ", ".join(row), ", ".join(f"${name}" for name in row)
            ledger.connection.execute(
                f"INSERT INTO usage_record (id, {names}) VALUES (uuidv7(), {marks})",  # noqa: S608 - names of this file
                row,
            )
        ledger.fill_roll_ups(SystemClock())
    return path


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is slow."""
    slow = [TESTS / name for name in SLOW]

    @cache
    def is_slow(file: Path) -> bool:
        return any(file.is_relative_to(path) for path in slow)

    for item in items:
        if is_slow(item.path):
            item.add_marker("slow")
