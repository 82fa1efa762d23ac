"""OBS-2 with a real Prometheus: it scrapes a running gateway, and its alerts fire."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.gateway.conftest import Served
from tests.gateway.test_metrics import ALERTS

CONFIG = """
global: {{ scrape_interval: 1s, evaluation_interval: 1s }}
rule_files: [rules.yml]
scrape_configs:
  - job_name: corvus
    authorization: {{ credentials: {token} }}
    static_configs: [{{ targets: ["127.0.0.1:{port}"] }}]
"""
CALL = {"model": "gpt-5-mini", "session_id": "s", "input_tokens": 10, "max_output_tokens": 10}


@contextmanager
def prometheus(folder: Path, served: Served) -> Generator[httpx2.Client]:
    """Run Debian's Prometheus over a gateway, with the rules of the example and no waiting."""
    binary = shutil.which("prometheus")
    if binary is None:
        pytest.skip("prometheus is not installed; apt-get install prometheus brings it")
    (folder / "rules.yml").write_text(re.sub(r"for: \d+m", "for: 0s", ALERTS.read_text()))
    config = folder / "prometheus.yml"
    config.write_text(CONFIG.format(token=served.secrets["read"], port=served.port))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [
        binary,
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (
        (folder / "prometheus.log").open("w") as log,
        subprocess.Popen(command, stdout=log, stderr=log) as process,
        httpx2.Client(base_url=f"http://127.0.0.1:{port}/api/v1", trust_env=False) as client,
    ):
        try:
            yield client
        finally:
            process.terminate()


def soon(ask: Callable[[], bool], seconds: float = 40) -> bool:
    """Ask until the answer is yes, for so long at most."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if ask():
                return True
        except httpx2.TransportError:
            pass
        time.sleep(0.5)
    return False


@pytest.mark.nightly
def test_prometheus_scrapes_a_gateway_and_its_alerts_fire(tmp_path: Path, served: Served) -> None:
    for session in ("a", "b"):
        served.place.spend(95, session, times=2)  # of a daily limit of 4 USD
    with prometheus(tmp_path, served) as client:

        def value(query: str) -> list[float]:
            found: Any = client.get("/query", params={"query": query}).json()["data"]["result"]
            return [float(one["value"][1]) for one in found]

        def firing() -> set[tuple[str, str | None]]:
            alerts: Any = client.get("/alerts").json()["data"]["alerts"]
            labels = [one["labels"] for one in alerts if one["state"] == "firing"]
            return {(one["alertname"], one.get("budget")) for one in labels}

        assert soon(lambda: value('up{job="corvus"}') == [1])
        assert soon(lambda: value('corvus_budget_used_usd{budget="day"}') == [3.8])
        assert soon(lambda: ("CorvusBudgetNearLimit", "day") in firing())
        with served.client("reserve") as agent:
            for _ in range(3):
                answer = agent.post("/web/reservations", json={**CALL, "estimate_usd": 9})
                assert answer.status_code == 402
                time.sleep(2)
        refused = 'corvus_requests_total{outcome="budget_exceeded"}'
        assert soon(lambda: value(refused) == [3])
        assert soon(lambda: ("CorvusCallsRefused", None) in firing())
        served.stop()
        assert soon(lambda: ("CorvusDown", None) in firing())
        assert value("corvus_budget_used_usd") == [], "a gauge is never stale"
