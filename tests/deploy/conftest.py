from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.clients.upstream import Upstream


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream().running() as running:
        yield running
