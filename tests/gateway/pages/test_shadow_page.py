"""The overview and a page of their own say what a shadow policy would have refused (PLN-2)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.gateway.conftest import Served
from tests.gateway.pages.visiting import Visitor

NEXT = "[cost]\nenabled = true\ndaily_limit_usd = 0.02\non_exceeded = []\n"


@pytest.fixture(autouse=True)
def close() -> Iterator[None]:
    yield
    Visitor.close_all()


def test_the_card_the_page_and_readyz(served: Served) -> None:
    place = served.place
    next_file = place.config.with_name("next.toml")
    next_file.write_text(NEXT)
    assert "No shadow policy is named" in Visitor(served).text("/shadow")
    place.config.write_text(place.config.read_text() + '\n[governance]\nshadow = "next.toml"\n')
    served.stop()
    served.start(0)
    for _ in range(4):
        place.spend(1)
    visitor = Visitor(served)
    overview = visitor.text()
    assert "would have refused" in overview
    assert "2 calls, $0.02" in overview
    assert "refused" in visitor.text("/shadow")
    with served.client() as client:
        assert client.get("/readyz").json() == {"status": "ready"}
    next_file.write_text("[cost]\nx = 1\n")
    served.stop()
    served.start(0)
    visitor = Visitor(served)
    assert "unknown key" in visitor.text()
    assert "unknown key" in visitor.text("/shadow")
    with served.client() as client:
        assert client.get("/readyz").json() == {"status": "ready", "shadow": "broken"}
