"""Which state of a store a host has seen, as its file keeps it (STO-3)."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from corvus.base.errors import StoreCorrupt
from corvus.store.postgres.generation import SeenGeneration

STORE = "01890000-0000-8000-8000-000000000001"


def opened(beside: Path) -> SeenGeneration:
    """Open the file of a host that finds the store at its server."""
    seen = SeenGeneration(beside)
    seen.judge("s", 10**16, STORE)
    return seen


def refuses(beside: Path, generation: int) -> bool:
    """Return whether a process that starts now refuses a server with this generation."""
    try:
        SeenGeneration(beside).judge("s", generation, STORE)
    except StoreCorrupt:
        return True
    return False


def test_what_was_seen_outlives_a_kill_at_any_moment(tmp_path: Path) -> None:
    """It is written before it is acknowledged, here by printing it."""
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from corvus.store.postgres.generation import SeenGeneration\n"
        "seen = SeenGeneration(Path(sys.argv[1]))\n"
        f"seen.judge('s', 0, '{STORE}')\n"
        "for number in range(1, 10**9):\n"
        "    seen.note(number)\n"
        "    print(number, flush=True)\n"
    )
    for run in range(3):
        beside = tmp_path / f"ledger{run}"
        process = subprocess.Popen(
            [sys.executable, "-c", program, str(beside)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(500)]
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.readlines()
        process.wait()
        process.stdout.close()
        acknowledged = int([line for line in lines if line.endswith("\n")][-1])
        assert refuses(beside, acknowledged - 1)
        assert not refuses(beside, acknowledged + 1)  # it may have written one more


def test_what_another_process_of_the_host_has_seen_counts(tmp_path: Path) -> None:
    beside = tmp_path / "ledger"
    one, other = SeenGeneration(beside), SeenGeneration(beside)
    for seen, generation in ((one, 105), (other, 104)):
        seen.judge("s", generation - 1, STORE)
        seen.note(generation)
    assert refuses(beside, 104)
    assert not refuses(beside, 105)
    with closing(SeenGeneration(beside)) as trusting:
        trusting.forget()
        trusting.judge("s", 7, STORE)
        trusting.note(8)
    one.close()
    other.close()
    assert not refuses(beside, 8)
    assert refuses(beside, 7)


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"x 7 8", b"\xff" * 80, b"9" * 5000], ids=list("abcde")
)
def test_a_damaged_file_is_written_again(tmp_path: Path, content: bytes) -> None:
    beside = tmp_path / "ledger"
    (tmp_path / "ledger.seen").write_bytes(content)
    with closing(opened(beside)) as seen:
        seen.note(10**16 + 1)
    assert refuses(beside, 10**16)
    assert not refuses(beside, 10**16 + 1)


def test_a_move_that_is_under_way_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    beside = tmp_path / "ledger"
    seen = opened(beside)
    seen.note(10**16 + 1, may_wait=True)
    assert not refuses(beside, 5)
    seen.close()
    assert refuses(beside, 5)
