"""Turns the body of a proxied call into a request for admission (PRC-7, PRX-2).

Refuses what cannot be metered, see ``policy.calls.plan``.
"""

from __future__ import annotations

from dataclasses import dataclass

from policy.calls.plan import Plan, Unreadable, read
from policy.gateway.upstreams import Target
from policy.gateway.wire import WireError
from policy.governor.governor import Governor
from policy.metering.endpoints import Endpoint
from policy.model.request import LOCAL, Request


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, and what the call belongs to.

    Attributes:
        session_id: Every call has one (SES-1).
        surface: ``proxy``, or that of the command that started the proxy.
        user: The token's holder.
        principal: Id of the token; without one, the local user.
        resumes_mission: Whether the call resumes its mission if that has ended (MIS-5).
    """

    session_id: str
    surface: str = "proxy"
    mission_id: str | None = None
    project: str | None = None
    agent: str | None = None
    user: str | None = None
    principal: str = LOCAL
    resumes_mission: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """A call that can be metered.

    Attributes:
        request: What admission is asked for.
        plan: What the client's own body says.
        body: What is sent to the provider.
    """

    endpoint: Endpoint
    request: Request
    plan: Plan
    body: bytes


def ask(
    governor: Governor, endpoint: Endpoint, target: Target, body: bytes, caller: Caller
) -> Asked:
    """Read a call.

    Raises:
        WireError: It cannot be metered.
    """
    plan = read(endpoint, body)
    if isinstance(plan, Unreadable):
        raise WireError(plan.status, plan.code, plan.message, is_final=True)
    provider = provider_of(governor, target)
    most = plan.max_output_tokens
    stated = None if most is not None else plan.output_limit(provider)
    bound = stated or most or 0
    try:
        request = governor.request(
            plan.model,
            provider=provider,
            models=plan.models,
            service_tier=plan.service_tier,
            expected=lambda price: plan.expected(price, bound),
            session_id=caller.session_id,
            mission_id=caller.mission_id,
            surface=caller.surface,
            project=caller.project,
            agent=caller.agent,
            user=caller.user,
            principal=caller.principal,
            resumes_mission=caller.resumes_mission,
        )
    except ValueError as wrong:
        raise WireError(400, "request_invalid", str(wrong), is_final=True) from None
    return Asked(endpoint, request, plan, plan.forward(stated, provider))


def provider_of(governor: Governor, target: Target) -> str:
    """Return who bills: the upstream's name where a price book knows it, else its kind's maker."""
    name = target.upstream.name
    return name if governor.books.knows_provider(name) else target.upstream.kind.value
