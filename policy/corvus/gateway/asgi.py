"""The types of ASGI, as uvicorn and Starlette speak it, and its messages for an answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, TypeAlias

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers: TypeAlias = list[tuple[bytes, bytes]]


def header_names(scope: Scope) -> set[bytes]:
    """Return the names of the headers of a request, in lower case."""
    return {name.lower() for name, _ in scope["headers"]}


def raw_headers(headers: Mapping[str, str]) -> Headers:
    """Return headers as ASGI has them."""
    return [(name.encode(), value.encode()) for name, value in headers.items()]


async def send_start(send: Send, status: int, headers: Headers) -> None:
    """Begin an answer."""
    await send({"type": "http.response.start", "status": status, "headers": headers})


async def send_piece(send: Send, data: bytes, *, is_last: bool = False) -> None:
    """Go on with an answer; bytes of none are only sent to end it."""
    if data or is_last:
        await send({"type": "http.response.body", "body": data, "more_body": not is_last})


async def send_whole(send: Send, status: int, headers: Headers, body: bytes) -> None:
    """Answer in one piece."""
    await send_start(send, status, headers)
    await send({"type": "http.response.body", "body": body})
