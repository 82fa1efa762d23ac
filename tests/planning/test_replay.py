"""Recorded calls under the policy that decided them are decided the same way again (PLN-1)."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.planning.governed_runs import differences, kinds, replayed, run


def test_the_same_policy_decides_as_it_did(tmp_path: Path) -> None:
    outcomes = replayed(run(tmp_path, 7, 900))
    assert differences(outcomes) == []
    counts = kinds(outcomes)
    assert min(counts[name] for name in ("refused", "passed", "cap", "lifted")) > 0, counts


@pytest.mark.nightly
def test_ten_thousand_calls_are_decided_as_they_were(tmp_path: Path) -> None:
    counts: Counter[str] = Counter()
    for seed in range(20):
        folder = tmp_path / str(seed)
        folder.mkdir()
        outcomes = replayed(run(folder, 100 + seed, 1200))
        assert differences(outcomes) == [], seed
        counts += kinds(outcomes)
    assert counts["refused"] + counts["passed"] >= 10_000, counts
    assert counts["downgrade"] > 0, counts
