"""Which requests are metered, which are free, and which are passed on by nobody (PRX-1).

One table for the proxy, where a path is spelt as it is listed, and for the transports of SDKs,
where it is known by its end, because the base URLs of vendors differ. Every other path and method
is refused: what could cost money and cannot be metered reaches no provider.

Clients spell base URLs with the version of an API and without it, and some add it once more: each
of these spellings leads to the same route.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple, TypeAlias
from urllib.parse import parse_qs, quote, unquote_to_bytes

from corvus.metering.provider import Endpoint, RefusedPath, pattern_of
from corvus.metering.providers import ENDPOINTS, PROVIDERS
from corvus.model.gateway import Kind

BETAS = "anthropic-beta"
"""Header by which a request switches features of an API on."""

API_VERSION = "api-version"
"""Member of the query by which a request names a version of Azure's API."""


class MeteredCall(NamedTuple):
    """A request that is governed.

    Attributes:
        path: As its provider is sent it.
        model: The model that the path names; ``None`` where the body does.
        place: What else the path names, such as a project.
        betas: Features that its header switches on, see ``with_headers``.
        headers: Those that decide about its cost, by name.
        api_version: Of the API, as its query states it; empty for none.
    """

    endpoint: Endpoint
    path: str
    model: str | None = None
    place: Mapping[str, str] = {}
    betas: tuple[str, ...] = ()
    headers: Mapping[str, str] = {}
    api_version: str = ""

    @property
    def kind(self) -> Kind:
        """Whose API it belongs to."""
        return self.endpoint.kind

    def with_headers(self, value_of: Callable[[str], str]) -> MeteredCall:
        """Return the request with what its headers say.

        Args:
            value_of: Returns all values of a header, joined by commas; empty where it is absent.
        """
        betas = tuple(name.strip() for name in value_of(BETAS).split(",") if name.strip())
        named = {name: value_of(name).strip() for name in self.endpoint.headers}
        found = {name: value for name, value in named.items() if value}
        return self._replace(betas=betas, headers=found) if betas or found else self

    def with_query(self, query: str) -> MeteredCall:
        """Return the request with the version of the API that its query states, if any.

        Args:
            query: As it came; of two versions the older one counts.
        """
        versions = parse_qs(query).get(API_VERSION, ())
        return self._replace(api_version=min(versions)) if versions else self


class FreeCall(NamedTuple):
    """A request that is passed on without charge.

    Attributes:
        path: As its provider is sent it.
        kind: Whose API has it.
        model: The model that the path names, if it names one.
        place: What else it names.
    """

    path: str
    kind: Kind
    model: str | None = None
    place: Mapping[str, str] = {}


Call: TypeAlias = MeteredCall | FreeCall


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


@dataclass(frozen=True, slots=True)
class _Route:
    """One line of the table.

    Attributes:
        pattern: Of the path as it comes over the wire.
        endpoint: ``None`` where the route is free.
        takes_form: Its body may be a form with files.
    """

    kind: Kind
    method: str
    path: str
    endpoint: Endpoint | None
    takes_form: bool
    pattern: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        provider = PROVIDERS[self.kind]
        versions = "|".join(map(re.escape, provider.versions))
        start = f"(?:{versions})?(?P<_version>{versions})?" if versions else "(?P<_version>)"
        rest = pattern_of(self.path.removeprefix(provider.version))
        object.__setattr__(self, "pattern", re.compile(start + rest))

    def call(self, raw_path: str) -> Call | None:
        """Return the call that a path is; ``None`` where it is spelt in another way."""
        match = self.pattern.fullmatch(raw_path)
        if match is None:
            return None
        provider = PROVIDERS[self.kind]
        named = {name: _decoded(text) for name, text in match.groupdict("").items()}
        version = named.pop("_version") or _leading(raw_path, provider.versions)
        if not self.path.startswith(f"{provider.version}/"):
            version = ""  # it has none, next to those of its API that have
        if not all(provider.ids.fullmatch(text) for text in named.values()):
            return None
        rest = self.path.removeprefix(provider.version)
        for name, text in named.items():
            rest = rest.replace(f"{{{name}}}", quote(text, safe=provider.path_characters))
        path, model = version + rest, named.pop("model", None)
        if self.endpoint is None:
            return FreeCall(path, self.kind, model, named)
        return MeteredCall(self.endpoint, path, model, named)


def _leading(raw_path: str, versions: tuple[str, ...]) -> str:
    """Return the version that a path begins with, else the usual one."""
    usual = versions[0] if versions else ""
    return next((each for each in versions if raw_path.startswith(f"{each}/")), usual)


def _decoded(text: str) -> str:
    """Return a segment of a path without percent signs; empty where it is no text."""
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        return ""


def _table() -> Iterator[_Route]:
    for kind, provider in PROVIDERS.items():
        for free in provider.free:
            yield _Route(kind, free.method, free.path, None, free.takes_form)
        for endpoint in provider.endpoints:
            yield _Route(kind, "POST", endpoint.path, endpoint, endpoint.takes_form)


def _unversioned(endpoint: Endpoint) -> str:
    return endpoint.path.removeprefix(PROVIDERS[endpoint.kind].version)


def _by_length(endpoint: Endpoint) -> tuple[bool, bool, int]:
    """Return a key that sorts the longest ends first, and those that name a model before others."""
    end = endpoint.end or _unversioned(endpoint)
    return endpoint.is_foreign, "{model}" not in endpoint.path, -len(end)


_ROUTES = sorted(_table(), key=lambda one: one.endpoint is not None and one.endpoint.is_foreign)
_REFUSED = [
    (_Route(kind, refused.method, refused.path, None, takes_form=False), refused)
    for kind, provider in PROVIDERS.items()
    for refused in provider.refused
]
_FREE_METHODS = ("GET", "HEAD", "OPTIONS", "DELETE")
_PLAIN = re.compile(r"(?:/(?!\.\.?(?:/|\Z))[A-Za-z0-9_.~:@-]+)+")
_ENDS = [
    (re.compile(rf"{pattern_of(endpoint.end or _unversioned(endpoint))}\Z"), endpoint)
    for endpoint in sorted(ENDPOINTS, key=_by_length)
]
"""The longest first: what ends as another one does is more than that one."""

_FREE_ENDS = [
    (re.compile(rf"{pattern_of(end)}\Z"), kind)
    for kind, provider in PROVIDERS.items()
    for end in (
        *(
            free.path.removeprefix(provider.version)
            for free in provider.free
            if free.method == "POST"
        ),
        *provider.free_ends,
    )
]
_REMEMBERED_CHARACTERS = 200
"""What longer paths are is not remembered: they take memory."""
NO_ROUTE = Unreadable(
    404,
    "not_found",
    "there is no such route: only calls that can be metered are passed on, such as POST "
    "/v1/chat/completions, /v1/responses or /v1/messages, and lists of models",
)
_REFUSED_ENDS = [
    (
        re.compile(rf"{pattern_of(refused.path.removeprefix(PROVIDERS[route.kind].version))}\Z"),
        refused,
    )
    for route, refused in _REFUSED
]


def calls_of(method: str, raw_path: str) -> tuple[Call, ...] | Unreadable:
    """Return what a request to the proxy may be: one call for each API that has its path.

    Args:
        method: In capitals.
        raw_path: As it came, without query.
    """
    is_usual = len(raw_path) <= _REMEMBERED_CHARACTERS
    return _remembered_calls(method, raw_path) if is_usual else _found_calls(method, raw_path)


def _found_calls(method: str, raw_path: str) -> tuple[Call, ...] | Unreadable:
    found = [
        call
        for route in _ROUTES
        if route.method == method and (call := route.call(raw_path)) is not None
    ]
    if found:
        return tuple(found)
    for route, refused in _REFUSED:
        if route.method == method and route.call(raw_path) is not None:
            return _unmetered(refused)
    sockets = (each for each in _ROUTES if each.endpoint and each.endpoint.may_be_socket)
    if method == "GET" and any(each.call(raw_path) for each in sockets):
        detail = f"websockets are not served: send POST {raw_path}"
        return Unreadable(426, "upgrade_refused", detail)
    return NO_ROUTE


_remembered_calls = lru_cache(maxsize=512)(_found_calls)


def takes_form(method: str, raw_path: str) -> bool:
    """Return whether the body of a request to the proxy may be a form with files."""
    return any(
        route.takes_form and route.method == method and route.call(raw_path) is not None
        for route in _ROUTES
    )


def _unmetered(refused: RefusedPath) -> Unreadable:
    return Unreadable(404, "not_found", refused.reason)


def call_by_end(method: str, path: str) -> Call | Unreadable:
    """Return what a request of an SDK is, whatever base URL its vendor has.

    Args:
        method: In capitals.
        path: Decoded, without query.
    """
    if method in _FREE_METHODS:
        return FreeCall(path, next(iter(PROVIDERS)))
    if method == "POST" and _PLAIN.fullmatch(path):
        for pattern, kind in _FREE_ENDS:
            if pattern.search(path):
                return FreeCall(path, kind)
        for pattern, endpoint in _ENDS:
            if match := pattern.search(path):
                return MeteredCall(endpoint, path, match.groupdict().get("model"))
    refused = (one for end, one in _REFUSED_ENDS if one.method == method and end.search(path))
    known = next(refused, None)
    return NO_ROUTE if known is None else _unmetered(known)
