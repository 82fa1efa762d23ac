from __future__ import annotations

from pathlib import Path

from corvus.base.repository import repository_of


def test_the_nearest_mark_counts_whatever_it_is(tmp_path: Path) -> None:
    (tmp_path / "outer/.git").mkdir(parents=True)
    inner = tmp_path / "outer/inner/deep"
    inner.mkdir(parents=True)
    assert repository_of(str(inner)) == str(tmp_path / "outer")
    (tmp_path / "outer/inner/.git").write_text("gitdir: ../elsewhere\n")
    assert repository_of(str(inner)) == str(tmp_path / "outer/inner")
