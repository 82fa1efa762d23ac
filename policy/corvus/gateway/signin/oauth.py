"""The endpoints that a client calls: discovery, device authorization, tokens (RFC 8414, RFC 8628).

Answers are JSON, and never kept by a cache. A client that asks too soon hears ``slow_down``; one
that fails too often, too. A store that cannot answer is 503, never an ``invalid_grant``: that would
put everybody out. Codes and tokens are in bodies alone, so that no log of addresses has them.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from corvus.base.errors import PolicyError
from corvus.base.hosts import is_loopback
from corvus.gateway.signin.attempts import Attempts, address_of
from corvus.gateway.signin.forms import read_form
from corvus.governor.signin import grants
from corvus.model.signin import (
    DEVICE_SECONDS,
    INTERVAL_SECONDS,
    Credentials,
    SignInOptions,
    family_of,
    new_credentials,
    new_device_code,
)
from corvus.model.token import digest_of

if TYPE_CHECKING:
    from corvus.store.store import Store

DISCOVERY = "/.well-known/oauth-authorization-server"
DEVICE_AUTHORIZATION = "/oauth/device_authorization"
TOKEN = "/oauth/token"
PAGE = "/device"
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
REFRESH = "refresh_token"

_BEGINS_MAX, _BEGINS_SECONDS = 60, 600.0
_FAILURES_MAX, _FAILURES_SECONDS = 60, 300.0
_POLLED_MAX = 2 * grants.DEVICES_MAX
_HURRIED_SECONDS = 1.0
"""Who asks again so soon hears ``slow_down`` without a look into the store."""
_SECRET_MAX = 200
_HEADERS = {"cache-control": "no-store", "pragma": "no-cache"}
_log = logging.getLogger("corvus.gateway")


class OAuth:
    """Answers clients.

    Args:
        store: Keeps devices and log-ins.
        options: Where people reach the gateway, and how long log-ins last.
        monotonic: Seconds that only grow.
    """

    def __init__(
        self,
        store: Store,
        options: SignInOptions,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._options, self._monotonic = store, options, monotonic
        self._begins = Attempts(_BEGINS_MAX, _BEGINS_SECONDS, monotonic)
        self._failures = Attempts(_FAILURES_MAX, _FAILURES_SECONDS, monotonic)
        self._polled: dict[str, float] = {}

    async def discovery(self, request: Request) -> Response:
        """Say where the endpoints are; no authorization endpoint is among them."""
        base = base_url(request, self._options)
        body = {
            "issuer": base,
            "device_authorization_endpoint": base + DEVICE_AUTHORIZATION,
            "token_endpoint": base + TOKEN,
            "grant_types_supported": [DEVICE_CODE, REFRESH],
            "response_types_supported": [],
            "token_endpoint_auth_methods_supported": ["none"],
            "gateway_protocol_version": 1,
        }
        return JSONResponse(body, headers=_HEADERS)

    async def begin(self, request: Request) -> Response:
        """Let a device wait for a person; the client names itself or not."""
        address = address_of(request.scope, self._options.trusted_proxies)
        if wait := self._begins.wait_seconds(address):
            return _slow_down(wait)
        self._begins.note(address)
        if await read_form(request) is None:
            return _refused(400, "invalid_request", "send a form, each field once")
        device_code = new_device_code()
        try:
            user_code = await self._store.run_async(lambda unit: grants.begin(unit, device_code))
        except PolicyError as fault:
            return _unavailable(fault)
        if user_code is None:
            return _slow_down(INTERVAL_SECONDS)
        page = base_url(request, self._options) + PAGE
        body = {
            "device_code": device_code,
            "user_code": user_code,
            "verification_uri": page,
            "verification_uri_complete": f"{page}?user_code={quote(user_code)}",
            "expires_in": DEVICE_SECONDS,
            "interval": INTERVAL_SECONDS,
        }
        return JSONResponse(body, headers=_HEADERS)

    async def token(self, request: Request) -> Response:
        """Give a client its tokens, for a device code or a refresh token."""
        address = address_of(request.scope, self._options.trusted_proxies)
        if wait := self._failures.wait_seconds(address):
            return _slow_down(wait)
        form = await read_form(request)
        if form is None:
            return _refused(400, "invalid_request", "send a form, each field once")
        grants = {DEVICE_CODE: self._redeem, REFRESH: self._refresh}
        grant_type = form.get("grant_type")
        if grant_type not in grants:
            error = "invalid_request" if grant_type is None else "unsupported_grant_type"
            return _refused(400, error, f"send the grant_type {DEVICE_CODE} or {REFRESH}")
        try:
            return await grants[grant_type](form, address)
        except PolicyError as fault:
            return _unavailable(fault)

    async def _redeem(self, form: Mapping[str, str], address: str) -> Response:
        device_code = form.get("device_code", "")
        if not 0 < len(device_code) <= _SECRET_MAX:
            return _refused(400, "invalid_request", "send the device_code")
        mark, terms, given = digest_of(device_code), self._options.terms, new_credentials()
        since = self._monotonic() - self._polled.get(mark, float("-inf"))
        if since < _HURRIED_SECONDS:
            return _slow_down(INTERVAL_SECONDS)
        outcome = await self._store.run_async(
            lambda unit: grants.redeem(unit, device_code, given, terms)
        )
        if isinstance(outcome, int):
            self._polled.pop(mark, None)
            return _tokens(given, outcome)
        if outcome is grants.Refused.PENDING:
            self._note_poll(mark)
            if since < INTERVAL_SECONDS:
                return _slow_down(INTERVAL_SECONDS)
        elif outcome is grants.Refused.INVALID:
            self._failures.note(address)
        return _refused(400, outcome.value)

    async def _refresh(self, form: Mapping[str, str], address: str) -> Response:
        used = form.get("refresh_token", "")
        family = family_of(used) if len(used) <= _SECRET_MAX else None
        if family is not None:
            terms, given = self._options.terms, new_credentials(family)
            renewed = await self._store.run_async(
                lambda unit: grants.refresh(unit, used, given, terms)
            )
            if renewed is not None:
                return _tokens(given, renewed)
        self._failures.note(address)
        return _refused(401, "invalid_grant", "log in again")

    def _note_poll(self, mark: str) -> None:
        while len(self._polled) >= _POLLED_MAX:
            del self._polled[next(iter(self._polled))]
        self._polled[mark] = self._monotonic()


def base_url(request: Request, options: SignInOptions) -> str:
    """Return where people and clients reach the gateway, without a slash at the end.

    Without one in the config it is the host that was called, which the guards have let in. Clients
    of other machines come by https alone, so TLS is ended before the gateway then.
    """
    if options.url is not None:
        return options.url.rstrip("/")
    host = request.headers["host"]
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    return f"{'http' if is_loopback(name) else 'https'}://{host}"


def _tokens(given: Credentials, seconds: int) -> Response:
    body = {
        "access_token": given.access,
        "token_type": "Bearer",
        "expires_in": seconds,
        "refresh_token": given.refresh,
    }
    return JSONResponse(body, headers=_HEADERS)


def _refused(status: int, error: str, words: str = "") -> Response:
    body = {"error": error} | ({"error_description": words} if words else {})
    return JSONResponse(body, status, headers=_HEADERS)


def _slow_down(wait_seconds: int) -> Response:
    headers = {**_HEADERS, "retry-after": str(wait_seconds)}
    is_poll = wait_seconds <= INTERVAL_SECONDS
    return JSONResponse({"error": "slow_down"}, 400 if is_poll else 429, headers=headers)


def _unavailable(fault: PolicyError) -> Response:
    _log.error("a sign-in was refused: %s: %s", fault.code, fault)
    return _refused(503, "temporarily_unavailable", "the gateway's own log says why")
