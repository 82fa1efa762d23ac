"""A gateway under systemd says when it is ready, that it lives, and when it stops."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from corvus.gateway.systemd import ServiceManager
from tests.cli.places import Place


@pytest.mark.parametrize("is_abstract", [False, True])
def test_the_gateway_tells_systemd_how_it_is(tmp_path: Path, is_abstract: bool) -> None:
    place = Place(tmp_path)
    name = f"@corvus-{os.getpid()}" if is_abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(name.replace("@", "\0"))
        manager.settimeout(20)
        environment = os.environ | {"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "400000"}
        command = [sys.executable, "-m", "corvus", "gateway", "--port", "0", *place.where]
        with subprocess.Popen(command, stderr=subprocess.PIPE, env=environment) as process:
            said = [manager.recv(4096).decode()]
            while said.count("WATCHDOG=1") < 2:
                said.append(manager.recv(4096).decode())
            process.send_signal(signal.SIGTERM)
            while not said[-1].startswith("STOPPING=1"):
                said.append(manager.recv(4096).decode())
            assert process.wait(20) == 128 + signal.SIGTERM
            assert process.stderr is not None
            assert b"listening on" in process.stderr.read()
    assert said[0] == "READY=1\nSTATUS=serving"
    assert set(said[1:-1]) == {"WATCHDOG=1"}


def test_no_child_and_no_other_process_speaks_for_it() -> None:
    variables = {
        "NOTIFY_SOCKET": "/run/x",
        "WATCHDOG_USEC": "1000000",
        "WATCHDOG_PID": "1",
        "A": "",
    }
    ServiceManager(variables).tick()
    assert variables == {"A": ""}


@pytest.mark.parametrize("address", ["", "relative", "/nowhere/at/all", "@nobody-listens-here"])
def test_without_somebody_who_listens_nothing_fails(address: str) -> None:
    manager = ServiceManager({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "x"})
    manager.ready("serving")
    manager.tick()
    manager.stopping()
