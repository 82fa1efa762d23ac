"""What one call to a provider may cost at most, and the forms that it may take (PRC-7, EVA-14).

A call is forwarded as its client made it, byte for byte, but for single values: a maximum where
none is stated and its model's own limit is not known, a lower maximum or another model where the
ladder of a budget says so, and the usage at the end of a chat stream. ``corvus.calls.reading``
makes a plan from a request; each other form is a plan again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec
from msgspec import Raw

from corvus.governor.pricing import most_expensive
from corvus.metering.content import Content
from corvus.metering.edits import applied, lowering, spans_of, stating
from corvus.metering.maxima import THINKING_ROOM
from corvus.metering.media import Media
from corvus.metering.members import begins_with, members_of
from corvus.metering.needs import needs_of
from corvus.metering.provider import Endpoint
from corvus.metering.providers import abilities_of, most_output_of
from corvus.model.price import Price, Rates
from corvus.model.usage import COUNT_OF, TokenKind, Usage

UNSEEN_TOKENS = 32_768
"""Least input that is bounded on top of the body where the provider adds some of its own."""

_UNSEEN_FACTOR = 2


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read of a request, whatever form the call takes.

    Attributes:
        body: The client's own request, decompressed.
        members: Of the body.
        content: Of its messages and tools.
        text_tokens: Most tokens that are read of it as text.
        reads_more: The provider adds input that is not in the request.
        names_model: The body names the model, and not the path.
        maximum_tokens: Largest that it states under a name of the API; ``None`` for none.
        betas: Features that its header switches on.
    """

    endpoint: Endpoint
    body: bytes = field(repr=False)
    members: Mapping[str, Raw] = field(repr=False)
    content: Content = field(repr=False)
    text_tokens: int
    reads_more: bool
    names_model: bool
    maximum_tokens: int | None
    betas: tuple[str, ...] = ()

    def input_tokens_of(self, models: Sequence[str]) -> int:
        """Return the most tokens that any of some models may read."""
        bound = self.text_tokens + self.content.media_tokens(self.endpoint, models)
        return bound * _UNSEEN_FACTOR + UNSEEN_TOKENS if self.reads_more else bound


@dataclass(frozen=True, slots=True)
class Plan:
    """One call before it is made.

    Attributes:
        reading: What was read of the request.
        model: The model that is called.
        models: All that may answer, ``model`` first, or are called on the way.
        is_stream: Whether the answer is to come as events.
        asks_usage: Whether what a chat stream says of usage is for the client, so that it is not
            requested in its name.
        service_tier: The requested tier, if it may have prices of its own; ``None`` is the usual.
        choices: How many answers may be written, >= 1.
        input_tokens: Most tokens that the call may read.
        max_output_tokens: Most of **one** answer; ``None`` where the request states none, and
            ``with_maximum`` has not given it one. 0 for embeddings.
        other_output_tokens: Largest that is stated under any name for one answer; 0 for none.
        thinking_tokens: Largest budget for thinking that is stated; 0 for none.
        extra_output_tokens: What one answer may cost on top of its maximum.
        uses: Most uses of tools that are stated, which have a price each: at least one of each.
        stays_in_us: Every token costs a tenth more.
        input_kinds: As what input may be billed apart from plain input.
        media: What may be read or written that is no text.
        stated_tokens: Maximum that is stated in the name of the request; ``None`` for its own.
        cap_tokens: ``stated_tokens``, where larger maxima of the request are lowered to it.
        downgraded_from: The model that the request names, where another is called.
        is_maker: Whether the maker of the API itself answers.
        location: Location of Google Cloud that it is sent to.
    """

    reading: Reading = field(repr=False, compare=False)
    model: str
    models: tuple[str, ...]
    is_stream: bool
    asks_usage: bool
    service_tier: str | None
    choices: int
    input_tokens: int
    max_output_tokens: int | None
    other_output_tokens: int
    thinking_tokens: int
    extra_output_tokens: int
    uses: Usage
    stays_in_us: bool
    input_kinds: tuple[TokenKind, ...]
    media: Media
    stated_tokens: int | None = None
    cap_tokens: int | None = None
    downgraded_from: str | None = None
    is_maker: bool = False
    location: str | None = None

    @property
    def endpoint(self) -> Endpoint:
        """Where the call is sent."""
        return self.reading.endpoint

    @property
    def reads_text(self) -> bool:
        """Whether nothing but text can be read, as far as the request shows."""
        return not self.media.read

    @property
    def writes_text(self) -> bool:
        """Whether nothing but text can be written, likewise."""
        return not self.media.written

    @property
    def body(self) -> bytes:
        """The client's own request, decompressed."""
        return self.reading.body

    @property
    def bills_more(self) -> bool:
        """Whether something is billed that no answer counts."""
        return self.reading.content.bills_more

    @property
    def output_tokens(self) -> int:
        """Most of one answer that is held for: every maximum counts, under whatever name."""
        return max(self.max_output_tokens or 0, self.other_output_tokens)

    @property
    def least_cap_tokens(self) -> int:
        """Smallest maximum that leaves room for an answer beyond the thinking that is requested."""
        return self.thinking_tokens + THINKING_ROOM if self.thinking_tokens else 1

    def expected(self, price: Price | None) -> Usage:
        """Return the most expensive usage that the call allows.

        Args:
            price: Of a model that may answer, in its tier.
        """
        written = self.output_tokens + self.extra_output_tokens
        most, read = written * self.choices, self.input_tokens
        if self.stays_in_us or self._may_be_dearer_there(price):
            read, most = -(-read * 11 // 10), -(-most * 11 // 10)
        kinds = (*self.input_kinds, *self.media.read)
        usage = most_expensive(price, read, most, kinds, self.media.written)
        rates: Rates = price.rates_for(usage.context_tokens) if price is not None else {}
        uses = {COUNT_OF[kind]: many for kind, many in self.uses.by_kind().items() if kind in rates}
        return replace(usage, **uses) if uses else usage

    def _may_be_dearer_there(self, price: Price | None) -> bool:
        """Return whether a price of a book may be a tenth higher where the call is sent."""
        is_own = price is None or price.book == "user"
        return self.location not in (None, "global") and not is_own

    def sent_to(self, location: str | None) -> Plan:
        """Return the call as it is sent to a location of Google Cloud; ``None`` is no such call."""
        return replace(self, location=location) if location else self

    def with_betas(self, betas: tuple[str, ...]) -> Plan:
        """Return the call with the features that its header switches on."""
        return replace(self, reading=replace(self.reading, betas=betas)) if betas else self

    def deployed_as(self, deployments: Mapping[str, str]) -> Plan:
        """Return the call with the models that its deployments are; its bytes stay as they are.

        Azure does not care about capitals in the name of a deployment, so nobody may here: the
        other spelling of a name would be taken for a model of that name.

        Args:
            deployments: The model behind each name that requests call one by.
        """
        folded = {name.casefold(): model for name, model in deployments.items()}
        models = tuple(folded.get(name.casefold(), name) for name in self.models)
        if models == self.models:
            return self
        reading = replace(self.reading, names_model=False)
        read = reading.input_tokens_of(models)
        return replace(self, reading=reading, model=models[0], models=models, input_tokens=read)

    def counted_unasked(self) -> Plan:
        """Return the call for a vendor that refuses the option by which usage is requested.

        What its stream says of usage is for the client then, whoever it was that wanted it.
        """
        return replace(self, asks_usage=True)

    def with_maximum(self, *, is_maker: bool) -> Plan:
        """Return the call with a bound, where the request states none.

        Where the maker of the model enforces a limit that is known, that is the bound, and the
        bytes stay as they are (EVA-14). Elsewhere nobody vouches for any, so one is stated (PRC-7):
        the model's own as far as it is known, the smallest of them where several may answer.

        Args:
            is_maker: Whether the maker of the API itself answers.
        """
        plan = replace(self, is_maker=is_maker)
        if plan.max_output_tokens is not None:
            return plan
        if self.endpoint.unstated_maximum is not None:
            return plan.stating(self.endpoint.unstated_maximum)
        known = [abilities_of(self.endpoint.kind, model) for model in self.models]
        limits = [abilities.output_tokens for abilities in known if abilities is not None]
        if is_maker and len(limits) == len(known) and not self.endpoint.needs_maximum:
            return replace(plan, max_output_tokens=max(limits))
        return plan.stating(min(map(most_output_of, self.models)))

    def stating(self, tokens: int) -> Plan:
        """Return the call with a maximum stated that its request does not state."""
        return replace(self, max_output_tokens=tokens, stated_tokens=tokens)

    def capped(self, tokens: int) -> Plan:
        """Return the call with every maximum lowered to one, and that one stated.

        Args:
            tokens: Most of one answer, at least ``least_cap_tokens``.
        """
        return replace(
            self,
            max_output_tokens=tokens,
            other_output_tokens=min(self.other_output_tokens, tokens),
            stated_tokens=tokens,
            cap_tokens=tokens,
        )

    def downgraded(self, model: str) -> Plan | None:
        """Return the call for another model of the same API; ``None`` where that may not work.

        Everything that the request uses must be known to exist there. A maximum above the other
        model's own limit is lowered to that, for its provider would refuse it.
        """
        if not self._may_be_for(model):
            return None
        other = abilities_of(self.endpoint.kind, model)
        read = self.reading
        needs = needs_of(self.endpoint, read.members, read.content, read.betas)
        if other is None or needs is None or not needs <= other.features:
            return None
        called = replace(
            self,
            model=model,
            models=(model,),
            input_tokens=self.reading.input_tokens_of((model,)),
            max_output_tokens=self.reading.maximum_tokens,
            stated_tokens=None,
            downgraded_from=self.model,
        ).with_maximum(is_maker=self.is_maker)
        if called.output_tokens > other.output_tokens:
            if called.least_cap_tokens > other.output_tokens:
                return None
            called = called.capped(other.output_tokens)
        written = called.output_tokens + called.extra_output_tokens
        return called if other.takes(called.input_tokens, written) else None

    def _may_be_for(self, model: str) -> bool:
        """Return whether the name of the model may be changed to another one."""
        is_alone = self.models == (self.model,) and self.downgraded_from is None
        same_route = _route_of(self.model) == _route_of(model)
        usual = self.service_tier is None and not self.stays_in_us
        usual = usual and not self.reading.reads_more
        named = self.reading.names_model and model != self.model
        return is_alone and same_route and usual and named and self.endpoint.has_output

    def forward(self, provider: str | None = None) -> bytes:
        """Return the bytes to send: the client's own, but for what is requested in its name.

        Args:
            provider: Who bills: it decides under which name a maximum is stated.
        """
        text, members = self.body, self.reading.members
        edits = [] if self.cap_tokens is None else lowering(text, members, self.cap_tokens)
        more: dict[str, bytes] = {}
        if self.downgraded_from is not None:
            more["model"] = msgspec.json.encode(self.model)
        for group, name, value in self._additions(provider):
            places = self._places_of(group)
            for place in places:
                start = spans_of(text, members)[place].start
                edits += stating(text, members_of(members[place]), {name: value}, start)
            if group is None:
                more[name] = value
            elif not places:
                more[group] = b'{"%s":%s}' % (name.encode(), value)
        edits += stating(text, members, more) if more else []
        return applied(text, edits) if edits else text

    def _places_of(self, group: str | None) -> list[str]:
        """Return how a request spells an object that it has, of which it may have two."""
        members = self.reading.members
        spelt = self.endpoint.spellings(group) if group is not None else ()
        return [name for name in spelt if name in members and begins_with(members[name], b"{")]

    def _additions(self, provider: str | None) -> Iterator[tuple[str | None, str, bytes]]:
        """Yield what is stated in the name of the request: object, name, and JSON."""
        endpoint = self.endpoint
        if endpoint.usage_by_option and self.is_stream and not self.asks_usage:
            yield "stream_options", "include_usage", b"true"
        is_missing = self.reading.maximum_tokens is None
        if self.stated_tokens is not None and is_missing and endpoint.has_output:
            name = endpoint.maximum_name(self.model, provider)
            yield endpoint.maxima_in, name, b"%d" % self.stated_tokens


def _route_of(model: str) -> str:
    """Return what stands before the name of a model: the vendor, at resellers."""
    return model.rpartition("/")[0]
