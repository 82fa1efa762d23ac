"""OpenAI's API, which most vendors and servers speak in some form (PRX-1, PRX-3).

How its answers are read stands in ``corvus.metering.openai.taps``.

Source:
    platform.openai.com/docs/models for the longest answers, OpenAI's guide "Images and vision" for
    pictures (tiles of 512 px after scaling to 2,048 and then 768 px; patches of 32 px with a factor
    by model), read 2026-11-28.
"""

from __future__ import annotations

import re
from dataclasses import replace

from corvus.metering import openai_models
from corvus.metering.models import bare
from corvus.metering.openai import ollama
from corvus.metering.openai.media_taps import (
    PicturesBodyTap,
    PicturesStreamTap,
    TranscriptBodyTap,
    TranscriptStreamTap,
)
from corvus.metering.openai.profiles import profile_of
from corvus.metering.openai.taps import (
    ChatBodyTap,
    ChatStreamTap,
    EmbeddingsTap,
    ResponsesBodyTap,
    ResponsesStreamTap,
)
from corvus.metering.openai.units import drawing, recording
from corvus.metering.pictures import Vision
from corvus.metering.provider import (
    Endpoint,
    Fault,
    FreePath,
    Provider,
    RefusedPath,
    error_event,
)
from corvus.metering.providers import anthropic
from corvus.model.gateway import Kind
from corvus.prices.names import provider_id

_NO_KEY = ("token_missing", "token_unknown")


def _error(fault: Fault) -> dict[str, object]:
    """Return an error in OpenAI's words; a token that is not good is its key that is not."""
    is_key = fault.code in _NO_KEY
    kind, code = ("invalid_request_error", "invalid_api_key") if is_key else (fault.code,) * 2
    words = {"message": fault.message, "code": code, "corvus": fault.corvus}
    return {"error": {"type": kind, "param": None, **words}}


def _responses_event(fault: Fault) -> bytes:
    words = {"code": fault.code, "message": fault.message, "param": None}
    return error_event({"type": "error", **words, "corvus": fault.corvus}, "error")


_OWN_MODELS = re.compile(r"(?:ft:)?(?:gpt-(?!oss)|chatgpt-|o\d(?:$|-)|codex-|computer-use-)")


def _chat_maximum(model: str, provider: str | None) -> str:
    """Return under which name the maximum of a chat is read.

    OpenAI's reasoning models refuse ``max_tokens``, which is all that many other vendors know.
    """
    stated = None if provider is None else profile_of(provider_id(provider)).maximum
    own = "max_completion_tokens" if _OWN_MODELS.match(bare(model)) else "max_tokens"
    return stated or own


CHAT = Endpoint(
    kind=Kind.OPENAI,
    path="/v1/chat/completions",
    body_tap=ChatBodyTap,
    stream_tap=lambda request: ChatStreamTap(
        drops_usage_chunk=not request.asks_usage, choices=request.choices
    ),
    error_event=lambda fault: error_event(_error(fault)),
    maxima=("max_completion_tokens", "max_tokens"),
    maximum_for=_chat_maximum,
    usage_by_option=True,
    vocabulary=openai_models.CHAT,
)
RESPONSES = Endpoint(
    kind=Kind.OPENAI,
    path="/v1/responses",
    body_tap=ResponsesBodyTap,
    stream_tap=lambda _: ResponsesStreamTap(),
    error_event=_responses_event,
    maxima=("max_output_tokens",),
    may_be_socket=True,
    vocabulary=openai_models.RESPONSES,
)
EMBEDDINGS = Endpoint(
    kind=Kind.OPENAI,
    path="/v1/embeddings",
    body_tap=EmbeddingsTap,
    stream_tap=lambda _: EmbeddingsTap(),
    error_event=lambda fault: error_event(_error(fault)),
    has_output=False,
)
COMPLETIONS = Endpoint(
    kind=Kind.OPENAI,
    path="/v1/completions",
    body_tap=ChatBodyTap,
    stream_tap=CHAT.stream_tap,
    error_event=CHAT.error_event,
    maxima=("max_tokens",),
    usage_by_option=True,
    prompt="prompt",
    unstated_maximum=16,
)
FILL_IN = Endpoint(
    kind=Kind.OPENAI,
    path="/v1/fim/completions",
    body_tap=ChatBodyTap,
    stream_tap=lambda request: ChatStreamTap(choices=request.choices),
    error_event=CHAT.error_event,
    maxima=("max_tokens",),
    prompt="prompt",
)
MESSAGES = replace(anthropic.MESSAGES, kind=Kind.OPENAI, is_foreign=True)
"""Anthropic's API, as vLLM, llama.cpp and others serve it next to OpenAI's."""

GENERATIONS = Endpoint(
    kind=Kind.OPENAI,
    path="/v1/images/generations",
    body_tap=PicturesBodyTap,
    stream_tap=lambda _: PicturesStreamTap(),
    error_event=CHAT.error_event,
    prompt="prompt",
    unit_of=drawing,
)
EDITS = replace(GENERATIONS, path="/v1/images/edits", takes_form=True, headers=("content-type",))
TRANSCRIPTIONS = Endpoint(
    kind=Kind.OPENAI,
    path="/v1/audio/transcriptions",
    body_tap=TranscriptBodyTap,
    stream_tap=lambda _: TranscriptStreamTap(),
    error_event=CHAT.error_event,
    prompt="prompt",
    unit_of=recording,
    takes_form=True,
    headers=("content-type",),
)
OLLAMA_CHAT = Endpoint(
    kind=Kind.OPENAI,
    path="/api/chat",
    body_tap=ollama.ChatBodyTap,
    stream_tap=lambda _: ollama.ChatLinesTap(),
    stream_types=("application/x-ndjson",),
    error_event=ollama.error_line,
    maxima=("num_predict",),
    maxima_in="options",
    streams_unless_told=True,
    adds_hidden=True,
)
OLLAMA_GENERATE = replace(OLLAMA_CHAT, path="/api/generate", prompt="prompt")
OLLAMA_EMBED = replace(
    EMBEDDINGS,
    path="/api/embed",
    body_tap=ollama.VectorsTap,
    stream_tap=ollama.vectors_tap,
    error_event=ollama.error_line,
    adds_hidden=True,
)
REFUSED = (
    RefusedPath(
        "POST",
        "/v1/audio/speech",
        "speech is not passed on: nothing in a request says how long it may become, its answer "
        "does not say what it used, and no price book has a price by the character",
    ),
    RefusedPath(
        "POST",
        "/v1/audio/translations",
        "translations of recordings are not passed on: their one model is billed by the second, "
        "for which no price book has a price; /v1/audio/transcriptions is metered",
    ),
    RefusedPath(
        "POST",
        "/v1/videos",
        "videos are not passed on: they are billed by the second and made in the background, and "
        "no price book has a price by the second",
    ),
    RefusedPath(
        "POST",
        "/v1/images/variations",
        "variations of pictures are not passed on: their one model is billed by the picture, for "
        "which no price book has a price; /v1/images/edits is metered",
    ),
    RefusedPath(
        "POST",
        "/v1/batches",
        "batches are not passed on: what one costs is known a day later at most, in a file that "
        "nobody may ever read; send the calls one by one, in the tier flex where that is cheaper",
    ),
    RefusedPath(
        "POST",
        "/v1/uploads",
        "uploads in parts are not passed on: they are for batches, which are not either",
    ),
    RefusedPath(
        "POST", "/v1/fine_tuning/jobs", "training is not passed on: nothing bounds what it costs"
    ),
    RefusedPath(
        "POST", "/v1/realtime", "realtime sessions are not passed on: they cannot be metered"
    ),
)
_TILES_AND_PATCHES = Vision(85, 170, 32, 172, 1_536)

PROVIDER = Provider(
    kind=Kind.OPENAI,
    maker="openai",
    is_common=True,
    base_url="https://api.openai.com/v1",
    versions=("/v1",),
    has_versioned_base=True,
    key_variable="OPENAI_API_KEY",
    base_variables=("OPENAI_BASE_URL",),
    former_base_variables=("OPENAI_API_BASE",),
    log_in_variables=("CODEX_ACCESS_TOKEN", "CODEX_API_KEY"),
    credential_header="authorization",
    credential_scheme="Bearer ",
    error=_error,
    endpoints=(
        CHAT,
        RESPONSES,
        EMBEDDINGS,
        COMPLETIONS,
        FILL_IN,
        MESSAGES,
        GENERATIONS,
        EDITS,
        TRANSCRIPTIONS,
        OLLAMA_CHAT,
        OLLAMA_GENERATE,
        OLLAMA_EMBED,
    ),
    free=(
        FreePath("GET", "/v1/models"),
        FreePath("GET", "/v1/models/{id}"),
        FreePath("POST", "/v1/responses/input_tokens"),
        FreePath("GET", "/v1/responses/{id}"),
        FreePath("GET", "/v1/responses/{id}/input_items"),
        FreePath("POST", "/v1/responses/{id}/cancel"),
        FreePath("DELETE", "/v1/responses/{id}"),
        FreePath("POST", "/v1/moderations"),
        FreePath("POST", "/v1/files", takes_form=True),
        FreePath("GET", "/v1/files/{id}"),
        FreePath("DELETE", "/v1/files/{id}"),
        FreePath("GET", "/v1/files/{id}/content"),
        FreePath("GET", "/api/tags"),
        FreePath("GET", "/api/ps"),
        FreePath("GET", "/api/version"),
        FreePath("POST", "/api/show"),
    ),
    refused=REFUSED,
    free_ends=(
        "/batches/{id}/cancel",
        "/file_batches/{id}/cancel",
        "/jobs/{id}/cancel",
        "/runs/{id}/cancel",
        "/uploads/{id}/cancel",
    ),
    longest_answers=(
        (r"gpt-3\.5", 4_096),
        (r"gpt-4o-(?:\d{4}-)?(?:audio|realtime)", 4_096),
        (r"gpt-4o-2024-05-13", 4_096),
        (r"(?:chatgpt-4o|gpt-4o)", 16_384),
        (r"gpt-4-(?:turbo|1106|0125|vision)", 4_096),
        (r"gpt-4\.5", 16_384),
        (r"gpt-5[\w.-]*-chat", 16_384),
        (r"gpt-[5-9]", 128_000),
        (r"o1-mini", 65_536),
        (r"o1-preview", 32_768),
        (r"o[134](?:$|-)", 100_000),
    ),
    visions=(
        (r"gpt-4o-mini", Vision(2_833, 5_667, 32, 100, 1_536)),
        (r"gpt-4\.1-(?:mini|nano)|o4-mini|gpt-5-nano", Vision(85, 0, 32, 246, 1_536)),
        (r"gpt-4o|chatgpt-4o|gpt-4\.[15]|gpt-4-", Vision(85, 170, 32, 100, 1_536)),
        (r"gpt-5(?:-mini|-chat|-codex|-pro)?(?:$|-20|-latest)", _TILES_AND_PATCHES),
        (r"o[13](?:$|-)|computer-use", _TILES_AND_PATCHES),
        (r"gpt-|o\d(?:$|-)", Vision(85, 170, 32, 246, 10_000)),
    ),
    abilities=openai_models.ABILITIES,
)
