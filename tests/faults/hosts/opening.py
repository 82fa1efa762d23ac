"""Governors in this process on a store that hosts share."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from corvus.base.postgres_address import PostgresAddress
from corvus.governor.governor import Governor
from corvus.model.policy import Policy
from corvus.store.postgres.backend import PostgresBackend
from corvus.store.store import Store
from tests.delay_proxy import DelayProxy
from tests.postgres import url_of


class Open(Protocol):
    """Opens a governor, each as another host would; it is closed when the test ends."""

    def __call__(
        self, url: str, policy: Policy | None = None, *, beside: Path | None = None
    ) -> Governor: ...


def through(proxy: DelayProxy, url: str) -> str:
    """Return the address of a store as seen through a proxy."""
    return url_of(proxy.port, schema=url.rpartition("=")[2], host=proxy.host)


def opened(url: str, beside: Path | None) -> Store:
    """Open a store whose clock is the server's."""
    backend = PostgresBackend(PostgresAddress.of(url), beside=beside)
    return Store(backend, wait_seconds=20)
