"""Which browser origins may call, and what a browser needs to let them (API-5, API-7).

A page of an allowed origin reads every answer of API and proxy, errors too, and its preflights are
answered. Credentials of the browser itself, such as cookies, are never allowed, and the pages of
the dashboard and of signing in, which know their visitors by one, are for no other origin at all. A
stranger gets 403 without a word for his browser.

Source:
    fetch.spec.whatwg.org (CORS protocol), read 2026-11-29.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from corvus.gateway.asgi import Headers, Message, Scope, Send
from corvus.gateway.paths import is_page, is_proxied, is_sign_in
from corvus.gateway.refusal import Reply, RequestRefused
from corvus.model.gateway import GatewayOptions

PREFLIGHT_SECONDS = 600
"""How long a browser may remember the answer to a preflight."""

_SAME = {b"same-origin", b"none"}
_METHODS = b"GET, POST, PATCH"
_API_HEADERS = b"authorization, content-type"
_HEADER_NAMES = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~, \t-]{1,4000}")
_READABLE = (
    b"retry-after, x-corvus-downgraded, x-corvus-output-cap, x-corvus-reservation, "
    b"x-corvus-session, x-corvus-waited, x-should-retry"
)
_OF_CORS = b"access-control-"
_VARY = (b"vary", b"Origin")


class Origins:
    """The origins that are let in.

    Args:
        options: Names those next to the gateway's own.
    """

    def __init__(self, options: GatewayOptions) -> None:
        self._allowed = frozenset(origin.encode() for origin in options.allowed_origins)

    def check(self, method: str, headers: dict[bytes, list[bytes]]) -> None:
        """Check that a browser did not send a request from somewhere else.

        Args:
            method: In capitals.
            headers: By names in lower case, with one ``host``.

        Raises:
            RequestRefused: It did, or may have.
        """
        origins = headers.get(b"origin", [])
        if method == "OPTIONS" or len(origins) > 1:
            raise RequestRefused(403, "origin-refused", "other origins are not served")
        if origins:
            own = f"http://{headers[b'host'][0].decode('latin-1')}".encode()
            if origins[0] not in self._allowed and origins[0] != own:
                raise RequestRefused(403, "origin-refused", "this origin may not call")
        elif any(site not in _SAME for site in headers.get(b"sec-fetch-site", [])):
            raise RequestRefused(403, "origin-refused", "other sites may not call")

    def preflight(self, scope: Scope, headers: dict[bytes, list[bytes]]) -> Reply | None:
        """Return the answer to a browser that may send a request; ``None`` where this is none.

        What is sent then is judged like any other request: nothing is decided here.
        """
        is_preflight = scope["method"] == "OPTIONS" and b"access-control-request-method" in headers
        origin = self._admitted(scope)
        if origin is None or not is_preflight:
            return None
        answer = [
            (b"access-control-allow-methods", _METHODS),
            (b"access-control-allow-headers", _allowed_headers(scope["path"], headers)),
            (b"access-control-max-age", str(PREFLIGHT_SECONDS).encode()),
            (b"vary", b"Access-Control-Request-Method, Access-Control-Request-Headers"),
            *_granted(origin),
        ]
        return Reply(204, answer, b"")

    def readable(self, scope: Scope, send: Send) -> Send:
        """Return a ``send`` whose answer the origin of a request may read, if it is allowed."""
        granted = self.granting(scope)
        if granted is None:
            return send

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": granted(message["headers"])}
            await send(message)

        return sending

    def granting(self, scope: Scope) -> Callable[[Headers], Headers] | None:
        """Return what adds to the headers of an answer that the origin of its request may read it.

        What a provider says about origins is left out: it knows nothing of those let in here.
        """
        if not self._allowed or _is_own(scope["path"]):
            return None
        more = _granted(self._admitted(scope))

        def granted(own: Headers) -> Headers:
            return [*(pair for pair in own if not pair[0].lower().startswith(_OF_CORS)), *more]

        return granted

    def _admitted(self, scope: Scope) -> bytes | None:
        """Return the origin of a request, if it is one of those allowed."""
        origins = [value for name, value in scope["headers"] if name.lower() == b"origin"]
        is_allowed = len(origins) == 1 and origins[0] in self._allowed
        return origins[0] if is_allowed and not _is_own(scope["path"]) else None


def _is_own(path: str) -> bool:
    """Return whether a path is for browsers that stand on the gateway itself."""
    return is_page(path) or is_sign_in(path)


def _granted(origin: bytes | None) -> Headers:
    if origin is None:
        return [_VARY]
    return [
        (b"access-control-allow-origin", origin),
        (b"access-control-expose-headers", _READABLE),
        _VARY,
    ]


def _allowed_headers(path: str, headers: dict[bytes, list[bytes]]) -> bytes:
    """Return the headers that may be sent: of our API two, of a provider's whatever its SDK has."""
    wanted = b",".join(headers.get(b"access-control-request-headers", []))
    return wanted if is_proxied(path) and _HEADER_NAMES.fullmatch(wanted) else _API_HEADERS
