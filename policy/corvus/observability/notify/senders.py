"""Sends one message to one target, and says what came of it, without addresses and secrets.

A webhook gets one POST of JSON, signed as Standard Webhooks says
(https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md, read
2026-11-28). Redirects are not followed: whoever can answer for the address could send the message
anywhere. Certificates are verified; proxies and authorities of one's own come from the usual
variables.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import logging
import ssl
from collections.abc import Callable, Mapping
from functools import cached_property
from http.client import HTTPException
from typing import Any, Final, Literal, NamedTuple, Protocol
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import (
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    build_opener,
)

from corvus.base.hosts import is_loopback_url
from corvus.base.time import Clock
from corvus.diagnostics.model import ConfigError
from corvus.diagnostics.plain import escape
from corvus.diagnostics.secrets import scrub
from corvus.model.notify import NotifyTarget
from corvus.observability.notify.message import Message
from corvus.version import __version__

TIMEOUT_SECONDS: Final = 10.0
"""Longest silence of a target."""
_ANSWER_MAX: Final = 500
_SECRET_PREFIX: Final = "whsec_"
_SECRET_LEAST_BYTES: Final = 16
_REFUSALS: Final = frozenset({400, 413, 415, 422})
"""Statuses that speak of the message; every other one that is no success speaks of the target."""


class Outcome(NamedTuple):
    """What came of a message.

    Attributes:
        result: ``refused`` is about what the message says, ``failed`` about the target.
        detail: In words, without address and secret.
        answer: The beginning of what the target answered, for a test.
    """

    result: Literal["delivered", "failed", "refused"]
    detail: str
    answer: str = ""


class Sender(Protocol):
    """Sends messages to one target."""

    def send(self, message: Message) -> Outcome:
        """Send a message; whatever goes wrong is an outcome."""
        ...


def sender_of(target: NotifyTarget, environment: Mapping[str, str], clock: Clock) -> Sender:
    """Return what sends to a target.

    Raises:
        ConfigError: It is for apprise, and that is not installed.
    """
    if target.apprise_env is None:
        return Webhook(target, environment, clock)
    try:
        import apprise
    except ModuleNotFoundError:
        raise ConfigError(
            f"the target of notifications {target.name!r} is for apprise, which is missing: "
            "pip install 'corvus-policy[notify]'"
        ) from None
    return Apprise(target.apprise_env, environment, apprise.Apprise)


def signature(secret: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """Return what ``webhook-signature`` says of a message.

    Args:
        secret: The bytes of the secret.
        message_id: As ``webhook-id`` says it.
        timestamp: Seconds since 1970 of the try, as ``webhook-timestamp`` says it.
        body: As it is sent.
    """
    signed = b".".join((message_id.encode(), str(timestamp).encode(), body))
    digest = hmac.new(secret, signed, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(digest).decode()}"


class Webhook:
    """Sends to a webhook.

    Args:
        target: Where.
        environment: Holds the URL and the secret.
        clock: Stamps each try.
    """

    def __init__(self, target: NotifyTarget, environment: Mapping[str, str], clock: Clock) -> None:
        self._target = target
        self._environment = environment
        self._clock = clock

    def send(self, message: Message) -> Outcome:
        """Send a message; whatever goes wrong is an outcome."""
        try:
            request = self._request(message)
        except _Unusable as fault:
            return Outcome("failed", str(fault))
        try:
            with self._opener(request.full_url).open(request, timeout=TIMEOUT_SECONDS) as response:
                return _outcome(response.status, _read(response))
        except HTTPError as refused:
            with refused:
                return _outcome(refused.code, _read(refused))
        except (OSError, HTTPException, ValueError) as fault:
            return Outcome("failed", _words(fault))

    def _request(self, message: Message) -> Request:
        target = self._target
        content = message.slack() if target.format == "slack" else message.body()
        body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
        timestamp = int(self._clock.now().timestamp())
        headers = {
            "content-type": "application/json",
            "user-agent": f"corvus/{__version__}",
            "webhook-id": message.id,
            "webhook-timestamp": str(timestamp),
        }
        if target.secret_env is not None:
            secret = _secret(self._environment, target.secret_env)
            headers["webhook-signature"] = signature(secret, message.id, timestamp, body)
        return Request(self._url(), body, headers, method="POST")

    def _url(self) -> str:
        target = self._target
        url = target.url or _variable(self._environment, target.url_env or "")
        where = "url" if target.url else f"the URL in {target.url_env}"
        try:
            parts = urlsplit(url)
            is_url = parts.scheme in ("http", "https") and bool(parts.hostname)
            parts.port  # noqa: B018 - refuses what is no number
        except ValueError:
            is_url = False
            parts = None
        if not is_url or parts is None or any(map(str.isspace, url)):
            raise _Unusable(f"{where} is no URL that begins with https://")
        if parts.scheme == "http" and not (target.allow_http or is_loopback_url(url)):
            raise _Unusable(f"{where} must be https://, or allow_http be true")
        return url

    def _opener(self, url: str) -> OpenerDirector:
        """Return what opens a URL; a proxy is for other machines."""
        return self._direct if is_loopback_url(url) else self._by_proxy

    @cached_property
    def _direct(self) -> OpenerDirector:
        return build_opener(ProxyHandler({}), _NoRedirect)

    @cached_property
    def _by_proxy(self) -> OpenerDirector:
        return build_opener(_NoRedirect, HTTPSHandler(context=ssl.create_default_context()))


class Apprise:
    """Sends by apprise, to whatever service it knows.

    Args:
        variable: Holds its URL.
        environment: Holds the variable.
        make: Makes a set of services.
    """

    def __init__(
        self, variable: str, environment: Mapping[str, str], make: Callable[[], Any]
    ) -> None:
        self._variable = variable
        self._environment = environment
        self._make = make
        logging.getLogger("apprise").disabled = True  # its lines may hold the URL

    def send(self, message: Message) -> Outcome:
        """Send a message; whatever goes wrong is an outcome."""
        try:
            url = _variable(self._environment, self._variable)
        except _Unusable as fault:
            return Outcome("failed", str(fault))
        services = self._make()
        if not services.add(url):
            return Outcome("failed", f"the URL in {self._variable} is none that apprise knows")
        is_delivered = services.notify(
            title=message.title, body=message.text, body_format="text", notify_type="warning"
        )
        if is_delivered:
            return Outcome("delivered", "apprise delivered it")
        return Outcome("failed", "apprise could not deliver it")


class _Unusable(Exception):
    """A target cannot be sent to as it is configured; says why."""


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Follow none: the status goes to the caller."""


def _outcome(status: int, answer: bytes) -> Outcome:
    text = scrub(escape(answer.decode(errors="replace")))
    if 200 <= status < 300:
        return Outcome("delivered", f"HTTP {status}", text)
    kind: Literal["failed", "refused"] = "refused" if status in _REFUSALS else "failed"
    is_redirect = 300 <= status < 400
    more = ": redirects are not followed" if is_redirect else ""
    return Outcome(kind, f"HTTP {status}{more}", text)


def _read(response: Any) -> bytes:
    """Return the beginning of an answer; its status counts, whatever becomes of the rest."""
    try:
        return response.read(_ANSWER_MAX)
    except (OSError, HTTPException):
        return b""


def _words(fault: Exception) -> str:
    """Return why a target was not reached; no address, for its path may be a secret."""
    reason = fault.reason if isinstance(fault, URLError) else fault
    match reason:
        case TimeoutError():
            return f"no answer within {TIMEOUT_SECONDS:g} s"
        case ssl.SSLCertVerificationError():
            return f"its certificate is not trusted: {reason.verify_message}"
        case OSError():
            return reason.strerror or type(reason).__name__
        case _:
            return type(reason).__name__


def _variable(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "").strip()
    if not value:
        raise _Unusable(f"the environment variable {name} is not set")
    return value


def _secret(environment: Mapping[str, str], name: str) -> bytes:
    text = _variable(environment, name)
    try:
        secret = base64.b64decode(text.removeprefix(_SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if not text.startswith(_SECRET_PREFIX) or len(secret) < _SECRET_LEAST_BYTES:
        raise _Unusable(
            f"the secret in {name} must be {_SECRET_PREFIX} and the base64 of at least "
            f"{_SECRET_LEAST_BYTES} random bytes"
        )
    return secret
