"""Signs requests to Amazon Bedrock with the credentials of the operator (PRX-5).

What is signed is what is sent: the body as it was admitted, the host of the provider, the path as
it goes over the wire. Whatever a client proved itself with was dropped before.

Credentials come from where the tools of AWS look for them: an API key of Bedrock in the variable of
the config or in ``AWS_BEARER_TOKEN_BEDROCK``, else botocore's default chain. To find and to renew
them may take a process or a network, so it is done in a thread, once for all calls that wait; a
search that found none is not repeated for a few seconds.

botocore is imported with the first call: most gateways sign nothing.
"""

from __future__ import annotations

import asyncio
import logging
import os
import re
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, cast

from yarl import URL

from corvus.gateway.proxy.failures import UpstreamFailed
from corvus.model.gateway import Upstream

SERVICE = "bedrock"
"""Name of the service in signatures, of the runtime, too."""

BEARER = "AWS_BEARER_TOKEN_BEDROCK"
"""Variable in which the tools of AWS look for an API key of Bedrock."""

_INLINE_BYTES = 256 * 1024
"""Longest body that is hashed where all requests wait for it."""

_REPEAT_SECONDS = 5.0
_HOST = re.compile(r"bedrock-runtime(?:-fips)?\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?")
_NOT_INSTALLED = "to sign requests to Amazon Bedrock, install corvus-policy[aws] where corvus runs"
_NO_REGION = "the region of Amazon Bedrock is not known: set `region` of upstream {name}"
_NONE_FOUND = (
    "the gateway found no credentials of AWS for upstream {name}: set " + BEARER + ", or give them "
    "to it as the tools of AWS take them (AWS_PROFILE, AWS_ACCESS_KEY_ID, a role)"
)
_log = logging.getLogger("corvus.gateway")


class _Credentials(Protocol):
    """What botocore finds: it renews what is about to end, which may take a while."""

    def get_frozen_credentials(self) -> Any: ...


class _Found(NamedTuple):
    """What requests are signed with.

    Attributes:
        credentials: Where it came from.
        frozen: Key, secret and perhaps a session token.
        at: When it was found, in seconds of the monotonic clock.
    """

    credentials: _Credentials
    frozen: object
    region: str
    at: float

    @property
    def is_usable(self) -> bool:
        """Whether it lasts, or was renewed just now as far as it could be."""
        ends: Callable[[], bool] | None = getattr(self.credentials, "refresh_needed", None)
        return ends is None or time.monotonic() - self.at < _REPEAT_SECONDS or not ends()


class AwsSignature:
    """Signs the requests of one upstream. Made and used inside one event loop.

    Args:
        upstream: Of kind Bedrock.
        environment: Where API keys are found.
    """

    def __init__(self, upstream: Upstream, environment: Mapping[str, str] = os.environ) -> None:
        self._upstream = upstream
        self._environment = environment
        self._lock = asyncio.Lock()
        self._found: _Found | None = None
        self._failed: UpstreamFailed | None = None
        self._failed_at = 0.0

    async def headers(
        self, method: str, url: URL, headers: list[tuple[str, str]], body: bytes
    ) -> list[tuple[str, str]]:
        """Return the headers that prove who sends a request.

        Args:
            method: In capitals.
            url: Whole address.
            headers: As they are sent; those of an older signature are not among them.
            body: As it is sent.

        Raises:
            UpstreamFailed: There are no credentials to be had.
        """
        if key := self._key():
            return [("authorization", f"Bearer {key}")]
        found = await self._ready(str(url.host))
        signed = [pair for pair in headers if _is_signed(pair[0])]

        def sign() -> list[tuple[str, str]]:
            return _signed(found, (method, str(url)), signed, body)

        if len(body) > _INLINE_BYTES:
            return await asyncio.to_thread(sign)
        return sign()

    def _key(self) -> str | None:
        name = self._upstream.api_key_env or BEARER
        return self._environment.get(name, "").strip() or None

    async def _ready(self, host: str) -> _Found:
        """Return credentials that hold for a while."""
        if self._found is not None and self._found.is_usable:
            return self._found
        async with self._lock:  # all others wait for the first, and then find what it found
            if self._found is not None and self._found.is_usable:
                return self._found
            if self._failed is not None and time.monotonic() - self._failed_at < _REPEAT_SECONDS:
                raise self._failed
            try:
                self._found = await asyncio.to_thread(self._find, host)
            except UpstreamFailed as failed:
                self._failed, self._failed_at = failed, time.monotonic()
                raise
            self._failed = None
            return self._found

    def _find(self, host: str) -> _Found:
        """Find credentials, or renew those that were found; it may take a while."""
        try:
            from botocore.session import Session
        except ImportError:
            raise _failed(_NOT_INSTALLED) from None
        name = self._upstream.name
        try:
            if self._found is not None:
                credentials, region = self._found.credentials, self._found.region
            else:
                session: Any = Session()
                credentials = cast(_Credentials | None, session.get_credentials())
                region = self._region(host) or session.get_config_variable("region")
            frozen = credentials.get_frozen_credentials() if credentials is not None else None
        except Exception as fault:  # of botocore, of a process that it starts, of what it reads
            _log.error("no credentials of AWS for %s: %s", name, type(fault).__name__)
            raise _failed(_NONE_FOUND.format(name=name)) from None
        if credentials is None:
            raise _failed(_NONE_FOUND.format(name=name))
        if not region:
            raise _failed(_NO_REGION.format(name=name))
        return _Found(credentials, frozen, region, time.monotonic())

    def _region(self, host: str) -> str | None:
        named = _HOST.fullmatch(host)
        return self._upstream.region or (named[1] if named else None)


def _is_signed(name: str) -> bool:
    """Return whether a header belongs to what is signed: what it says, and what AWS reads of it."""
    return name == "content-type" or name.startswith("x-amz")


def _signed(
    found: _Found, target: tuple[str, str], headers: list[tuple[str, str]], body: bytes
) -> list[tuple[str, str]]:
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest

    method, url = target
    request: Any = AWSRequest(method=method, url=url, data=body, headers=dict(headers))
    signer: Any = SigV4Auth(found.frozen, SERVICE, found.region)
    signer.add_auth(request)
    sent = {name.lower() for name, _ in headers}
    made = cast(list[tuple[str, str]], request.headers.items())
    return [(name.lower(), value) for name, value in made if name.lower() not in sent]


def _failed(words: str) -> UpstreamFailed:
    return UpstreamFailed(502, "upstream_credentials", words)
