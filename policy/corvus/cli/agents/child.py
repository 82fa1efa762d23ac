"""Runs the command of an agent: what it is given, signals to it, and its exit code (CLI-4).

The real keys stay here: the command gets the key of this run, which is worth nothing elsewhere.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from corvus.base.errors import CommandNotExecutable, CommandNotFound

_OWN_HOSTS = "127.0.0.1,localhost"
_FORWARDED = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP)
_FROM_TERMINAL = (signal.SIGINT, signal.SIGQUIT)


def environment_of(
    base: Mapping[str, str], variables: Mapping[str, str], *, session_id: str, run_id: str
) -> dict[str, str]:
    """Return the environment of the command.

    Args:
        base: That of this process, without what is withheld.
        variables: What leads the command to the proxy.
        session_id: Of the run.
        run_id: Marks the command and what it starts.
    """
    found = {**base, **variables, "CORVUS_SESSION_ID": session_id, MARK: run_id}
    for name in ("NO_PROXY", "no_proxy"):
        before = found.get(name)
        found[name] = f"{before},{_OWN_HOSTS}" if before else _OWN_HOSTS
    return found


def find_command(name: str, search: str | None) -> str:
    """Return the file that a command is, as a shell finds it.

    Args:
        name: A path, or a name to look for.
        search: The folders to look in, as in ``PATH``; ``None`` takes the system's own.

    Raises:
        CommandNotFound: There is none.
        CommandNotExecutable: It is there and cannot be executed.
    """
    path = shutil.which(name, path=search)
    if path is not None:
        return path
    folders = [""] if os.path.dirname(name) else (search or os.defpath).split(os.pathsep)
    if name and any(os.path.exists(os.path.join(folder, name)) for folder in folders):
        raise CommandNotExecutable(f"cannot run {name}: it is no program that may be executed")
    raise CommandNotFound(f"there is no command {name!r}: check its name and PATH")


def run_child(
    path: str,
    command: Sequence[str],
    environment: Mapping[str, str],
    folder: Path | None = None,
) -> int:
    """Run a command to its end, and return its exit code; 128 + N when signal N ended it.

    Signals that ask this process to end are passed on, but for those of a terminal, which reach the
    command by themselves. The command does not outlive this process.

    Args:
        path: The file to execute.
        command: Its arguments, its own name first.
        environment: All its variables.
        folder: Of the run alone: it goes if this process is killed and cannot take it away.

    Raises:
        CommandNotExecutable: It cannot be started.
    """
    child: subprocess.Popen[bytes] | None = None
    early: list[int] = []

    def pass_on(number: int, _: FrameType | None) -> None:
        if number in _FROM_TERMINAL and _is_in_foreground():
            return
        if child is None:
            early.append(number)  # it may run already, but we cannot reach it yet
        else:
            child.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in _FORWARDED}
    try:
        with guarded(path, command, environment, folder) as child:
            for number in early:
                child.send_signal(number)
            code = child.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return 128 - code if code < 0 else code


def _is_in_foreground() -> bool:
    """Return whether what is typed at a terminal reaches this process and its command alike."""
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)


MARK = "CORVUS_RUN"
"""The variable that marks what belongs to a run; its value is the id of the run."""

_BECOME = """
import _signal
if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
import os, sys
for name in ("SIGPIPE", "SIGXFSZ", "SIGXFZ"):
    if hasattr(_signal, name):
        _signal.signal(getattr(_signal, name), _signal.SIG_DFL)
parent, path, *command = sys.argv[1:]
if sys.platform == "linux":
    import ctypes
    ctypes.CDLL(None).prctl(1, _signal.SIGKILL, 0, 0, 0)
    if os.getppid() != int(parent):
        os._exit(137)
try:
    os.execv(path, command)
except OSError as fault:
    shown = ascii(command[0])[1:-1]
    print(f"corvus: cannot run {shown}: {fault.strerror}", file=sys.stderr, flush=True)
    os._exit(127 if isinstance(fault, FileNotFoundError) else 126)
"""
_WATCH = """
import os, shutil, signal, sys
words = sys.stdin.buffer.read().split()
if b"ended" in words:
    sys.exit()
mark = os.fsencode(sys.argv[1])
def carries(pid):
    try:
        with open(f"/proc/{pid}/environ", "rb") as block:
            return mark in block.read().split(b"\\0")
    except OSError:
        return False
def end(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except OSError:
        pass
if not words:
    pass
elif not os.path.isdir("/proc/self"):
    end(int(words[0]))
else:
    for _ in range(3):
        for name in os.listdir("/proc"):
            if name.isdigit() and int(name) != os.getpid() and carries(name):
                end(int(name))
for folder in sys.argv[2:]:
    shutil.rmtree(folder, ignore_errors=True)
"""


@contextmanager
def guarded(
    path: str,
    command: Sequence[str],
    environment: Mapping[str, str],
    folder: Path | None = None,
) -> Generator[subprocess.Popen[bytes]]:
    """Start a command; it is to be waited for inside of the context.

    Args:
        path: The file to execute.
        command: Its arguments, its own name first.
        environment: What it is given; ``MARK`` in it is what its descendants are known by.
        folder: What goes with this process, however that ends.

    Raises:
        CommandNotExecutable: The system refuses to start it.
    """
    watcher = _watcher(environment, folder) if MARK in environment else None
    words = [sys.executable, "-I", "-S", "-c", _BECOME, str(os.getpid()), path, *command]
    child: subprocess.Popen[bytes] | None = None
    try:
        try:
            child = subprocess.Popen(words, env=environment)
        except OSError as fault:
            reason = fault.strerror or str(fault)
            raise CommandNotExecutable(f"cannot run {command[0]}: {reason}") from fault
        _say(watcher, f"{child.pid}\n")
        yield child
    finally:
        if child is None or child.returncode is not None:
            _say(watcher, "ended\n")
        if watcher is not None and watcher.stdin is not None:
            with suppress(OSError):
                watcher.stdin.close()
            watcher.wait()


def _watcher(environment: Mapping[str, str], folder: Path | None) -> subprocess.Popen[bytes] | None:
    """Start what watches over the end of this process; without it, the kernel alone does."""
    mark = f"{MARK}={environment[MARK]}"
    folders = [] if folder is None else [str(folder)]
    unmarked = {name: text for name, text in environment.items() if name != MARK}
    try:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _WATCH, mark, *folders],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=unmarked,
            start_new_session=True,
        )
    except OSError:
        return None


def _say(watcher: subprocess.Popen[bytes] | None, text: str) -> None:
    if watcher is None or watcher.stdin is None:
        return
    with suppress(OSError):
        watcher.stdin.write(text.encode())
        watcher.stdin.flush()
