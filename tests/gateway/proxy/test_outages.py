"""What the operator reads when a provider fails (OBS-1)."""

from __future__ import annotations

import logging
import socket
from pathlib import Path

import pytest

from corvus.gateway.proxy.outages import REPEAT_SECONDS, Outages
from tests.gateway.proxied import proxied

CHAT = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 50}


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if "the upstream" in each.getMessage()]


def test_an_outage_is_said_once_and_now_and_then(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    outages = Outages(lambda: now[0])
    with caplog.at_level(logging.WARNING):
        outages.answered("a")
        for _ in range(5):
            outages.failed("a", "down")
        now[0] = REPEAT_SECONDS
        outages.failed("a", "down")
        outages.answered("a")
        outages.answered("a")
    assert lines(caplog) == [
        "the upstream a fails: down (failures in a row: 1)",
        "the upstream a fails: down (failures in a row: 6)",
        "the upstream a answers again (failures in a row: 6)",
    ]


def test_one_that_fails_now_and_then_fills_no_log(caplog: pytest.LogCaptureFixture) -> None:
    outages = Outages(lambda: 0.0)
    with caplog.at_level(logging.WARNING):
        for _ in range(100):
            outages.failed("a", "down")
            outages.answered("a")
    assert len(lines(caplog)) == 2


def test_the_log_says_why_a_provider_cannot_be_reached(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with proxied(tmp_path) as gateway, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # nobody listens there
        gateway.stop()
        port = f":{closed.getsockname()[1]}"
        text = gateway.config.read_text()
        gateway.config.write_text(text.replace(f":{gateway.provider.port}", port))
        gateway.start()
        with caplog.at_level(logging.WARNING):
            for _ in range(3):
                assert gateway.post("/v1/chat/completions", CHAT).status_code == 502
        assert gateway.held() == 0
    (line,) = lines(caplog)
    assert "cannot be reached: ConnectionRefusedError" in line
