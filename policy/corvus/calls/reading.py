"""Reads what one call to a provider may cost at most from the body of its request (PRC-7).

The body is decoded once, and every decision is taken from what was decoded. The hold is meant never
to be below the true cost at a provider that reads whatever it can of the request: the largest of
all maxima, as many answers as any member requests, the most expensive of all models and tiers that
may answer, input as the most expensive kind. The proxy and the transports of SDKs read a call alike
(RES-11).

What nobody could meter has no plan: see ``read``.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import msgspec
from msgspec import Raw

from corvus.calls.encodings import DecodedTooLarge, EncodingBroken, EncodingUnknown
from corvus.calls.encodings import decoded as decoded_body
from corvus.calls.plan import Plan, Reading
from corvus.calls.routes import Unreadable
from corvus.metering.added_input import ADDED_INPUT, adds_input, is_given
from corvus.metering.bedrock.converse import converse_content
from corvus.metering.bedrock.invoke import invoke_content
from corvus.metering.content import VALUES_MAX, Content, content_of, has_too_many_values
from corvus.metering.forms import FormData, form_of, is_form
from corvus.metering.google.content import google_content
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
from corvus.metering.media import OUTPUT_OPTIONS, media_of
from corvus.metering.members import (
    Malformed,
    begins_with,
    decoded,
    is_null,
    members_of,
    require_utf8,
)
from corvus.metering.models import OTHER_MODELS, models_in
from corvus.metering.openai.units import DRAWING_TOKENS, Unit
from corvus.metering.openai_fees import searches_always
from corvus.metering.prompts import Prompts, prompts_of, tokens_in
from corvus.metering.provider import Endpoint, Form
from corvus.metering.text import (
    ASCII_BYTES_PER_TOKEN,
    FRAME_TOKENS,
    HIDDEN_TOKENS,
    input_token_bound,
)
from corvus.model.request import TEXT_MAX
from corvus.model.usage import TokenKind, Usage
from corvus.prices.names import tier_of

DECODED_BYTES_MAX = 268_435_456
"""Most that a body in an encoding may become, inclusive; the gateway has a limit of its own."""

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
_PICTURE_FIELDS = ("image", "images", "mask")
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
    "context",
    "cache_control",
    "max_tool_calls",
    "content",
    "contents",
    "requests",
    "systemInstruction",
    "system_instruction",
    "cachedContent",
    "cached_content",
    "serviceTier",
    *OUTPUT_OPTIONS,
    *ADDED_INPUT,
    *_TOLD_TO_MODEL,
    *OTHER_MODELS,
    *MAXIMA,
    *ANSWERS,
    *THINKING,
    *THOUGHTS,
    *GROUPS,
)
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})
_FOLDED = {name.casefold(): name for name in _DECISIVE}
_NAMES = frozenset(_DECISIVE)


def read(
    endpoint: Endpoint,
    body: bytes,
    encoding: str = "identity",
    model: str | None = None,
    headers: Mapping[str, str] = _NO_HEADERS,
) -> Plan | Unreadable:
    """Read a request.

    Args:
        endpoint: Where it is sent.
        body: As it came.
        encoding: Its ``content-encoding``.
        model: The model that its path names; ``None`` where the body does.
        headers: Those that say what its body is, by names in lower case.

    Returns:
        A plan, or why there is none: the body is no UTF-8 JSON object (``json_invalid``), two
        parsers may read it in two ways (``json_ambiguous``), it names no model (``model_missing``),
        its answer is made in the background, so that nobody learns what it used
        (``background_refused``), a maximum or a number of answers is no usable count
        (``maximum_invalid``), its encoding is not read (``encoding_refused``) or is another
        (``encoding_broken``), it becomes too large decoded (``body_too_large``), it has more values
        than any use of an API (``body_too_complex``), it is a form that two parsers may read in two
        ways (``form_invalid``), or nobody knows what one answer of its model may cost
        (``unbounded_model``).
    """
    try:
        body = decoded_body(encoding, body, DECODED_BYTES_MAX)
        return _plan(endpoint, _Body.of(endpoint, body, headers), model, headers)
    except Malformed as wrong:
        return Unreadable(400, wrong.code, str(wrong))
    except InvalidMaximum as wrong:
        return Unreadable(400, "maximum_invalid", str(wrong))
    except EncodingUnknown as wrong:
        return Unreadable(415, "encoding_refused", str(wrong))
    except EncodingBroken as wrong:
        return Unreadable(400, "encoding_broken", str(wrong))
    except DecodedTooLarge as wrong:
        return Unreadable(413, "body_too_large", str(wrong))


class _Body(NamedTuple):
    """A body as it came, and the JSON object that it is or stands for."""

    raw: bytes
    text: bytes
    form: FormData | None
    members: Mapping[str, Raw]

    @classmethod
    def of(cls, endpoint: Endpoint, raw: bytes, headers: Mapping[str, str]) -> _Body:
        """Read a body that is decoded.

        Raises:
            Malformed: Two parsers may read it in two ways, or its endpoint takes no form.
        """
        content_type = headers.get("content-type", "")
        form = form_of(content_type, raw) if is_form(content_type) else None
        if form is not None and not endpoint.takes_form:
            raise Malformed("not_json", f"{endpoint.path} takes JSON alone")
        text = raw if form is None else form.text
        require_utf8(text)
        return cls(raw, text, form, members_of(text))


def model_named(body: bytes, content_type: str = "") -> str | None:
    """Return the model that a body names, where it is a JSON object or a form that names one.

    It decides which upstream reads the body; what is wrong with it is said when it is read.
    """
    try:
        text = form_of(content_type, body).text if is_form(content_type) else body
        return msgspec.json.decode(text, type=_Named).model
    except (msgspec.DecodeError, UnicodeDecodeError, Malformed):
        return None


class _Named(msgspec.Struct):
    model: str | None = None


def _plan(
    endpoint: Endpoint, body: _Body, model: str | None, headers: Mapping[str, str]
) -> Plan | Unreadable:
    members = body.members
    _refuse_likenesses(members)
    if not is_null(background := members.get("background")) and decoded(background) is not False:
        detail = "nobody reports what an answer in the background used: leave out background"
        return Unreadable(400, "background_refused", detail)
    names_model = not model and body.form is None
    model = model or _text(members, "model")
    if not model:
        return Unreadable(400, "model_missing", "the body must name a model")
    if len(model) > TEXT_MAX:
        detail = f"a model has a name of at most {TEXT_MAX:,} characters"
        return Unreadable(400, "request_invalid", detail)
    if has_too_many_values(members):
        text = f"the body has more than {VALUES_MAX:,} JSON values: send fewer"
        return Unreadable(413, "body_too_complex", text)
    content = _content(endpoint, members, model, headers)
    _take_files(content, body.form)
    maxima = _maxima(endpoint, members, content)
    prompts = prompts_of(endpoint.prompt, members) if endpoint.has_output else Prompts()
    models = _models(members, model, content.models)
    unit = _unit(endpoint, members, content, models)
    if isinstance(unit, Unreadable):
        return unit
    if unit is not None:
        maxima = maxima._replace(output_tokens=unit.output_tokens)
    text_tokens = _text_tokens(endpoint, body.text, members, content)
    found = Reading(
        endpoint=endpoint,
        body=body.raw,
        members=members,
        content=content,
        text_tokens=max(text_tokens, prompts.number_tokens) + (unit.input_tokens if unit else 0),
        reads_more=content.reads_more
        or content.adds_text
        or adds_input(members, _prompt_of(endpoint)),
        names_model=names_model,
        maximum_tokens=maxima.output_tokens,
    )
    maxima = maxima._replace(answers=maxima.answers * prompts.many)
    return _planned(found, maxima, models)


def _unit(
    endpoint: Endpoint, members: Mapping[str, Raw], content: Content, models: tuple[str, ...]
) -> Unit | Unreadable | None:
    """Return the most that one answer costs where nothing in a request can say so."""
    if endpoint.unit_of is None:
        return None
    files = content.pictures.total() + content.recordings
    units = {name: endpoint.unit_of(name, members, files) for name in models}
    unknown = [name for name, unit in units.items() if unit is None]
    if unknown:
        detail = f"nobody knows what one answer of {unknown[0]!r} may cost at most, so that no "
        return Unreadable(404, "unbounded_model", detail + f"budget can hold it at {endpoint.path}")
    found = [unit for unit in units.values() if unit is not None]
    return Unit(max(one.output_tokens for one in found), max(one.input_tokens for one in found))


def _take_files(content: Content, form: FormData | None) -> None:
    """Take the files of a form: what is no picture is a recording."""
    for file in form.files if form is not None else ():
        if file.name in _PICTURE_FIELDS:
            content.picture(b2a_base64(file.head, newline=False).decode())
        else:
            content.recordings += 1
            content.kinds.add("audio")


def _planned(found: Reading, maxima: Maxima, models: tuple[str, ...]) -> Plan:
    members, content, endpoint = found.members, found.content, found.endpoint
    return Plan(
        reading=found,
        model=models[0],
        models=models,
        is_stream=_is_stream(endpoint, members),
        asks_usage=_options(members.get("stream_options")).get("include_usage") is True,
        service_tier=content.tier or _tier(members),
        choices=maxima.answers,
        input_tokens=found.input_tokens_of(models),
        max_output_tokens=found.maximum_tokens,
        other_output_tokens=maxima.other_tokens,
        thinking_tokens=maxima.thinking_tokens,
        extra_output_tokens=maxima.extra_tokens
        + _predicted(endpoint, members)
        + content.drawings * DRAWING_TOKENS,
        uses=_uses(content, models),
        stays_in_us=_text(members, "inference_geo") not in (None, "", "global"),
        input_kinds=_input_kinds(endpoint, content.has_cache_control, content.keeps_hour),
        media=media_of(endpoint, members, content, models),
    )


def _content(
    endpoint: Endpoint, members: Mapping[str, Raw], model: str, headers: Mapping[str, str]
) -> Content:
    match endpoint.form:
        case Form.MESSAGES:
            return content_of(endpoint, members)
        case Form.GOOGLE:
            return google_content(members)
        case Form.CONVERSE:
            return converse_content(members, model)
        case Form.INVOKE:
            return invoke_content(endpoint, members, model, headers)


def _maxima(endpoint: Endpoint, members: Mapping[str, Raw], content: Content) -> Maxima:
    """Return how much a call may write.

    Raises:
        InvalidMaximum: It states a count that is none.
        Malformed: An object that may hold one cannot be read.
    """
    stated = maxima_of(endpoint, members)
    if not (endpoint.has_output and content.writes):
        return Maxima(0, 0, 0, 0, 1)
    if not content.output_tokens:
        return stated
    most = max(content.output_tokens, stated.other_tokens)
    thinking = most if content.is_open else stated.thinking_tokens
    return stated._replace(output_tokens=most, thinking_tokens=thinking)


def _prompt_of(endpoint: Endpoint) -> str | None:
    """Return the member that is the input itself, and does not refer to any."""
    return "prompt" if endpoint.form is Form.INVOKE else endpoint.prompt


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
    """Return how many tokens an input for embeddings, or a context, may spell out as numbers."""
    lists = [members.get(name) for name in (("context",) if endpoint.has_output else ("input",))]
    return sum(
        tokens_in(bytes(memoryview(text)))
        for text in lists
        if text is not None and begins_with(text, b"[")
    )


def _input_kinds(endpoint: Endpoint, has_cache: bool, keeps_hour: bool) -> tuple[TokenKind, ...]:
    """Return as what input may be billed."""
    if not (endpoint.caches_unasked or has_cache):
        return ()
    kinds = (TokenKind.CACHE_READ, TokenKind.CACHE_WRITE_5M, TokenKind.CACHE_WRITE_1H)
    return kinds if keeps_hour else kinds[:2]


def _uses(content: Content, models: tuple[str, ...]) -> Usage:
    """Return what is billed by use: at least once for each tool, and for a model that searches."""
    searches = content.searches or int(any(map(searches_always, models)))
    return Usage(
        web_search_requests=searches,
        file_search_requests=content.file_searches,
        code_containers=content.containers,
    )


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
    is_requested = _flag(members, "stream", unless_told=endpoint.streams_unless_told)
    if endpoint.is_stream is not None:
        return endpoint.is_stream
    return is_requested and endpoint.has_output


def _flag(members: Mapping[str, Raw], name: str, *, unless_told: bool = False) -> bool:
    value = decoded(members.get(name))
    if value is None or isinstance(value, bool):
        return unless_told if value is None else value
    raise Malformed("json_invalid", f"{name} must be true or false")


def _text(members: Mapping[str, Raw], name: str) -> str | None:
    value = decoded(members.get(name))
    if value is None or isinstance(value, str):
        return value
    raise Malformed("json_invalid", f"{name} must be a text")
