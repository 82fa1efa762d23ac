"""Counters of a Codex log: whatever the order, no token counts twice."""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from corvus.usage.importers.agents.codex_counters import MAX_COUNTERS, Counters, Tokens, Total


class Step(NamedTuple):
    """What one line states."""

    total: int | None = None
    last: int | None = None
    name: str | None = None


def tokens(size: int) -> Tokens:
    return Tokens(size)


def counted(*steps: Step) -> int:
    counters = Counters()
    used = 0
    for total, last, name in steps:
        stated = None if last is None else tokens(last)
        if total is not None:
            used += counters.take(Total(tokens(total), total), stated, name).size
        elif stated is not None:
            used += counters.take_last(stated).size
    return used


def totals(*sizes: int) -> list[Step]:
    return [Step(size) for size in sizes]


growths = st.lists(st.integers(1, 50), min_size=1, max_size=6)


@st.composite
def interleavings(draw: st.DrawFn, *, states_last: bool) -> tuple[list[list[int]], list[Step]]:
    """Draw counters, and their totals by turns, some of them repeated."""
    counters = [list(accumulate(one)) for one in draw(st.lists(growths, min_size=1, max_size=4))]
    waiting = [[(now, now - before) for before, now in pairwise([0, *one])] for one in counters]
    steps: list[Step] = []
    while any(waiting):
        chosen = waiting[draw(st.sampled_from([n for n, one in enumerate(waiting) if one]))]
        total, last = chosen.pop(0)
        steps.append(Step(total, last if states_last else None))
        if draw(st.booleans()):
            steps.append(draw(st.sampled_from(steps)))
    return counters, steps


@given(interleavings(states_last=False))
def test_totals_of_several_counters_count_between_what_is_certain(
    drawn: tuple[list[list[int]], list[Step]],
) -> None:
    counters, steps = drawn
    most = sum(one[-1] for one in counters)
    assert max(one[-1] for one in counters) <= counted(*steps) <= most


@given(interleavings(states_last=True))
def test_stated_calls_of_several_counters_count_between_what_is_certain(
    drawn: tuple[list[list[int]], list[Step]],
) -> None:
    counters, steps = drawn
    most = sum(one[-1] for one in counters)
    assert max(one[-1] for one in counters) <= counted(*steps) <= most


@given(growths, st.booleans())
def test_one_counter_counts_all_of_its_growth(growth: list[int], states_last: bool) -> None:
    steps = [
        Step(total, last if states_last else None)
        for total, last in zip(accumulate(growth), growth, strict=True)
    ]
    assert counted(*steps) == sum(growth)


@given(
    st.lists(
        st.tuples(
            st.one_of(st.none(), st.integers(0, 200)), st.one_of(st.none(), st.integers(0, 200))
        )
    )
)
def test_nothing_counts_below_zero_or_above_what_is_stated(
    steps: list[tuple[int | None, int | None]],
) -> None:
    counters = Counters()
    for total, last in steps:
        stated = None if last is None else tokens(last)
        if total is not None:
            used = counters.take(Total(tokens(total), total), stated)
            assert 0 <= used.size <= total
            assert last is None or used.size <= last


def test_totals_that_go_back_belong_to_two_counters() -> None:
    assert counted(*totals(100_000, 5_000, 101_000, 6_000, 102_000)) == 108_000


def test_a_total_that_was_counted_before_counts_no_more() -> None:
    assert counted(*totals(140, 180, 140)) == 180
    assert counted(*totals(140, 180, 140, 180, 200)) == 200


def test_a_total_holds_the_call_that_was_stated_before_it() -> None:
    assert counted(Step(last=100), Step(150)) == 150
    assert counted(Step(last=100), Step(150, last=50)) == 150
    assert counted(Step(last=100), Step(last=20), Step(120, last=20)) == 120


def test_a_stale_last_call_counts_no_more_than_the_total_grew() -> None:
    assert counted(Step(100, last=100), Step(130, last=100)) == 130
    assert counted(Step(100, last=100), Step(200, last=200)) == 200


def test_a_counter_by_a_name_of_its_own_begins_at_nothing() -> None:
    first, second = Step(100, last=100, name="codex"), Step(300, last=300, name="codex_other")
    assert counted(first, second) == 400


def test_parts_never_exceed_what_includes_them() -> None:
    counters = Counters()
    counters.take(Total(Tokens(100, 10, 90, 0, 10), 110), None)
    used = counters.take(Total(Tokens(110, 5, 100, 0, 20), 115), None)
    assert used == Tokens(5, 0, 5, 0, 0)


def test_endless_resets_cost_no_endless_work() -> None:
    sizes = range(10 * MAX_COUNTERS, 0, -1)
    assert counted(*totals(*sizes)) == sum(list(sizes)[:MAX_COUNTERS])
