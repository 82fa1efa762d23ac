"""The gate that a call passes before it may leave: plan, request, decision (RES-11, PRC-7).

What could cost money and cannot be metered is refused: no call reaches a provider past the budgets.
Which form of a call is admitted, with a lower maximum or for another model, the governor decides
(EVA-14); a call that fits keeps its bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple, Unpack
from urllib.parse import quote

from corvus.calls.billing import answers_itself, provider_of, reported_as
from corvus.calls.flight import Flight
from corvus.calls.offers import PlannedOffers
from corvus.calls.plan import Plan
from corvus.calls.reading import read
from corvus.calls.refusal import Refusal, denied, invalid, unreadable
from corvus.calls.regions import unpriced_there
from corvus.calls.routes import MeteredCall, Unreadable
from corvus.governor.governor import Governor
from corvus.governor.options import CallOptions, refuse_key, refuse_unknown
from corvus.metering.openai.profiles import profile_of
from corvus.model.decision import Decision
from corvus.model.request import Request

OUTPUT_CAP = "x-corvus-output-cap"
"""Header of an answer: the maximum that was stated in the name of the request."""

DOWNGRADED = "x-corvus-downgraded"
"""Header of an answer: the model that the request names, and the one that was called.

What is unusual in a name is written as in a URL: a client may name a model as it likes.
"""

WAITED = "x-corvus-waited"
"""Header of an answer: for how many seconds the call waited for room in a budget."""

_PLAIN = "/:.@+_-"


class Destination(NamedTuple):
    """An upstream of the config.

    Attributes:
        name: As the config has it.
        serves: Returns whether it takes a call with another model.
        deployments: The model behind each name that calls name one by there, where they differ.
    """

    name: str
    serves: Callable[[str], bool]
    deployments: Mapping[str, str] = {}


def _serves_all(_: str) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Proposal:
    """A call, as it is put to the governor, or as he has admitted it.

    Attributes:
        request: What the governor decides on.
        provider: Who bills; ``None`` where the price book has decided.
        reported: Name that the call is reported under in place of the provider's, if any.
        serves: Returns whether its upstream takes calls with another model.
        waited_seconds: For how long it waited for its admission.
    """

    plan: Plan
    request: Request
    provider: str | None
    reported: str | None = None
    serves: Callable[[str], bool] = _serves_all
    waited_seconds: float = 0

    @property
    def body(self) -> bytes:
        """What is sent to the provider."""
        return self.plan.forward(self.provider)

    @property
    def headers(self) -> dict[str, str]:
        """Headers of ours for the client."""
        headers: dict[str, str] = {}
        if self.plan.stated_tokens is not None:
            headers[OUTPUT_CAP] = str(self.plan.stated_tokens)
        if self.plan.downgraded_from is not None:
            names = (self.plan.downgraded_from, self.plan.model)
            headers[DOWNGRADED] = "->".join(quote(name, safe=_PLAIN) for name in names)
        if self.waited_seconds:
            headers[WAITED] = f"{self.waited_seconds:.3f}"
        return headers


@dataclass(frozen=True, slots=True)
class Admission:
    """A call that may be made.

    Attributes:
        flight: ``None`` while governance is disabled: then nothing is metered.
    """

    proposal: Proposal
    flight: Flight | None


class Gate:
    """The decisions of a driver, without input or output.

    Args:
        governor: Who admits calls.
        **options: What is said of each call, next to what its request says.

    Raises:
        TypeError: An option has a name that nothing reads.
        ValueError: There is an idempotency key among them.
    """

    def __init__(self, governor: Governor, **options: Unpack[CallOptions]) -> None:
        refuse_unknown(options, CallOptions)
        refuse_key(options)
        self._governor = governor
        self._options = options

    def propose(
        self,
        place: MeteredCall,
        body: bytes,
        encoding: str = "",
        *,
        host: str | None = None,
        upstream: Destination | None = None,
    ) -> Proposal | Refusal:
        """Return a request as it is put to the governor.

        Args:
            place: Where it is sent.
            body: As it came.
            encoding: Its ``content-encoding``.
            host: Host that it is sent to.
            upstream: The upstream of the config that it is sent to.
        """
        plan = read(place.endpoint, body, encoding, place.model, place.headers)
        if isinstance(plan, Unreadable):
            return unreadable(plan)
        deployments: Mapping[str, str] = upstream.deployments if upstream is not None else {}
        plan = plan.with_betas(place.betas).deployed_as(deployments)
        plan = plan.sent_to(place.place.get("location"))
        provider, reported = self._billed(plan, host, upstream)
        if (elsewhere := unpriced_there(self._governor, plan, provider, host)) is not None:
            return unreadable(elsewhere)
        if not profile_of(provider).takes_usage_option(place.api_version):
            plan = plan.counted_unasked()
        if plan.max_output_tokens is None:
            plan = plan.with_maximum(is_maker=answers_itself(self._governor, plan, provider))
        try:
            request = self._request(plan, provider, reported)
            serves = upstream.serves if upstream is not None else _serves_all
            return Proposal(plan, request, provider, reported=reported, serves=serves)
        except ValueError as wrong:
            return invalid(wrong)

    def _billed(
        self, plan: Plan, host: str | None, upstream: Destination | None
    ) -> tuple[str | None, str | None]:
        """Return who bills a call, and the name that it is reported under if that is another."""
        if provider := self._options.get("provider"):
            return provider, None
        name = upstream.name if upstream is not None else None
        provider = provider_of(self._governor, plan, host=host, upstream=name)
        return provider, reported_as(self._governor, provider, host=host, upstream=name)

    def admit(self, proposal: Proposal) -> tuple[Decision, Proposal]:
        """Have a call admitted or refused; it may come back in another form (EVA-14).

        Raises:
            StoreError: The store cannot answer, so the call must not be made.
        """
        offers = self._offers(proposal)
        decision = self._governor.reserve(proposal.request, offers=offers)
        return decision, _admitted(proposal, offers, decision)

    async def aadmit(self, proposal: Proposal) -> tuple[Decision, Proposal]:
        """Do what ``admit`` does, without keeping the event loop waiting."""
        offers = self._offers(proposal)
        decision = await self._governor.areserve(proposal.request, offers=offers)
        return decision, _admitted(proposal, offers, decision)

    def verdict(
        self, proposal: Proposal, decision: Decision, denied_status: int = 402
    ) -> Admission | Refusal:
        """Return what follows from a decision."""
        if not decision.allowed:
            return denied(decision, denied_status)
        held = decision.reservation
        if held is None:
            return Admission(proposal, None)
        return Admission(proposal, Flight(held, proposal.plan))

    def _offers(self, proposal: Proposal) -> PlannedOffers:
        provider, reported = proposal.provider, proposal.reported
        return PlannedOffers(
            proposal.plan,
            lambda plan: self._request(plan, provider, reported),
            proposal.serves,
        )

    def _request(self, plan: Plan, provider: str | None, reported: str | None) -> Request:
        options: CallOptions = {
            **self._options,
            "provider": provider,
            "upstream": reported,
            "models": plan.models,
            "service_tier": plan.service_tier,
            "expected": plan.expected,
            "max_output_tokens": _lowerable(plan),
        }
        return self._governor.request(plan.model, **options)


def _lowerable(plan: Plan) -> int | None:
    """Return the most that all answers may write; ``None`` where no maximum can be lowered."""
    if not plan.endpoint.may_be_capped:
        return None
    return (plan.output_tokens + plan.extra_output_tokens) * plan.choices


def _admitted(proposal: Proposal, offers: PlannedOffers, decision: Decision) -> Proposal:
    """Return the form of a call that was decided on."""
    if not decision.rungs:
        return proposal
    plan = offers.form(decision.model or proposal.plan.model, decision.output_cap_tokens)
    assert plan is not None, "what was admitted had been offered"
    held = decision.reservation
    request = held.request if held is not None else proposal.request
    return replace(proposal, plan=plan, request=request, waited_seconds=decision.waited_seconds)
