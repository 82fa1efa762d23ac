"""Where calls are forwarded to: hosts of the config and constant suffixes, nothing else (PRX-5).

No byte of a request takes part in an address, but for a model, or the id of something stored at the
provider, which is a short word, and its query behind the ``?``. Refused are upstreams that would
carry a key in plain text to another machine, and link-local addresses, where clouds keep their
credentials.

Of several upstreams of one kind, a call goes to the one that its token or its path names, else to
that whose glob fits its model best, else to the one without globs (PRX-7).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import unquote_plus, urlsplit

from yarl import URL

from corvus.base.endpoints import upstream_fault
from corvus.base.errors import GatewayRefused
from corvus.base.globs import glob_matches
from corvus.calls.routes import Call
from corvus.metering.providers import PROVIDERS
from corvus.model.gateway import Kind, Upstream

_QUERY = re.compile(rb"[!-\"$-~]*")  # all that is printable ASCII, but for the space and "#"
_CREDENTIALS_IN_QUERY = re.compile(r"key|access_token|api[-_]key|x-amz-.*", re.IGNORECASE)
_WILD = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class Target:
    """One address to send requests to.

    Attributes:
        call: What is sent there.
        url: Without query.
        key: The credential to send; ``None`` sends none.
    """

    upstream: Upstream
    call: Call
    url: str
    key: str | None

    @property
    def host(self) -> str:
        """Host that it is at."""
        return urlsplit(self.url).hostname or ""

    def with_query(self, query: bytes) -> URL | None:
        """Return the whole address; ``None`` when the query says what is not passed on.

        A credential in the query is a token of the gateway, or one that the operator did not
        choose: it stays here, however it is spelt.
        """
        takes_query = PROVIDERS[self.upstream.kind].takes_query
        if _QUERY.fullmatch(query) is None or not takes_query(query.decode()):
            return None
        kept = [part for part in query.decode().split("&") if not _holds_credential(part)]
        return URL(f"{self.url}?{'&'.join(kept)}" if any(kept) else self.url, encoded=True)


class Upstreams:
    """The upstreams of a config.

    Args:
        upstreams: In their order.
        environment: Where keys are found.

    Raises:
        GatewayRefused: An upstream cannot be forwarded to as it is configured.
    """

    def __init__(self, upstreams: tuple[Upstream, ...], environment: Mapping[str, str]) -> None:
        self._by_name = {upstream.name: _located(upstream) for upstream in upstreams}
        self._environment = environment
        for upstream in self._by_name.values():
            fault = upstream_fault(upstream.base_url, allows_plain_http=upstream.allow_plain_http)
            if fault is not None:
                where = f"governance.upstreams.{upstream.name}.base_url"
                raise GatewayRefused(f"{where} {fault.reason}")

    def named(self, name: str) -> Upstream | None:
        """Return the upstream of a name."""
        return self._by_name.get(name)

    def serves(self, upstream: Upstream, kind: Kind, model: str) -> bool:
        """Return whether an upstream takes a call with another model than its request names."""
        if upstream.models == ():
            return True
        return _best(self._of_kind(kind), model) is upstream

    def __iter__(self) -> Iterator[Upstream]:
        """Yield the upstreams in their order."""
        return iter(self._by_name.values())

    def named_by(self, raw_path: str) -> tuple[Upstream | None, str]:
        """Return the upstream that a path begins with, and the rest of the path."""
        name, slash, rest = raw_path.removeprefix("/").partition("/")
        upstream = self._by_name.get(name) if slash else None
        return (None, raw_path) if upstream is None else (upstream, f"/{rest}")

    def target(
        self, calls: Iterable[Call], model: str | None, named: Upstream | None = None
    ) -> Target | None:
        """Return where a request goes; ``None`` when no upstream serves it.

        Args:
            calls: What it may be, that of the API that its client speaks first.
            model: The model that its body names.
            named: The upstream that its path or its token names.
        """
        for call in calls:
            upstream = named or _best(self._of_kind(call.kind), call.model or model)
            if upstream is not None and _serves(upstream, call):
                return self.at(upstream, call)
        return None

    def fallback_of(self, target: Target) -> Target | None:
        """Return where a call is sent that a target could not take; ``None`` for nowhere."""
        other = self._by_name.get(target.upstream.fallback or "")
        if other is None or other.kind is not target.upstream.kind:
            return None
        return self.at(other, target.call)

    def at(self, upstream: Upstream, call: Call) -> Target:
        """Return the address of a call at an upstream."""
        url = PROVIDERS[upstream.kind].address(upstream.base_url, call.path)
        return Target(upstream, call, url, self._key(upstream))

    def has_any(self, calls: Iterable[Call]) -> bool:
        """Return whether there is an upstream of the kind of any of some calls."""
        return any(self._of_kind(call.kind) for call in calls)

    def depends_on_model(self, calls: Iterable[Call]) -> bool:
        """Return whether the model decides which upstream gets a call."""
        return any(
            upstream.models is not None for call in calls for upstream in self._of_kind(call.kind)
        )

    def missing_key(self, target: Target) -> str | None:
        """Return the variable that should hold the key of a target and does not."""
        upstream = target.upstream
        if upstream.pass_through or target.key is not None:
            return None
        return upstream.api_key_env

    def _of_kind(self, kind: Kind) -> list[Upstream]:
        return [upstream for upstream in self._by_name.values() if upstream.kind is kind]

    def _key(self, upstream: Upstream) -> str | None:
        if upstream.pass_through or upstream.api_key_env is None:
            return None
        return self._environment.get(upstream.api_key_env, "").strip() or None


def _holds_credential(part: str) -> bool:
    """Return whether a part of a query is a credential."""
    name = unquote_plus(part.partition("=")[0])
    return _CREDENTIALS_IN_QUERY.fullmatch(name.strip()) is not None


def _located(upstream: Upstream) -> Upstream:
    """Return an upstream with the base URL of its provider, where the config states none."""
    own = PROVIDERS[upstream.kind].own_url(upstream.region or upstream.location)
    return replace(upstream, base_url=upstream.base_url or own)


def _best(upstreams: Sequence[Upstream], model: str | None) -> Upstream | None:
    """Return the upstream that a model belongs to; of a request without one, the usual."""
    fits = [
        (fit, upstream)
        for upstream in upstreams
        if model is not None and (fit := _fit(upstream, model)) is not None
    ]
    if fits:
        return max(fits, key=lambda pair: pair[0])[1]
    others = [each for each in upstreams if each.models is None]
    if not others and model is None:
        others = [each for each in upstreams if each.models]
    return next(iter(others), None)


def _serves(upstream: Upstream, call: Call) -> bool:
    """Return whether a call names the project and the location of its upstream, if any."""
    if upstream.kind is not call.kind:
        return False
    own = {"project": upstream.project, "location": upstream.location}
    return all(call.place.get(name, value) == value for name, value in own.items())


def _fit(upstream: Upstream, model: str) -> tuple[int, int] | None:
    """Return how well the best glob of an upstream fits a model; ``None`` where none does."""
    fits = [_literal(glob) for glob in upstream.models or () if glob_matches(glob, model)]
    return max(fits, default=None)


def _literal(glob: str) -> tuple[int, int]:
    """Return how many characters of a glob are fixed: those before a wildcard, then all."""
    wild = _WILD.search(glob)
    return (len(glob) + 1 if wild is None else wild.start(), len(_WILD.sub("", glob)))
