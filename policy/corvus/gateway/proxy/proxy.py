"""The governed proxy: model calls pass to their provider, and are paid from a budget (PRX-2).

A plain ASGI callable next to the admin API, behind the same guards. While a call runs, its client
is watched: when it goes, the provider is stopped at once. Every path and method that is not listed
is refused, so that nothing reaches a provider without the gate, and so are upgrades to websockets,
whose messages could not be metered.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Mapping
from typing import TypeAlias

from corvus.base.errors import PolicyError, StoreError
from corvus.base.ids import new_id
from corvus.base.time import microseconds
from corvus.calls.gate import Gate
from corvus.calls.refusal import Refusal, unreadable
from corvus.calls.routes import BETAS, FreeCall, MeteredCall, Unreadable, route
from corvus.calls.settle import Settler
from corvus.gateway.asgi import (
    Receive,
    Scope,
    Send,
    header_names,
    send_piece,
    send_start,
    send_whole,
)
from corvus.gateway.guards import TOKEN, TOKEN_FROM
from corvus.gateway.presence import while_there
from corvus.gateway.proxy.callers import Caller, caller_of
from corvus.gateway.proxy.client import Answer, Client, UpstreamFailed
from corvus.gateway.proxy.headers import to_client, to_upstream
from corvus.gateway.proxy.passage import Passage
from corvus.gateway.proxy.upstreams import Target, Upstreams
from corvus.gateway.refusal import CallRefused, refusal_of, send_refusal
from corvus.governor.governor import Governor
from corvus.metering.providers import kind_shown, kind_spoken
from corvus.model.decision import Decision
from corvus.model.gateway import GatewayOptions, Kind
from corvus.model.token import Token

_log = logging.getLogger("corvus.gateway")

Governing: TypeAlias = Callable[[], Governor]
"""Returns the governor in force."""

_SESSIONS_MAX = 10_000


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
        self._upstreams = Upstreams(options.upstreams, environment)
        self._silence_seconds = float(options.request_timeout_seconds)
        self._fixed = fixed
        self._on_verdict = on_verdict
        self._client: Client | None = None
        self._sessions: dict[str, str] = {}
        self._pending: set[asyncio.Task[bytes]] = set()
        self._settler = Settler(governing)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request that has passed the guards."""
        place = _place(scope)
        kind = _kind(place, scope)
        try:
            if scope["method"] == "HEAD" and scope["path"] == "/":
                await send_whole(send, 200, [(b"content-length", b"0")], b"")
                return
            if isinstance(place, Unreadable):
                raise CallRefused(unreadable(place))
            target = self._target(place, kind, scope)
            body = await _whole(receive)
            if isinstance(place, FreeCall) or not self._governing().policy.enabled:
                work = self._pass(target, scope, body, send)
            else:
                work = self._govern(place, target, scope, (body, send))
            await while_there(work, receive)
        except CallRefused as refused:
            if not refused.is_decided:
                self._on_verdict(refused.refusal.message)
            await send_refusal(send, refused.refusal, kind)
        except PolicyError as error:
            if isinstance(error, StoreError):  # the answer does not say why
                _log.error("a call was refused: %s: %s", error.code, error)
            self._on_verdict(str(error))
            await send_refusal(send, refusal_of(error), kind)

    def has_route(self, scope: Scope) -> bool:
        """Return whether a request is for a route that is served."""
        return not isinstance(_place(scope), Unreadable)

    async def close(self) -> None:
        """Wait until all calls are settled, and end all connections."""
        while self._pending:
            await asyncio.wait(set(self._pending))
        await asyncio.to_thread(self._settler.close)
        if self._client is not None:
            await self._client.close()

    async def _govern(
        self, place: MeteredCall, target: Target, scope: Scope, ends: tuple[bytes, Send]
    ) -> None:
        body, send = ends
        began = time.perf_counter()
        governor = self._governing()
        caller = self._fixed.joined_by(scope) if self._fixed else caller_of(scope)
        gate = Gate(governor, **caller.options(self._session_of(governor, scope)))
        proposal = gate.propose(
            place.with_betas(_header(scope, BETAS)),
            body,
            _header(scope, "content-encoding"),
            host=target.host,
            upstream=target.upstream.name,
        )
        if isinstance(proposal, Refusal):
            raise CallRefused(proposal)
        decision, proposal = await gate.aadmit(proposal)
        self._on_verdict(decision)
        verdict = gate.verdict(proposal, decision, target.upstream.denied_status)
        if isinstance(verdict, Refusal):
            raise CallRefused(verdict, is_decided=True)
        flight = verdict.flight
        if flight is None:  # disabled in the meantime
            await self._pass(target, scope, body, send)
            return
        more = {
            "x-corvus-session": proposal.request.session_id,
            "x-corvus-reservation": flight.reservation.id,
            **proposal.headers,
        }
        self._settler.watch(flight)
        passage = Passage(
            place.endpoint,
            flight,
            more,
            self._settler,
            governor.store.clock,
            self._pending,
        )
        self.on_overhead(time.perf_counter() - began)
        body = proposal.body
        await passage.run(lambda on_sent: self._send(target, scope, body, on_sent), send)

    async def _pass(self, target: Target, scope: Scope, body: bytes, send: Send) -> None:
        """Pass on what costs nothing, or what nobody governs."""
        try:
            answer = await self._send(target, scope, body)
            answer.require_no_redirect()
        except UpstreamFailed as fault:
            raise CallRefused(fault.refusal) from None
        try:
            await send_start(send, answer.status, to_client(answer.headers, {}))
            async for chunk in answer.chunks():
                await send_piece(send, chunk)
        except UpstreamFailed:
            return  # without its end, so that it shows
        finally:
            answer.close()
        await send_piece(send, b"", is_last=True)

    async def _send(
        self, target: Target, scope: Scope, body: bytes, on_sent: Callable[[], None] = lambda: None
    ) -> Answer:
        url = target.with_query(scope.get("query_string", b""))
        assert url is not None, "checked before the call was admitted"
        if self._client is None:
            self._client = Client(self._silence_seconds)
        headers = to_upstream(scope["headers"], target, scope.get(TOKEN_FROM, b""))
        return await self._client.send(scope["method"], url, headers, body, on_sent)

    def _target(self, place: MeteredCall | FreeCall, kind: Kind, scope: Scope) -> Target:
        target = self._upstreams.target(place, kind)
        if target is None:
            detail = f"no upstream of kind {kind} is configured in governance.upstreams"
            raise CallRefused(Refusal(404, "upstream_missing", detail))
        if target.with_query(scope.get("query_string", b"")) is None:
            raise CallRefused(Refusal(400, "query_invalid", "the query is no query"))
        if name := self._upstreams.missing_key(target):
            detail = f"the gateway has no key for {target.upstream.name}: set {name} where it runs"
            raise CallRefused(Refusal(502, "upstream_key_missing", detail))
        return target

    def _session_of(self, governor: Governor, scope: Scope) -> str:
        """Return the session of calls that name none: one for each token, as long as this runs."""
        token: Token | None = scope.get(TOKEN)
        holder = token.id if token is not None else ""
        if holder not in self._sessions and len(self._sessions) < _SESSIONS_MAX:
            self._sessions[holder] = new_id(microseconds(governor.store.clock.now()))
        return self._sessions.get(holder, governor.session_id)


async def _whole(receive: Receive) -> bytes:
    """Return the body, which the guards have bounded and read."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _place(scope: Scope) -> MeteredCall | FreeCall | Unreadable:
    """Return the route of a request, if it is spelt as it is listed."""
    path = scope["path"]
    if scope.get("raw_path", path.encode()).partition(b"?")[0] != path.encode():
        path = ""  # no route has this spelling
    return route(scope["method"], path, exact=True)


def _kind(place: MeteredCall | FreeCall | Unreadable, scope: Scope) -> Kind:
    """Return whose errors the client understands."""
    names = header_names(scope)
    if isinstance(place, Unreadable):
        return kind_spoken(scope["path"], names)
    if isinstance(place, MeteredCall):
        return place.endpoint.kind
    kind = kind_shown(names)
    return kind if kind is not None and kind in place.kinds else place.kinds[0]


def _header(scope: Scope, wanted: str) -> str:
    """Return all values of a header."""
    key = wanted.encode()
    values = (value for name, value in scope["headers"] if name.lower() == key)
    return b",".join(values).decode("latin-1")
