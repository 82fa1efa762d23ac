"""Who bills a call: one rule for the proxy and for the transports of SDKs (PRC-7, RES-11)."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from corvus.calls.plan import Plan
from corvus.governor.governor import Governor
from corvus.governor.pricing import find_price
from corvus.metering.openai.profiles import owner_of, profile_of
from corvus.metering.providers import PROVIDERS


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
    if len(models) < 2 or profile_of(provider).names_who_answered:
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
    if host is not None and (owner := owner_of(host.lower())):
        return owner
    provider = PROVIDERS[plan.endpoint.kind]
    if not provider.is_common:
        return provider.maker
    today = governor.store.clock.now().date()
    price = find_price(books, plan.model, None, today)
    return None if price is not None and price.provider else provider.maker


def reported_as(
    governor: Governor, provider: str | None, *, host: str | None, upstream: str | None
) -> str | None:
    """Return the name under which calls are reported, where it is not that of their provider.

    An upstream at a host that is no known provider's is a provider of its own, by its name (PRX-7).

    Args:
        governor: Whose price books count.
        provider: As ``provider_of`` has returned it.
        host: Host that calls are sent to.
        upstream: Name of the upstream in the config.
    """
    if upstream is None or provider == upstream or governor.books.knows_provider(upstream):
        return None
    return None if host is not None and owner_of(host.lower()) else upstream


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
