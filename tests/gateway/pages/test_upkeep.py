"""What open pages cost: little for each, whatever is slow to make (benchmarks/dashboard)."""

from __future__ import annotations

import asyncio

import pytest

from corvus.gateway.pages import live
from corvus.gateway.pages.live import Board


class Made:
    """Counts how often a page was made; each making takes so long on a clock of the test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, took_seconds: float) -> None:
        self.count = 0
        self.now = 1000.0
        self.seen: object = "nothing new"
        self._took_seconds = took_seconds
        monkeypatch.setattr(live, "monotonic", lambda: self.now)

    async def make(self) -> tuple[str, str]:
        self.count += 1
        self.now += self._took_seconds
        return f"made {self.count}", ""

    async def mark(self) -> object:
        return self.seen

    def look(self, board: Board, seconds: int, *keys: str, fresh_seconds: float = 5.0) -> None:
        """Look at pages each second."""

        async def all_of() -> None:
            for _ in range(seconds):
                for key in keys or ("page",):
                    await board.show(key, self.make, fresh_seconds, self.mark)
                self.now += 1.0

        asyncio.run(all_of())


def test_what_has_not_changed_is_made_once_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Made(monkeypatch, 0.001)
    made.look(Board(), 59)
    assert made.count == 1


def test_time_alone_makes_a_page_anew_after_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Made(monkeypatch, 0.001)
    made.look(Board(), 70)
    assert made.count == 2


def test_what_has_changed_is_made_anew_when_it_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    made, board = Made(monkeypatch, 0.001), Board()
    made.look(board, 5)
    made.seen = "a call"
    made.look(board, 5)
    assert made.count == 2


def test_what_failed_is_made_anew_though_nothing_has_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made, board = Made(monkeypatch, 0.001), Board()
    made.look(board, 1)
    board.distrust("page")
    made.look(board, 6)
    assert made.count == 2


def test_slow_pages_take_their_share_of_the_time_together(monkeypatch: pytest.MonkeyPatch) -> None:
    made, board = Made(monkeypatch, 0.2), Board()
    keys = ("one", "two", "three")
    made.look(board, 100, *keys)
    before = made.count
    for moment in range(600):
        made.seen = moment
        made.look(board, 1, *keys)
    assert 0 < (made.count - before) * 0.2 <= live.SHARE * 600 * 1.1


def test_a_quick_page_is_not_made_late_by_a_slow_one(monkeypatch: pytest.MonkeyPatch) -> None:
    slow, board = Made(monkeypatch, 2.0), Board()
    slow.look(board, 1, "slow")
    quick = Made(monkeypatch, 0.001)
    quick.now = slow.now
    for moment in range(20):
        quick.seen = moment
        quick.look(board, 1, "quick", fresh_seconds=2.0)
    assert quick.count == 10
