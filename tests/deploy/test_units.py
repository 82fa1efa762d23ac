"""systemd itself reads the units of the kit, and judges how much they may do."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.kit import KIT, PROGRAM, config_in, corvus, environment, program, token

ANALYZE = program("systemd-analyze")
EXPOSURE_MAX = 2.0
"""Of 10; what a service may do at most, as ``systemd-analyze security`` counts."""
UNITS = sorted((KIT / "systemd").iterdir())
COMMAND = "/opt/corvus/bin/corvus"
DENY_WRITABLE_CODE = 65
"""``PR_SET_MDWE``: what ``MemoryDenyWriteExecute`` is where the kernel knows it."""


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """Return a folder with the units, whose command is there."""
    program = tmp_path / "corvus"
    program.write_text(f'#!/bin/sh\nexec {shlex.join(PROGRAM)} "$@"\n')
    program.chmod(0o755)
    for unit in UNITS:
        text = unit.read_text(encoding="utf-8").replace(COMMAND, str(program))
        (tmp_path / unit.name).write_text(text, encoding="utf-8")
    return tmp_path


def commands(unit: str, key: str) -> list[list[str]]:
    text = (KIT / "systemd" / unit).read_text(encoding="utf-8")
    return [shlex.split(words) for words in re.findall(rf"^{key}=(.*)$", text, re.MULTILINE)]


@pytest.mark.parametrize("unit", [unit.name for unit in UNITS])
def test_systemd_finds_no_fault_in_a_unit(units: Path, unit: str) -> None:
    if ANALYZE is None:
        pytest.skip("systemd-analyze is not installed (apt-get install systemd)")
    command = [ANALYZE, "verify", "--man=no", str(units / unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("unit", ["corvus-gateway.service", "corvus-backup.service"])
def test_a_service_may_do_little_but_its_work(units: Path, unit: str) -> None:
    if ANALYZE is None:
        pytest.skip("systemd-analyze is not installed (apt-get install systemd)")
    command = [ANALYZE, "security", "--offline=true", "--no-pager", str(units / unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"Overall exposure level .*: ([\d.]+)", done.stdout)
    assert found is not None, done.stderr
    assert float(found[1]) <= EXPOSURE_MAX


def test_the_commands_of_the_services_run_in_their_order(tmp_path: Path) -> None:
    config = config_in(tmp_path)
    token(config, "ops", "admin")
    backups = tmp_path / "backups"
    lines = [
        *commands("corvus-gateway.service", "ExecStartPre"),
        *(line for line in commands("corvus-gateway.service", "ExecReload") if line[0] == COMMAND),
        *commands("corvus-backup.service", "ExecStart"),
    ]
    assert len(lines) == 4
    for line in lines:
        assert line[0] == COMMAND
        words = [
            word.replace("/etc/corvus/corvus.toml", str(config)).replace(
                "/var/lib/corvus-backups", str(backups)
            )
            for word in line[1:]
        ]
        corvus(*words)
    assert len([*backups.iterdir()]) == 1
    (start,) = commands("corvus-gateway.service", "ExecStart")
    assert start == [COMMAND, "gateway", "--config", "/etc/corvus/corvus.toml"]


def test_a_gateway_runs_where_no_memory_is_both_written_and_executed(tmp_path: Path) -> None:
    config = config_in(tmp_path)
    code = f"""
import ctypes, os, sys
if ctypes.CDLL(None).prctl({DENY_WRITABLE_CODE}, 1, 0, 0, 0) != 0:
    sys.exit(77)
os.execv(sys.argv[1], sys.argv[1:])
"""
    command = [sys.executable, "-c", code, *PROGRAM, "gateway", "--port", "0"]
    with subprocess.Popen(
        [*command, "--config", str(config)], env=environment(), stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        process.terminate()
        rest = process.communicate()[1]
    if process.returncode == 77:
        pytest.skip("this kernel does not know PR_SET_MDWE (Linux 6.3)")
    assert line.startswith("listening on"), line + rest
