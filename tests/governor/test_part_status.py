"""Each part of a budget with ``per`` is shown for itself, and the worst one governs (CFG-10)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corvus import Governor, open_runtime
from corvus.base.errors import SteeringRefused
from corvus.base.globs import glob_fault
from corvus.base.money import nano_usd
from corvus.base.period import Period
from corvus.model.budget import Budget, Measure, part_of
from corvus.model.decision import BudgetState
from corvus.model.parts import PartOrder, PartsQuery
from corvus.model.status_report import StatusReport
from corvus.store.place import open_store, place_at
from corvus.store.sqlite import MemoryBackend
from corvus.store.store import Store
from tests.fakes import FrozenClock
from tests.governor.conftest import Bench, MakePolicy
from tests.properties import examples

USD = nano_usd(1)
EACH = Budget("each", Period.DAY, 10 * USD, (80,), "cost.budgets[0].limit_usd", per=("user",))
MakeDivided = Callable[..., Bench]


@pytest.fixture(params=["in a file", "in memory"])
def divided(
    request: pytest.FixtureRequest, compiled: MakePolicy, tmp_path: Path
) -> Iterator[MakeDivided]:
    """Open a governor for budgets that are given; those of one test share their store."""
    clock, stores = FrozenClock(), list[Store]()
    memory = MemoryBackend()

    def open_(*budgets: Budget, enabled: bool = True) -> Bench:
        is_file = request.param == "in a file"
        store = (
            open_store(place_at(tmp_path / "store.db"), clock) if is_file else Store(memory, clock)
        )
        stores.append(store)
        policy = compiled("[cost]\nenabled = true\nsession_limit_usd = 0\ndaily_limit_usd = 0\n")
        policy = replace(policy, budgets=budgets, enabled=enabled)
        return Bench(Governor(policy, store), clock, [])

    yield open_
    for store in stores:
        store.close()


def names(one: Bench, **wanted: Any) -> list[str]:
    page = one.governor.parts(PartsQuery("each", **wanted))
    return [row.status.part for row in page.rows]


def status_of(report: StatusReport, name: str = "each") -> Any:
    return next(each for each in report.decision.statuses if each.budget.name == name)


def test_parts_are_sorted_by_use_by_name_or_by_what_is_left(divided: MakeDivided) -> None:
    one = divided(EACH)
    for user, usd in (("bea", "3"), ("ana", "1"), ("cyd", "2")):
        one.spend(usd, user=user)
    one.hold("4", user="ana")
    assert names(one) == ["ana", "bea", "cyd"]
    assert names(one, order=PartOrder.NAME) == ["ana", "bea", "cyd"]
    assert names(one, order=PartOrder.LEFT) == ["ana", "bea", "cyd"]
    assert names(one, limit=1, offset=1) == ["bea"]
    assert names(one, search="Y") == ["cyd"]
    assert names(one, part="bea") == ["bea"]
    page = one.governor.parts(PartsQuery("each", search="a", limit=1))
    assert (page.counts.parts, page.found, len(page.rows)) == (3, 2, 1)


def test_a_limit_of_its_own_decides_how_full_a_part_is(divided: MakeDivided) -> None:
    own = (("bo*", 4 * USD), ("zoe", 0))
    one = divided(replace(EACH, limits=own))
    for user, usd in (("bob", "3"), ("ana", "5"), ("zoe", "9")):
        one.spend(usd, user=user)
    assert names(one) == ["bob", "ana", "zoe"], "75 %, 50 %, and one without a limit"
    assert names(one, order=PartOrder.LEFT) == ["bob", "ana", "zoe"]
    (row,) = one.governor.parts(PartsQuery("each", part="bob")).rows
    assert (row.status.budget.limit, row.status.headroom) == (4 * USD, USD)
    assert row.status.budget.config_key == 'cost.budgets[0].limits."bo*"'


def test_the_worst_part_governs_the_status(divided: MakeDivided) -> None:
    one = divided(EACH)
    assert status_of(one.governor.status()).part == ""
    for user, usd in (("ana", "1"), ("bea", "9"), ("cyd", "2")):
        one.spend(usd, user=user)
    report = one.governor.status()
    each = status_of(report)
    assert (each.part, each.spent, each.state) == ("bea", 9 * USD, BudgetState.WARNING)
    assert report.parts["each"].parts == 3
    spend = report.spends["each"]
    assert spend is not None
    assert spend.calls == 1


def test_a_refused_part_blocks_alone(divided: MakeDivided) -> None:
    one = divided(EACH)
    one.spend("1", user="ana")
    for _ in range(2):
        assert not one.ask("12", user="bea").allowed
    report = one.governor.status()
    assert report.blocking == ("each",)
    assert (report.parts["each"].blocking, report.refusals["each"].count) == (1, 2)
    rows = {row.status.part: row for row in one.governor.parts(PartsQuery("each")).rows}
    assert [name for name, row in rows.items() if row.is_blocking] == ["bea"]
    one.clock.move(timedelta(hours=2))
    assert one.governor.status().parts["each"].blocking == 1, "no call was admitted since"
    one.hold("1", user="bea")
    assert one.governor.status().blocking == ()


def test_nothing_blocks_while_governance_is_disabled(divided: MakeDivided) -> None:
    assert not divided(EACH).ask("12", user="bea").allowed
    report = divided(EACH, enabled=False).governor.status()
    assert (report.blocking, report.parts["each"].blocking) == ((), 0)


def test_tokens_and_calls_are_sorted_by_their_own_unit(divided: MakeDivided) -> None:
    calls = replace(EACH, measure=Measure.CALLS, limit=5)
    one = divided(calls)
    one.spend("9", user="rich")
    for _ in range(2):
        one.spend("0.01", user="busy")
    assert names(one) == ["busy", "rich"]
    assert status_of(one.governor.status()).spent == 2


def test_a_window_shows_the_parts_whose_window_is_open(divided: MakeDivided) -> None:
    window = replace(EACH, period=Period.WINDOW, window_seconds=5 * 3600)
    one = divided(window)
    one.spend("1", user="early")
    one.clock.move(timedelta(hours=3))
    one.spend("2", user="late")
    assert names(one) == ["late", "early"]
    one.clock.move(timedelta(hours=2))
    assert names(one) == ["late"], "the window of the other is over"
    (row,) = one.governor.parts(PartsQuery("each")).rows
    assert row.window_start == one.clock.now() - timedelta(hours=2)
    assert row.status.resets_at == one.clock.now() + timedelta(hours=3)


def test_a_window_that_no_call_has_opened_has_no_end(divided: MakeDivided) -> None:
    window = Budget("w", Period.WINDOW, USD, (), "key", window_seconds=5 * 3600)
    one = divided(window)
    assert status_of(one.governor.status(), "w").resets_at is None
    one.spend("0.5")
    start = one.clock.now()
    assert status_of(one.governor.status(), "w").resets_at == start + timedelta(hours=5)
    one.clock.move(timedelta(hours=5))
    after = status_of(one.governor.status(), "w")
    assert (after.spent, after.resets_at) == (0, None)


def test_a_budget_of_each_session_shows_the_parts_of_one(divided: MakeDivided) -> None:
    one = divided(replace(EACH, period=Period.SESSION))
    one.spend("1", "first", user="ana")
    one.spend("2", "second", user="bea")
    assert names(one, session_id="first") == ["ana"]
    assert one.governor.status("second").parts["each"].parts == 1
    assert one.governor.status().spends["each"] is None
    with pytest.raises(SteeringRefused, match="--session"):
        names(one)


@pytest.mark.parametrize("name", ["nothing", "plain"])
def test_only_a_budget_with_parts_has_some(divided: MakeDivided, name: str) -> None:
    one = divided(EACH, Budget("plain", Period.DAY, USD, (), "key"))
    with pytest.raises(SteeringRefused):
        one.governor.parts(PartsQuery(name))


@settings(max_examples=examples(300, by_day=25), deadline=None)
@given(
    spent=st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6),
        st.integers(0, 9),
        min_size=1,
        max_size=12,
    ),
    size=st.integers(1, 5),
)
def test_pages_are_a_whole_whatever_parts_are_called(spent: dict[str, int], size: int) -> None:
    """Also those with what separates values, and what SQL could take for its own."""
    store = Store(MemoryBackend(), FrozenClock())
    try:
        policy = replace(open_runtime().policy, enabled=True, budgets=(EACH,))
        one = Bench(Governor(policy, store), FrozenClock(), [])
        for user, usd in spent.items():
            one.spend(str(usd), user=user)
        first = one.governor.parts(PartsQuery("each", limit=size))
        seen = [
            row
            for offset in range(0, first.found, size)
            for row in one.governor.parts(PartsQuery("each", offset=offset, limit=size)).rows
        ]
        assert len({row.status.part for row in seen}) == len(seen) == len(spent)
        shares = [row.status.percent_used for row in seen]
        assert shares == sorted(shares, reverse=True)
    finally:
        store.close()


@settings(max_examples=examples(200, by_day=20), deadline=None)
@given(
    users=st.lists(
        st.text(st.sampled_from("ab%,()[]!*?\\ é"), min_size=1, max_size=4),
        min_size=1,
        max_size=8,
        unique=True,
    ),
    globs=st.lists(st.text(st.sampled_from("ab%,()[]!*?\\ é"), min_size=1, max_size=4), max_size=3),
)
def test_whatever_a_limit_of_its_own_is_for_pages_are_sorted_by_it(
    users: list[str], globs: list[str]
) -> None:
    """What SQL takes for the limit of a part is what the rule takes for it."""
    sound = [glob for glob in globs if glob_fault(glob) is None]
    own = tuple((glob, (place + 1) * USD) for place, glob in enumerate(sound))
    store = Store(MemoryBackend(), FrozenClock())
    try:
        policy = replace(open_runtime().policy, enabled=True, budgets=(replace(EACH, limits=own),))
        one = Bench(Governor(policy, store), FrozenClock(), [])
        for user in users:
            one.spend("0.5", user=user)
        rows = one.governor.parts(PartsQuery("each")).rows
        assert {row.status.part for row in rows} == {part_of((user,)) for user in users}
        shares = [row.status.percent_used for row in rows]
        assert shares == sorted(shares, reverse=True)
    finally:
        store.close()
