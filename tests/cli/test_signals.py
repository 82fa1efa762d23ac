"""A signal ends the program with its own exit code, and lets it clean up first."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = """
import os, signal, sys
from corvus.cli import main as module

def run(argv):
    try:
        os.kill(os.getpid(), int(argv[0]))
    except BaseException:
        if argv[1] == "duckdb":
            raise RuntimeError("Query interrupted") from None
        if argv[1] == "library":
            raise ValueError("half an answer") from None
        raise
    finally:
        if argv[1] == "twice":
            os.kill(os.getpid(), int(argv[0]))
        print("cleaned up")

module._run = run
code = module.main(sys.argv[1:])
left = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]
assert left == [signal.default_int_handler, signal.SIG_DFL], left
sys.exit(code)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    "way",
    [
        "once",
        "twice",  # an impatient user, or a supervisor that repeats itself
        "library",  # whatever breaks because of a signal is no bug of ours
        "duckdb",  # which turns what a signal raised during a query into an error of its own
    ],
)
def test_a_signal_has_its_own_exit_code_and_does_not_cut_off_cleaning_up(
    number: signal.Signals, way: str
) -> None:
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(int(number)), way],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stdout, result.stderr) == (128 + number, "cleaned up\n", "")


PRESSES = """
import os, random, signal, sys, threading, time
from corvus.cli.main import main

def press(seconds):
    time.sleep(seconds)
    os.kill(os.getpid(), signal.SIGINT)

for seed in range(int(sys.argv[1])):
    seconds = random.Random(seed).random() * 0.2
    try:
        threading.Thread(target=press, args=[seconds]).start()
        code = main(["sql", *sys.argv[2:]])
    except KeyboardInterrupt:  # before `main` had its own handler
        code = 130
    assert code == 130, code
print("still here")
"""


@pytest.mark.parametrize("presses", [10, pytest.param(300, marks=pytest.mark.nightly)])
def test_ctrl_c_at_any_moment_ends_an_endless_statement(
    presses: int, tmp_path: Path, record_calls: Callable[..., Path]
) -> None:
    ledger = record_calls(tmp_path / "ledger.duckdb")
    endless = "SELECT sum(hash(i) % 7) FROM range(1000000000000) t(i)"
    result = subprocess.run(
        [sys.executable, "-c", PRESSES, str(presses), endless, "--ledger", str(ledger)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "still here\n", "")
