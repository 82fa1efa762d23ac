from __future__ import annotations

import asyncio
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from corvus.cli.exits import Exit
from corvus.cli.main import main
from corvus.gateway.asgi import Receive, Scope, Send
from corvus.gateway.serve import Server, open_socket
from corvus.governor import tokens
from corvus.model.token import TokenRequest, TokenScope, new_secret
from tests.cli.places import Place


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_serves_until_a_signal_and_drains_at_the_end(
    tmp_path: Path, number: signal.Signals
) -> None:
    place = Place(tmp_path)
    command = [sys.executable, "-m", "corvus", "gateway", "--port", "0", *place.where]
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


def test_a_config_edited_by_hand_is_read_on_sighup_and_a_broken_one_is_told(
    tmp_path: Path,
) -> None:
    """API-3: governance is enabled without a restart."""
    place = Place(tmp_path)
    good = place.config.read_text()
    secret = new_secret()
    with place.runtime.bookkeeping.store() as store:
        wanted = TokenRequest("it", TokenScope.RESERVE)
        store.run(lambda unit: tokens.create(unit, wanted, secret, "ana"))
    headers = {"authorization": f"Bearer {secret}"}
    place.config.write_text(good.replace("enabled = true", "enabled = false"))
    command = [sys.executable, "-m", "corvus", "gateway", "--port", "0", *place.where]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        url = process.stderr.readline().split()[-1]

        def signalled(text: str) -> None:
            place.config.write_text(text)
            process.send_signal(signal.SIGHUP)

        def status() -> int:
            body = {"model": "m", "session_id": "s", "estimate_usd": 99}
            path = f"{url}/web/reservations"
            return httpx2.post(path, json=body, headers=headers, trust_env=False).status_code

        def ready() -> dict[str, str]:
            return httpx2.get(f"{url}/readyz", trust_env=False).json()

        try:
            assert status() == 200
            signalled(good)
            assert comes(lambda: status() == 402)
            signalled(good.replace("daily_limit_usd = 4", "daily_limit_usd = -4"))
            assert comes(lambda: ready() == {"status": "ready", "config": "broken"})
            assert status() == 402
            signalled(good)
            assert comes(lambda: ready() == {"status": "ready"})
        finally:
            process.send_signal(signal.SIGTERM)
            rest = process.stderr.read()
            process.wait(20)
    assert "the config cannot be put in force" in rest
    assert "Traceback" not in rest


def comes(is_so: Callable[[], bool]) -> bool:
    """Wait for something to be true, 10 s at most."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if is_so():
            return True
        time.sleep(0.05)
    return False


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
        "import sys; from corvus.cli.main import main; main(['check', '--help']); "
        f"main(['token', '--help']); print(sorted({heavy} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stderr.strip() == "[]"


def test_connections_do_not_wait_for_the_acknowledgement_of_the_last_piece() -> None:
    """Measured: 40 ms for every answer that comes in two pieces."""
    import socket

    from corvus.gateway.serve import open_socket

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
