"""Many files are checked on all cores, with the results of one (DIA-6: a stable order)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from corvus.config.check import parallel

ROOT = Path(__file__).parents[3]
PRELUDE = """
import os, signal, sys, time
from corvus.config.check import parallel
parallel._workers = lambda items: 4
home = os.getpid()
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux starts processes")


def run(script: str, cwd: Path) -> str:
    """Run in a process of its own: the one of the tests has threads."""
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + script],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT / "policy")},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_results_come_in_the_order_of_the_items_from_several_processes(tmp_path: Path) -> None:
    printed = run(
        "got = parallel.each(range(1000), lambda n: (n, os.getpid()))\n"
        "print([n for n, _ in got] == [*range(1000)], len({pid for _, pid in got}))",
        tmp_path,
    )
    assert printed == "True 4\n"


def test_a_process_that_dies_loses_nothing(tmp_path: Path) -> None:
    printed = run(
        "def do(n):\n"
        "    if n == 900 and os.getpid() != home: os.kill(os.getpid(), signal.SIGKILL)\n"
        "    return n\n"
        "print(parallel.each(range(1000), do) == [*range(1000)])",
        tmp_path,
    )
    assert printed == "True\n"


def test_an_error_ends_all_processes(tmp_path: Path) -> None:
    printed = run(
        "def do(n):\n"
        "    if n == 5: raise ValueError('five')\n"
        "    if os.getpid() != home: time.sleep(60)\n"
        "    return n\n"
        "try: parallel.each(range(1000), do)\n"
        "except ValueError as error: print(error)\n"
        "try: os.waitpid(-1, os.WNOHANG)\n"
        "except ChildProcessError: print('no child is left')",
        tmp_path,
    )
    assert printed == "five\nno child is left\n"


def test_few_items_and_threads_start_no_process() -> None:
    assert parallel.each(range(10), lambda _: os.getpid()) == [os.getpid()] * 10
    assert parallel.each([], lambda _: 0) == []


def test_a_thousand_files_give_the_output_of_one_process(tmp_path: Path) -> None:
    for number in range(500):
        wrong = "\nwarn_at_pct = 1" if number % 50 == 7 else ""
        (tmp_path / f"{number:03}.toml").write_text(f"[cost]\nenabled = true{wrong}\n")
    script = (
        "from corvus.cli.main import main\n"
        "parallel._workers = lambda items: {}\n"
        "main(['check', '.', '--format', 'json'])"
    )
    assert run(script.format(4), tmp_path) == run(script.format(1), tmp_path)


def test_an_interrupt_ends_the_check_and_its_processes(tmp_path: Path) -> None:
    script = (
        "from corvus.cli.main import main\n"
        "from corvus.config.check import check\n"
        "first = iter([True])\n"
        "check._check_one = lambda *_, **__: None if next(first, False) else time.sleep(30)\n"
        "print('started', flush=True)\n"
        "sys.exit(main(['check', '.']))"
    )
    for number in range(8):
        (tmp_path / f"{number}.toml").write_text("[cost]\n")
    process = subprocess.Popen(
        [sys.executable, "-c", PRELUDE + script],
        stdout=subprocess.PIPE,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "policy")},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"started\n"
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    rest, _ = process.communicate(timeout=20)  # ends when no process holds the pipe
    assert (process.returncode, rest) == (143, b"")
