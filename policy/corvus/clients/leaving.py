"""Requests and answers of ``httpx2`` as a governed call sends and gives them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import httpx2

from corvus.calls.refusal import Refusal
from corvus.model.gateway import Kind

_NEVER_LEFT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,
    httpx2.UnsupportedProtocol,
)
"""Faults after which a request has surely not reached its provider."""

_WRITING = ".send_request_headers.started"
Trace = Callable[[str, Any], Any]


class Leaving:
    """A request on its way out, and whether any of it may have been written.

    It listens to the ``trace`` extension of ``httpcore2``. A transport that knows none of it is
    taken to have written the request, but for the faults that say otherwise.

    Args:
        request: As the client made it.
        body: What is sent in place of its own.
        is_async: Whether the transport awaits what it tells.
    """

    def __init__(self, request: httpx2.Request, body: bytes, *, is_async: bool) -> None:
        self._knows = False
        self._is_written = False
        headers = httpx2.Headers(request.headers)
        headers["accept-encoding"] = "identity"
        for length in ("content-length", "transfer-encoding"):
            headers.pop(length, None)
        theirs: Trace | None = request.extensions.get("trace")
        trace = self._awaited(theirs) if is_async else self._called(theirs)
        self.request = httpx2.Request(
            request.method,
            request.url,
            headers=headers,
            content=body,
            extensions={**request.extensions, "trace": trace},
        )

    def may_have_left(self, fault: BaseException) -> bool:
        """Return whether the provider may have read some of it, given how sending failed."""
        if isinstance(fault, _NEVER_LEFT):
            return False
        return self._is_written or not self._knows

    def _note(self, name: str) -> None:
        self._knows = True
        self._is_written |= name.endswith(_WRITING)

    def _called(self, theirs: Trace | None) -> Trace:
        def trace(name: str, info: object) -> None:
            self._note(name)
            if theirs is not None:
                theirs(name, info)

        return trace

    def _awaited(self, theirs: Trace | None) -> Callable[[str, Any], Awaitable[None]]:
        async def trace(name: str, info: object) -> None:
            self._note(name)
            if theirs is not None:
                await theirs(name, info)

        return trace


def refused(refusal: Refusal, kind: Kind, request: httpx2.Request) -> httpx2.Response:
    """Return a refusal as an answer that never came over a wire."""
    body = refusal.body(kind)
    headers = {**refusal.headers, "content-length": str(len(body))}
    stream = httpx2.ByteStream(body)
    return httpx2.Response(refusal.status, headers=headers, stream=stream, request=request)


def kind_of_path(path: str) -> Kind:
    """Return whose errors the client of a path understands."""
    return Kind.ANTHROPIC if "/messages" in path else Kind.OPENAI


def relaying(
    response: httpx2.Response,
    stream: httpx2.SyncByteStream | httpx2.AsyncByteStream,
    told: Mapping[str, str],
) -> httpx2.Response:
    """Return an answer whose bytes come from another stream, which may leave some out.

    Args:
        response: As the provider gave it.
        stream: What is read in place of its own.
        told: Headers of ours.
    """
    headers = httpx2.Headers(response.headers)
    if headers.get("content-type", "").startswith("text/event-stream"):
        headers.pop("content-length", None)
    headers.update(told)
    return httpx2.Response(
        response.status_code, headers=headers, stream=stream, extensions=response.extensions
    )
