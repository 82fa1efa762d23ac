"""Amazon Bedrock: Converse, and models that are invoked in the words of their vendors (PRX-1).

The model stands in the path, percent-encoded: an id, an inference profile, or the ARN of either.
The ARN of an application's own profile says nothing of the model behind it: it needs a price of its
own.

Source:
    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_Operations_Amazon_Bedrock_Runtime.html
    (paths, errors); for the longest answers the table of models of litellm 1.110.2, entries of
    Bedrock; read 2026-11-29.
"""

from __future__ import annotations

import json
import re

from corvus.metering import claude_models
from corvus.metering.bedrock.eventstream import message_bytes
from corvus.metering.bedrock.taps import (
    ConverseBodyTap,
    ConverseStreamTap,
    InvokeBodyTap,
    InvokeStreamTap,
)
from corvus.metering.bedrock.tiers import GUARDRAIL, LATENCY, TIER
from corvus.metering.pictures import PATCHES
from corvus.metering.provider import Credential, Endpoint, Fault, Form, FreePath, Provider
from corvus.model.decision import Denial
from corvus.model.gateway import Kind

_EVENTS = ("application/vnd.amazon.eventstream",)
_QUOTA = "ServiceQuotaExceededException"
_TYPES = {
    401: "AccessDeniedException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    429: "ThrottlingException",
    503: "ServiceUnavailableException",
    504: "ModelTimeoutException",
}
_DENIALS = frozenset(Denial)
_INVOKE_HEADERS = (TIER, LATENCY, GUARDRAIL)


def _type_of(fault: Fault) -> str:
    """Return the name of an error; what money refuses has one that no SDK tries again."""
    if fault.code in _DENIALS or fault.status == 402:
        return _QUOTA
    usual = "InternalServerException" if fault.status >= 500 else "ValidationException"
    return _TYPES.get(fault.status, usual)


def _error(fault: Fault) -> dict[str, object]:
    return {"message": fault.message, "code": fault.code, "corvus": fault.corvus}


def _error_headers(fault: Fault) -> dict[str, str]:
    return {"x-amzn-errortype": _type_of(fault)}


def _error_event(fault: Fault) -> bytes:
    """Return an error as a message of a stream, by one of the few names that streams have."""
    name = "internalServerException" if fault.status >= 500 else "validationException"
    name = "serviceUnavailableException" if fault.status == 503 else name
    headers = {
        ":exception-type": name,
        ":content-type": "application/json",
        ":message-type": "exception",
    }
    return message_bytes(headers, json.dumps(_error(fault)).encode())


CONVERSE = Endpoint(
    kind=Kind.BEDROCK,
    path="/model/{model}/converse",
    body_tap=ConverseBodyTap,
    stream_tap=lambda _: ConverseStreamTap(),
    stream_types=_EVENTS,
    error_event=_error_event,
    maxima=("maxTokens",),
    maxima_in="inferenceConfig",
    is_stream=False,
    caches_unasked=False,
    unknown_vision=PATCHES,
    form=Form.CONVERSE,
)

CONVERSE_STREAM = Endpoint(
    kind=Kind.BEDROCK,
    path="/model/{model}/converse-stream",
    body_tap=ConverseBodyTap,
    stream_tap=lambda _: ConverseStreamTap(),
    stream_types=_EVENTS,
    error_event=_error_event,
    maxima=("maxTokens",),
    maxima_in="inferenceConfig",
    is_stream=True,
    caches_unasked=False,
    unknown_vision=PATCHES,
    form=Form.CONVERSE,
)

INVOKE = Endpoint(
    kind=Kind.BEDROCK,
    path="/model/{model}/invoke",
    body_tap=InvokeBodyTap,
    stream_tap=lambda _: InvokeStreamTap(),
    stream_types=_EVENTS,
    error_event=_error_event,
    headers=_INVOKE_HEADERS,
    maxima=("max_tokens",),
    is_stream=False,
    caches_unasked=False,
    unknown_vision=PATCHES,
    needs_maximum=True,
    form=Form.INVOKE,
)

INVOKE_STREAM = Endpoint(
    kind=Kind.BEDROCK,
    path="/model/{model}/invoke-with-response-stream",
    body_tap=InvokeBodyTap,
    stream_tap=lambda _: InvokeStreamTap(),
    stream_types=_EVENTS,
    error_event=_error_event,
    headers=_INVOKE_HEADERS,
    maxima=("max_tokens",),
    is_stream=True,
    caches_unasked=False,
    unknown_vision=PATCHES,
    needs_maximum=True,
    form=Form.INVOKE,
)

_ANSWERS = (
    (r"amazon\.nova-2", 64_000),
    (r"amazon\.nova", 10_000),
    (r"amazon\.titan-text-lite", 4_000),
    (r"amazon\.titan-text-express", 8_000),
    (r"amazon\.titan-text", 32_000),
    (r"ai21\.jamba", 4_096),
    (r"cohere\.command", 4_096),
    (r"deepseek\.v|google\.gemma|minimax\.|mistral\.ministral-3|qwen\.qwen3-(?:next|vl)", 8_000),
    (r"meta\.llama3-[123]|meta\.llama2", 4_096),
    (r"mistral\.(?:devstral-2|mistral-large-3)", 32_000),
    (r"mistral\.magistral", 40_000),
    (r"mistral\.pixtral|openai\.gpt-oss-\d|qwen\.qwen3-coder-\d", 16_384),
    (r"mistral\.(?:mistral-(?:7b|small|large-2402)|mixtral)|writer\.palmyra-vision", 4_096),
    (r"moonshotai\.kimi-k3", 131_072),
    (r"moonshot(?:ai)?\.|openai\.gpt-oss-safeguard|qwen\.qwen3-coder-next", 16_000),
    (r"nvidia\.nemotron-super", 32_000),
    (r"nvidia\.", 8_000),
    (r"openai\.gpt-[56]|zai\.", 128_000),
)

PROVIDER = Provider(
    kind=Kind.BEDROCK,
    maker="aws",
    base_url="https://bedrock-runtime.us-east-1.amazonaws.com",
    regional_url="https://bedrock-runtime.{region}.amazonaws.com",
    versions=(),
    has_versioned_base=False,
    key_variable=None,
    base_variables=(),
    credential=Credential.AWS,
    credential_header="authorization",
    credential_scheme="Bearer ",
    client_path=re.compile(r"^(?:/[^/]+)?/model/"),
    error=_error,
    error_headers=_error_headers,
    ids=re.compile(r"(?!.*(?:^|/)\.\.?(?:/|$))[A-Za-z0-9][A-Za-z0-9._:@/-]{0,2047}"),
    path_characters="",
    endpoints=(CONVERSE, CONVERSE_STREAM, INVOKE, INVOKE_STREAM),
    free=(FreePath("POST", "/model/{model}/count-tokens"),),
    abilities=claude_models.ABILITIES,
    longest_answers=tuple((rf"(?:[a-z-]+\.)?(?:{start})", most) for start, most in _ANSWERS),
)
