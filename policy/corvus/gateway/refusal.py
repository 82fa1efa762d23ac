"""Refusals in the shape of the surface that was called (PRX-4).

A client of a provider gets the provider's own shape, so that its SDK shows what is wrong; all else
gets ``application/problem+json``. The connection ends with the refusal of what never reached a
route, for the body may be unread.
"""

from __future__ import annotations

from typing import NamedTuple

from corvus.base.errors import PolicyError, StoreError
from corvus.calls.refusal import Refusal, unverified
from corvus.gateway.asgi import Headers, Scope, Send, header_names, raw_headers, send_whole
from corvus.gateway.exchange import Outlet
from corvus.gateway.paths import is_proxied
from corvus.gateway.problems import Problem, problem_of
from corvus.metering.providers import kind_spoken
from corvus.model.gateway import Kind

_MAY_PASS_LATER = {408, 429, 500, 502, 503, 504}


class RequestRefused(Exception):
    """A request that goes no further than the guards."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        retry_after_seconds: int | None = None,
        *,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.problem = Problem(status, code, detail, {}, retry_after_seconds, headers or {})


class CallRefused(Exception):
    """A proxied call that gets an error of ours for an answer.

    Attributes:
        is_decided: Whether its budgets were evaluated, and refused it.
    """

    def __init__(self, refusal: Refusal, *, is_decided: bool = False) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal
        self.is_decided = is_decided


class Reply(NamedTuple):
    """An answer as it is sent."""

    status: int
    headers: Headers
    body: bytes


def reply_of(path: str, names: set[bytes], problem: Problem) -> Reply:
    """Return a problem as the client of a path reads it.

    Args:
        path: Empty where none was read.
        names: The headers of the request, in lower case.
        problem: What is wrong.
    """
    headers, body = problem.headers, problem.body
    if path and is_proxied(path):
        may_retry = problem.status in _MAY_PASS_LATER
        refusal = Refusal(problem.status, _word(problem.code), problem.detail, may_retry)
        more, body = refusal.answer(kind_spoken(path, names))
        headers = {**headers, **more}
    headers = {**headers, "content-length": str(len(body)), "connection": "close"}
    return Reply(problem.status, raw_headers(headers), body)


async def send_problem(scope: Scope, send: Send, problem: Problem) -> None:
    """Answer a request with a problem, and end the connection."""
    await send_whole(send, *reply_of(scope["path"], header_names(scope), problem))


async def send_error(scope: Scope, send: Send, error: PolicyError) -> None:
    """Answer a request that an error of ours stopped, and end the connection."""
    path, names = scope["path"], header_names(scope)
    if not (isinstance(error, StoreError) and is_proxied(path)):
        await send_problem(scope, send, problem_of(error))
        return
    refusal = unverified()
    headers, body = refusal.answer(kind_spoken(path, names))
    await send_whole(send, refusal.status, raw_headers({**headers, "connection": "close"}), body)


async def refuse_call(outlet: Outlet, refusal: Refusal, kind: Kind) -> None:
    """Answer a call with a refusal."""
    headers, body = refusal.answer(kind)
    outlet.start(refusal.status, raw_headers(headers))
    await outlet.end(body)


def refusal_of(error: PolicyError) -> Refusal:
    """Return the answer to a call that an error of ours stopped; 503 is "cannot verify"."""
    if isinstance(error, StoreError):
        return unverified()
    problem = problem_of(error)
    return Refusal(problem.status, _word(problem.code), problem.detail)


def _word(code: str) -> str:
    """Return the code of a problem as calls have it."""
    return code.replace("-", "_")
