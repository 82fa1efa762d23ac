"""A gateway that forwards to a stand-in provider, and what it has recorded."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import pytest

from corvus.gateway.app import make_app
from corvus.gateway.serve import Server, bind
from corvus.gateway.service import Service
from corvus.governor import tokens
from corvus.model.token import TokenRequest, TokenScope, new_secret
from corvus.runtime import Runtime, open_runtime
from tests.fakes import NO_AUTHORITIES
from tests.gateway.provider import Provider

KEY = "the-real-key"
CONFIG = """
[cost]
enabled = true
session_limit_usd = {session}
daily_limit_usd = {limit}
monthly_limit_usd = 0
default_output_tokens = 100
{cost}

[cost.prices.m] # USD per million
input = 1000
output = 10000
cache_read = 100
cache_write_5m = 1250
cache_write_1h = 2000
reasoning = 10000

[governance.gateway]
request_timeout_seconds = {silence}
max_body_bytes = 200000
{gateway}

[governance.upstreams.openai]
base_url = "{url}/v1"
api_key_env = "TEST_OPENAI_KEY"
kind = "openai"
{openai}

[governance.upstreams.anthropic]
base_url = "{url}"
api_key_env = "TEST_ANTHROPIC_KEY"
kind = "anthropic"
"""
INPUT, OUTPUT = 1_000_000, 10_000_000
"""Nano-USD for one token of model ``m``: a tenth of a cent, and a cent."""


class Record(NamedTuple):
    """One usage record."""

    cost_nano_usd: int | None
    source: str
    outcome: str
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_5m_tokens: int
    reasoning_tokens: int
    provider: str
    session_id: str
    surface: str
    service_tier: str | None
    provider_request_id: str | None


class Settings(NamedTuple):
    """What a test says of its place."""

    limit: str = "1000"
    silence: int = 30
    cost: str = ""
    openai: str = ""
    session: str = "0"
    gateway: str = ""


USUAL = Settings()
BOT = TokenRequest("bot", TokenScope.PROXY)
EYE = TokenRequest("eye", TokenScope.READ)


class Proxied:
    """A running gateway with a proxy token."""

    def __init__(self, folder: Path, provider: Provider, settings: Settings = USUAL) -> None:
        self.provider = provider
        self.config = folder / "corvus.toml"
        self.ledger = folder / "l.duckdb"
        self.config.write_text(CONFIG.format(url=provider.url, **settings._asdict()))
        self.secret, self._eye = new_secret(), new_secret()
        self.start()  # first: over a store without events no ledger is read
        with self.runtime.bookkeeping.store() as store:
            store.run(lambda unit: tokens.create(unit, BOT, self.secret, "ana"))
            store.run(lambda unit: tokens.create(unit, EYE, self._eye, "ana"))

    @property
    def runtime(self) -> Runtime:
        return open_runtime([self.config], ledger=self.ledger)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Serve, in a thread."""
        self._socket = bind(self.runtime, "127.0.0.1", 0)
        self.port: int = self._socket.getsockname()[1]
        ready = threading.Event()
        self._server = Server(make_app(self.runtime), ready.set)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]})
        self._thread.start()
        assert ready.wait(20)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(30)
        assert not self._thread.is_alive()

    def start_process(self) -> tuple[subprocess.Popen[str], int]:
        """Serve in a process of its own; return it, and its port."""
        where = ["--config", str(self.config), "--ledger", str(self.ledger)]
        command = [sys.executable, "-m", "corvus", "gateway", "--port", "0", *where]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        line = process.stderr.readline()
        assert line.startswith("listening on "), line + process.stderr.read()
        return process, int(line.rpartition(":")[2])

    def metrics(self) -> str:
        """Ask for the metrics, as someone who may only read."""
        with self.client(authorization=f"Bearer {self._eye}") as client:
            return client.get("/metrics").text

    def client(self, **headers: str) -> httpx2.Client:
        sent = {"authorization": f"Bearer {self.secret}", **headers}
        return httpx2.Client(
            base_url=self.url,
            headers=sent,
            timeout=30,
            trust_env=False,
            verify=NO_AUTHORITIES,
        )

    def post(self, path: str, body: dict[str, Any], **headers: str) -> httpx2.Response:
        with self.client(**headers) as client:
            return client.post(path, json=body)

    def held(self) -> int:
        """Return how many calls are held open."""
        with self.runtime.bookkeeping.store() as store:
            return store.run(lambda unit: len(unit.held()))

    def held_nano_usd(self) -> int:
        """Return how much is held, nano-USD."""
        with self.runtime.bookkeeping.store() as store:
            return store.run(lambda unit: sum(one.hold_nano_usd for one in unit.held()))

    def settled(self, seconds: float = 10) -> None:
        """Wait until no call is held open."""
        until = time.monotonic() + seconds
        while self.held():
            assert time.monotonic() < until, "a hold was left open"
            time.sleep(0.02)

    def spent(self) -> int:
        """Return what counts against the day, nano-USD."""
        with self.runtime.governor() as governor:
            statuses = governor.status().decision.statuses
        (day,) = [one for one in statuses if one.budget.name == "day"]
        assert day.held == 0
        return day.spent

    def records(self) -> list[Record]:
        """Return what was recorded, in order."""
        columns = ", ".join(Record._fields)
        with self.runtime.ledger() as ledger:
            found = ledger.connection.execute(
                f"SELECT {columns} FROM usage_call ORDER BY admitted_at, id"  # noqa: S608 - made of constants of this package
            )
            return [Record(*row) for row in found.fetchall()]

    def denials(self) -> int:
        """Return how many calls were refused."""
        with self.runtime.ledger() as ledger:
            query = (
                "SELECT coalesce(sum(coalesce(times, 1)), 0) FROM reservation_event "
                "WHERE kind = 'denied'"
            )
            return sum(row[0] for row in ledger.connection.execute(query).fetchall())

    def record(self) -> Record:
        """Return the one record, once its call is settled."""
        self.settled()
        (only,) = self.records()
        return only


@contextmanager
def proxied(folder: Path, settings: Settings = USUAL) -> Generator[Proxied]:
    provider = Provider()
    try:
        gateway = Proxied(folder, provider, settings)
        try:
            yield gateway
        finally:
            with undrained():
                gateway.stop()
    finally:
        provider.stop()


@contextmanager
def undrained() -> Generator[None]:
    """Leave out what gateways hand over to the ledger as they end: no test looks at it any more."""

    def leave_out(service: Service) -> None:
        """Hand nothing over."""

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Service, "drain", leave_out)
        yield
