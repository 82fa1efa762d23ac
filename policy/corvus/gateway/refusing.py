"""Refusals of what never reached a route, in the shape of the surface that was asked for (PRX-4).

A client of a provider gets the provider's own shape, so that its SDK shows what is wrong; all else
gets ``application/problem+json``. The connection ends with a refusal, for the body may be unread.
"""

from __future__ import annotations

from typing import NamedTuple

from corvus.calls.refusal import Refusal as Worded
from corvus.gateway.asgi import Scope, Send
from corvus.gateway.paths import is_proxied
from corvus.gateway.problems import Problem
from corvus.metering.providers import kind_spoken

_MAY_PASS_LATER = {408, 429, 500, 502, 503, 504}


class Refusal(NamedTuple):
    """An answer as it is sent."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


def refusal_of(path: str, names: set[bytes], problem: Problem) -> Refusal:
    """Return a problem as the client of a path reads it.

    Args:
        path: Empty where none was read.
        names: The headers of the request, in lower case.
        problem: What is wrong.
    """
    body, headers = problem.body, problem.headers
    if path and is_proxied(path):
        may_retry = problem.status in _MAY_PASS_LATER
        code = problem.code.replace("-", "_")
        worded = Worded(problem.status, code, problem.detail, may_retry)
        body, headers = worded.body(kind_spoken(path, names)), {**headers, **worded.headers}
    headers = {**headers, "content-length": str(len(body)), "connection": "close"}
    return Refusal(problem.status, [(k.encode(), v.encode()) for k, v in headers.items()], body)


async def send_refusal(scope: Scope, send: Send, problem: Problem) -> None:
    """Answer a request with a problem, and end the connection."""
    names = {name.lower() for name, _ in scope["headers"]}
    refusal = refusal_of(scope["path"], names, problem)
    start = {"type": "http.response.start", "status": refusal.status, "headers": refusal.headers}
    await send(start)
    await send({"type": "http.response.body", "body": refusal.body})
