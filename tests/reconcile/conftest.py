"""Bills of these tests are files of a folder, compared with a ledger in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from corvus.ledger.ledger import empty_ledger
from corvus.reconcile.reconcile import Choice, reconcile
from corvus.reconcile.result import Reconciliation
from tests.reconcile.months import BOOKS, Call, recorded

NOW = datetime(2026, 11, 28, tzinfo=UTC)
Compare = Callable[..., Reconciliation]


@pytest.fixture
def compare(tmp_path: Path) -> Compare:
    """Compare the texts of bills with calls in a ledger."""

    def run(calls: Iterable[Call], *bills: str, **choice: Any) -> Reconciliation:
        files: list[str] = []
        for number, text in enumerate(bills):
            file = tmp_path / f"bill-{number}"
            file.write_text(text, encoding="utf-8")
            files.append(str(file))
        with empty_ledger(tmp_path / "l.duckdb") as ledger:
            recorded(ledger, calls)
            return reconcile(
                files, BOOKS, Choice(NOW, **choice), read=lambda: nullcontext(ledger), write=None
            )

    return run
