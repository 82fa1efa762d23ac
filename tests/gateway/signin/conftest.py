"""Clients of a gateway, which are closed in the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.gateway.signin.clients import Device


@pytest.fixture
def device() -> Iterator[Callable[[str], Device]]:
    opened: list[Device] = []

    def make(url: str) -> Device:
        opened.append(Device(url))
        return opened[-1]

    yield make
    for each in opened:
        each.http.close()
