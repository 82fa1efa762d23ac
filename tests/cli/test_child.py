"""A command does not outlive the process that governs it, and reads no key of it (CLI-4)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
PARENT = """
import os, sys
from corvus.cli.agents.child import run_child
mark, *command = sys.argv[1:]
sys.exit(run_child(command[0], command, {**os.environ, "CORVUS_RUN": mark}))
"""
FAMILY = """
import os, subprocess, sys, time
stray = subprocess.Popen(
    [sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True
)
print(os.getpid(), stray.pid, flush=True)
time.sleep(60)
"""
SCRUBBED = """
import os, subprocess, sys
from corvus.cli.credentials import hide
hide(["SECRET_A", "SECRET_B", "SECRET_D", "NOT_THERE"], needed=["SECRET_D", "NOT_THERE"])
assert "SECRET_A" not in os.environ
import ctypes
libc = ctypes.CDLL(None)
libc.getenv.restype = ctypes.c_char_p
assert libc.getenv(b"SECRET_D") == b"sk-needed", "a library of C reads it yet"
look = "import os, sys; print(open(f'/proc/{os.getppid()}/environ').read().replace(chr(0), '|'))"
shown = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, env={})
print(shown.stdout)
print("dumpable", libc.prctl(3, 0, 0, 0, 0))
"""


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@linux
def test_a_killed_parent_takes_its_command_and_what_that_started_with_it() -> None:
    words = [sys.executable, "-c", PARENT, "run-1", sys.executable, "-c", FAMILY]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child, stray = map(int, parent.stdout.readline().split())
        assert alive(child)
        assert alive(stray)
        parent.send_signal(signal.SIGKILL)
    until = time.monotonic() + 20
    while (alive(child) or alive(stray)) and time.monotonic() < until:
        time.sleep(0.02)
    assert (alive(child), alive(stray)) == (False, False)


@linux
def test_what_a_command_leaves_running_at_its_own_end_goes_on() -> None:
    script = (
        "import subprocess, sys\n"
        "one = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'],"
        " stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n"
        "print(one.pid)\n"
    )
    words = [sys.executable, "-c", PARENT, "run-2", sys.executable, "-c", script]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    left = int(done.stdout)
    assert alive(left)
    os.kill(left, signal.SIGKILL)


@linux
def test_the_command_cannot_read_the_keys_of_its_parent() -> None:
    """Before, /proc showed the variables that the parent was started with."""
    done = subprocess.run(
        [sys.executable, "-c", SCRUBBED],
        env={**os.environ, "SECRET_A": "sk-first", "SECRET_B": "sk-second", "KEPT_C": "third"}
        | {"SECRET_D": "sk-needed"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "sk-" not in done.stdout
    if os.getuid() == 0:  # others may not read it at all
        assert "KEPT_C=third" in done.stdout
    assert "dumpable 0" in done.stdout


def test_a_command_has_the_signals_of_a_fresh_process() -> None:
    """An interpreter ignores SIGPIPE; ``corvus agent -- sh -c 'yes | head'`` must not."""
    script = """
import os
from corvus.cli.agents.child import run_child
run_child("/bin/sh", ["/bin/sh", "-c", 'kill -PIPE $$; echo ignored'], dict(os.environ))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == ""
