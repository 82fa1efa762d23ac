"""The calls of Google's models, which the Gemini API and Vertex AI share (PRX-1, PRX-4).

Google lets a request leave parts of the answer out, or choose another form of it, by its query and
by headers: what would hide how much was used, or have somebody else pay, is not passed on.

Source:
    docs.cloud.google.com/apis/docs/system-parameters, google.rpc.Code, and google-genai 3.6,
    ``errors.py``, read 2026-11-29.
"""

from __future__ import annotations

from urllib.parse import parse_qsl

from corvus.metering.google.taps import EmbedTap, GenerateBodyTap, GenerateStreamTap
from corvus.metering.pictures import PATCHES
from corvus.metering.provider import Endpoint, Fault, Form, error_event
from corvus.model.gateway import Kind

_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    402: "FAILED_PRECONDITION",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    413: "INVALID_ARGUMENT",
    415: "INVALID_ARGUMENT",
    421: "INVALID_ARGUMENT",
    422: "INVALID_ARGUMENT",
    426: "UNIMPLEMENTED",
    429: "RESOURCE_EXHAUSTED",
    431: "INVALID_ARGUMENT",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_EVENTS = "text/event-stream"
_JSON = "application/json"
_QUERY = {
    "alt": ("json", "sse", "json;enum-encoding=int"),
    "$alt": ("json", "json;enum-encoding=int"),
    "key": None,
    "pageSize": None,
    "pageToken": None,
    "prettyPrint": None,
    "$prettyPrint": None,
}
"""What a query may say, by name; ``None`` is any value."""

NO_CACHES = (
    "a cache is billed by the hour for as long as it is kept, which no answer says: leave it to "
    "the cache that Google keeps by itself"
)
"""Why no cache is made."""

KEPT_HEADERS = (
    "x-goog-fieldmask",
    "x-goog-user-project",
    "x-vertex-ai-llm-request-type",
    "x-vertex-ai-llm-shared-request-type",
)
"""Headers that are not passed on: they hide counts, name who pays, or buy another tier."""


def google_error(fault: Fault) -> dict[str, object]:
    """Return an error as Google's clients read it."""
    status = _STATUSES.get(fault.status, "UNKNOWN")
    reason = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": fault.code.upper(),
        "domain": "corvus",
    }
    words = {"code": fault.status, "message": fault.message, "status": status}
    return {"error": {**words, "details": [reason], "corvus": fault.corvus}}


def takes_query(query: str) -> bool:
    """Return whether a query leaves an answer in a form that can be metered.

    Args:
        query: As it came, without the question mark.
    """
    return all(
        name in _QUERY and ((allowed := _QUERY[name]) is None or value.lower() in allowed)
        for name, value in parse_qsl(query, keep_blank_values=True)
    )


def endpoints_of(kind: Kind, start: str) -> tuple[Endpoint, ...]:
    """Return the metered calls of an API.

    Args:
        kind: Whose API it is.
        start: What stands before the name of a model in its paths.
    """
    place = f"{start}/models/{{model}}"
    whole = Endpoint(
        kind=kind,
        path=f"{place}:generateContent",
        body_tap=GenerateBodyTap,
        stream_tap=lambda _: GenerateStreamTap(),
        error_event=_error_event,
        maxima=("maxOutputTokens",),
        maxima_in="generationConfig",
        is_stream=False,
        unknown_vision=PATCHES,
        form=Form.GOOGLE,
    )
    streamed = Endpoint(
        kind=kind,
        path=f"{place}:streamGenerateContent",
        body_tap=GenerateBodyTap,
        stream_tap=lambda _: GenerateStreamTap(),
        stream_types=(_EVENTS, _JSON),
        error_event=_error_event,
        maxima=("maxOutputTokens",),
        maxima_in="generationConfig",
        is_stream=True,
        unknown_vision=PATCHES,
        form=Form.GOOGLE,
    )
    return (
        whole,
        streamed,
        _vectors(kind, f"{place}:embedContent"),
        _vectors(kind, f"{place}:batchEmbedContents"),
    )


def _vectors(kind: Kind, path: str) -> Endpoint:
    return Endpoint(
        kind=kind,
        path=path,
        body_tap=EmbedTap,
        stream_tap=lambda _: EmbedTap(),
        error_event=_error_event,
        has_output=False,
        is_stream=False,
        unknown_vision=PATCHES,
        form=Form.GOOGLE,
    )


def _error_event(fault: Fault) -> bytes:
    return error_event(google_error(fault))
