"""Azure OpenAI, in its classic form and as version 1 (PRX-1, PRX-3).

Azure serves OpenAI's models under names of the customer's own, its deployments. In the classic form
the deployment stands in the path, with an ``api-version`` in the query, and a body need not name a
model; in version 1 it stands where a body names its model. Which model a deployment is, and so what
it costs, ``governance.upstreams.NAME.deployments`` says; one that is not there is taken for the
model of its name. Azure bills as Azure: at its own entry of the price book, or at the maker's where
both are known to ask the same.

Usage and errors are OpenAI's; a stream begins with a chunk that has no choices but the results of
filters. Older versions refuse ``stream_options``: see ``corvus.metering.openai.profiles``.

Source:
    learn.microsoft.com/en-us/azure/ai-foundry/openai/reference and ".../api-version-lifecycle"
    (version 1), the openai package 3.57.0, ``lib/azure.py``, read 2026-11-29.
"""

from __future__ import annotations

import re
from dataclasses import replace

from corvus.metering.provider import Endpoint, FreePath, Provider
from corvus.metering.providers import openai
from corvus.model.gateway import Kind

_CLASSIC = "/openai/deployments/{model}"
_VERSION_1 = "/openai/v1"
_IN_BOTH = (
    openai.CHAT,
    openai.RESPONSES,
    openai.EMBEDDINGS,
    openai.COMPLETIONS,
    openai.GENERATIONS,
    openai.EDITS,
    openai.TRANSCRIPTIONS,
)


def _at(base: str, endpoint: Endpoint) -> Endpoint:
    """Return an endpoint of OpenAI's as Azure serves it below a path.

    Without a deployment in its path it is the same as OpenAI's own, which an SDK is known by first.
    """
    path = base + endpoint.path.removeprefix(openai.PROVIDER.version)
    return replace(endpoint, kind=Kind.AZURE, path=path, is_foreign=base != _CLASSIC)


PROVIDER = Provider(
    kind=Kind.AZURE,
    maker="azure",
    base_url="",
    versions=(),
    has_versioned_base=False,
    base_ends=("/openai/v1", "/openai"),
    key_variable="AZURE_OPENAI_API_KEY",
    base_variables=("AZURE_OPENAI_ENDPOINT",),
    credential_header="api-key",
    client_path=re.compile(r"^(?:/[^/]+)?/openai/"),
    error=openai.PROVIDER.error,
    endpoints=(
        *(_at(_CLASSIC, endpoint) for endpoint in _IN_BOTH),
        *(_at(_VERSION_1, endpoint) for endpoint in _IN_BOTH),
        _at("/openai", openai.RESPONSES),
    ),
    free=(
        FreePath("GET", "/openai/v1/models"),
        FreePath("GET", "/openai/v1/models/{id}"),
        FreePath("GET", "/openai/v1/responses/{id}"),
        FreePath("GET", "/openai/v1/responses/{id}/input_items"),
        FreePath("POST", "/openai/v1/responses/{id}/cancel"),
        FreePath("GET", "/openai/models"),
        FreePath("GET", "/openai/responses/{id}"),
        FreePath("GET", "/openai/responses/{id}/input_items"),
        FreePath("POST", "/openai/responses/{id}/cancel"),
    ),
    refused=tuple(
        refused._replace(path=base + refused.path.removeprefix(openai.PROVIDER.version))
        for base in (_CLASSIC, _VERSION_1, "/openai")
        for refused in openai.REFUSED
    ),
    longest_answers=openai.PROVIDER.longest_answers,
    visions=openai.PROVIDER.visions,
    abilities=openai.PROVIDER.abilities,
)
