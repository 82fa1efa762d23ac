"""Who bills a call of a span: the host that answered, the form of its ids, or who the span says.

Frameworks write their own name where that of the provider should stand; they bill nobody.
"""

from __future__ import annotations

from corvus.prices.names import SPELLINGS, provider_id
from corvus.usage.importers.importer import Object, text_at
from corvus.usage.importers.seller import seller_of

_PROVIDERS = (
    "gen_ai.provider.name",
    "gen_ai.system",
    "llm.provider",
    "ai.model.provider",
    "aisdk.model.provider",
    "mlflow.llm.provider",
    "llm.system",
    "llm.vendor",
)
_ADDRESSES = ("server.address", "gen_ai.openai.api_base", "url.full")
_HOSTS = {
    "amazonaws.com": "aws",
    "openai.azure.com": "azure",
    "services.ai.azure.com": "azure",
    "cognitiveservices.azure.com": "azure",
    "models.ai.azure.com": "azure",
    "aiplatform.googleapis.com": "google",
    "openrouter.ai": "openrouter",
    "githubcopilot.com": "github-copilot",
}
"""Hosts that bill under their own name, whatever the client's library is called."""

_FRAMEWORKS = {"langchain", "langgraph", "llamaindex", "haystack", "crewai", "other", "_other"}
_FAMILIES = {
    "aws_bedrock": "aws",
    "amazon_bedrock": "aws",
    "bedrock_converse": "aws",
    "azure_ai": "azure",
    "gcp": "google",
    "google_genai": "google",
    "google_vertexai": "google",
    "vertexai": "google",
}
"""Spellings of instrumentations that no price list has."""


def provider_of(attributes: Object, model: str | None, response: str | None) -> str | None:
    """Return the book's name of who bills, or nothing where a span does not say.

    Args:
        attributes: Those of the span.
        model: The model that was asked for.
        response: The id of the answer.
    """
    return _host(attributes) or seller_of(model, response) or _named(attributes)


def _host(attributes: Object) -> str | None:
    for name in _ADDRESSES:
        if name not in attributes:
            continue
        address = text_at(attributes, name) or ""
        host = address.rpartition("://")[2].partition("/")[0].partition(":")[0].lower()
        for known, seller in _HOSTS.items():
            if host == known or host.endswith((f".{known}", f"-{known}")):
                return seller
    return None


def _named(attributes: Object) -> str | None:
    for name in _PROVIDERS:
        provider = (text_at(attributes, name) or "").strip('"').lower()
        if provider and provider not in _FRAMEWORKS:
            return _spelled(provider)
    return None


def _spelled(provider: str) -> str:
    """Return the book's name of a provider that may name an interface too: ``openai.chat``."""
    if provider in SPELLINGS:
        return SPELLINGS[provider]
    family = provider.partition(".")[0]
    return _FAMILIES.get(provider) or _FAMILIES.get(family) or provider_id(family)
