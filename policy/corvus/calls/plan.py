"""What one call to a provider may cost at most, read from the body of its request (PRC-7).

The body is decoded once, and every decision is taken from what was decoded. The hold is meant never
to be below the true cost at a provider that reads whatever it can of the request: the largest of
all maxima, as many answers as any member requests, the most expensive of all models and tiers that
may answer, input as the most expensive kind. A request without a maximum gets one of ours, stated
in what is forwarded. The proxy and the transports of SDKs plan a call alike (RES-11).

What nobody could meter has no plan: see ``read``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec
from msgspec import Raw

from corvus.calls.routes import Unreadable
from corvus.governor.pricing import most_expensive
from corvus.metering.added_input import ADDED_INPUT, adds_input, is_given
from corvus.metering.content import VALUES_MAX, Content, content_of, has_too_many_values
from corvus.metering.maxima import (
    ANSWERS,
    GROUPS,
    MAXIMA,
    THINKING,
    THOUGHTS,
    InvalidMaximum,
    maxima_of,
    places_of,
)
from corvus.metering.members import (
    Malformed,
    begins_with,
    decoded,
    is_null,
    members_of,
    require_utf8,
    with_members,
)
from corvus.metering.models import OTHER_MODELS, models_in
from corvus.metering.provider import Endpoint
from corvus.metering.providers import most_output_of
from corvus.metering.text import (
    ASCII_BYTES_PER_TOKEN,
    FRAME_TOKENS,
    HIDDEN_TOKENS,
    input_token_bound,
)
from corvus.model.price import Price, Rates
from corvus.model.request import TEXT_MAX
from corvus.model.usage import TokenKind, Usage
from corvus.prices.names import tier_of

UNSEEN_TOKENS = 32_768
"""Least input that is bounded on top of the body where the provider adds some of its own."""

_UNSEEN_FACTOR = 2
_USUAL_SPEEDS = (None, "standard", "default", "normal")
_TOLD_TO_MODEL = (
    "tools",
    "functions",
    "response_format",
    "output_format",
    "output_config",
    "citations",
    "text",
)
_MODELS_MAX = 100
_DECISIVE = (
    "model",
    "stream",
    "stream_options",
    "service_tier",
    "background",
    "speed",
    "inference_geo",
    "messages",
    "input",
    "system",
    "instructions",
    "prediction",
    "cache_control",
    "max_tool_calls",
    *ADDED_INPUT,
    *_TOLD_TO_MODEL,
    *OTHER_MODELS,
    *MAXIMA,
    *ANSWERS,
    *THINKING,
    *THOUGHTS,
    *GROUPS,
)
_FOLDED = {name.casefold(): name for name in _DECISIVE}
_NAMES = frozenset(_DECISIVE)


@dataclass(frozen=True, slots=True)
class Plan:
    """One call before it is made.

    Attributes:
        model: The model that the request names.
        models: All that may answer, ``model`` first, or are called on the way.
        body: The client's own request, decompressed.
        is_stream: Whether the answer is to come as events.
        asks_usage: Whether a chat stream is to say what it used.
        service_tier: The requested tier, if it may have prices of its own; ``None`` is the usual.
        choices: How many answers may be written, >= 1.
        input_tokens: Most tokens that the call may read.
        max_output_tokens: Most of **one** answer; ``None`` when no usable maximum is stated. 0 for
            embeddings.
        other_output_tokens: Largest that is stated under any name for one answer; 0 for none.
        extra_output_tokens: What one answer may cost on top of its maximum.
        web_searches: Most web searches that are stated; at least one for each tool that searches.
        stays_in_us: Every token costs a tenth more.
        input_kinds: As what input may be billed apart from plain input.
    """

    endpoint: Endpoint
    model: str
    models: tuple[str, ...]
    body: bytes
    is_stream: bool
    asks_usage: bool
    service_tier: str | None
    choices: int
    input_tokens: int
    max_output_tokens: int | None
    other_output_tokens: int
    extra_output_tokens: int
    web_searches: int
    stays_in_us: bool
    input_kinds: tuple[TokenKind, ...]
    _members: Mapping[str, Raw] = field(repr=False, compare=False)

    def expected(self, price: Price | None, output_tokens: int) -> Usage:
        """Return the most expensive usage that the request allows.

        Args:
            price: Of a model that may answer, in its tier.
            output_tokens: Most of one answer: ``max_output_tokens``, or what ``forward`` states.
        """
        written = max(output_tokens, self.other_output_tokens) + self.extra_output_tokens
        most, read = written * self.choices, self.input_tokens
        if self.stays_in_us:
            read, most = -(-read * 11 // 10), -(-most * 11 // 10)
        usage = most_expensive(price, read, most, self.input_kinds)
        rates: Rates = price.rates_for(usage.context_tokens) if price is not None else {}
        if self.web_searches and TokenKind.WEB_SEARCH in rates:
            return replace(usage, web_search_requests=self.web_searches)
        return usage

    @property
    def output_limit(self) -> int:
        """The maximum to state for one answer where the request states none.

        It is the model's own where that is known; the smallest of them where several may answer.
        """
        return min(map(most_output_of, self.models))

    def forward(self, stated: int | None, provider: str | None = None) -> bytes:
        """Return the bytes to send: the client's own, but for what is requested in its name.

        That is usage at the end of a chat stream, and a maximum.

        Args:
            stated: Maximum to state for one answer; ``None`` where the request has its own.
            provider: Who bills: it decides under which name the maximum is stated.
        """
        more: dict[str, bytes] = {}
        endpoint = self.endpoint
        if endpoint.usage_by_option and self.is_stream and not self.asks_usage:
            more["stream_options"] = self._with_option("stream_options", "include_usage", True)
        if stated is not None and endpoint.has_output:
            name = endpoint.maximum_name(self.model, provider)
            if endpoint.maxima_in is not None:
                more[endpoint.maxima_in] = self._with_option(endpoint.maxima_in, name, stated)
            else:
                more[name] = b"%d" % stated
        return with_members(self.body, self._members, more) if more else self.body

    def _with_option(self, member: str, name: str, value: object) -> bytes:
        return msgspec.json.encode({**_options(self._members.get(member)), name: value})


def read(
    endpoint: Endpoint, body: bytes, encoding: str = "identity", model: str | None = None
) -> Plan | Unreadable:
    """Read a request.

    Args:
        endpoint: Where it is sent.
        body: As it came.
        encoding: Its ``content-encoding``.
        model: The model that its path names; ``None`` where the body does.

    Returns:
        A plan, or why there is none: the body is no UTF-8 JSON object (``json_invalid``), two
        parsers may read it in two ways (``json_ambiguous``), it names no model (``model_missing``),
        its answer is made in the background, so that nobody learns what it used
        (``background_refused``), a maximum or a number of answers is no usable count
        (``maximum_invalid``), it is packed in a way that is not read (``encoding_refused``), or it
        has more values than any use of an API (``body_too_complex``).
    """
    if encoding.strip().lower() not in ("", "identity"):
        return Unreadable(415, "encoding_refused", f"a body in {encoding!r} is not read")
    try:
        require_utf8(body)
        return _plan(endpoint, body, members_of(body), model)
    except Malformed as wrong:
        return Unreadable(400, wrong.code, str(wrong))
    except InvalidMaximum as wrong:
        return Unreadable(400, "maximum_invalid", str(wrong))


def _plan(
    endpoint: Endpoint, body: bytes, members: Mapping[str, Raw], model: str | None
) -> Plan | Unreadable:
    _refuse_likenesses(members)
    if not is_null(background := members.get("background")) and decoded(background) is not False:
        detail = "nobody is told what an answer in the background used: leave out background"
        return Unreadable(400, "background_refused", detail)
    model = model or _text(members, "model")
    if not model:
        return Unreadable(400, "model_missing", "the body must name a model")
    if len(model) > TEXT_MAX:
        detail = f"a model has a name of at most {TEXT_MAX:,} characters"
        return Unreadable(400, "request_invalid", detail)
    if has_too_many_values(members):
        text = f"the body has more than {VALUES_MAX:,} JSON values: send fewer"
        return Unreadable(413, "body_too_complex", text)
    maxima = maxima_of(endpoint, members)
    content = content_of(endpoint, members)
    writes = endpoint.has_output
    models = _models(members, model, content.models)
    return Plan(
        endpoint=endpoint,
        model=model,
        models=models,
        body=body,
        is_stream=_is_stream(endpoint, members),
        asks_usage=_options(members.get("stream_options")).get("include_usage") is True,
        service_tier=_tier(members),
        choices=maxima.answers if writes else 1,
        input_tokens=_input_tokens(endpoint, body, members, (content, models)),
        max_output_tokens=maxima.output_tokens if writes else 0,
        other_output_tokens=maxima.other_tokens if writes else 0,
        extra_output_tokens=maxima.extra_tokens + _predicted(members) if writes else 0,
        web_searches=content.searches,
        stays_in_us=_text(members, "inference_geo") not in (None, "", "global"),
        input_kinds=_input_kinds(endpoint, content.has_cache_control, content.keeps_hour),
        _members=members,
    )


def _refuse_likenesses(members: Mapping[str, Raw]) -> None:
    """Refuse members that some parsers, such as Go's, take for one of another spelling.

    Raises:
        Malformed: There is one.
    """
    for name in members:
        if name not in _NAMES and (meant := _FOLDED.get(name.casefold())):
            raise Malformed("json_ambiguous", f"the member {name[:60]!r} must be spelt {meant!r}")


def _input_tokens(
    endpoint: Endpoint,
    body: bytes,
    members: Mapping[str, Raw],
    parts: tuple[Content, Sequence[str]],
) -> int:
    content, models = parts
    text = input_token_bound(body) - content.media_bytes // ASCII_BYTES_PER_TOKEN
    media = content.media_tokens(endpoint, models)
    adds_hidden = content.adds_hidden or any(is_given(members.get(name)) for name in _TOLD_TO_MODEL)
    bound = max(text, _numbers(endpoint, members)) + media
    bound += HIDDEN_TOKENS if adds_hidden else FRAME_TOKENS
    if content.reads_more or adds_input(members):
        return bound * _UNSEEN_FACTOR + UNSEEN_TOKENS
    return bound


def _numbers(endpoint: Endpoint, members: Mapping[str, Raw]) -> int:
    """Return how many tokens an input for embeddings may spell out as numbers."""
    text = members.get("input")
    if endpoint.has_output or text is None or not begins_with(text, b"["):
        return 0
    return bytes(memoryview(text)).count(b",") + 1


def _input_kinds(endpoint: Endpoint, has_cache: bool, keeps_hour: bool) -> tuple[TokenKind, ...]:
    """Return as what input may be billed."""
    if not (endpoint.caches_unasked or has_cache):
        return ()
    kinds = (TokenKind.CACHE_WRITE_5M, TokenKind.CACHE_WRITE_1H)
    return kinds if keeps_hour else kinds[:1]


def _tier(members: Mapping[str, Raw]) -> str | None:
    speed = _text(members, "speed")
    return tier_of(_text(members, "service_tier")) if speed in _USUAL_SPEEDS else speed


def _predicted(members: Mapping[str, Raw]) -> int:
    """Return the bound of a prediction: what is rejected of it is billed as output."""
    if is_null(members.get("prediction")):
        return 0
    return input_token_bound(bytes(memoryview(members["prediction"])))


def _models(members: Mapping[str, Raw], model: str, called: list[str]) -> tuple[str, ...]:
    models = dict.fromkeys((model, *called))
    for place in places_of(members):
        for name in OTHER_MODELS:
            if not is_null(text := place.get(name)):
                models.update(dict.fromkeys(models_in(name, decoded(text))))
    if len(models) > _MODELS_MAX:
        raise Malformed("json_invalid", f"more than {_MODELS_MAX} models may answer")
    return tuple(models)


def _options(text: Raw | None) -> dict[str, object]:
    """Return an object whose members decide.

    Raises:
        Malformed: It names a member twice.
    """
    if text is None or not begins_with(text, b"{"):
        return {}
    return {str(name): decoded(value) for name, value in members_of(text).items()}


def _is_stream(endpoint: Endpoint, members: Mapping[str, Raw]) -> bool:
    is_requested = _flag(members, "stream")
    if endpoint.is_stream is not None:
        return endpoint.is_stream
    return is_requested and endpoint.has_output


def _flag(members: Mapping[str, Raw], name: str) -> bool:
    value = decoded(members.get(name))
    if value is None or isinstance(value, bool):
        return value is True
    raise Malformed("json_invalid", f"{name} must be true or false")


def _text(members: Mapping[str, Raw], name: str) -> str | None:
    value = decoded(members.get(name))
    if value is None or isinstance(value, str):
        return value
    raise Malformed("json_invalid", f"{name} must be a text")
