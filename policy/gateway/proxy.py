"""The governed proxy: model calls pass to their provider, and are paid from a budget (section 16).

A plain ASGI callable beside the admin API, behind the same guards. While a call runs, its client is
watched: when it goes, the provider is told at once. Refuses every path and method that is not
listed, so that nothing reaches a provider without the gate, and upgrades to websockets, whose
messages it could not meter.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import TypeAlias

from policy.clock import microseconds
from policy.errors import PolicyError, ProjectRefused, TokenBound
from policy.gateway.asking import Asked, Caller, ask
from policy.gateway.client import Answer, Client, UpstreamFailed
from policy.gateway.exchange import Exchange
from policy.gateway.forwarding import to_client, to_upstream
from policy.gateway.guards import TOKEN, TOKEN_FROM, Receive, Scope, Send
from policy.gateway.hold import Hold
from policy.gateway.upstreams import COUNT_TOKENS, MODELS, Free, Target, Upstreams, kind_of
from policy.gateway.wire import WireError, denied, failed, send_error, send_start
from policy.governor.governor import Governor
from policy.ids import new_id
from policy.metering.endpoints import Endpoint
from policy.model.decision import Decision
from policy.model.gateway import GatewayOptions, Kind
from policy.model.request import LOCAL
from policy.model.token import Claims, Token

Governing: TypeAlias = Callable[[], Governor]
"""Returns the governor in force."""

_METERED = {("POST", one.value): one for one in Endpoint}
_FREE = {(one.method, f"/v1{one.path}"): one for one in (MODELS, COUNT_TOKENS)}
_SESSIONS_MAX = 10_000


class Proxy:
    """Forwards model calls.

    Args:
        governing: Who admits them.
        options: Where they go, and how long an answer may be silent.
        fixed: What all calls belong to, whatever they say; ``None`` lets each call say it.
        environment: Where the keys of the upstreams are found.
        on_decision: Told of each decision, before its call is sent or refused.

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
        on_decision: Callable[[Decision], None] = lambda _: None,
    ) -> None:
        self._governing = governing
        self.on_overhead: Callable[[float], None] = lambda _: None
        """Told how many seconds a call waited for its admission before it left."""
        self._upstreams = Upstreams(options.upstreams, environment)
        self._silence_seconds = float(options.request_timeout_seconds)
        self._fixed = fixed
        self._on_decision = on_decision
        self._client: Client | None = None
        self._sessions: dict[str, str] = {}
        self._pending: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request that has passed the guards."""
        place = _place(scope)
        kind = _kind(place, scope)
        try:
            if scope["method"] == "HEAD" and scope["path"] == "/":
                await send_start(send, 200, [(b"content-length", b"0")])
                await send({"type": "http.response.body", "body": b""})
                return
            if place is None:
                raise _no_route(scope)
            target = self._target(place, scope)
            body = await _whole(receive)
            if isinstance(place, Free):
                work = self._pass(target, scope, body, send)
            else:
                work = self._govern(place, target, scope, (body, send))
            await _while_there(work, receive)
        except WireError as error:
            await send_error(send, error, kind)
        except PolicyError as error:
            await send_error(send, failed(error), kind)

    def has_route(self, scope: Scope) -> bool:
        """Tell whether a request is for a route that is served."""
        return _place(scope) is not None

    async def close(self) -> None:
        """Wait until all calls are settled, and end all connections."""
        while self._pending:
            await asyncio.wait(set(self._pending))
        if self._client is not None:
            await self._client.close()

    async def _govern(
        self, endpoint: Endpoint, target: Target, scope: Scope, ends: tuple[bytes, Send]
    ) -> None:
        body, send = ends
        began = time.perf_counter()
        governor = self._governing()
        asked = ask(governor, endpoint, target, body, self._caller(governor, scope))
        decision = await governor.areserve(asked.request)
        self._on_decision(decision)
        if not decision.allowed:
            raise denied(decision, target.upstream.denied_status)
        hold = Hold(governor, decision.reservation, self._pending)
        more = {"x-corvus-session": asked.request.session_id}
        if decision.reservation is not None:
            more["x-corvus-reservation"] = decision.reservation.id
        self.on_overhead(time.perf_counter() - began)
        exchange = Exchange(asked, target.upstream.kind, hold, more)
        await exchange.run(lambda: self._forward(target, scope, asked), send)

    async def _forward(self, target: Target, scope: Scope, asked: Asked) -> Answer:
        return await self._send(target, scope, asked.body)

    async def _pass(self, target: Target, scope: Scope, body: bytes, send: Send) -> None:
        """Pass on what costs nothing."""
        try:
            answer = await self._send(target, scope, body)
        except UpstreamFailed as fault:
            raise WireError(fault.status, fault.code, str(fault)) from None
        try:
            await send_start(send, answer.status, to_client(answer.headers, {}))
            async for chunk in answer.chunks():
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        except UpstreamFailed:
            return  # without its end, so that it shows
        finally:
            answer.close()
        await send({"type": "http.response.body", "body": b""})

    async def _send(self, target: Target, scope: Scope, body: bytes) -> Answer:
        url = target.with_query(scope.get("query_string", b""))
        assert url is not None, "checked before the call was admitted"
        if self._client is None:
            self._client = Client(self._silence_seconds)
        headers = to_upstream(scope["headers"], target, scope.get(TOKEN_FROM, b""))
        return await self._client.send(scope["method"], url, headers, body)

    def _target(self, place: Endpoint | Free, scope: Scope) -> Target:
        kind = _kind(place, scope)
        target = self._upstreams.target(place, speaks_anthropic=kind is Kind.ANTHROPIC)
        if target is None:
            detail = f"no upstream of kind {kind} is configured in governance.upstreams"
            raise WireError(404, "upstream_missing", detail, is_final=True)
        if target.with_query(scope.get("query_string", b"")) is None:
            raise WireError(400, "query_invalid", "the query is no query", is_final=True)
        if name := self._upstreams.missing_key(target):
            detail = f"the gateway has no key for {target.upstream.name}: set {name} where it runs"
            raise WireError(502, "upstream_key_missing", detail, is_final=True)
        return target

    def _caller(self, governor: Governor, scope: Scope) -> Caller:
        if self._fixed is not None:
            return self._fixed
        headers = {name.lower(): value for name, value in scope["headers"]}
        token: Token | None = scope.get(TOKEN)
        named = _named(headers, token)
        return Caller(
            session_id=named.session or self._session_of(governor, token),
            mission_id=named.mission,
            project=named.project,
            agent=named.agent,
            user=named.user,
            principal=token.id if token is not None else LOCAL,
            resumes_mission=_text(headers, "mission-resume") == "1",
        )

    def _session_of(self, governor: Governor, token: Token | None) -> str:
        """Return the session of calls that name none: one for each token, as long as this runs."""
        holder = token.id if token is not None else ""
        if holder not in self._sessions and len(self._sessions) < _SESSIONS_MAX:
            self._sessions[holder] = new_id(microseconds(governor.store.clock.now()))
        return self._sessions.get(holder, governor.session_id)


async def _while_there(work: Coroutine[object, object, None], receive: Receive) -> None:
    """Do something as long as the client is there; when it goes, break it off."""
    working = asyncio.create_task(work)
    leaving = asyncio.create_task(_gone(receive))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        leaving.cancel()
        working.cancel()
        await asyncio.wait({working, leaving})
    if not working.cancelled():
        working.result()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _whole(receive: Receive) -> bytes:
    """Return the body, which the guards have bounded and read."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _place(scope: Scope) -> Endpoint | Free | None:
    """Return the endpoint that is asked for, if it is spelt as it is listed."""
    path = scope["path"]
    if scope.get("raw_path", path.encode()).partition(b"?")[0] != path.encode():
        return None
    asked = scope["method"], path
    return _METERED.get(asked) or _FREE.get(asked)


def _kind(place: Endpoint | Free | None, scope: Scope) -> Kind:
    names = {name.lower() for name, _ in scope["headers"]}
    speaks_anthropic = b"anthropic-version" in names
    if place is None:
        is_anthropic = speaks_anthropic or scope["path"].startswith(Endpoint.MESSAGES)
        return Kind.ANTHROPIC if is_anthropic else Kind.OPENAI
    return kind_of(place, speaks_anthropic=speaks_anthropic)


def _no_route(scope: Scope) -> WireError:
    if scope["method"] == "GET" and scope["path"] == Endpoint.RESPONSES:
        detail = "websockets are not served: send POST /v1/responses"
        return WireError(426, "upgrade_refused", detail, is_final=True)
    detail = "the gateway has no such route, and passes on only what it can meter"
    return WireError(404, "not_found", detail, is_final=True)


def _named(headers: Mapping[bytes, bytes], token: Token | None) -> Claims:
    """Return what a call belongs to: what its token is bound to, else what its headers say.

    Raises:
        WireError: They say something else than the token.
    """
    said = Claims(
        project=_text(headers, "project"),
        agent=_text(headers, "agent"),
        session=_text(headers, "session"),
        mission=_text(headers, "mission"),
    )
    try:
        return token.bind(said) if token is not None else said
    except (ProjectRefused, TokenBound) as refused:
        code = refused.code.replace("-", "_")
        raise WireError(403, code, str(refused), is_final=True) from None


def _text(headers: Mapping[bytes, bytes], name: str) -> str | None:
    """Return what a header of ours says, if it is plain text.

    Raises:
        WireError: It is not.
    """
    value = headers.get(f"x-corvus-{name}".encode())
    if value is None:
        return None
    try:
        text = value.decode().strip()
    except UnicodeDecodeError:
        text = ""
    if not text or not text.isprintable() or len(text) > 200:
        raise WireError(
            400, "header_invalid", f"x-corvus-{name} must be a short text", is_final=True
        )
    return text
