"""Does work only as long as the client is there: a call that waits frees its place (EVA-14)."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

from corvus.gateway.asgi import Receive

T = TypeVar("T")


async def while_there(work: Coroutine[object, object, T], receive: Receive) -> T | None:
    """Do something as long as the client is there; when it goes, break it off.

    Args:
        work: What is done.
        receive: Gives what the client does next; its request has been read.

    Returns:
        What came of it; ``None`` when the client has gone.
    """
    working = asyncio.create_task(work)
    leaving = asyncio.create_task(_gone(receive))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        leaving.cancel()
        working.cancel()
        await asyncio.wait({working, leaving})
    return None if working.cancelled() else working.result()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
