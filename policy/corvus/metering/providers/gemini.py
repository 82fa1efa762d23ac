"""The Gemini API of Google (PRX-1)."""

from __future__ import annotations

import re

from corvus.metering.google.endpoints import (
    KEPT_HEADERS,
    NO_CACHES,
    endpoints_of,
    google_error,
    takes_query,
)
from corvus.metering.google.models import ABILITIES, LONGEST_ANSWERS, VISIONS
from corvus.metering.provider import FreePath, Provider, RefusedPath
from corvus.model.gateway import Kind

PROVIDER = Provider(
    kind=Kind.GEMINI,
    maker="google",
    base_url="https://generativelanguage.googleapis.com",
    versions=("/v1beta", "/v1", "/v1alpha"),
    has_versioned_base=False,
    key_variable="GEMINI_API_KEY",
    base_variables=("GOOGLE_GEMINI_BASE_URL",),
    credential_header="x-goog-api-key",
    client_header="x-goog-api-client",
    client_path=re.compile(
        r"^(?!.*/projects/[^/]+/locations/)(?:/v1(?:beta|alpha)/|.*/models/[^/]+:[A-Za-z]+$)"
    ),
    error=google_error,
    endpoints=endpoints_of(Kind.GEMINI, "/v1beta"),
    free=(
        FreePath("GET", "/v1beta/models"),
        FreePath("GET", "/v1beta/models/{model}"),
        FreePath("POST", "/v1beta/models/{model}:countTokens"),
    ),
    refused=(RefusedPath("POST", "/v1beta/cachedContents", NO_CACHES),),
    takes_query=takes_query,
    kept_headers=KEPT_HEADERS,
    longest_answers=LONGEST_ANSWERS,
    visions=VISIONS,
    abilities=ABILITIES,
)
