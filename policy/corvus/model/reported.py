"""A call as its client reports it after it was made: a claim, which nobody measured (PRX-9)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from corvus.model.usage import Usage


@dataclass(frozen=True, slots=True)
class ReportedCall:
    """One call, as its client reports it.

    Attributes:
        client: The client, such as ``claude-code``.
        identity: What the client itself knows the call by, within its session.
        session_id: The session, by the client's own id.
        at: When it was over by the client's clock, aware UTC.
        model: Model of the call.
        provider: Who bills; ``None`` where the client does not say.
        usage: Counts by disjoint kind; all of them text.
        service_tier: Tier with prices of its own; ``None`` is the usual one.
        request_id: The provider's own id of the answer; ``None`` where the client has none.
        client_cost_usd: What the client reckons that the call cost, at list prices of its own.
        is_at_least: Something was used that the report does not say, or not exactly enough to price
            it: the cost is a lower bound.
    """

    client: str
    identity: str
    session_id: str
    at: datetime
    model: str
    usage: Usage
    provider: str | None = None
    service_tier: str | None = None
    request_id: str | None = None
    client_cost_usd: Decimal | None = None
    is_at_least: bool = False


class Reporter(NamedTuple):
    """Who reports calls; all that a report does not decide about itself.

    Attributes:
        principal: Id of the token.
        token: Name of the token.
        user: Who spends: the token's holder.
        project: The project of the calls.
        agent: The agent of the calls; ``None`` is the client.
        session_id: The session of the calls, where the token decides it; ``None`` lets reports say.
        mission_id: The mission of the calls.
        tags: Free-form pairs, by key.
    """

    principal: str
    token: str
    user: str
    project: str | None = None
    agent: str | None = None
    session_id: str | None = None
    mission_id: str | None = None
    tags: tuple[tuple[str, str], ...] = ()


class ReportSummary(NamedTuple):
    """What became of some reported calls.

    Attributes:
        recorded: Calls recorded now.
        known: Calls that were reported before.
        measured: Calls that a meter of ours measured, or that nothing governs: no record.
    """

    recorded: int = 0
    known: int = 0
    measured: int = 0
