"""A place to run commands in: a folder, an environment, a clock, and files for the answers."""

from __future__ import annotations

import atexit
import json
import os
import pty
import shutil
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from importlib import import_module
from pathlib import Path

from tools.checkout import Checkout
from tools.surfaces.frozen import freeze
from tools.surfaces.normal import NOON, normalise

_PATIENCE_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command left.

    Attributes:
        code: Its exit code; ``None`` when it had to be stopped.
    """

    code: int | None
    stdout: bytes
    stderr: bytes

    def shown(self) -> str:
        """Return all of it as text."""
        parts = [f"exit {self.code}"]
        for name, data in (("stdout", self.stdout), ("stderr", self.stderr)):
            if data:
                parts += [f"--- {name}", data.decode(errors="backslashreplace")]
        return "\n".join(parts)


_LATER = Answer(None, b"", b"")


@dataclass(frozen=True, slots=True)
class _Command:
    name: str
    words: tuple[str, ...]
    stdin: bytes
    variables: dict[str, str]


@dataclass(slots=True)
class Stage:
    """Where commands of one subject run.

    Attributes:
        checkout: Whose commands they are.
        folder: Their working directory.
        record: Gets the answers.
        number: Commands so far; each is a second later.
    """

    checkout: Checkout
    folder: Path
    record: Path
    first_number: int = 0
    environment: dict[str, str] = field(default_factory=dict)
    number: int = 0
    _waiting: list[_Command] | None = None

    def __post_init__(self) -> None:
        """Make the folders."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.record.mkdir(parents=True, exist_ok=True)

    def run(self, name: str, *words: str, stdin: bytes = b"", **variables: str) -> Answer:
        """Run a command and record its answer under a name."""
        if self._waiting is not None:
            self._waiting.append(_Command(name, words, stdin, variables))
            return _LATER
        answer = self.ask(*words, stdin=stdin, **variables)
        self.note(name, f"$ corvus {_line(words)}\n{answer.shown()}")
        return answer

    @contextmanager
    def together(self) -> Generator[None]:
        """Run all commands of the block, which change nothing, in one process at its end."""
        self._waiting = []
        yield
        commands, self._waiting = self._waiting, None
        folder = self.folder.parent / f".{self.folder.name}.answers"
        folder.mkdir()
        last = self.call(lambda: self._run_all(commands, folder))
        assert last.code == 0, last.shown()
        for number, command in enumerate(commands):
            code = int((folder / f"{number}.code").read_text())
            streams = [(folder / f"{number}.{name}").read_bytes() for name in ("out", "err")]
            shown = Answer(code, *streams).shown()
            self.note(command.name, f"$ corvus {_line(command.words)}\n{shown}")
        shutil.rmtree(folder)

    def _run_all(self, commands: Sequence[_Command], folder: Path) -> int:
        environment = dict(os.environ)
        for number, command in enumerate(commands):
            (folder / f"{number}.in").write_bytes(command.stdin)
            _redirect(folder / f"{number}.in", folder / f"{number}.out", folder / f"{number}.err")
            os.environ.clear()
            os.environ.update({**environment, **command.variables})
            _open_streams()
            try:
                code = _code(lambda words=command.words: self._main(words))
            except Exception:
                traceback.print_exc()
                code = 70
            sys.stdout.flush()
            sys.stderr.flush()
            (folder / f"{number}.code").write_text(str(code))
        return 0

    def ask(self, *words: str, stdin: bytes = b"", **variables: str) -> Answer:
        """Run a command of corvus."""
        return self.call(lambda: self._main(words), stdin=stdin, **variables)

    def call(self, work: Callable[[], int], *, stdin: bytes = b"", **variables: str) -> Answer:
        """Run something in a process of its own, at the next second."""
        files = [
            self.folder.parent / f".{self.folder.name}.{name}" for name in ("in", "out", "err")
        ]
        files[0].write_bytes(stdin)
        child = self.start(work, *files, **variables)
        code = _wait(child)
        answer = Answer(code, files[1].read_bytes(), files[2].read_bytes())
        for path in files:
            path.unlink()
        return answer

    def start(
        self, work: Callable[[], int], stdin: Path, stdout: Path, stderr: Path, **variables: str
    ) -> int:
        """Start something in a process of its own, and return its id."""
        self.number += 1
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            _redirect(stdin, stdout, stderr)
            self._live(work, variables)
        return child

    def serve(self, stderr: Path, *words: str, **variables: str) -> int:
        """Start a command that goes on, and return its process id."""
        nothing = Path(os.devnull)
        return self.start(lambda: self._main(words), nothing, nothing, stderr, **variables)

    def show(self, name: str, *words: str, answers: bytes = b"", **variables: str) -> None:
        """Run a command on a terminal, answer its question, and record what was shown."""
        self.number += 1
        sys.stdout.flush()
        child, terminal = pty.fork()
        if child == 0:
            self._live(lambda: self._main(words), {"TERM": "xterm-256color", **variables})
        shown, has_answered = b"", not answers
        while piece := _read(terminal):
            shown += piece
            if not has_answered and b"[y/N]: " in shown:
                has_answered = True
                os.write(terminal, answers)
        os.close(terminal)
        code = _wait(child)
        text = shown.decode(errors="backslashreplace").replace("\r\n", "\n")
        self.note(name, f"$ corvus {_line(words)}\nexit {code}\n--- terminal\n{text}")

    def note(self, name: str, text: str) -> None:
        """Record a text under a name."""
        path = self.record / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        assert not path.exists(), f"{path} is recorded twice"
        path.write_text(normalise(text.rstrip("\n") + "\n"), encoding="utf-8")

    def note_json(self, name: str, value: object) -> None:
        """Record a value as JSON."""
        self.note(name, json.dumps(value, indent=1, ensure_ascii=False, default=str))

    def _main(self, words: Sequence[str]) -> int:
        return import_module(f"{self.checkout.package}.cli.main").main(list(words))

    def _live(self, work: Callable[[], int], variables: dict[str, str]) -> None:
        """Do the work of a child, and end it as an interpreter would."""
        code = 70
        try:
            os.chdir(self.folder)
            os.environ.clear()
            os.environ.update(
                {
                    "PATH": "/usr/bin:/bin",
                    "HOME": str(self.folder / "home"),
                    "COLUMNS": "100",
                    "LINES": "40",
                    "TZ": "UTC",
                    **self.environment,
                    **variables,
                }
            )
            time.tzset()
            _open_streams()
            instant = NOON + timedelta(seconds=self.number)
            freeze(self.checkout.package, instant, self.first_number + self.number)
            code = _code(work)
            vars(threading)["_shutdown"]()
            vars(atexit)["_run_exitfuncs"]()
        except BaseException:
            traceback.print_exc()
        finally:
            for stream in (sys.stdout, sys.stderr):
                with suppress(OSError, ValueError):
                    stream.flush()
            os._exit(code & 0xFF)


def _redirect(stdin: Path, stdout: Path, stderr: Path) -> None:
    for number, path in enumerate((stdin, stdout, stderr)):
        flags = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        opened = os.open(path, flags)
        os.dup2(opened, number)
        os.close(opened)


def _open_streams() -> None:
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False, buffering=1)


def _code(work: Callable[[], int]) -> int:
    try:
        return work()
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 0 if stop.code is None else 1


def _wait(child: int) -> int | None:
    """Wait for a process, and stop it when it takes too long."""
    until = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < until:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def stop(child: int) -> int | None:
    """Ask a process to end, and return its exit code."""
    os.kill(child, signal.SIGTERM)
    return _wait(child)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # whoever was on it is gone
        return b""


def _line(words: Sequence[str]) -> str:
    return " ".join(
        word if word and not set(word) & set(" '\"\n") else repr(word) for word in words
    )
