"""Where calls are forwarded to: hosts of the config and constant suffixes, nothing else (PRX-5).

No byte of a request takes part in an address, but for the id of something stored at the provider,
which is a short word, and its query behind the ``?``. Refused are upstreams that would carry a key
in plain text to another machine, link-local addresses, where clouds keep their credentials, and two
upstreams of one kind: a request does not say which it means.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from yarl import URL

from corvus.base.endpoints import upstream_fault
from corvus.base.errors import GatewayRefused
from corvus.calls.routes import FreeCall, MeteredCall
from corvus.metering.providers import PROVIDERS
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
        for upstream in upstreams:
            other = self._by_kind.setdefault(upstream.kind, upstream)
            if other is not upstream:
                raise GatewayRefused(
                    f"governance.upstreams has two of kind {upstream.kind}, {other.name!r} and "
                    f"{upstream.name!r}: a request does not say which of them it means"
                )
            fault = upstream_fault(upstream.base_url)
            if fault is not None:
                where = f"governance.upstreams.{upstream.name}.base_url"
                raise GatewayRefused(f"{where} {fault.reason}")

    def target(self, place: MeteredCall | FreeCall, kind: Kind) -> Target | None:
        """Return where a request goes; ``None`` when no upstream serves it.

        Args:
            place: Its route.
            kind: The API that its client speaks; where several have the route, another one will do.
        """
        upstream = self._by_kind.get(kind)
        if upstream is None and isinstance(place, FreeCall) and len(place.kinds) > 1:
            upstream = next(
                (other for other in self._by_kind.values() if other.kind in place.kinds), None
            )
        if upstream is None:
            return None
        url = PROVIDERS[upstream.kind].address(upstream.base_url, place.path)
        return Target(upstream, url, self._key(upstream))

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
