from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager

import pytest

from corvus.base.context import Opening


@contextmanager
def door(steps: list[str]) -> Generator[str]:
    steps.append("in")
    yield "inside"
    steps.append("out")


def test_it_is_opened_once_in_either_way() -> None:
    steps: list[str] = []
    opening = Opening(door(steps))
    with opening as inside:
        assert inside == "inside"
        with pytest.raises(RuntimeError, match="opened before"), opening:
            pass

    async def again() -> None:
        async with opening:
            pass

    with pytest.raises(RuntimeError, match="opened before"):
        asyncio.run(again())
    assert steps == ["in", "out"]
