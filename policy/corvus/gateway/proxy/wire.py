"""Sends answers of the proxy's own over ASGI."""

from __future__ import annotations

from corvus.base.errors import PolicyError, StoreError
from corvus.calls.refusal import Refusal, unverified
from corvus.gateway.asgi import Send
from corvus.gateway.problems import problem_of
from corvus.model.gateway import Kind


class Refused(Exception):
    """A call that gets an error of ours for an answer.

    Attributes:
        refusal: What it is told.
        is_decided: Whether its budgets were asked, and refused it.
    """

    def __init__(self, refusal: Refusal, *, is_decided: bool = False) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal
        self.is_decided = is_decided


def failed(error: PolicyError) -> Refusal:
    """Return what a call is told that an error of ours stopped; 503 is "cannot verify"."""
    if isinstance(error, StoreError):
        return unverified()
    problem = problem_of(error)
    return Refusal(problem.status, problem.code.replace("-", "_"), problem.detail)


async def send_refusal(send: Send, refusal: Refusal, kind: Kind) -> None:
    """Answer with a refusal."""
    body = refusal.body(kind)
    headers = {**refusal.headers, "content-length": str(len(body))}
    await send_start(send, refusal.status, [(k.encode(), v.encode()) for k, v in headers.items()])
    await send({"type": "http.response.body", "body": body})


async def send_start(send: Send, status: int, headers: list[tuple[bytes, bytes]]) -> None:
    """Begin an answer."""
    await send({"type": "http.response.start", "status": status, "headers": headers})


async def send_piece(send: Send, data: bytes, *, is_last: bool = False) -> None:
    """Go on with an answer; bytes of none are only sent to end it."""
    if data or is_last:
        await send({"type": "http.response.body", "body": data, "more_body": not is_last})
