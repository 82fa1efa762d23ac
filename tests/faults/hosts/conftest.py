from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from corvus.governor.governor import Governor
from corvus.model.policy import Policy
from corvus.store.store import Store
from tests.delay_proxy import DelayProxy
from tests.faults.governed import config, policy_of
from tests.faults.hosts.opening import Open, opened
from tests.faults.hosts.team import Namespaces, Team
from tests.postgres import PostgresServer


@pytest.fixture(scope="session")
def two_networks() -> Iterator[Namespaces]:
    """Two network namespaces; a test is skipped where none can be made."""
    if missing := Namespaces.missing():
        pytest.skip(missing)
    with Namespaces(2) as made:
        yield made


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Team]:
    made = Team(tmp_path)
    yield made
    made.end()


@pytest.fixture
def proxy(postgres_server: PostgresServer) -> Iterator[DelayProxy]:
    """A network between hosts and the server that tests share."""
    with DelayProxy(postgres_server.port) as between:
        yield between


@pytest.fixture
def opening(tmp_path: Path) -> Iterator[Open]:
    """Open governors on a store in PostgreSQL, by a policy of one budget if no other is given."""
    stores: list[Store] = []

    def open_(url: str, policy: Policy | None = None, *, beside: Path | None = None) -> Governor:
        stores.append(opened(url, beside))
        return Governor(policy or policy_of(config(tmp_path)), stores[-1])

    yield open_
    for store in stores:
        store.close()
