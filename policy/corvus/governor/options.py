"""What may be said of a call in words: before it is made, and when it is over."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from difflib import get_close_matches
from typing import TypeAlias, TypedDict

from corvus.base.money import NanoUSD
from corvus.metering.stated_cost import StatedCost
from corvus.model.budget import Rung
from corvus.model.price import Price
from corvus.model.reservation import Outcome
from corvus.model.usage import Usage, UsagePart

Bound: TypeAlias = Callable[[Price | None], Usage]
"""Returns the most expensive usage that a call allows at a price."""


class CallOptions(TypedDict, total=False):
    """What may be said of a call, next to its model.

    Attributes:
        session_id: Its session; without one, the governor's own.
        made_session_id: A session that was made for the caller, who named none; it is no part of
            what a repeated idempotency key is held against (RES-2).
        principal: Whose call it is: the id of a token; without one, the local user (RES-8).
        resumes_mission: Resume the mission if it has ended (MIS-5).
        subagent: The agent inside the agent that makes it, by the client's own id.
        parent_subagent: The sub-agent that started that one; without one, the agent itself did.
        token: Name of the access token that it came with; a gateway knows it, no caller states it.
        branch: Branch of the repository that it works on.
        provider: Who bills it; without one, the price book says who makes the model.
        upstream: Name that it is reported under in place of the provider's.
        input_tokens: Upper bound of the input, >= 0.
        max_output_tokens: The request's own maximum; without one, the policy's default.
        expected: Upper bounds by kind, instead of the two above; or a function that returns them
            for a price, because what is most expensive depends on it.
        models: All that may answer in its place (fallbacks); the most expensive counts (PRC-7).
        estimate_usd: The cost expected, instead of a price.
        service_tier: Tier of the request; one of ``VARIANTS`` has prices of its own.
        dispatched: ``False`` for a hold whose call has surely not left yet (RES-6).
        rungs: What the caller can follow in place of a refusal (EVA-14): whoever does not apply a
            maximum or a model that the decision states leaves out ``cap`` and ``downgrade``. All
            by default.
    """

    session_id: str | None
    made_session_id: str
    mission_id: str | None
    resumes_mission: bool
    principal: str
    provider: str | None
    upstream: str | None
    surface: str
    project: str | None
    user: str | None
    agent: str | None
    subagent: str | None
    parent_subagent: str | None
    token: str | None
    branch: str | None
    tags: Mapping[str, str]
    idempotency_key: str | None
    ttl_seconds: int | None
    input_tokens: int
    max_output_tokens: int | None
    expected: Usage | Bound
    models: Sequence[str]
    estimate_usd: Decimal | int
    service_tier: str | None
    dispatched: bool
    rungs: Collection[Rung]


class CallReport(TypedDict, total=False):
    """What may be said of a call that is over, next to its usage.

    Attributes:
        cost_nano_usd: The cost that the provider itself reports, as the caller vouches for it.
        seller: Whose prices count, where that is not the provider that the call is reported under.
        stated_cost: The cost in the answer, as a meter read it: recorded unless it is absurd.
        parts: The usage by model and tier, where one price does not do for all of it.
        is_estimated: The usage is not the provider's own, but derived from what passed by.
        has_counts: ``False`` where the answer counts nothing, so that all of it is derived.
        is_at_least: Something was used that could not be counted: the cost is a lower bound.
        models: All that may have answered, where the answer does not say which: the most expensive
            of them is recorded, marked as an estimate.
        tiers: All that may have served it, where the answer does not say which; likewise.
        outcome: How it ended.
        settlement_key: Repeating a settlement with its key repeats the first answer.
        first_token_at: Aware UTC.
    """

    cost_nano_usd: NanoUSD | None
    seller: str | None
    stated_cost: StatedCost | None
    parts: Sequence[UsagePart]
    is_estimated: bool
    has_counts: bool
    is_at_least: bool
    models: Sequence[str]
    tiers: Sequence[str | None]
    outcome: Outcome
    answering_model: str | None
    provider_request_id: str | None
    service_tier: str | None
    first_token_at: datetime | None
    settlement_key: str | None


def refuse_unknown(given: Mapping[str, object], kind: type) -> None:
    """Refuse words that nothing would read: a misspelt bound would hold too little.

    Raises:
        TypeError: One is no key of ``CallOptions`` or ``CallReport``; it names the nearest one.
    """
    options = kind.__annotations__.keys()
    for name in given.keys() - options:
        near = get_close_matches(name, options, 1)
        meant = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(options)}"
        raise TypeError(f"{name!r} is no option of a call{meant}")


def refuse_key(options: CallOptions) -> None:
    """Refuse an idempotency key where options are for all calls: they would share one hold (RES-2).

    Raises:
        ValueError: There is one.
    """
    if options.get("idempotency_key") is not None:
        raise ValueError(
            "an idempotency key is for one call, and these options are for many: leave it out"
        )
