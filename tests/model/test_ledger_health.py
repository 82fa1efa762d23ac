"""What the file of a ledger shows to those who do not open it."""

from __future__ import annotations

from pathlib import Path

from corvus.model.ledger_health import LedgerHealth


def test_a_file_is_as_large_as_it_is_with_its_write_ahead_log(tmp_path: Path) -> None:
    """CLI-6: it is not opened, so that its content does not matter."""
    path = tmp_path / "ledger.duckdb"
    path.write_bytes(b"x" * 10)
    Path(f"{path}.wal").write_bytes(b"x" * 5)
    found = LedgerHealth.unopened(path, writable=False)
    assert found == LedgerHealth(path, exists=True, size_bytes=15)


def test_a_file_need_not_exist_and_a_link_to_nothing_is_there(tmp_path: Path) -> None:
    path = tmp_path / "ledger.duckdb"
    assert LedgerHealth.unopened(path, writable=True) == LedgerHealth(path, is_writable=True)
    path.symlink_to(tmp_path / "nowhere")
    assert LedgerHealth.unopened(path, writable=True).exists
