"""Serves given bytes from memory with uvicorn and nothing else: what no page can be faster than.

    python benchmarks/dashboard/floor.py FILES

FILES is a JSON object of path to body and media type. It prints its port.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import uvicorn

Send = Callable[[dict[str, Any]], Awaitable[None]]


def app_of(files: dict[str, tuple[bytes, bytes]]) -> Callable[..., Awaitable[None]]:
    async def app(scope: dict[str, Any], _receive: object, send: Send) -> None:
        if scope["type"] != "http":
            return
        body, kind = files.get(scope["path"], (b"", b"text/plain"))
        status = 200 if scope["path"] in files else 404
        # The same caching as the pages have, so that a warm browser does as much.
        cache = b"no-store" if kind == b"text/html" else b"public, max-age=31536000, immutable"
        headers = [
            (b"content-type", kind + b"; charset=utf-8"),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", cache),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


def main() -> None:
    given = json.loads(Path(sys.argv[1]).read_text())
    files = {path: (body.encode(), kind.encode()) for path, (body, kind) in given.items()}
    bound = socket.create_server(("127.0.0.1", 0))
    print(bound.getsockname()[1], flush=True)
    server = uvicorn.Server(uvicorn.Config(app_of(files), log_level="error", lifespan="off"))
    asyncio.run(server.serve(sockets=[bound]))


if __name__ == "__main__":
    main()
