"""The list of slow tests names what there is."""

from __future__ import annotations

from tests.conftest import SLOW, TESTS


def test_every_slow_file_or_folder_exists() -> None:
    assert [name for name in SLOW if not (TESTS / name).exists()] == []
