"""Which requests are metered, which are free, and which are passed on by nobody (PRX-1).

One table for the proxy, where a path is spelt exactly as it is listed, and for the transports of
SDKs, where it is known by its end, because the base URLs of vendors differ. Every other path and
method is refused: what could cost money and cannot be metered reaches no provider.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from corvus.metering.provider import Endpoint, pattern_of
from corvus.metering.providers import ENDPOINTS, PROVIDERS
from corvus.model.gateway import Kind

BETAS = "anthropic-beta"
"""Header by which a request switches features of an API on."""


class MeteredCall(NamedTuple):
    """A request that is governed.

    Attributes:
        path: As it was spelt.
        model: The model that the path names; ``None`` where the body does.
        betas: Features that its header switches on, see ``with_betas``.
    """

    endpoint: Endpoint
    path: str
    model: str | None = None
    betas: tuple[str, ...] = ()

    def with_betas(self, header: str) -> MeteredCall:
        """Return the request with the features that its header ``BETAS`` switches on."""
        names = tuple(name.strip() for name in header.split(",") if name.strip())
        return self._replace(betas=names) if names else self


class FreeCall(NamedTuple):
    """A request that is passed on without charge.

    Attributes:
        path: As it was spelt.
        kinds: Whose APIs have it; in transports, where it is of no matter, nobody's.
    """

    path: str
    kinds: tuple[Kind, ...] = ()


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A request that cannot be metered, so it is not sent.

    Attributes:
        status: HTTP status of the answer.
        code: Stable name of what is wrong.
        message: What is wrong and what to do, for a person.
    """

    status: int
    code: str
    message: str


def _unversioned(endpoint: Endpoint) -> str:
    return endpoint.path.removeprefix(PROVIDERS[endpoint.kind].version)


_FREE_METHODS = ("GET", "HEAD", "OPTIONS", "DELETE")
_PLAIN = re.compile(r"(?:/(?!\.\.?(?:/|\Z))[A-Za-z0-9_.~:@-]+)+")
_PATHS = [(re.compile(pattern_of(endpoint.path)), endpoint) for endpoint in ENDPOINTS]
_ENDS = [
    (re.compile(rf"{pattern_of(endpoint.end or _unversioned(endpoint))}\Z"), endpoint)
    for endpoint in ENDPOINTS
]
_FREE = [
    (kind, route.method, re.compile(pattern_of(route.path)))
    for kind, provider in PROVIDERS.items()
    for route in provider.free
]
_FREE_ENDS = re.compile(
    "|".join(
        rf"(?:{pattern_of(end)})\Z"
        for provider in PROVIDERS.values()
        for end in (
            *(
                free.path.removeprefix(provider.version)
                for free in provider.free
                if free[0] == "POST"
            ),
            *provider.free_ends,
        )
    )
)
_NO_ROUTE = "there is no such route: only what can be metered is passed on, which is " + ", ".join(
    f"POST {endpoint.path}" for endpoint in ENDPOINTS
)


def route(method: str, path: str, *, exact: bool) -> MeteredCall | FreeCall | Unreadable:
    """Return the route of a request.

    Args:
        method: In capitals.
        path: Decoded, without query.
        exact: Whether the path must be spelt as it is listed, version and all (the proxy), or is
            known by its end (transports).
    """
    return _exactly(method, path) if exact else _by_end(method, path)


def _exactly(method: str, path: str) -> MeteredCall | FreeCall | Unreadable:
    for pattern, endpoint in _PATHS:
        if match := pattern.fullmatch(path):
            if method == "POST":
                return MeteredCall(endpoint, path, match.groupdict().get("model"))
            if method == "GET" and endpoint.may_be_socket:
                detail = f"websockets are not served: send POST {path}"
                return Unreadable(426, "upgrade_refused", detail)
    kinds = tuple(
        dict.fromkeys(
            kind for kind, verb, pattern in _FREE if verb == method and pattern.fullmatch(path)
        )
    )
    return FreeCall(path, kinds) if kinds else Unreadable(404, "not_found", _NO_ROUTE)


def _by_end(method: str, path: str) -> MeteredCall | FreeCall | Unreadable:
    if method in _FREE_METHODS:
        return FreeCall(path)
    if method == "POST" and _PLAIN.fullmatch(path):
        if _FREE_ENDS.search(path):
            return FreeCall(path)
        for pattern, endpoint in _ENDS:
            if match := pattern.search(path):
                return MeteredCall(endpoint, path, match.groupdict().get("model"))
    return Unreadable(404, "not_found", _NO_ROUTE)
