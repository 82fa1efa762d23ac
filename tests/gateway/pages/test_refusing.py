"""A budget that refuses is not shown as one within its limits (DSH-4)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from corvus.base.money import NanoUSD
from corvus.model.request import Request
from tests.cli.places import CENT
from tests.gateway.conftest import Served
from tests.gateway.pages.visiting import Visitor


@pytest.fixture(autouse=True)
def close() -> Iterator[None]:
    yield
    Visitor.close_all()


WORDS = {
    "en": ("Refusing calls: budget", "blocking", "refused 2 calls", "All within limits"),
    "es": ("Rechaza llamadas: el presupuesto", "bloquea", "rechazó 2 llamadas", "Todo dentro"),
}


@pytest.mark.parametrize("language", WORDS)
def test_the_overview_says_what_refuses_how_often_and_what_was_needed(
    served: Served, language: str
) -> None:
    headline, state, count, fine = WORDS[language]
    assert not any(served.place.hold(5000) for _ in range(2))
    page = Visitor(served, language=language).text()
    assert headline in page
    assert state in page
    assert count in page
    assert "50" in page.partition(count)[2], "what the last call needed"
    assert fine not in page


def test_a_budget_refuses_for_an_hour_while_such_a_call_would_not_fit(served: Served) -> None:
    assert not served.place.hold(5000)
    assert served.place.hold(1)
    page = Visitor(served).text()
    assert "Refusing calls: budget day" in page
    assert "All within limits" not in page


def test_a_budget_is_fine_again_once_such_a_call_was_admitted(served: Served) -> None:
    with served.place.governor() as governor:
        held = [governor.reserve(Request("m", NanoUSD(190 * CENT), name)) for name in "ab"]
        assert not governor.reserve(Request("m", NanoUSD(50 * CENT), "c", rungs=())).allowed
        for decision in held:
            assert decision.reservation is not None
            governor.release(decision.reservation)
        assert governor.reserve(Request("m", NanoUSD(50 * CENT), "c")).allowed
    page = Visitor(served).text()
    assert "All within limits" in page
    assert "refused 1 call" in page, "what was refused in the window stays"
    assert "blocking" not in page
