"""``corvus top``: the live view, driven by textual's own pilot (CLI-7)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import pytest
from textual.pilot import Pilot
from textual.widgets import DataTable, Static

from corvus.base.errors import StoreUnavailable
from corvus.base.money import NanoUSD
from corvus.cli.everyday.top import Source
from corvus.cli.everyday.top_view import Ask, Top
from corvus.cli.exits import Exit
from corvus.cli.main import main
from corvus.model.request import Request
from tests.cli.places import CENT, Place
from tests.gateway.test_approvals import AskingPlace
from tests.governor.ladder.climbing import Aside, until

Scene = Callable[[Top, Pilot[None]], Awaitable[None]]


def watching(place: Place, scene: Scene) -> None:
    """Run the view on a terminal of 120 by 40, and what a person does there."""

    async def run() -> None:
        app = Top(Source(place.runtime), 60)
        async with app.run_test(size=(120, 40)) as pilot:
            await settled(app, pilot)
            await scene(app, pilot)

    asyncio.run(run())


async def settled(app: Top, pilot: Pilot[None]) -> None:
    """Wait until what was started is done and shown."""
    workers: Any = app.workers
    await workers.wait_for_complete()
    await pilot.pause()


def rows(app: Top, name: str) -> list[list[str]]:
    table = cast("DataTable[Any]", app.query_one(f"#{name}", DataTable))
    if not table.display:
        return []
    return [[str(cell) for cell in table.get_row_at(place)] for place in range(table.row_count)]


def head(app: Top) -> str:
    return str(app.query_one("#head", Static).render())


def test_before_the_first_call_it_says_so(place: Place) -> None:
    async def scene(app: Top, pilot: Pilot[None]) -> None:
        assert "no call was made yet" in head(app)
        assert [rows(app, name) for name in ("budgets", "calls")] == [[], []]

    watching(place, scene)


def test_budgets_calls_and_refusals_are_shown(place: Place) -> None:
    place.spend(50)
    assert place.hold(100)
    assert not place.hold(100)

    async def scene(app: Top, pilot: Pilot[None]) -> None:
        budgets = {row[0]: row for row in rows(app, "budgets")}
        assert budgets["session"][2:7] == ["75.0 %", "$0.50", "$1.00", "$2.00", "$0.50"]
        assert next(iter(budgets)) == "session", "the fullest first"
        ((model, session, _, surface, held, _),) = rows(app, "calls")
        assert (model, session, surface, held) == ("m", "a", "python", "$1.00")
        (refused,) = rows(app, "refusals")
        assert refused[0] == "session"
        assert refused[4:] == ["$1.00", "$0.50"]
        assert "1 call under way ($1.00)" in head(app)

    watching(place, scene)


def test_what_changes_is_there_at_the_next_look(place: Place) -> None:
    place.spend(50)

    async def scene(app: Top, pilot: Pilot[None]) -> None:
        assert rows(app, "calls") == []
        assert place.hold(100)
        await pilot.press("r")
        await settled(app, pilot)
        assert len(rows(app, "calls")) == 1

    watching(place, scene)


@pytest.mark.parametrize(("key", "code"), [("a", True), ("d", False)])
def test_a_parked_call_is_decided_after_a_question(tmp_path: Path, key: str, code: bool) -> None:
    place = AskingPlace(tmp_path)
    place.spend(50)
    with place.governor() as governor:
        call = Aside(lambda: governor.reserve(Request("m", NanoUSD(200 * CENT), "a")))
        until(lambda: len(governor.approvals()) == 1)
        (parked,) = governor.approvals()

        async def scene(app: Top, pilot: Pilot[None]) -> None:
            ((_, model, cost, _, why),) = rows(app, "approvals")
            assert (model, cost, why) == ("m", "$2.00", "session")
            await pilot.press(key, "n")
            await settled(app, pilot)
            assert [one.id for one in governor.approvals()] == [parked.id]
            await pilot.press(key)
            await pilot.pause()
            assert isinstance(app.screen, Ask)
            await pilot.press("y")
            await settled(app, pilot)
            await settled(app, pilot)
            assert rows(app, "approvals") == []

        watching(place, scene)
        assert call.join().allowed is code


def test_without_a_parked_call_the_keys_do_nothing(place: Place) -> None:
    place.spend(50)

    async def scene(app: Top, pilot: Pilot[None]) -> None:
        await pilot.press("a")
        await pilot.pause()
        assert not isinstance(app.screen, Ask)

    watching(place, scene)


def test_a_store_that_cannot_be_read_is_said_and_the_tables_stay(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.spend(50)

    async def scene(app: Top, pilot: Pilot[None]) -> None:
        before = rows(app, "budgets")

        def fail(_: Source) -> None:
            raise StoreUnavailable("the store is locked")

        monkeypatch.setattr(Source, "read", fail)
        await pilot.press("r")
        await settled(app, pilot)
        assert "the store is locked" in head(app)
        assert rows(app, "budgets") == before

    watching(place, scene)


def test_it_speaks_the_language_of_the_reader(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANG", "es_ES.UTF-8")
    place.spend(50)

    async def scene(app: Top, pilot: Pilot[None]) -> None:
        title = str(app.query_one("#budgets-title", Static).render())
        assert title == "presupuestos"
        assert "permitido" in rows(app, "budgets")[0][1]

    watching(place, scene)


def test_it_needs_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["top"]) == Exit.USAGE
    assert "corvus top needs a terminal" in capsys.readouterr().err
