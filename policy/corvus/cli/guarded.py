"""Starts a command that does not outlive this process, whatever ends it (CLI-4).

Two programs of a few lines see to that, each in an interpreter without site packages. One becomes
the command: on Linux it first asks the kernel to end it with its parent. The other watches a pipe
that only this process holds open; when it closes without a farewell, it ends the command and, on
Linux, all processes that carry the mark of the run, however they were started. No ``preexec_fn``:
it is not safe beside the threads of the proxy.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress

from corvus.base.errors import CommandNotExecutable

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
import os, signal, sys
words = sys.stdin.buffer.read().split()
if b"ended" in words or not words:
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
if not os.path.isdir("/proc/self"):
    end(int(words[0]))
else:
    for _ in range(3):
        for name in os.listdir("/proc"):
            if name.isdigit() and int(name) != os.getpid() and carries(name):
                end(int(name))
"""


@contextmanager
def guarded(
    path: str, command: Sequence[str], environment: Mapping[str, str]
) -> Generator[subprocess.Popen[bytes]]:
    """Start a command; it is to be waited for inside of the context.

    Args:
        path: The file to execute.
        command: Its arguments, its own name first.
        environment: What it is given; ``MARK`` in it is what its descendants are known by.

    Raises:
        CommandNotExecutable: The system refuses to start it.
    """
    watcher = _watcher(environment) if MARK in environment else None
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


def _watcher(environment: Mapping[str, str]) -> subprocess.Popen[bytes] | None:
    """Start what watches over the end of this process; without it, the kernel alone does."""
    mark = f"{MARK}={environment[MARK]}"
    unmarked = {name: text for name, text in environment.items() if name != MARK}
    try:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _WATCH, mark],
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
