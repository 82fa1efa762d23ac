"""What a shadow policy counts live is what a replay of the same calls says (PLN-1, PLN-2)."""

from __future__ import annotations

from pathlib import Path

import pytest

from corvus.governor.shadow.marks import MARK, Mark, ShadowOutcome, mark_of
from tests.planning.governed_runs import CONFIG, replayed, run

TIGHT = (
    CONFIG.replace('on_exceeded = ["cap", "downgrade"]', "on_exceeded = []")
    .replace("allow_override = true", "allow_override = false")
    .replace("[mission]\nenabled = true", "[mission]\nenabled = false")
)
WIDE = (
    TIGHT.replace("= 16\n", "= 100_000\n")
    .replace("= 9\n", "= 100_000\n")
    .replace("= 5\n", "= 100_000\n")
    .replace("= 60\n", "= 100_000\n")
    .replace("6_000_000", "6_000_000_000")
    + '\n[governance]\nshadow = "next.toml"\n'
)


def compare(folder: Path, seed: int, steps: int) -> tuple[int, int]:
    """Return how many calls both would refuse, and how many there are."""
    (folder / "next.toml").write_text(TIGHT)
    runtime = run(folder, seed, steps, WIDE)
    shadow = runtime.shadow_policy
    assert shadow is not None
    with runtime.ledger() as ledger:
        rows = ledger.connection.execute(
            "SELECT DISTINCT reservation_id::VARCHAR, tags[$mark] FROM reservation_event "
            "WHERE kind = 'reserved'",
            {"mark": MARK},
        ).fetchall()
    marks: dict[str, Mark | None] = {call: mark_of(text) if text else None for call, text in rows}
    live = {call for call, mark in marks.items() if mark}
    assert {mark.outcome for mark in marks.values() if mark} <= {ShadowOutcome.REFUSED}
    outcomes = [one for one in replayed(runtime, shadow) if one.call.id in marks]
    assert len(outcomes) == len(marks)
    assert {one.call.id for one in outcomes if one.denial is not None} == live
    assert sum(one.calls for one in runtime.shadow_counts()) <= len(live)
    assert runtime.bookkeeping.verify().is_sound
    return len(live), len(marks)


def test_a_replay_refuses_what_the_shadow_counted(tmp_path: Path) -> None:
    refused, calls = compare(tmp_path, 5, 500)
    assert 0 < refused < calls


@pytest.mark.nightly
def test_a_replay_refuses_what_the_shadow_counted_in_many_runs(tmp_path: Path) -> None:
    for seed in range(10):
        folder = tmp_path / str(seed)
        folder.mkdir()
        compare(folder, 50 + seed, 1200)
