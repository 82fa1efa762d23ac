from __future__ import annotations

import asyncio
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from policy.cli.exits import Exit
from policy.cli.main import main
from policy.gateway.guards import Receive, Scope, Send
from policy.gateway.listening import Server, open_socket
from tests.cli.places import Place


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_serves_until_a_signal_and_drains_at_the_end(
    tmp_path: Path, number: signal.Signals
) -> None:
    place = Place(tmp_path)
    command = [sys.executable, "-m", "policy", "gateway", "--port", "0", *place.where]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        found = re.fullmatch(r"listening on (http://127\.0\.0\.1:\d+)\n", line)
        assert found is not None, line + process.stderr.read()
        answer = httpx2.get(f"{found[1]}/readyz", trust_env=False)
        place.spend(10)
        process.send_signal(number)
        rest = process.stderr.read()
        assert process.wait(20) == 128 + number
    assert answer.json() == {"status": "ready"}
    assert "Traceback" not in rest
    assert place.runtime.health().store.undrained_events == 0


def test_other_machines_are_served_only_when_there_is_a_token(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = Place(tmp_path)
    assert main(["gateway", "--host", "0.0.0.0", "--port", "0", *place.where]) == Exit.USAGE
    assert "there is no token" in capsys.readouterr().err


def test_a_port_that_is_taken_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import socket

    place = Place(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["gateway", "--port", port, *place.where]) == Exit.USAGE
    assert f"cannot listen on 127.0.0.1 port {port}" in capsys.readouterr().err


def test_a_check_imports_no_web_framework() -> None:
    heavy = {"fastapi", "starlette", "uvicorn", "aiohttp", "duckdb", "prometheus_client"}
    script = (
        "import sys; from policy.cli.main import main; main(['check', '--help']); "
        f"main(['token', '--help']); print(sorted({heavy} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stderr.strip() == "[]"


def test_connections_do_not_wait_for_the_acknowledgement_of_the_last_piece() -> None:
    """Measured: 40 ms for every answer that comes in two pieces."""
    import socket

    from policy.gateway.listening import open_socket

    with open_socket("127.0.0.1", 0) as listening:
        with socket.create_connection(listening.getsockname()):
            accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_requests_are_served_by_the_fast_event_loop() -> None:
    """Uvicorn would take the slower one without a word when uvloop is missing."""
    loops: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "lifespan"
        for kind in ("startup", "shutdown"):
            assert (await receive())["type"] == f"lifespan.{kind}"
            await send({"type": f"lifespan.{kind}.complete"})

    def stop() -> None:
        loops.append(type(asyncio.get_running_loop()).__module__)
        server.should_exit = True

    server = Server(app, stop)
    server.run(sockets=[open_socket("127.0.0.1", 0)])
    assert loops == ["uvloop"]
