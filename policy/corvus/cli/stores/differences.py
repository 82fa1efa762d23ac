"""Words for a balance that is not what is recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from corvus.governor.recount import Difference


def difference_words(difference: Difference) -> str:
    """Say which balance differs: what it has, and what is recorded."""
    from corvus.answers.amounts import amount_words, part_words
    from corvus.base.time import instant_at

    key, stored, counted = difference.stored.key, difference.stored, difference.counted
    which = [difference.budget.name]
    if key.window_start_us:
        which.append(f"from {instant_at(key.window_start_us):%Y-%m-%d %H:%M}")
    which += [
        f"{name} {value}"
        for name, value in (
            ("session", key.session_id),
            ("mission", key.mission_id),
            ("part", part_words(key.part)),
        )
        if value
    ]
    measure = difference.budget.measure
    sums = [
        (amount_words(each.spent(measure), measure), amount_words(each.held(measure), measure))
        for each in (stored, counted)
    ]
    return (
        f"budget {' '.join(which)} has {sums[0][0]} spent in {stored.calls} calls and "
        f"{sums[0][1]} held, recorded are {sums[1][0]} in {counted.calls} and {sums[1][1]} held"
    )
