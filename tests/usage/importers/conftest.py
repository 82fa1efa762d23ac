from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from corvus.ledger.ledger import Ledger, open_ledger
from corvus.model.price import Price, Rates, Tier
from corvus.model.usage import TokenKind
from corvus.usage.importers.model import ImportedFiles, ImportOptions, ImportSummary
from corvus.usage.importers.run import import_usage
from corvus.usage.importers.selection import imported_files

SONNET: Rates = {
    TokenKind.INPUT: 3_000_000_000,
    TokenKind.OUTPUT: 15_000_000_000,
    TokenKind.CACHE_READ: 300_000_000,
    TokenKind.CACHE_WRITE_5M: 3_750_000_000,
    TokenKind.CACHE_WRITE_1H: 6_000_000_000,
    TokenKind.WEB_SEARCH: 10_000_000_000_000,
}
HAIKU: Rates = {
    TokenKind.INPUT: 1_000_000_000,
    TokenKind.OUTPUT: 5_000_000_000,
    TokenKind.CACHE_READ: 100_000_000,
    TokenKind.CACHE_WRITE_5M: 1_250_000_000,
    TokenKind.CACHE_WRITE_1H: 2_000_000_000,
}


class Books:
    """Prices that a test states itself, with the lookup of ``PriceBooks``."""

    def __init__(self, *prices: Price) -> None:
        self.prices = prices

    @property
    def version(self) -> str:
        return str(self.prices)

    def history(self, model: str, *, provider: str | None = None) -> tuple[Price, ...]:
        return tuple(
            price
            for price in self.prices
            if price.model == model and provider in (None, price.provider)
        )


def price(
    model: str, rates: Rates, *, since: date | None = None, tiers: tuple[Tier, ...] = ()
) -> Price:
    entry = f"bundled:anthropic/{model}@{since or 'always'}"
    return Price("anthropic", model, "bundled", entry, rates, tiers, since)


@pytest.fixture
def books() -> Books:
    return Books(
        price("claude-sonnet-4-5-20250929", SONNET), price("claude-haiku-4-5-20251001", HAIKU)
    )


@cache
def _empty_ledger() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "ledger.duckdb")
        with open_ledger(path, write=True):
            pass
        return path.read_bytes()


class Desk:
    """A ledger, and what a test does with it: import files, ask for figures."""

    def __init__(self, folder: Path, books: Books) -> None:
        self.folder = folder
        self.path = folder / "ledger.duckdb"
        self.books = books

    def take_new(self, *sources: str | Path, **options: Any) -> ImportSummary:
        """Import what the ledger does not know yet."""
        known = ImportedFiles()
        if self.path.is_file():
            with open_ledger(self.path) as ledger:
                known = imported_files(ledger)
        return self.take(*sources, imported=known, **options)

    def take(self, *sources: str | Path, **options: Any) -> ImportSummary:
        return import_usage(
            self._open,
            sources,
            self.books,
            options=ImportOptions(**options),
        )

    def _open(self) -> AbstractContextManager[Ledger]:
        """Open the ledger for writing; a new one begins as a copy of one that is empty."""
        if not self.path.exists() and self.path.parent.is_dir():
            self.path.touch(mode=0o600)
            self.path.write_bytes(_empty_ledger())
        return open_ledger(self.path, write=True)

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        with open_ledger(self.path) as ledger:
            return ledger.connection.execute(sql).fetchall()

    def totals(self) -> tuple[Any, ...]:
        """Calls, tokens of every kind, and cost."""
        return self.ask(
            "SELECT coalesce(sum(calls), 0)::BIGINT, sum(input_tokens)::BIGINT, "
            "sum(output_tokens)::BIGINT, sum(cache_read_tokens)::BIGINT, "
            "sum(cache_write_5m_tokens)::BIGINT, sum(cache_write_1h_tokens)::BIGINT, "
            "sum(web_search_requests)::BIGINT, coalesce(sum(cost_nano_usd), 0)::BIGINT "
            "FROM usage_record"
        )[0]

    def write(self, name: str, lines: Iterable[Any], *, end: str = "\n") -> Path:
        """Write JSON lines; text and bytes stand as they are."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        raw = [
            line
            if isinstance(line, bytes)
            else (
                line if isinstance(line, str) else json.dumps(line, separators=(",", ":"))
            ).encode()
            for line in lines
        ]
        path.write_bytes(b"".join(one + b"\n" for one in raw[:-1]) + raw[-1] + end.encode())
        return path


@pytest.fixture
def desk(tmp_path: Path, books: Books) -> Desk:
    return Desk(tmp_path, books)


Line = Callable[..., dict[str, Any]]


@pytest.fixture
def line() -> Line:
    """Make an assistant line of a Claude Code log; keywords override the usual."""
    return assistant


def assistant(
    call: int = 1,
    *,
    at: str = "2026-11-16T10:00:00.000Z",
    model: str = "claude-sonnet-4-5-20250929",
    session: str = "session-a",
    usage: dict[str, Any] | None = None,
    **rest: Any,
) -> dict[str, Any]:
    counts = {"input_tokens": 10, "output_tokens": 20, "service_tier": "standard"}
    entry: dict[str, Any] = {
        "parentUuid": None,
        "isSidechain": False,
        "cwd": "/home/dev/app",
        "sessionId": session,
        "version": "2.1.37",
        "type": "assistant",
        "message": {
            "id": f"msg_01{call:022}",
            "model": model,
            "role": "assistant",
            "usage": counts if usage is None else usage,
        },
        "requestId": f"req_{call}",
        "uuid": f"uuid-{call}-{at}",
        "timestamp": at,
    }
    return entry | rest
