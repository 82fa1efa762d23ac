"""Refusals of a call, each built once and worded for every surface (RES-11, PRX-4).

Each provider has its own words for an error, see ``corvus.metering.providers``; the members of ours
are under ``corvus``. The code is the same word in each of them, in problems, in the line of an exit
and in the exception of Python. A stream that has begun cannot change its status: there an error is
an event.

A denial is final (``x-should-retry: false``) and never carries ``Retry-After``, which some SDKs
obey for days. What went wrong inside a store is not said: that may name paths.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from corvus.answers.denial import DOMAIN, denial_body, denial_text
from corvus.calls.routes import Unreadable
from corvus.metering.provider import Endpoint, Fault
from corvus.metering.providers import PROVIDERS
from corvus.model.decision import Decision, Denial
from corvus.model.gateway import Kind

UNAVAILABLE = "governance_unavailable"
"""Code of a call that was not made because nobody could verify its budgets (EVA-13)."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that stands in for the provider's.

    Attributes:
        status: HTTP status.
        code: Stable name of what is wrong.
        message: What is wrong and what to do, for a person.
        may_retry: Whether the same request may succeed a moment later; SDKs learn if not.
        more: Members for programs, under ``corvus``, next to the code.
    """

    status: int
    code: str
    message: str
    may_retry: bool = False
    more: Mapping[str, object] = field(default_factory=dict[str, object])

    def body(self, kind: Kind) -> bytes:
        """Return it as a provider of this kind words an error."""
        return json.dumps(PROVIDERS[kind].error(self._fault)).encode()

    def answer(self, kind: Kind) -> tuple[dict[str, str], bytes]:
        """Return all headers and the body of an answer that has its status."""
        body = self.body(kind)
        more = PROVIDERS[kind].error_headers(self._fault)
        return {**self.headers, **more, "content-length": str(len(body))}, body

    def event(self, endpoint: Endpoint) -> bytes:
        """Return it as an event in a stream of an endpoint."""
        return endpoint.error_event(self._fault)

    @property
    def headers(self) -> dict[str, str]:
        """Headers that belong to it."""
        headers = {"content-type": "application/json", "cache-control": "no-store"}
        return headers if self.may_retry else {**headers, "x-should-retry": "false"}

    @property
    def _fault(self) -> Fault:
        more = {"code": self.code, "budget_exceeded": False, **self.more}
        return Fault(self.status, self.code, self.message, more)


def denied(decision: Decision, status: int = 402) -> Refusal:
    """Return the answer to a call that was not admitted.

    Args:
        decision: A denial.
        status: Of the surface; a key whose call is over is a conflict on all of them.
    """
    assert decision.denial is not None, "only a refused call is denied"
    if decision.denial is Denial.ALREADY_SETTLED:
        status = 409
    code = decision.denial.value
    return Refusal(status, code, denial_text(decision), more=denial_body(decision))


def unverified() -> Refusal:
    """Return the answer when the store cannot say whether a call may be made (EVA-13)."""
    text = "the budgets cannot be verified now, so the call was not made"
    return Refusal(503, UNAVAILABLE, text, may_retry=True, more={"governance_domain": DOMAIN})


def unreadable(wrong: Unreadable) -> Refusal:
    """Return the answer to a request that cannot be metered, so it was not sent (PRX-1)."""
    return Refusal(wrong.status, wrong.code, wrong.message)


def invalid(wrong: ValueError) -> Refusal:
    """Return the answer to a request of which something is out of range."""
    return Refusal(400, "request_invalid", str(wrong))
