"""The governed proxy: model calls pass to their provider, and are paid from a budget (PRX-2).

Behind the same guards as the admin API, and next to its framework: see ``exchange``. When the
client of a call goes, the provider is stopped at once. Every path and method that is not listed is
refused, so that nothing reaches a provider without the gate, and so are upgrades to websockets,
whose messages could not be metered.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TypeAlias

from corvus.base.errors import PolicyError, StoreError
from corvus.base.ids import new_id
from corvus.base.time import microseconds
from corvus.calls.gate import Destination, Gate
from corvus.calls.reading import model_named
from corvus.calls.refusal import Refusal, unreadable
from corvus.calls.routes import (
    NO_ROUTE,
    Call,
    FreeCall,
    MeteredCall,
    Unreadable,
    calls_of,
    takes_form,
)
from corvus.calls.settle import Settler
from corvus.gateway.asgi import Scope, header_names
from corvus.gateway.body import AT_ONCE_BYTES
from corvus.gateway.exchange import Outlet
from corvus.gateway.guards import TOKEN, TOKEN_FROM
from corvus.gateway.paths import is_greeting
from corvus.gateway.proxy.answer import Answer
from corvus.gateway.proxy.callers import Caller, caller_of
from corvus.gateway.proxy.client import Client, DirectClient
from corvus.gateway.proxy.failures import UpstreamFailed
from corvus.gateway.proxy.headers import to_client, to_upstream
from corvus.gateway.proxy.outages import Outages
from corvus.gateway.proxy.passage import Passage
from corvus.gateway.proxy.signers import Signers
from corvus.gateway.proxy.upstreams import Target, Upstreams
from corvus.gateway.refusal import CallRefused, refusal_of, refuse_call
from corvus.governor.governor import Governor
from corvus.metering.providers import kind_shown, kind_spoken
from corvus.model.decision import Decision
from corvus.model.gateway import GatewayOptions, Kind, Upstream
from corvus.model.token import Token

_log = logging.getLogger("corvus.gateway")

Governing: TypeAlias = Callable[[], Governor]
"""Returns the governor in force."""

_FAILED = 500
_SESSIONS_MAX = 10_000
_PREPARE_SECONDS = 15.0


class Proxy:
    """Forwards model calls.

    Args:
        governing: Who admits them.
        options: Where they go, and how long an answer may be silent.
        fixed: The session and mission of all calls, whatever they say; ``None`` lets each call say.
        environment: Where the keys of the upstreams are found.
        on_verdict: Called with each decision, before its call is sent or refused; and, in words for
            the operator, with why a call was refused before there was one.

    Raises:
        GatewayRefused: An upstream cannot be forwarded to as it is configured.
    """

    def __init__(
        self,
        governing: Governing,
        options: GatewayOptions,
        *,
        fixed: Caller | None = None,
        environment: Mapping[str, str] = os.environ,
        on_verdict: Callable[[Decision | str], None] = lambda _: None,
    ) -> None:
        self._governing = governing
        self.on_overhead: Callable[[float], None] = lambda _: None
        """Called with how many seconds a call waited for its admission before it left."""
        self.on_ungoverned: Callable[[], None] = lambda: None
        """Called with each call that costs something and passes while governance is off."""
        self._upstreams = Upstreams(options.upstreams, environment)
        self._signers = Signers(environment)
        self._silence_seconds = float(options.request_timeout_seconds)
        self._uses_proxies = options.use_environment_proxy
        self._fixed = fixed
        self._on_verdict = on_verdict
        self._client: Client | None = None
        self._sessions: dict[str, str] = {}
        self._pending: set[asyncio.Task[bytes]] = set()
        self._settler = Settler(governing)
        self._outages = Outages()

    async def serve(self, scope: Scope, body: bytes, outlet: Outlet) -> None:
        """Serve one request that has passed the guards; its task is cancelled when its client goes.

        Args:
            scope: Its head.
            body: Of any encoding it has no more.
            outlet: Gets the answer.
        """
        calls, named = self._calls(scope)
        kind = _kind(calls, scope)
        try:
            if is_greeting(scope["method"], scope["path"]):
                outlet.start(200, [(b"content-length", b"0")])
                await outlet.end()
                return
            if isinstance(calls, Unreadable):
                raise CallRefused(unreadable(calls))
            target = self._target(_spoken_first(calls, kind), named, (scope, body))
            kind = target.call.kind
            if isinstance(target.call, FreeCall) or not self._governing().policy.enabled:
                await self._pass(target, scope, body, outlet)
            else:
                await self._govern(target, scope, (body, outlet))
        except CallRefused as refused:
            if not refused.is_decided:
                self._on_verdict(refused.refusal.message)
            await refuse_call(outlet, refused.refusal, kind)
        except PolicyError as error:
            if isinstance(error, StoreError):  # the answer does not say why
                _log.error("a call was refused: %s: %s", error.code, error)
            self._on_verdict(str(error))
            await refuse_call(outlet, refusal_of(error), kind)

    def has_route(self, scope: Scope) -> bool:
        """Return whether a request is for a route that is served."""
        return not isinstance(self._calls(scope)[0], Unreadable)

    def takes_form(self, scope: Scope) -> bool:
        """Return whether the body of a request may be a form with files."""
        raw_path = _raw_path(scope)
        _, rest = self._upstreams.named_by(raw_path)
        return takes_form(scope["method"], rest) or takes_form(scope["method"], raw_path)

    def _calls(self, scope: Scope) -> tuple[tuple[Call, ...] | Unreadable, Upstream | None]:
        """Return what a request may be, and the upstream that its path names.

        A path of an API that is served is one, though it begins with the name of an upstream.
        """
        method, raw_path = scope["method"], _raw_path(scope)
        whole = calls_of(method, raw_path)
        if not isinstance(whole, Unreadable) and self._upstreams.has_any(whole):
            return whole, None
        named, rest = self._upstreams.named_by(raw_path)
        found = calls_of(method, rest) if named is not None else NO_ROUTE
        if named is not None and not isinstance(found, Unreadable):
            of_kind = tuple(call for call in found if call.kind is named.kind)
            if of_kind:
                return of_kind, named
        return whole, None

    async def prepare(self) -> None:
        """Find the credentials of upstreams, before their variables are taken from this process."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_PREPARE_SECONDS):
                await self._signers.prepare(self._upstreams)

    async def close(self) -> None:
        """Wait until all calls are settled, and end all connections."""
        while self._pending:
            await asyncio.wait(set(self._pending))
        await asyncio.to_thread(self._settler.close)
        if self._client is not None:
            await self._client.close()

    async def _govern(self, target: Target, scope: Scope, ends: tuple[bytes, Outlet]) -> None:
        body, outlet = ends
        began = time.perf_counter()
        passage = await self._admit(target, scope, body, ())
        if passage is None:  # disabled in the meantime
            await self._pass(target, scope, body, outlet)
            return
        self.on_overhead(time.perf_counter() - began)
        await passage.run(outlet)

    async def _admit(
        self, target: Target, scope: Scope, body: bytes, tried: tuple[str, ...]
    ) -> Passage | None:
        """Have a call admitted for an upstream; ``None`` while governance is disabled.

        Args:
            target: Where it goes.
            scope: Of its request.
            body: Of its request.
            tried: Names of the upstreams that could not take it.

        Raises:
            CallRefused: It is refused.
            StoreError: The store cannot answer.
        """
        call, upstream, governor = target.call, target.upstream, self._governing()
        assert isinstance(call, MeteredCall), "free calls are not admitted"
        caller = self._fixed.joined_by(scope) if self._fixed else caller_of(scope)
        gate = Gate(governor, **caller.options(self._session_of(governor, scope)))
        serves = partial(self._upstreams.serves, upstream, call.kind)
        propose = partial(
            gate.propose,
            _as_sent(call, scope),
            body,
            _header(scope, "content-encoding"),
            host=target.host,
            upstream=Destination(upstream.name, serves, upstream.deployments),
        )
        is_large = len(body) > AT_ONCE_BYTES  # others wait meanwhile
        proposal = await asyncio.to_thread(propose) if is_large else propose()
        if isinstance(proposal, Refusal):
            raise CallRefused(proposal)
        decision, proposal = await gate.aadmit(proposal)
        self._on_verdict(decision)
        verdict = gate.verdict(proposal, decision, upstream.denied_status)
        if isinstance(verdict, Refusal):
            raise CallRefused(verdict, is_decided=True)
        flight = verdict.flight
        if flight is None:
            return None
        more = {
            "x-corvus-session": proposal.request.session_id,
            "x-corvus-reservation": flight.reservation.id,
            **proposal.headers,
        }
        self._settler.watch(flight)
        other = self._upstreams.fallback_of(target)
        names = (*tried, upstream.name)
        return Passage(
            call.endpoint,
            flight,
            more,
            self._settler,
            governor.store.clock,
            self._pending,
            lambda on_sent: self._send(target, scope, proposal.body, on_sent),
            None
            if other is None or other.upstream.name in names
            else lambda: self._readmit(other, scope, body, names),
        )

    async def _readmit(
        self, target: Target, scope: Scope, body: bytes, tried: tuple[str, ...]
    ) -> Passage | None:
        """Have a call admitted for another upstream; ``None`` where that one cannot take it."""
        if self._upstreams.missing_key(target):
            return None
        try:
            return await self._admit(target, scope, body, tried)
        except CallRefused:
            return None
        except PolicyError as error:
            _log.error("a fallback was not tried: %s: %s", error.code, error)
            return None

    async def _pass(self, target: Target, scope: Scope, body: bytes, outlet: Outlet) -> None:
        """Pass on what costs nothing, or what nobody governs."""
        if not isinstance(target.call, FreeCall):
            self.on_ungoverned()
        try:
            answer = await self._send(target, scope, body)
            answer.require_no_redirect()
        except UpstreamFailed as fault:
            raise CallRefused(fault.refusal) from None
        outlet.start(answer.status, to_client(answer.headers, {}))
        try:
            await answer.pass_to(outlet)
        except UpstreamFailed:
            return  # without its end, so that it shows
        finally:
            answer.close()

    async def _send(
        self, target: Target, scope: Scope, body: bytes, on_sent: Callable[[], None] = lambda: None
    ) -> Answer:
        url = target.with_query(scope.get("query_string", b""))
        assert url is not None, "checked before the call was admitted"
        client = self._client = self._client or self._new_client()
        method = scope["method"]
        headers = to_upstream(scope["headers"], target, scope.get(TOKEN_FROM, b""))
        signer = self._signers.of(target)
        if signer is not None:
            headers += await signer.headers(method, url, headers, body)
        name = target.upstream.name
        try:
            answer = await client.send(method, url, headers, body, on_sent)
        except UpstreamFailed as fault:
            self._outages.failed(name, fault.cause)
            raise
        answer.on_broken = lambda fault: self._outages.failed(name, fault.cause)
        if answer.is_redirect or answer.status >= _FAILED:
            self._outages.failed(name, f"it answers with status {answer.status}")
        else:
            self._outages.answered(name)
        return answer

    def _new_client(self) -> Client:
        if not self._uses_proxies:
            return DirectClient(self._silence_seconds)
        from corvus.gateway.proxy.environment_client import EnvironmentClient

        return EnvironmentClient(self._silence_seconds)

    def _target(
        self, calls: Sequence[Call], named: Upstream | None, request: tuple[Scope, bytes]
    ) -> Target:
        scope, body = request
        model = None
        if self._upstreams.depends_on_model(calls):
            model = model_named(body, _header(scope, "content-type"))
        token: Token | None = scope.get(TOKEN)
        if token is not None and token.upstream is not None:
            own = self._upstreams.named(token.upstream)
            if own is None or named not in (None, own):
                detail = f"this token is for calls to the upstream {token.upstream!r} alone"
                detail += "" if own else ", and this gateway has none of that name"
                raise CallRefused(Refusal(403, "token_bound", detail))
            named = own
        target = self._upstreams.target(calls, model, named)
        if target is None:
            raise CallRefused(self._unserved(calls, model))
        if target.with_query(scope.get("query_string", b"")) is None:
            raise CallRefused(
                Refusal(400, "query_invalid", "the query is none that is passed on: leave it out")
            )
        if name := self._upstreams.missing_key(target):
            detail = f"the gateway has no key for {target.upstream.name}: set {name} where it runs"
            raise CallRefused(Refusal(502, "upstream_key_missing", detail))
        return target

    def _unserved(self, calls: Sequence[Call], model: str | None) -> Refusal:
        """Return the answer to a call that no upstream takes."""
        if not self._upstreams.has_any(calls):
            kinds = " or ".join(dict.fromkeys(call.kind for call in calls))
            detail = f"no upstream of kind {kinds} is configured in governance.upstreams"
            return Refusal(404, "upstream_missing", detail)
        model = next((call.model for call in calls if call.model), model)
        if any(call.place for call in calls) or model is None:
            return unreadable(NO_ROUTE)
        detail = f"no upstream takes the model {model!r}: add it to `models` of one in the config"
        return Refusal(404, "model_not_found", detail)

    def _session_of(self, governor: Governor, scope: Scope) -> str:
        """Return the session of calls that name none: one for each token, as long as this runs."""
        token: Token | None = scope.get(TOKEN)
        holder = token.id if token is not None else ""
        if holder not in self._sessions and len(self._sessions) < _SESSIONS_MAX:
            self._sessions[holder] = new_id(microseconds(governor.store.clock.now()))
        return self._sessions.get(holder, governor.session_id)


def _raw_path(scope: Scope) -> str:
    """Return the path of a request as it came, without query."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    return raw.partition(b"?")[0].decode("latin-1")


def _as_sent(call: MeteredCall, scope: Scope) -> MeteredCall:
    """Return a call with what its head says of it."""
    query = scope.get("query_string", b"").decode("latin-1")
    return call.with_headers(lambda name: _header(scope, name)).with_query(query)


def _kind(calls: tuple[Call, ...] | Unreadable, scope: Scope) -> Kind:
    """Return whose errors the client understands."""
    names = header_names(scope)
    if isinstance(calls, Unreadable):
        return kind_spoken(scope["path"], names)
    kind, kinds = kind_shown(names), [call.kind for call in calls]
    return kind if kind is not None and kind in kinds else kinds[0]


def _spoken_first(calls: Sequence[Call], kind: Kind) -> list[Call]:
    """Return what a request may be, that of the API that its client speaks first."""
    return sorted(calls, key=lambda call: call.kind is not kind)


def _header(scope: Scope, wanted: str) -> str:
    """Return all values of a header."""
    key = wanted.encode()
    values = (value for name, value in scope["headers"] if name.lower() == key)
    return b",".join(values).decode("latin-1")
