"""Speaks to the company's OpenID provider: authorization code with PKCE, ID tokens by its keys.

What the provider publishes of itself is looked up when it is first needed and once an hour; its
keys also when a token names one that is not at hand, but not again and again. No redirect is
followed, an answer that is too long or too late is none, and every address is https, or this
machine's own. A provider that cannot be used keeps its own people out and nobody else.
"""

from __future__ import annotations

import asyncio
import json
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote_plus, urlencode, urlsplit

import aiohttp
from joserfc.jwk import KeySet

from corvus.base.endpoints import upstream_fault
from corvus.base.errors import GatewayRefused, SignInRefused
from corvus.gateway.signin.forms import read_fields
from corvus.gateway.signin.oidc.claims import KeyUnknown, key_set, person_of, read_claims
from corvus.gateway.signin.visit import Departure
from corvus.model.signin import OidcOptions, Person

DISCOVERY: Final = "/.well-known/openid-configuration"
TIMEOUT_SECONDS: Final = 10.0
ANSWER_BYTES_MAX: Final = 1_048_576
REFRESH_SECONDS: Final = 3600.0
KEYS_SECONDS: Final = 30.0
"""Least time from one look for keys to the next."""
_ENDPOINTS: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class Provider:
    """One OpenID provider.

    Args:
        options: Which, and who may come by it.
        environment: Where the secret of the client is found.
        monotonic: Seconds that only grow.
        now: Seconds since 1970.

    Raises:
        GatewayRefused: The secret is not there.
    """

    def __init__(
        self,
        options: OidcOptions,
        environment: Mapping[str, str],
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.name = urlsplit(options.issuer).hostname or options.issuer
        """What people know it by."""
        self._options, self._monotonic, self._now = options, monotonic, now
        self._secret: str | None = None
        if options.client_secret_env is not None:
            self._secret = environment.get(options.client_secret_env, "").strip()
            if not self._secret:
                raise GatewayRefused(
                    f"{options.client_secret_env} is not set: it holds the secret that "
                    "governance.signin.oidc needs"
                )
        self._session: aiohttp.ClientSession | None = None
        self._metadata: Mapping[str, Any] = {}
        self._metadata_until = float("-inf")
        self._keys = KeySet([])
        self._keys_at = float("-inf")
        self._lock = asyncio.Lock()

    async def address(self, back: str, departure: Departure) -> str:
        """Return where a browser is led to.

        Args:
            back: Where it comes back to.
            departure: What comes back with it.

        Raises:
            SignInRefused: The provider does not answer as it should.
        """
        metadata = await self._described()
        query = urlencode(
            {
                "response_type": "code",
                "client_id": self._options.client_id,
                "redirect_uri": back,
                "scope": " ".join(self._options.scopes),
                "state": departure.state,
                "nonce": departure.nonce,
                "code_challenge": departure.challenge,
                "code_challenge_method": "S256",
            }
        )
        address = str(metadata["authorization_endpoint"])
        return f"{address}{'&' if '?' in address else '?'}{query}"

    async def person(self, query: str, departure: Departure, back: str) -> Person:
        """Return who came back from the provider.

        Args:
            query: What it added to the address.
            departure: What the browser has taken along.
            back: As for ``address``.

        Raises:
            SignInRefused: It is not who has left, the provider did not let them in, or they may not
                use the gateway.
        """
        metadata = await self._described()
        code = _code_of(query, departure, self._options.issuer, metadata)
        id_token = await self._exchange(metadata, code, departure, back)
        claims = await self._claims(metadata, id_token, departure.nonce)
        return person_of(claims, self._options)

    async def close(self) -> None:
        """End all connections."""
        if self._session is not None:
            await self._session.close()

    async def _claims(
        self, metadata: Mapping[str, Any], id_token: str, nonce: str
    ) -> Mapping[str, Any]:
        now = int(self._now())
        try:
            return read_claims(id_token, self._keys, self._options, nonce, now)
        except KeyUnknown:
            await self._renew_keys(str(metadata["jwks_uri"]))
        try:
            return read_claims(id_token, self._keys, self._options, nonce, now)
        except KeyUnknown:
            raise SignInRefused("the ID token names a key that the provider has not") from None

    async def _renew_keys(self, address: str) -> None:
        async with self._lock:
            if self._monotonic() - self._keys_at >= KEYS_SECONDS:
                self._keys = key_set(await self._fetch("GET", address))
                self._keys_at = self._monotonic()

    async def _exchange(
        self, metadata: Mapping[str, Any], code: str, departure: Departure, back: str
    ) -> str:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": back,
            "client_id": self._options.client_id,
            "code_verifier": departure.verifier,
        }
        headers: dict[str, str] = {}
        if self._secret is not None:
            if _takes_basic(metadata):
                headers["authorization"] = _basic(self._options.client_id, self._secret)
            else:
                form["client_secret"] = self._secret
        answer = await self._fetch("POST", str(metadata["token_endpoint"]), form, headers)
        id_token = answer.get("id_token")
        if not isinstance(id_token, str):
            raise SignInRefused("the provider gave no ID token")
        return id_token

    async def _described(self) -> Mapping[str, Any]:
        """Return what the provider publishes of itself."""
        async with self._lock:
            if self._monotonic() < self._metadata_until:
                return self._metadata
            issuer = self._options.issuer
            found = await self._fetch("GET", issuer.rstrip("/") + DISCOVERY)
            if found.get("issuer") != issuer:
                raise SignInRefused(f"{issuer} calls itself {str(found.get('issuer'))[:200]!r}")
            for name in _ENDPOINTS:
                address = found.get(name)
                bare = str(address).partition("?")[0] if name == _ENDPOINTS[0] else str(address)
                if not isinstance(address, str) or upstream_fault(bare) is not None:
                    raise SignInRefused(f"{issuer} publishes no {name} that can be used")
            self._metadata = found
            self._metadata_until = self._monotonic() + REFRESH_SECONDS
            return found

    async def _fetch(
        self,
        method: str,
        address: str,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Mapping[str, Any]:
        """Return the JSON object that an address answers with.

        Raises:
            SignInRefused: It does not.
        """
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
            self._session = aiohttp.ClientSession(
                timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()
            )
        accepted = {"accept": "application/json", **(headers or {})}
        try:
            async with self._session.request(
                method, address, data=form, headers=accepted, allow_redirects=False
            ) as response:
                status, body = response.status, await _bounded(response)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as fault:
            raise SignInRefused(f"{self.name} does not answer: {type(fault).__name__}") from None
        if status != 200:
            raise SignInRefused(f"{self.name} answers with status {status}")
        try:
            found: Any = json.loads(body)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise SignInRefused(f"{self.name} does not answer with a JSON object")
        return found  # pyright: ignore[reportUnknownVariableType] - its values are looked at later


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for piece in response.content.iter_chunked(65_536):
        body += piece
        if len(body) > ANSWER_BYTES_MAX:
            raise ValueError("the answer is too long")
    return bytes(body)


def _code_of(query: str, departure: Departure, issuer: str, metadata: Mapping[str, Any]) -> str:
    """Return the authorization code with which a browser came back.

    Raises:
        SignInRefused: It is not the browser that has left, or it comes from another provider
            (RFC 9207), or without a code.
    """
    fields = read_fields(query.encode("ascii", "replace"))
    if fields is None or fields.get("state") != departure.state:
        raise SignInRefused("the state is not the one that the visit began with")
    is_stated = metadata.get("authorization_response_iss_parameter_supported") is True
    if fields.get("iss", None if is_stated else issuer) != issuer:
        raise SignInRefused("the answer comes from another provider")
    if "error" in fields:
        raise SignInRefused(f"the provider answers {fields['error'][:100]!r}")
    code = fields.get("code", "")
    if not code:
        raise SignInRefused("the provider gave no code")
    return code


def _takes_basic(metadata: Mapping[str, Any]) -> bool:
    """Return whether the secret goes into a header: so by default (OpenID Discovery, section 3)."""
    methods: Any = metadata.get("token_endpoint_auth_methods_supported")
    return not isinstance(methods, list) or "client_secret_basic" in methods or not methods


def _basic(name: str, secret: str) -> str:
    """Return the credentials as RFC 6749 has them, section 2.3.1: each part encoded first."""
    both = f"{quote_plus(name)}:{quote_plus(secret)}"
    return f"Basic {b64encode(both.encode()).decode()}"
