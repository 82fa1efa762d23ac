"""What was answered is not lost: ``kill -9`` right after the answer (PRX-9, LED-2)."""

from __future__ import annotations

import signal
from datetime import UTC, datetime

import httpx2

from tests.gateway.proxied import Proxied
from tests.gateway.telemetry.deliveries import claude, in_json


def test_nothing_acknowledged_is_lost_when_the_gateway_is_killed(gateway: Proxied) -> None:
    gateway.stop()
    at, known = datetime.now(UTC), 0
    for turn in range(3):
        process, port = gateway.start_process()
        try:
            with httpx2.Client(trust_env=False) as client:
                for number in range(5):
                    name = f"req_{turn}_{number}"
                    answer = client.post(
                        f"http://127.0.0.1:{port}/v1/logs",
                        content=in_json([claude(at, request_id=name)]),
                        headers={
                            "content-type": "application/json",
                            "authorization": f"Bearer {gateway.secret}",
                        },
                    )
                    assert answer.status_code == 200
                    known += 1
        finally:
            process.send_signal(signal.SIGKILL)
            process.communicate(timeout=30)
        assert len(gateway.records()) == known
    gateway.start()  # for the end of the fixture
