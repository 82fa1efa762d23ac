"""Access tokens of Google Cloud for the calls of one upstream (PRX-5).

They come from Google's own library and its usual places: a file that
``GOOGLE_APPLICATION_CREDENTIALS`` names, the log-in of ``gcloud``, the metadata server. The library
waits on the network, so it works in a thread. A token is renewed minutes before it ends, once for
all calls that need it; while it still holds, a failure to renew it stops no call. Without
credentials nothing is sent, so nothing is held, and for some seconds it is not tried again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from enum import Enum
from importlib import import_module
from typing import Any, Protocol

from yarl import URL

from corvus.gateway.proxy.failures import UpstreamFailed
from corvus.model.gateway import Upstream

_log = logging.getLogger("corvus.gateway")

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
REQUEST_SECONDS = 10.0
"""Longest that one request for a token takes."""

RENEW_SECONDS = 30.0
"""Longest that calls wait for a token."""

REST_SECONDS = 5.0
"""How long it is not tried again after a failure."""


class Credentials(Protocol):
    """What is used of the credentials of Google's library, which states few types."""

    @property
    def token_state(self) -> Enum:
        """``FRESH``, ``STALE`` in the last minutes, or ``INVALID``."""
        ...

    def apply(self, headers: dict[str, str]) -> None:
        """Add what shows who pays."""
        ...

    def refresh(self, request: Callable[..., Any]) -> None:
        """Get a new token; may wait, and raise anything."""
        ...


class GoogleCredentials:
    """The access token of one upstream.

    Args:
        upstream: Whose calls it is for.
        find: Finds the credentials of this machine; may wait.
        now: Seconds of a clock that never goes back.
    """

    def __init__(
        self,
        upstream: Upstream,
        *,
        find: Callable[[], Credentials] | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = upstream.name
        self._find = find or _default
        self._now = now
        self._credentials: Credentials | None = None
        self._renewal: asyncio.Task[None] | None = None
        self._failure: tuple[float, str] | None = None

    async def headers(
        self, method: str, url: URL, headers: list[tuple[str, str]], body: bytes
    ) -> list[tuple[str, str]]:
        """Return the headers that show who pays: the token, and the project that is billed, if any.

        Args:
            method: In capitals.
            url: Whole address.
            headers: As they are sent otherwise.
            body: As it is sent.

        Raises:
            UpstreamFailed: There is no token to be had.
        """
        if not self._is_fresh():
            renewal = self._begin_renewal()
            if renewal is not None and not self._holds():
                await asyncio.shield(renewal)  # who leaves does not stop it for the others
        credentials = self._credentials
        if credentials is None or not self._holds():
            words = self._failure[1] if self._failure else "Google gave no access token"
            raise UpstreamFailed(502, "upstream_credentials", f"{self._name}: {words}")
        found: dict[str, str] = {}
        credentials.apply(found)
        return [(name.lower(), value) for name, value in found.items()]

    def _begin_renewal(self) -> asyncio.Task[None] | None:
        """Return the one renewal that is under way; ``None`` while none is tried."""
        if self._failure is not None and self._now() - self._failure[0] < REST_SECONDS:
            return None
        loop, task = asyncio.get_running_loop(), self._renewal
        if task is None or task.done() or task.get_loop() is not loop:
            task = self._renewal = loop.create_task(self._renew())
        return task

    def _is_fresh(self) -> bool:
        return self._state() == "FRESH"

    def _holds(self) -> bool:
        """Return whether the token serves, be it for its last minutes."""
        return self._state() in ("FRESH", "STALE")

    def _state(self) -> str | None:
        return None if self._credentials is None else self._credentials.token_state.name

    async def _renew(self) -> None:
        try:
            async with asyncio.timeout(RENEW_SECONDS):
                self._credentials = await asyncio.to_thread(self._fetch)
            self._failure = None
        except Exception as fault:  # whatever the library raises, a call gets no token
            words = _words(fault)
            _log.error("no access token for the upstream %s: %s", self._name, fault)
            self._failure = (self._now(), words)

    def _fetch(self) -> Credentials:
        """Return credentials with a fresh token. Waits, and so runs in a thread."""
        from google.auth.transport import requests

        credentials = self._credentials or self._find()
        request: Callable[..., Any] = requests.Request()

        def hurried(*args: Any, **options: Any) -> Any:
            return request(*args, **{**options, "timeout": REQUEST_SECONDS})

        credentials.refresh(hurried)
        return credentials


def _default() -> Credentials:
    """Find the credentials of this machine, in the places that Google's tools use."""
    library: Any = import_module("google.auth")
    return library.default(scopes=[SCOPE])[0]


def _words(fault: Exception) -> str:
    """Return what the operator is to do; nothing of a token or a file is in it."""
    if isinstance(fault, ImportError):
        return 'Google\'s credentials need the extra "google": pip install "corvus-policy[google]"'
    if isinstance(fault, TimeoutError):
        return f"no access token of Google came within {RENEW_SECONDS:.0f} seconds"
    return (
        "Google gave no access token: log in where the gateway runs "
        "(gcloud auth application-default login), or name a file in GOOGLE_APPLICATION_CREDENTIALS "
        f"({type(fault).__name__})"
    )
