"""Three hosts on one store in turn, each with a memory of its own, against the model of one.

What one host does, any other finds, whatever it remembers: in a file that processes share, and in
PostgreSQL. The long profile runs with ``pytest -m nightly``.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

from corvus import Governor
from corvus.store.api import Backend
from corvus.store.store import Store
from tests.postgres import PostgresServer, drop_schema
from tests.stateful.test_reservations import Reservations
from tests.stores import Engine, StoreMaker

HOSTS = 3
_number = count(1)


class Hosts(Reservations):
    """Every operation of the governor, each on the host whose turn it is.

    Args:
        maker: An empty store.
        forget: Takes it away.
    """

    def __init__(self, maker: StoreMaker, forget: Callable[[], object]) -> None:
        self.maker, self.forget = maker, forget
        self.host = 0
        self.others: dict[int, Store] = {}
        super().__init__()

    def make_backend(self) -> Backend:
        return self.maker.backend()

    @rule(host=st.integers(0, HOSTS - 1))
    def turn(self, host: int) -> None:
        """Let another host go on."""
        if host == self.host:
            return
        self.others[self.host], self.host = self.store, host
        there = self.others.pop(host, None)
        self.store = there or Store(self.maker.backend(), self.clock, trust_clock=True)
        self.governor = Governor(self.policy, self.store)

    def open(self) -> None:
        if self.model.calls:
            self.backend = self.maker.backend()
        super().open()

    def reopen(self) -> None:
        """Let the host whose turn it is start again."""
        self.store.close()
        self.backend = self.maker.backend()
        super().open()

    def teardown(self) -> None:
        super().teardown()
        for store in self.others.values():
            store.close()
        self.forget()


def run(make: Callable[[], Hosts], examples: int, steps: int) -> None:
    """Run the machine."""
    run_state_machine_as_test(
        make,  # pyright: ignore[reportArgumentType] - a factory will do, says its documentation
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )


def on_file(folder: Path) -> Hosts:
    home = folder / str(next(_number))
    home.mkdir()
    return Hosts(StoreMaker(Engine.SQLITE, home), lambda: None)


def on_postgres(server: PostgresServer, folder: Path) -> Hosts:
    schema = f"hosts{next(_number)}"
    maker = StoreMaker(Engine.POSTGRES, folder, server.url(schema))
    return Hosts(maker, lambda: drop_schema(server, schema))


def test_three_processes_on_a_file_are_as_one(tmp_path: Path) -> None:
    run(lambda: on_file(tmp_path), 6, 25)


def test_three_hosts_on_postgres_are_as_one(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    run(lambda: on_postgres(postgres_server, tmp_path), 6, 25)


@pytest.mark.nightly
def test_three_processes_on_a_file_are_as_one_for_long(tmp_path: Path) -> None:
    run(lambda: on_file(tmp_path), 200, 60)


@pytest.mark.nightly
def test_three_hosts_on_postgres_are_as_one_for_long(
    postgres_server: PostgresServer, tmp_path: Path
) -> None:
    run(lambda: on_postgres(postgres_server, tmp_path), 200, 60)
