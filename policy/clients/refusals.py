"""Refusals as the provider itself would word them, so that its SDK raises its own error (PRX-4).

A denial is 402 and says ``x-should-retry: false``; it never carries ``Retry-After``, which some
SDKs obey for days. Refuses to tell what went wrong inside a store: that may name paths.
"""

from __future__ import annotations

import json
from typing import NamedTuple

from policy.governor.denial import DOMAIN, denial_body, denial_text
from policy.metering.endpoints import Endpoint
from policy.model.decision import Decision


class Refusal(NamedTuple):
    """An answer that stands in for the provider's.

    Attributes:
        may_retry: Whether the same request may succeed a moment later.
    """

    status: int
    body: bytes
    may_retry: bool = False

    @property
    def headers(self) -> dict[str, str]:
        """Headers that belong to it."""
        found = {"content-type": "application/json", "cache-control": "no-store"}
        return found if self.may_retry else {**found, "x-should-retry": "false"}


def denied(endpoint: Endpoint, decision: Decision) -> Refusal:
    """Return the answer to a call that was not admitted."""
    assert decision.denial is not None, "only a refused call is denied"
    told = {
        **denial_body(decision),
        "budget_exceeded": decision.denial.value == "budget_exceeded",
    }
    kind = ("billing_error", decision.denial.value)
    return Refusal(402, _shaped(endpoint, kind, denial_text(decision), told))


def unverified(endpoint: Endpoint) -> Refusal:
    """Return the answer when the store cannot say whether a call may be made (EVA-13)."""
    text = "the budgets cannot be verified now, so the call was not made"
    told: dict[str, object] = {"governance_domain": DOMAIN, "budget_exceeded": False}
    body = _shaped(endpoint, ("api_error", "budget_unverifiable"), text, told)
    return Refusal(503, body, may_retry=True)


def unreadable(endpoint: Endpoint) -> Refusal:
    """Return the answer to a request whose cost nobody could tell."""
    text = (
        "the request cannot be metered: it must be a JSON object that names a model, and its "
        "answer must not be made in the background"
    )
    return Refusal(400, _shaped(endpoint, ("invalid_request_error", "request_unreadable"), text))


def ungoverned(method: str, path: str) -> Refusal:
    """Return the answer to a request that may cost money and cannot be metered (PRX-1)."""
    text = f"{method} {path} cannot be metered, so it was not sent: only {', '.join(Endpoint)} are"
    endpoint = Endpoint.MESSAGES if "/messages" in path else Endpoint.CHAT
    return Refusal(404, _shaped(endpoint, ("not_found_error", "path_not_governed"), text))


def _shaped(
    endpoint: Endpoint,
    kind: tuple[str, str],
    text: str,
    told: dict[str, object] | None = None,
) -> bytes:
    """Word an error as the provider of an endpoint does.

    Args:
        endpoint: Where the request was to go.
        kind: Anthropic's closed word for it, and ours, which OpenAI's shape takes.
        text: For a person.
        told: For a program, under ``corvus``.
    """
    anthropic, ours = kind
    more = {"corvus": told} if told else {}
    if endpoint is Endpoint.MESSAGES:
        error = {"type": anthropic, "message": text, "code": ours, **more}
        return json.dumps({"type": "error", "error": error}).encode()
    error = {"message": text, "type": ours, "code": ours, "param": None, **more}
    return json.dumps({"error": error}).encode()
