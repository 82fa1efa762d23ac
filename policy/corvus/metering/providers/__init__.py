"""The providers, one file each, and what holds of all of them together.

A new one is a file of its name with a ``PROVIDER``, and its name in ``corvus.model.gateway.Kind``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from importlib import import_module

from corvus.metering.abilities import Abilities, find
from corvus.metering.models import MOST_OUTPUT_TOKENS, bare
from corvus.metering.pictures import OTHER_VISIONS, Vision
from corvus.metering.provider import Endpoint, Provider
from corvus.model.gateway import Kind


def _load(kind: Kind) -> Provider:
    provider = import_module(f"{__name__}.{kind}").PROVIDER
    assert isinstance(provider, Provider)
    return provider


PROVIDERS: dict[Kind, Provider] = {kind: _load(kind) for kind in Kind}
"""By the API that they speak; a client that shows no other is taken to speak the first."""

ENDPOINTS: tuple[Endpoint, ...] = tuple(
    endpoint for provider in PROVIDERS.values() for endpoint in provider.endpoints
)
CREDENTIAL_HEADERS = tuple(
    dict.fromkeys(provider.credential_header for provider in PROVIDERS.values())
)

"""Headers in which clients send a key, in lower case."""

_ANSWERS = [
    (re.compile(family), most)
    for table in (provider.longest_answers for provider in PROVIDERS.values())
    for family, most in table
]
_ABILITIES = [entry for provider in PROVIDERS.values() for entry in provider.abilities]
_VISIONS = [
    (re.compile(family), vision)
    for table in (*(provider.visions for provider in PROVIDERS.values()), OTHER_VISIONS)
    for family, vision in table
]


def kind_spoken(path: str, header_names: Collection[bytes]) -> Kind:
    """Return whose errors the client of the gateway understands.

    Args:
        path: As it came; empty where none was read.
        header_names: Of the request, in lower case.
    """
    return kind_shown(header_names) or _kind_of_path(path, whole=True)


def kind_shown(header_names: Collection[bytes]) -> Kind | None:
    """Return the API of which a client sends a header of its own."""
    shown = (
        kind
        for kind, provider in PROVIDERS.items()
        if provider.client_header and provider.client_header.encode() in header_names
    )
    return next(shown, None)


def kind_at_any_base(path: str) -> Kind:
    """Return whose errors the client of a path understands, whatever base URL it has."""
    return _kind_of_path(path, whole=False)


def most_output_of(model: str) -> int:
    """Return the longest answer to state for a model, thinking included.

    OpenRouter and other resellers may allow less than the maker, and clip what is stated instead of
    refusing it.

    Args:
        model: As the caller names it.
    """
    name = bare(model)
    if (known := find(_ABILITIES, name)) is not None:
        return known.output_tokens
    return next((most for family, most in _ANSWERS if family.match(name)), MOST_OUTPUT_TOKENS)


def abilities_of(kind: Kind, model: str) -> Abilities | None:
    """Return what is known of a model of an API; ``None`` where nothing is.

    Args:
        kind: The API that it is called by.
        model: As the caller names it.
    """
    return find(PROVIDERS[kind].abilities, bare(model))


def vision_of(endpoint: Endpoint, model: str) -> Vision:
    """Return how a model counts pictures; an unknown one as the most expensive it may be."""
    name = bare(model)
    return next(
        (vision for family, vision in _VISIONS if family.match(name)), endpoint.unknown_vision
    )


def _kind_of_path(path: str, *, whole: bool) -> Kind:
    for kind, provider in PROVIDERS.items():
        if provider.client_path is not None and provider.client_path.search(path):
            return kind
    kinds = (kind for start, kind in _starts(whole=whole) if _begins(path, start, whole=whole))
    return next(kinds, next(iter(PROVIDERS)))


def _begins(path: str, start: str, *, whole: bool) -> bool:
    return path.startswith(start) if whole else start in path


def _starts(*, whole: bool) -> Iterator[tuple[str, Kind]]:
    """Yield what paths of endpoints begin with, with the version and without it."""
    for endpoint in (one for one in ENDPOINTS if not one.is_foreign):
        start = endpoint.path.partition("{")[0]
        bare_start = start.removeprefix(PROVIDERS[endpoint.kind].version)
        if len(bare_start) > 1:
            yield bare_start, endpoint.kind
        if whole:
            yield start, endpoint.kind
