"""Errors in the shape of the provider's own, so that every SDK understands them (PRX-4).

Anthropic's SDKs and Claude Code read ``{"type": "error", "error": {...}}``, all others OpenAI's
``{"error": {...}}``; the members of ours are under ``corvus``. A stream that has begun cannot
change its status: there an error is an event.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from policy.errors import PolicyError, StoreError
from policy.gateway.asgi import Send
from policy.gateway.problems import problem_of
from policy.governor.denial import denial_body, denial_text
from policy.metering.endpoints import Endpoint
from policy.model.decision import Decision
from policy.model.gateway import Kind

_NOTHING: Mapping[str, object] = {}
_ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    415: "invalid_request_error",
    421: "invalid_request_error",
    426: "invalid_request_error",
    431: "invalid_request_error",
    504: "timeout_error",
}


class WireError(Exception):
    """A call that gets an error of ours for an answer.

    Attributes:
        status: HTTP status.
        code: Stable name of what is wrong, in the manner of OpenAI's codes.
        more: Members for programs.
        is_final: Trying again is of no use, and SDKs are told so.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        more: Mapping[str, object] = _NOTHING,
        is_final: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.more = more
        self.is_final = is_final

    def body(self, kind: Kind) -> bytes:
        """Return the error as an answer of a provider of this kind."""
        return json.dumps(self._members(kind)).encode()

    def event(self, endpoint: Endpoint) -> bytes:
        """Return the error as an event in a stream of an endpoint."""
        if endpoint is Endpoint.MESSAGES:
            return b"event: error\ndata: %s\n\n" % self.body(Kind.ANTHROPIC)
        if endpoint is Endpoint.RESPONSES:
            flat = {"type": "error", "code": self.code, "message": str(self), "param": None}
            return b"event: error\ndata: %s\n\n" % json.dumps(flat).encode()
        return b"data: %s\n\n" % self.body(Kind.OPENAI)

    def headers(self) -> dict[str, str]:
        """Return the headers of the error as an answer."""
        found = {"content-type": "application/json", "cache-control": "no-store"}
        if self.is_final:
            found["x-should-retry"] = "false"
        return found

    def _members(self, kind: Kind) -> dict[str, object]:
        told: dict[str, object] = {"message": str(self), "code": self.code}
        if self.more:
            told["corvus"] = dict(self.more)
        if kind is Kind.ANTHROPIC:
            return {"type": "error", "error": {"type": self._anthropic_type, **told}}
        return {"error": {"type": self.code, "param": None, **told}}

    @property
    def _anthropic_type(self) -> str:
        if self.code == "budget_exceeded":
            return "billing_error"
        return _ANTHROPIC_TYPES.get(self.status, "api_error")


def denied(decision: Decision, status: int) -> WireError:
    """Return what a refused call is told."""
    text = f"corvus: {denial_text(decision)}"
    return WireError(status, "budget_exceeded", text, more=denial_body(decision), is_final=True)


def failed(error: PolicyError) -> WireError:
    """Return what a call is told that an error of ours stopped; 503 is "cannot verify"."""
    problem = problem_of(error)
    is_final = not isinstance(error, StoreError)
    return WireError(
        problem.status, problem.code.replace("-", "_"), problem.detail, is_final=is_final
    )


async def send_error(send: Send, error: WireError, kind: Kind) -> None:
    """Answer with an error."""
    body = error.body(kind)
    headers = {**error.headers(), "content-length": str(len(body))}
    await send_start(send, error.status, [(k.encode(), v.encode()) for k, v in headers.items()])
    await send({"type": "http.response.body", "body": body})


async def send_start(send: Send, status: int, headers: list[tuple[bytes, bytes]]) -> None:
    """Begin an answer."""
    await send({"type": "http.response.start", "status": status, "headers": headers})
