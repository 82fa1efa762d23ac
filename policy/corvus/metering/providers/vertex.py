"""Vertex AI of Google Cloud, with models of Google and of Anthropic (PRX-1)."""

from __future__ import annotations

import re
from dataclasses import replace

from corvus.metering import claude_models
from corvus.metering.google.endpoints import (
    KEPT_HEADERS,
    NO_CACHES,
    endpoints_of,
    google_error,
    takes_query,
)
from corvus.metering.google.models import ABILITIES
from corvus.metering.provider import Credential, Endpoint, FreePath, Provider, RefusedPath
from corvus.metering.providers.anthropic import MESSAGES
from corvus.model.gateway import Kind

_LOCATED = "/v1/projects/{project}/locations/{location}"
_PUBLISHED = f"{_LOCATED}/publishers"


def _messages(verb: str) -> Endpoint:
    """Return the call of a model of Anthropic: its Messages, with the model in the path."""
    path = f"{_PUBLISHED}/anthropic/models/{{model}}:{verb}"
    return replace(MESSAGES, kind=Kind.VERTEX, path=path, end=None)


PROVIDER = Provider(
    kind=Kind.VERTEX,
    maker="google",
    base_url="https://aiplatform.googleapis.com",
    regional_url="https://{region}-aiplatform.googleapis.com",
    continental_url="https://aiplatform.{region}.rep.googleapis.com",
    versions=("/v1", "/v1beta1"),
    has_versioned_base=False,
    key_variable=None,
    base_variables=(),
    credential=Credential.GOOGLE,
    credential_header="authorization",
    credential_scheme="Bearer ",
    client_path=re.compile(r"/projects/[^/]+/locations/"),
    error=google_error,
    endpoints=(
        *endpoints_of(Kind.VERTEX, f"{_PUBLISHED}/google"),
        *(_messages(verb) for verb in ("rawPredict", "streamRawPredict")),
    ),
    free=(
        FreePath("POST", f"{_PUBLISHED}/google/models/{{model}}:countTokens"),
        FreePath("POST", f"{_PUBLISHED}/anthropic/models/count-tokens:rawPredict"),
    ),
    refused=(RefusedPath("POST", f"{_LOCATED}/cachedContents", NO_CACHES),),
    takes_query=takes_query,
    kept_headers=KEPT_HEADERS,
    abilities=(*ABILITIES, *claude_models.ABILITIES),
)
