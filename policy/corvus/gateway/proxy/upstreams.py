"""Where calls are forwarded to: hosts of the config and constant suffixes, nothing else (PRX-5).

No byte of a request takes part in an address, but for the id of something stored at the provider,
which is a short word, and its query behind the ``?``. Refuses upstreams
that would carry a key in plain text to another machine, link-local addresses, where clouds keep
their credentials, and two upstreams of one kind: a request does not say which it means.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from yarl import URL

from corvus.base.errors import GatewayRefused
from corvus.calls.plan import COUNT_TOKENS, MODELS, Free
from corvus.gateway.guards import is_loopback
from corvus.metering.endpoints import Endpoint
from corvus.model.gateway import Kind, Upstream

_QUERY = re.compile(rb"[!-\"$-~]*")  # all that is printable ASCII, but for the space and "#"


@dataclass(frozen=True, slots=True)
class Target:
    """One address to send requests to.

    Attributes:
        url: Without query.
        key: The credential to send; ``None`` sends none.
    """

    upstream: Upstream
    url: str
    key: str | None

    @property
    def host(self) -> str:
        """Host that it is at."""
        return urlsplit(self.url).hostname or ""

    def with_query(self, query: bytes) -> URL | None:
        """Return the whole address; ``None`` when the query holds what none may hold."""
        if _QUERY.fullmatch(query) is None:
            return None
        return URL(f"{self.url}?{query.decode()}" if query else self.url, encoded=True)


class Upstreams:
    """The upstreams of a config, by the API that they speak.

    Args:
        upstreams: One of each kind at most.
        environment: Where keys are found.

    Raises:
        GatewayRefused: An upstream cannot be forwarded to as it is configured.
    """

    def __init__(self, upstreams: tuple[Upstream, ...], environment: Mapping[str, str]) -> None:
        self._by_kind: dict[Kind, Upstream] = {}
        self._environment = environment
        for one in upstreams:
            other = self._by_kind.setdefault(one.kind, one)
            if other is not one:
                raise GatewayRefused(
                    f"governance.upstreams has two of kind {one.kind}, {other.name!r} and "
                    f"{one.name!r}: a request does not say which of them it means"
                )
            _check(one)

    def target(self, place: Endpoint | Free, *, speaks_anthropic: bool = False) -> Target | None:
        """Return where requests of an endpoint go; ``None`` when no upstream serves them.

        Args:
            place: The endpoint.
            speaks_anthropic: Whose models are asked for, where both APIs have the path.
        """
        upstream = self._by_kind.get(kind_of(place, speaks_anthropic=speaks_anthropic))
        if upstream is None and _is_of_models(place):
            upstream = next(iter(self._by_kind.values()), None)
        if upstream is None:
            return None
        suffix = place.path if isinstance(place, Free) else place.value.removeprefix("/v1")
        return Target(upstream, _base(upstream) + suffix, self._key(upstream))

    def missing_key(self, target: Target) -> str | None:
        """Return the variable that should hold the key of a target and does not."""
        upstream = target.upstream
        if upstream.pass_through or target.key is not None:
            return None
        return upstream.api_key_env

    def _key(self, upstream: Upstream) -> str | None:
        if upstream.pass_through or upstream.api_key_env is None:
            return None
        return self._environment.get(upstream.api_key_env, "").strip() or None


def kind_of(place: Endpoint | Free, *, speaks_anthropic: bool = False) -> Kind:
    """Return whose API an endpoint belongs to."""
    if place in (Endpoint.MESSAGES, COUNT_TOKENS):
        return Kind.ANTHROPIC
    is_anthropic = _is_of_models(place) and speaks_anthropic
    return Kind.ANTHROPIC if is_anthropic else Kind.OPENAI


def _is_of_models(place: Endpoint | Free) -> bool:
    return isinstance(place, Free) and place.path.startswith(MODELS.path)


def _base(upstream: Upstream) -> str:
    """Return the base that the API's paths behind ``/v1`` are appended to."""
    base = upstream.base_url.rstrip("/")
    if upstream.kind is Kind.ANTHROPIC:  # its SDK takes the base without /v1
        return base.removesuffix("/v1") + "/v1"
    return base


def _check(upstream: Upstream) -> None:
    where = f"governance.upstreams.{upstream.name}.base_url"
    try:
        parts = urlsplit(upstream.base_url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise GatewayRefused(f"{where} is no URL") from None
    if not host or parts.username is not None or parts.query or parts.fragment:
        raise GatewayRefused(f"{where} must be a host and a path: no user, no query, no fragment")
    if parts.scheme != "https" and not is_loopback(host):
        raise GatewayRefused(f"{where} must be https://: a key would travel in plain text")
    if _is_link_local(host):
        raise GatewayRefused(f"{where} is a link-local address, where clouds keep credentials")


def _is_link_local(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_link_local
