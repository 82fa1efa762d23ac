"""OBS-2 and OBS-3 of the whole gateway: a process of its own, and a secret in every input."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import threading
from pathlib import Path
from typing import Any

import httpx2

from corvus.governor import tokens
from corvus.model.token import TokenRequest, TokenScope, new_secret
from tests.cli.places import Place
from tests.fakes import NO_AUTHORITIES
from tests.observability.collector import Collector
from tests.observability.happenings import CANARY

CALL = {
    "model": f"model {CANARY}",
    "session_id": f"session {CANARY}",
    "project": CANARY,
    "agent": CANARY,
    "tags": {CANARY: CANARY},
    "idempotency_key": CANARY,
}


def token_of(place: Place, scope: TokenScope) -> str:
    secret = new_secret()
    with place.runtime.bookkeeping.store() as store:
        store.run(
            lambda unit: tokens.create(
                unit, TokenRequest(f"{scope.value} {CANARY}", scope), secret, "ana"
            )
        )
    return secret


def test_a_gateway_tells_its_sinks_everything_but_the_secrets(tmp_path: Path) -> None:
    place = Place(tmp_path)
    secrets = {scope: token_of(place, scope) for scope in TokenScope}
    collector = Collector()
    lines: list[str] = []
    with collector.running():
        command = place.command(
            "gateway",
            "--port",
            "0",
            "--set",
            'governance.observability.log="json"',
            "--set",
            f'governance.observability.otlp_endpoint="{collector.url}"',
        )
        with subprocess.Popen(
            command, stderr=subprocess.PIPE, text=True, env=place.environment()
        ) as process:
            assert process.stderr is not None
            first = process.stderr.readline()
            found = re.fullmatch(r"listening on (http://127\.0\.0\.1:\d+)\n", first)
            assert found is not None, first
            assert process.stderr.readline().startswith("corvus: governed by ")
            reader = threading.Thread(target=lambda: lines.extend(process.stderr or ()))
            reader.start()
            try:
                scraped = use(found[1], secrets)
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(30)
                reader.join(10)
    told = [json.loads(line) for line in lines]
    names = {one.get("event") for one in told}
    assert {"budget.warning", "budget.exceeded", "call.settled", "budget.override"} <= names
    assert {"budget.reset", "call.denied", "call.unpriced"} <= names
    assert {"budget.exceeded", "budget.reset"} <= {name for name, _, _ in collector.spans}
    assert "corvus_requests_total" in scraped
    for sink in ("".join(lines), scraped, repr(collector.bodies)):
        assert CANARY not in sink
        assert not any(secret in sink for secret in secrets.values())


def use(url: str, secrets: dict[TokenScope, str]) -> str:
    """Make what can be made of calls and changes, and return the metrics."""

    def client(scope: TokenScope) -> httpx2.Client:
        headers = {"authorization": f"Bearer {secrets[scope]}"}
        return httpx2.Client(
            base_url=url, headers=headers, timeout=20, trust_env=False, verify=NO_AUTHORITIES
        )

    with client(TokenScope.RESERVE) as agent, client(TokenScope.ADMIN) as admin:

        def ask(usd: float | None, **more: Any) -> httpx2.Response:
            amount = {} if usd is None else {"estimate_usd": usd}
            return agent.post("/web/reservations", json={**CALL, **amount, **more})

        held = ask(1.7)
        assert held.status_code == 201, held.text
        reservation = held.json()["reservation"]["id"]
        usage = {"input_tokens": 5, "answering_model": CANARY, "provider_request_id": CANARY}
        done = agent.post(f"/web/reservations/{reservation}/commit", json=usage)
        assert done.status_code == 200, done.text
        assert ask(9, idempotency_key="2").status_code == 402
        assert ask(None, idempotency_key="3").status_code == 402
        wanted = {"scope": "next_request", "reason": f"because {CANARY}"}
        assert admin.post("/web/admin/cost/override", json=wanted).status_code == 200
        reset = {"scope": "day", "reason": f"because {CANARY}"}
        assert admin.post("/web/admin/cost/reset", json=reset).status_code == 200
        return admin.get("/metrics").text
