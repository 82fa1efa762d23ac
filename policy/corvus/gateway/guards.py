"""What every request must pass before anything looks at it, in the order of API-5.

Host allow-list, Origin and Sec-Fetch, bearer token with its scope, body limit, JSON type, for what
the framework serves and for what is served on its connection (``exchange``). Refuses what two
parsers could read in two ways: two Hosts, two Authorizations. A refusal comes in the shape of the
surface that was called, see ``refusal``. What is no route at all needs no token to learn so.

A proxied call may bring its token where the SDK of its provider puts a key; in a header of our own
where the client's credentials are to pass.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from corvus.base.errors import PolicyError, StoreError
from corvus.base.hosts import is_loopback
from corvus.gateway.asgi import ASGIApp, Message, Receive, Scope, Send, send_whole
from corvus.gateway.auth import RunKey, Tokens
from corvus.gateway.body import Bodies, Body, without_encoding
from corvus.gateway.exchange import Calls, CallServer, Exchange
from corvus.gateway.origins import Origins
from corvus.gateway.paths import inner, is_page, is_probe, is_proxied, is_sign_in
from corvus.gateway.problems import Problem
from corvus.gateway.refusal import RequestRefused, send_error, send_problem
from corvus.gateway.telemetry.routes import BODY_BYTES_MAX as TELEMETRY_BYTES_MAX
from corvus.gateway.telemetry.routes import is_telemetry
from corvus.metering.forms import is_form
from corvus.metering.providers import CREDENTIAL_HEADERS
from corvus.model.gateway import GatewayOptions
from corvus.model.token import TokenScope

TOKEN = "corvus.token"
"""Key of the scope under which the app behind finds the ``Token`` of the request, if it has one."""
TOKEN_FROM = "corvus.token-from"
"""Key of the scope under which it finds the name of the header that the token came in."""
TOKEN_HEADER = b"x-corvus-token"
_TOKEN_HEADERS = (TOKEN_HEADER, *(name.encode() for name in CREDENTIAL_HEADERS))
_ACCESS_KEY = re.compile(rb"AWS4-HMAC-SHA256\s+Credential=([^/,\s]+)/")
"""The access key of a signature of AWS: SDKs that send no bearer over http are given it there."""
HEADER_BYTES_MAX = 32_768
ADMIN_BODY_BYTES_MAX = 65_536

_log = logging.getLogger("corvus.gateway")
_INTERNAL = Problem(500, "internal", "the request failed; the server's own log says why")
_SAFE = {"GET", "HEAD"}
_UTF8 = (b"utf-8", b"utf8", b"us-ascii")
_NAVIGATION = [b"navigate"]


@dataclass(frozen=True, slots=True)
class _Ends:
    """The ends of a request in ASGI."""

    receive: Receive
    send: Send

    def whole_body(self) -> bytes | None:
        """Return none: it must be waited for."""
        return None


class Guards(CallServer):
    """Lets through to an app what may pass.

    Args:
        app: What is guarded.
        options: What hosts and origins are let in.
        tokens: Who may call.
        is_route: Says of a request for a provider's path whether the app has such a route.
        serves_own_machine: Proxied calls of this machine need no token as long as there is none
            for them.
    """

    def __init__(
        self,
        app: ASGIApp,
        options: GatewayOptions,
        tokens: Tokens | RunKey,
        *,
        is_route: Callable[[Scope], bool] = lambda _: True,
        serves_own_machine: bool = False,
    ) -> None:
        self.stop: Callable[[], None] = lambda: None
        """Ends what never ends by itself, before the server waits for it."""
        self.takes_form: Callable[[Scope], bool] = lambda _: False
        """Says of a request for a provider's path whether its body may be a form with files."""
        self.calls: Calls | None = None
        """Serves some requests in place of the app."""
        self._app = app
        self._options = options
        self._tokens = tokens
        self._is_route = is_route
        self._origins = Origins(options)
        self._bodies = Bodies()
        self._serves_own_machine = serves_own_machine

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection; everything but HTTP and the lifespan is closed."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        with self._bodies.one() as body:
            content = await self._content(scope, _Ends(receive, send), body)
            if content is not None:
                send = self._origins.readable(scope, send)
                await self._serve(scope, _replayed(content, receive), send)

    def takes(self, scope: Scope) -> bool:
        """Return whether a request is for a provider, and so needs no framework."""
        return self.calls is not None and self.calls.takes(scope)

    async def serve(self, exchange: Exchange) -> None:
        """Serve one of those."""
        assert self.calls is not None, "it was taken"
        scope = exchange.scope
        exchange.completed = self._origins.granting(scope)
        with self._bodies.one() as body:
            content = await self._content(scope, exchange, body)
            if content is None:
                return
            exchange.listen()
            try:
                await self.calls.serve(scope, content, exchange)
            except Exception as bug:
                if exchange.has_started:
                    raise
                await send_problem(scope, self._origins.readable(scope, exchange.send), _INTERNAL)
                _log.error("a request failed", exc_info=bug)

    async def _content(self, scope: Scope, ends: Exchange | _Ends, body: Body) -> bytes | None:
        """Return the content of a request that may pass; ``None`` of one that has its answer."""
        try:
            headers = _headers(scope)
            _check_host(headers, self._options)
            if (answer := self._origins.preflight(scope, headers)) is not None:
                await send_whole(ends.send, *answer)
                return None
            return await self._checked(scope, headers, ends, body)
        except RequestRefused as refused:
            await send_problem(scope, self._origins.readable(scope, ends.send), refused.problem)
        except PolicyError as error:
            if isinstance(error, StoreError):  # the answer does not say why
                _log.error("a request was refused: %s: %s", error.code, error)
            await send_error(scope, self._origins.readable(scope, ends.send), error)
        return None

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except Exception as bug:
            try:
                await send_problem(scope, send, _INTERNAL)
            except RuntimeError:
                raise bug from None  # an answer had begun: the server breaks it off
            _log.error("a request failed", exc_info=bug)

    async def _checked(
        self, scope: Scope, headers: dict[bytes, list[bytes]], ends: Exchange | _Ends, body: Body
    ) -> bytes:
        """Return the content of a request that may pass, whose host is ours."""
        path = scope["path"]
        if not _follows_a_link(scope, headers):
            self._origins.check(scope["method"], headers)
        if is_proxied(path) and not self._is_route(scope):
            return b""  # the app says that there is no such route
        if not (is_probe(scope["method"], path) or _knows_visitors(path)):
            await self._authenticate(scope, headers)
        limit = _body_limit(scope["method"], path, self._options)
        content = await body.read(headers, ends, limit)
        scope["headers"] = without_encoding(scope["headers"])
        is_read_elsewhere = _knows_visitors(path) or is_telemetry(scope["method"], path)
        if not (is_read_elsewhere or self._is_form(scope, headers)):
            _check_json(scope, headers, content)
        return content

    def _is_form(self, scope: Scope, headers: dict[bytes, list[bytes]]) -> bool:
        """Return whether a request is a form with files, and for a route that takes one.

        A page of another site can send a form on its own, but no header of those for tokens.
        """
        kinds = headers.get(b"content-type", [])
        stated = kinds[0].decode("latin-1") if len(kinds) == 1 else ""
        if not is_form(stated) or headers.keys().isdisjoint(_TOKEN_HEADERS):
            return False
        return is_proxied(scope["path"]) and self.takes_form(scope)

    async def _authenticate(self, scope: Scope, headers: dict[bytes, list[bytes]]) -> None:
        scopes = scopes_of(scope["method"], scope["path"])
        secrets = _secrets(headers, scope) if is_proxied(scope["path"]) else _bearer(headers)
        for header, secret in secrets:
            token = await self._tokens.find(secret)
            if token is None:
                continue
            if not any(token.scope.allows(needed) for needed in scopes):
                needed = " or ".join(scopes)
                raise RequestRefused(403, "scope-missing", f"this needs a token of scope {needed}")
            scope[TOKEN], scope[TOKEN_FROM] = token, header
            return
        if is_proxied(scope["path"]) and await self._needs_no_token(scope):
            return
        if secrets:
            raise RequestRefused(401, "token-unknown", "this token is unknown or revoked")
        detail = "send Authorization: Bearer TOKEN; `corvus token create` makes one"
        raise RequestRefused(401, "token-missing", detail)

    async def _needs_no_token(self, scope: Scope) -> bool:
        peer = (scope.get("client") or ("", 0))[0]
        return (
            self._serves_own_machine
            and is_loopback(peer)
            and not await self._tokens.has(TokenScope.PROXY)
        )


def scopes_of(method: str, path: str) -> tuple[TokenScope, ...]:
    """Return the scopes of which a request needs one (API-8).

    What is unknown needs the narrowest for its method.
    """
    area = inner(path).removeprefix("/").partition("/")[0]
    if is_proxied(path):
        return (TokenScope.PROXY,)
    if area == "actions":
        return TokenScope.PROXY, TokenScope.RESERVE
    if area in ("reservations", "missions"):
        return (TokenScope.RESERVE,)
    if area == "sessions":
        return (TokenScope.RESERVE, *([TokenScope.READ] if method in _SAFE else []))
    return (TokenScope.READ,) if method in _SAFE else (TokenScope.ADMIN,)


def _secrets(headers: dict[bytes, list[bytes]], scope: Scope) -> list[tuple[bytes, str]]:
    """Return what may be our token in a proxied call, the most explicit first.

    Each comes with the header that it stands in; a key in the query goes nowhere anyway.
    """
    secrets: list[tuple[bytes, str]] = []
    for name in _TOKEN_HEADERS:
        value = _single(headers, name)
        if name == b"authorization":
            secrets += _bearer(headers)
            signed = _ACCESS_KEY.match(value)
            value = signed[1] if signed else b""
        if value:
            secrets.append((name, value.decode("latin-1")))
    keys = [part[4:] for part in scope.get("query_string", b"").split(b"&") if part[:4] == b"key="]
    if len(keys) > 1:
        raise RequestRefused(400, "ambiguous-authorization", "send one key in the query")
    return [*secrets, *((b"", unquote(key.decode("latin-1"))) for key in keys if key)]


def _bearer(headers: dict[bytes, list[bytes]]) -> list[tuple[bytes, str]]:
    scheme, _, value = _single(headers, b"authorization").partition(b" ")
    is_bearer = scheme.lower() == b"bearer" and value
    return [(b"authorization", value.decode("latin-1"))] if is_bearer else []


def _single(headers: dict[bytes, list[bytes]], name: bytes) -> bytes:
    """Return the value of a header that may come once.

    Raises:
        RequestRefused: It came twice.
    """
    given = headers.get(name, [])
    if len(given) > 1:
        raise RequestRefused(400, "ambiguous-authorization", f"send one {name.decode()} header")
    return given[0] if given else b""


def _headers(scope: Scope) -> dict[bytes, list[bytes]]:
    headers: dict[bytes, list[bytes]] = {}
    size = len(scope.get("query_string", b"")) + len(scope.get("raw_path") or b"")
    for name, value in scope["headers"]:
        size += len(name) + len(value)
        headers.setdefault(name.lower(), []).append(value)
    if size > HEADER_BYTES_MAX:
        raise RequestRefused(
            431, "headers-too-large", f"headers take {HEADER_BYTES_MAX:,} bytes at most"
        )
    return headers


def _check_host(headers: dict[bytes, list[bytes]], options: GatewayOptions) -> None:
    hosts = headers.get(b"host", [])
    if len(hosts) != 1:
        raise RequestRefused(400, "ambiguous-host", "send exactly one Host header")
    name = _host_name(hosts[0].decode("latin-1"))
    if not name or not (is_loopback(name) or name in options.allowed_hosts):
        detail = (
            "this host name is not served; governance.gateway.allowed_hosts lists those that are"
        )
        raise RequestRefused(421, "host-refused", detail)


def _host_name(host: str) -> str:
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port
    except ValueError:
        return ""
    if parts.username is not None or parts.path or parts.query or parts.fragment:
        return ""
    return (parts.hostname or "").lower()


def _follows_a_link(scope: Scope, headers: dict[bytes, list[bytes]]) -> bool:
    """Return whether a person came to a page by a link, which may stand on any site."""
    return (
        scope["method"] == "GET"
        and _knows_visitors(scope["path"])
        and b"origin" not in headers
        and headers.get(b"sec-fetch-mode") == _NAVIGATION
    )


def _knows_visitors(path: str) -> bool:
    """Return whether a path judges by itself who visits it, and reads forms."""
    return is_page(path) or is_sign_in(path)


def _body_limit(method: str, path: str, options: GatewayOptions) -> int:
    if is_telemetry(method, path):
        return min(TELEMETRY_BYTES_MAX, options.max_body_bytes)
    if is_proxied(path):
        return options.max_body_bytes
    return min(ADMIN_BODY_BYTES_MAX, options.max_body_bytes)


def _check_json(scope: Scope, headers: dict[bytes, list[bytes]], body: bytes) -> None:
    """Refuse a body that a page of another site can send on its own.

    The SDKs of AWS do not say what an invoked model is sent. Where they prove who they are by a
    header, no page can have sent it.
    """
    if scope["method"] in _SAFE or not body:
        return
    kinds = headers.get(b"content-type", [])
    if not kinds and b"authorization" in headers and is_proxied(scope["path"]):
        return
    essence, *more = kinds[0].lower().split(b";") if len(kinds) == 1 else [b""]
    if essence.strip() != b"application/json":
        raise RequestRefused(415, "not-json", "send one Content-Type: application/json")
    for name, _, value in (parameter.partition(b"=") for parameter in more):
        if name.strip() == b"charset" and value.strip(b' \t"') not in _UTF8:
            raise RequestRefused(
                415, "charset-refused", "JSON is read as UTF-8 alone: leave out charset"
            )


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Return a ``receive`` that gives the body once, then what the client does next."""
    is_given = False

    async def again() -> Message:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
