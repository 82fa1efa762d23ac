"""A gateway on a real socket, in a thread of its own, and clients with tokens of each scope."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from corvus.base.errors import PolicyError
from corvus.gateway.app import make_app
from corvus.gateway.pages.app import Dashboard
from corvus.gateway.serve import Server, bind
from corvus.gateway.service import ConfigFile
from corvus.governor import tokens
from corvus.model.token import TokenRequest, TokenScope, new_secret
from tests.cli.places import Place
from tests.fakes import NO_AUTHORITIES
from tests.gateway.proxied import KEY, Proxied, proxied, undrained


class Served:
    """A running gateway.

    Args:
        place: Where it governs.
        secrets: Tokens that its store has already, of another gateway.

    Attributes:
        secrets: A token of each scope.
    """

    def __init__(self, place: Place, secrets: dict[str, str] | None = None) -> None:
        self.place = place
        self.secrets = secrets or {scope.value: new_secret() for scope in TokenScope}
        self.start(0)  # first: over a store without events no ledger is read
        if secrets is None:
            self._make_tokens()

    def _make_tokens(self) -> None:
        with self.place.runtime.bookkeeping.store() as store:
            for scope in TokenScope:
                secret = self.secrets[scope.value]
                store.run(
                    lambda unit, s=scope, t=secret: tokens.create(
                        unit, TokenRequest(s.value, s), t, "ana"
                    )
                )

    def start(self, port: int) -> None:
        """Serve at a port; at the one from before after a ``stop``."""
        place = self.place
        listening = bind(place.runtime, "127.0.0.1", port)
        self.port: int = listening.getsockname()[1]
        ready = threading.Event()
        file = ConfigFile(place.config, lambda: place.runtime)
        app = make_app(place.runtime, file=file, pages=Dashboard)
        self._server = Server(app, ready.set, app.stop)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [listening]})
        self._thread.start()
        if not ready.wait(20):
            raise PolicyError("the gateway did not start")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, scope: str = "admin") -> httpx2.Client:
        headers = {"authorization": f"Bearer {self.secrets[scope]}"}
        return httpx2.Client(
            base_url=self.url,
            headers=headers,
            timeout=20,
            trust_env=False,
            verify=NO_AUTHORITIES,
        )

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(20)
        assert not self._thread.is_alive()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    gateway = Served(Place(tmp_path))
    yield gateway
    with undrained():
        gateway.stop()


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One gateway for all tests of a module that leave it as it was."""
    gateway = Served(Place(tmp_path_factory.mktemp("standing")))
    yield gateway
    with undrained():
        gateway.stop()


@pytest.fixture(scope="module")
def standing_proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxied]:
    """The same with a provider behind it."""
    with proxied(tmp_path_factory.mktemp("standing")) as running:
        yield running


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_OPENAI_KEY", KEY)
    monkeypatch.setenv("TEST_ANTHROPIC_KEY", KEY)


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Proxied]:
    with proxied(tmp_path) as running:
        yield running
