"""Who bills a call: one rule for the proxy and for the transports of SDKs (PRC-7, RES-11)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from urllib.parse import urlsplit

from corvus.calls.plan import Plan
from corvus.governor.governor import Governor
from corvus.governor.pricing import find_price
from corvus.metering.providers import PROVIDERS

_HOSTS = {
    **{urlsplit(provider.base_url).hostname: provider.maker for provider in PROVIDERS.values()},
    "api.cerebras.ai": "cerebras",
    "api.cohere.ai": "cohere",
    "api.cohere.com": "cohere",
    "api.deepseek.com": "deepseek",
    "api.fireworks.ai": "fireworks",
    "api.groq.com": "groq",
    "api.minimax.io": "minimax",
    "api.mistral.ai": "mistral",
    "api.moonshot.ai": "moonshotai",
    "api.novita.ai": "novita",
    "api.perplexity.ai": "perplexity",
    "api.together.ai": "together",
    "api.together.xyz": "together",
    "api.voyageai.com": "voyageai",
    "api.x.ai": "x-ai",
    "api.z.ai": "zai",
    "generativelanguage.googleapis.com": "google",
    "open.bigmodel.cn": "zhipuai",
    "openrouter.ai": "openrouter",
}
"""Hosts of base URLs as the vendors document them, read 2026-11-28, and the price book's names."""

_SUFFIXES = {
    ".api.cognitive.microsoft.com": "azure",
    ".openai.azure.com": "azure",
    ".services.ai.azure.com": "azure",
}


_NAMES_WHO_ANSWERED = frozenset({"anthropic", "openrouter", "perplexity"})
"""Providers whose answers name the model that answered, also where it was a fallback.

Source:
    https://openrouter.ai/docs/guides/routing/model-fallbacks ("the model that was ultimately used,
    which will be returned in the model attribute of the response body") and
    https://docs.perplexity.ai/docs/agent-api/model-fallback ("Model used"), read 2026-11-28.
    Anthropic's messages say of each iteration which model it was.
"""


def may_have_answered(
    models: Sequence[str], answering: Collection[str | None], provider: str
) -> Sequence[str]:
    """Return the models of which an answer does not say which it was; none where it does.

    An answer that repeats the name of the request may be an echo: a proxy that falls back to
    another model often keeps the name.

    Args:
        models: All that the request lets answer, the one that it names first.
        answering: Those that the answer names.
        provider: Who bills.
    """
    if len(models) < 2 or provider in _NAMES_WHO_ANSWERED:
        return ()
    return models if {*answering} <= {None, models[0]} else ()


def provider_of(
    governor: Governor, plan: Plan, *, host: str | None = None, upstream: str | None = None
) -> str | None:
    """Return who bills a call of which nobody has said it.

    It is the upstream's name where a price book knows it, else whom the host belongs to, else
    whoever the price book names for the model, else the maker of the API.

    Args:
        governor: Whose price books count.
        plan: The call.
        host: Host that the call is sent to.
        upstream: Name of the upstream in the config.

    Returns:
        ``None`` where the price book decides by the model.
    """
    books = governor.books
    if upstream is not None and books.knows_provider(upstream):
        return upstream
    if host is not None and (owner := _owner_of(host.lower())):
        return owner
    today = governor.store.clock.now().date()
    price = find_price(books, plan.model, None, today)
    if price is not None and price.provider:
        return None
    return PROVIDERS[plan.endpoint.kind].maker


def answers_itself(governor: Governor, plan: Plan, provider: str | None) -> bool:
    """Return whether the maker of an API bills a call: then its models keep their known limits.

    Args:
        governor: Whose price books count.
        plan: The call.
        provider: As ``provider_of`` has returned it.
    """
    maker = PROVIDERS[plan.endpoint.kind].maker
    if provider is None:
        today = governor.store.clock.now().date()
        price = find_price(governor.books, plan.model, None, today)
        return price is not None and price.provider == maker
    return provider == maker


def _owner_of(host: str) -> str | None:
    by_suffix = (name for end, name in _SUFFIXES.items() if host.endswith(end))
    return _HOSTS.get(host) or next(by_suffix, None)
