"""Requests and answers of ``httpx2`` as a governed call sends and gives them."""

from __future__ import annotations

import httpx2

from policy.clients.booking import Booking
from policy.clients.refusals import Refusal

NEVER_LEFT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
"""Faults after which a request has surely not reached its provider."""


def request_to_send(request: httpx2.Request, body: bytes) -> httpx2.Request:
    """Return a request with another body, for an answer that can be read on the way."""
    headers = httpx2.Headers(request.headers)
    headers["accept-encoding"] = "identity"
    for length in ("content-length", "transfer-encoding"):
        headers.pop(length, None)
    return httpx2.Request(
        request.method,
        request.url,
        headers=headers,
        content=body,
        extensions=request.extensions,
    )


def refusal_response(refusal: Refusal, request: httpx2.Request) -> httpx2.Response:
    """Return a refusal as an answer that never came over a wire."""
    return httpx2.Response(
        refusal.status, headers=refusal.headers, content=refusal.body, request=request
    )


def begin(booking: Booking, response: httpx2.Response) -> None:
    """Tell a booking of the head of its answer."""
    booking.answered(response.status_code, response.headers)


def with_stream(
    response: httpx2.Response, stream: httpx2.SyncByteStream | httpx2.AsyncByteStream
) -> httpx2.Response:
    """Return an answer whose bytes come from another stream, which may leave some out."""
    headers = httpx2.Headers(response.headers)
    if headers.get("content-type", "").startswith("text/event-stream"):
        headers.pop("content-length", None)
    return httpx2.Response(
        response.status_code, headers=headers, stream=stream, extensions=response.extensions
    )
