"""The board: one rendering for all that show the same, and numbers that only grow."""

from __future__ import annotations

import asyncio
import json

import pytest

from corvus.gateway.pages.live import Board, LivePart


class Maker:
    """Makes what a page shows, and counts how often."""

    def __init__(self) -> None:
        self.html = "one"
        self.made = 0

    async def __call__(self) -> tuple[str, str]:
        self.made += 1
        await asyncio.sleep(0)
        return self.html, "headline"


def test_pages_that_show_the_same_are_made_once() -> None:
    async def many() -> None:
        board, make = Board(), Maker()
        shown = await asyncio.gather(*(board.show("a", make, 60) for _ in range(50)))
        assert make.made == 1
        assert {one.html for one in shown} == {"one"}
        await board.show("b", make, 60)
        assert make.made == 2

    asyncio.run(many())


def test_a_number_grows_with_each_change_and_stays_without_one() -> None:
    async def changes() -> None:
        board, make = Board(), Maker()
        first = await board.show("a", make, 0)
        again = await board.show("a", make, 0)
        make.html = "two"
        second = await board.show("a", make, 0)
        loaded = board.next_number()
        assert first is again
        assert first.number < second.number < loaded
        assert make.made == 3

    asyncio.run(changes())


def test_a_failed_making_is_tried_again() -> None:
    async def fails() -> tuple[str, str]:
        raise OSError("no store")

    async def twice() -> None:
        board = Board()
        with pytest.raises(OSError, match="no store"):
            await board.show("a", fails, 60)
        assert (await board.show("a", Maker(), 60)).html == "one"

    asyncio.run(twice())


def test_a_stream_tells_changes_alone_and_ends_with_the_visit() -> None:
    async def stream() -> list[bytes]:
        board = Board(interval_seconds=0.001)
        answers: list[LivePart | None] = [
            LivePart(3, "x", "h"),
            LivePart(3, "x", "h"),
            LivePart(5, "y", "h"),
            None,
        ]

        async def make() -> LivePart | None:
            return answers.pop(0)

        found = [one async for one in board.stream(make)]
        assert board.open_streams == 0
        return found

    retry, first, second, end = asyncio.run(stream())
    assert retry == b"retry: 3000\n\n"
    told = [json.loads(one.removeprefix(b"data: ")) for one in (first, second)]
    assert [(one["number"], one["html"]) for one in told] == [(3, "x"), (5, "y")]
    assert told[0]["run"] == told[1]["run"]
    assert end.startswith(b"event: ended\n")


def test_closing_ends_every_stream_at_once() -> None:
    async def close() -> None:
        board = Board(interval_seconds=60)

        async def make() -> LivePart | None:
            return LivePart(1, "x", "h")

        async def read() -> list[bytes]:
            return [one async for one in board.stream(make)]

        reading = [asyncio.create_task(read()) for _ in range(5)]
        await asyncio.sleep(0.01)
        assert board.open_streams == 5
        board.close()
        async with asyncio.timeout(1):
            for one in reading:
                assert len(await one) == 2

    asyncio.run(close())


def test_boards_of_different_runs_have_different_names() -> None:
    assert Board().run != Board().run


def test_what_nobody_looks_at_any_more_is_forgotten() -> None:
    async def many() -> None:
        board, make = Board(), Maker()
        for number in range(2000):
            await board.show(number, make, 60)
        assert board.kept <= 501

    asyncio.run(many())
