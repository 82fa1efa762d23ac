"""Measures litellm's in-process budget reservation beside ours, and how much each overspends.

Run it with the interpreter of a scratch environment that has both:

    python3 -m venv /tmp/peer && /tmp/peer/bin/pip install 'litellm[proxy]' '.[ledger]'
    LITELLM_LOCAL_MODEL_COST_MAP=True /tmp/peer/bin/python benchmarks/governor/peer.py

One key with a limit of 1.00 USD; every call of gpt-4o may cost 0.16 USD at most (16,000 output
tokens at 10 USD per million), so that 6 fit. Cost per reserve is taken with a limit that nothing
reaches.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from litellm.caching.dual_cache import DualCache
from litellm.proxy import proxy_server
from litellm.proxy._types import UserAPIKeyAuth
from litellm.proxy.spend_tracking.budget_reservation import reserve_budget_for_request

from corvus import Governor, open_runtime
from corvus.store.sqlite import MemoryBackend, SqliteBackend
from corvus.store.store import Store

BODY = {
    "model": "gpt-4o",
    "messages": [{"role": "user", "content": "hello"}],
    "max_tokens": 16_000,
}
WORST_USD = 0.16
CONFIG = "[cost]\nenabled = true\nsession_limit_usd = {limit}\ndaily_limit_usd = 0\n"


async def litellm_reserve(limit: float, key: str) -> dict[str, Any] | None:
    token = UserAPIKeyAuth(token=key, max_budget=limit, spend=0.0)
    return await reserve_budget_for_request(
        request_body=dict(BODY),
        route="/v1/chat/completions",
        llm_router=None,
        valid_token=token,
        team_object=None,
        user_object=None,
        prisma_client=None,
        user_api_key_cache=proxy_server.user_api_key_cache,
        proxy_logging_obj=proxy_server.proxy_logging_obj,
    )


async def admitted_by_litellm(calls: int) -> tuple[int, float]:
    """Return how many of so many calls at once were admitted, and what they may cost together."""

    async def one() -> bool:
        try:
            await litellm_reserve(1.0, f"key-{calls}")
        except Exception:
            return False
        return True

    admitted = sum(await asyncio.gather(*(one() for _ in range(calls))))
    return admitted, admitted * WORST_USD


async def litellm_seconds(rounds: int) -> float:
    took: list[float] = []
    for _ in range(rounds):
        started = time.perf_counter()
        await litellm_reserve(1e9, "rich")
        took.append(time.perf_counter() - started)
    return median(took)


def governor_in(folder: Path, store: Store, limit: int) -> Governor:
    config = folder / "corvus.toml"
    config.write_text(CONFIG.format(limit=limit))
    return Governor(open_runtime([config]).policy, store)


async def admitted_by_corvus(folder: Path, calls: int) -> tuple[int, float]:
    store = Store(SqliteBackend(folder / f"store-{calls}"))
    governor = governor_in(folder, store, 1)
    request = governor.request("gpt-4o", session_id="s", input_tokens=10, max_output_tokens=16_000)
    decisions = await asyncio.gather(*(governor.areserve(request) for _ in range(calls)))
    store.close()
    admitted = sum(decision.allowed for decision in decisions)
    return admitted, admitted * WORST_USD


async def corvus_seconds(store: Store, folder: Path, rounds: int) -> float:
    governor = governor_in(folder, store, 1_000_000)
    took: list[float] = []
    for _ in range(rounds):
        started = time.perf_counter()
        request = governor.request(
            "gpt-4o", session_id="s", input_tokens=10, max_output_tokens=16_000
        )
        await governor.areserve(request)
        took.append(time.perf_counter() - started)
    store.close()
    return median(took)


async def main() -> None:
    proxy_server.spend_counter_cache = DualCache()
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        folder = Path(name)
        durable = await corvus_seconds(Store(SqliteBackend(folder / "store")), folder, 300)
        memory = await corvus_seconds(Store(MemoryBackend()), folder, 300)
        peer = await litellm_seconds(300)  # last: its renewals of leases keep the loop busy
        print(f"litellm, in memory: {peer * 1e3:.3f} ms for each reserve")
        print(f"corvus, durable: {durable * 1e3:.3f} ms, {peer / durable:.1f} times as fast")
        print(f"corvus, in memory: {memory * 1e3:.3f} ms, {peer / memory:.1f} times as fast")
        for calls in (50, 100):
            for kind, found in (
                ("litellm", await admitted_by_litellm(calls)),
                ("corvus", await admitted_by_corvus(folder, calls)),
            ):
                admitted, usd = found
                print(f"{kind}: {admitted} of {calls} at once admitted, {usd:.2f} of 1.00 USD")


asyncio.run(main())
