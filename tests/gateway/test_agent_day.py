"""Real coding agents use nearly all of a day's budget, and never more (EVA-14, RES-1).

Truth is what the stand-in for the provider has billed. Both sides of the proxy are compared byte
for byte: a call that fits passes as the agent sent it, one that was capped differs in a number.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from corvus.cli.init import Starter
from tests.gateway.agent_day import CLAUDE, CODEX, work_through
from tests.gateway.provider import Provider
from tests.gateway.real_agents import Place, installed
from tests.gateway.truthful import Truthful

pytestmark = pytest.mark.nightly
LIMIT_NANO_USD = 5 * 10**9
STARTER = Starter.AGENT.text.decode()


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return installed(tmp_path_factory.mktemp("agents"))


@pytest.fixture
def script() -> Truthful:
    return Truthful(None)


@pytest.fixture
def place(tmp_path: Path, programs: dict[str, Path], script: Truthful) -> Iterator[Place]:
    provider = Provider()
    yield Place(tmp_path, provider, programs, script)
    provider.stop()


@pytest.mark.parametrize("cost", ["", STARTER], ids=["no config", "starter"])
@pytest.mark.parametrize("command", [CLAUDE, CODEX], ids=["claude", "codex"])
def test_an_agent_uses_nearly_all_of_its_day_and_never_more(
    place: Place, script: Truthful, command: tuple[str, ...], cost: str
) -> None:
    day = work_through(place, script, [*command], options=("--daily", "5"), cost=cost)
    assert 0.95 * LIMIT_NANO_USD <= script.nano_usd <= LIMIT_NANO_USD
    assert day.changed == [], "nothing but a maximum was touched"
    assert day.same > 0, "calls that fit pass byte for byte"
    assert day.capped + day.bounded == day.headers["x-corvus-output-cap"] > 0
    assert sum(one.cost_nano_usd for one in place.records()) == script.nano_usd
    assert day.last is not None
    assert "corvus: governed by" in day.last.stderr
    assert "1 refused" in day.last.stderr
