"""Reads what one call to a provider may cost at most from the body of its request (PRC-7).

The body is decoded once, and every decision is taken from what was decoded. The hold is meant never
to be below the true cost at a provider that reads whatever it can of the request: the largest of
all maxima, as many answers as any member requests, the most expensive of all models and tiers that
may answer, input as the most expensive kind. The proxy and the transports of SDKs read a call alike
(RES-11).

What nobody could meter has no plan: see ``read``.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Raw

from corvus.calls.plan import Plan, Reading
from corvus.calls.routes import Unreadable
from corvus.metering.added_input import ADDED_INPUT, adds_input, is_given
from corvus.metering.content import VALUES_MAX, Content, content_of, has_too_many_values
from corvus.metering.maxima import (
    ANSWERS,
    GROUPS,
    MAXIMA,
    THINKING,
    THOUGHTS,
    InvalidMaximum,
    Maxima,
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
)
from corvus.metering.models import OTHER_MODELS, models_in
from corvus.metering.provider import Endpoint
from corvus.metering.text import (
    ASCII_BYTES_PER_TOKEN,
    FRAME_TOKENS,
    HIDDEN_TOKENS,
    input_token_bound,
)
from corvus.model.request import TEXT_MAX
from corvus.model.usage import TokenKind
from corvus.prices.names import tier_of

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
    names_model = not model
    model = model or _text(members, "model")
    if not model:
        return Unreadable(400, "model_missing", "the body must name a model")
    if len(model) > TEXT_MAX:
        detail = f"a model has a name of at most {TEXT_MAX:,} characters"
        return Unreadable(400, "request_invalid", detail)
    if has_too_many_values(members):
        text = f"the body has more than {VALUES_MAX:,} JSON values: send fewer"
        return Unreadable(413, "body_too_complex", text)
    stated = maxima_of(endpoint, members)
    maxima = stated if endpoint.has_output else Maxima(0, 0, 0, 0, 1)
    content = content_of(endpoint, members)
    found = Reading(
        endpoint=endpoint,
        body=body,
        members=members,
        content=content,
        text_tokens=_text_tokens(endpoint, body, members, content),
        reads_more=content.reads_more or adds_input(members),
        names_model=names_model,
        maximum_tokens=maxima.output_tokens,
    )
    return _planned(found, maxima, _models(members, model, content.models))


def _planned(found: Reading, maxima: Maxima, models: tuple[str, ...]) -> Plan:
    members, content, endpoint = found.members, found.content, found.endpoint
    return Plan(
        reading=found,
        model=models[0],
        models=models,
        is_stream=_is_stream(endpoint, members),
        asks_usage=_options(members.get("stream_options")).get("include_usage") is True,
        service_tier=_tier(members),
        choices=maxima.answers,
        input_tokens=found.input_tokens_of(models),
        max_output_tokens=found.maximum_tokens,
        other_output_tokens=maxima.other_tokens,
        thinking_tokens=maxima.thinking_tokens,
        extra_output_tokens=maxima.extra_tokens + _predicted(endpoint, members),
        web_searches=content.searches,
        stays_in_us=_text(members, "inference_geo") not in (None, "", "global"),
        input_kinds=_input_kinds(endpoint, content.has_cache_control, content.keeps_hour),
    )


def _refuse_likenesses(members: Mapping[str, Raw]) -> None:
    """Refuse members that some parsers, such as Go's, take for one of another spelling.

    Raises:
        Malformed: There is one.
    """
    for name in members:
        if name not in _NAMES and (meant := _FOLDED.get(name.casefold())):
            raise Malformed("json_ambiguous", f"the member {name[:60]!r} must be spelt {meant!r}")


def _text_tokens(
    endpoint: Endpoint, body: bytes, members: Mapping[str, Raw], content: Content
) -> int:
    """Return the bound of what is read, without pictures and documents."""
    text = input_token_bound(body) - content.media_bytes // ASCII_BYTES_PER_TOKEN
    adds_hidden = content.adds_hidden or any(is_given(members.get(name)) for name in _TOLD_TO_MODEL)
    return max(text, _numbers(endpoint, members)) + (HIDDEN_TOKENS if adds_hidden else FRAME_TOKENS)


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


def _predicted(endpoint: Endpoint, members: Mapping[str, Raw]) -> int:
    """Return the bound of a prediction: what is rejected of it is billed as output."""
    if not endpoint.has_output or is_null(members.get("prediction")):
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
