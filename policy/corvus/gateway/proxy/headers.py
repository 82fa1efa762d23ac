"""Which headers pass, each way (PRX-5).

To the provider goes what the client says about its request, without what belongs to the connection,
to the client's own place, or to the gateway, and without what could turn it into another request;
credentials are the configured ones. To the client
goes what the provider says about its answer, without what belongs to the connection. The length of
an answer is left out: its end is sent once the call is settled.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from corvus.calls.routes import MeteredCall
from corvus.gateway.asgi import Headers
from corvus.gateway.proxy.upstreams import Target
from corvus.metering.providers import CREDENTIAL_HEADERS, PROVIDERS

Raw = Iterable[tuple[bytes, bytes]]
OWN = b"x-corvus-"
"""Begins every header that is for the gateway, or from it."""

_HOP_BY_HOP = {
    b"connection",
    b"expect",
    b"http2-settings",
    b"keep-alive",
    b"proxy-authenticate",
    b"proxy-authorization",
    b"proxy-connection",
    b"te",
    b"trailer",
    b"transfer-encoding",
    b"upgrade",
}
_KEPT_FROM_UPSTREAM = _HOP_BY_HOP | {
    b"accept-encoding",
    b"content-length",
    b"cookie",
    b"forwarded",
    b"host",
    b"origin",
    b"referer",
    b"via",
    b"x-amz-content-sha256",
    b"x-amz-date",
    b"x-amz-security-token",
    b"x-http-method",
    b"x-http-method-override",
    b"x-method-override",
    b"x-original-uri",
    b"x-original-url",
    b"x-real-ip",
    b"x-rewrite-url",
}
_ABOUT_BODY = {b"content-encoding", b"content-type"}
_CREDENTIALS = {name.encode() for name in CREDENTIAL_HEADERS}
_KEPT_FROM_CLIENT = _HOP_BY_HOP | {
    b"alt-svc",
    b"content-length",
    b"set-cookie",
    b"strict-transport-security",
}


def to_upstream(raw: Raw, target: Target, used: bytes) -> list[tuple[str, str]]:
    """Return the headers of a request to the provider.

    Args:
        raw: As the client sent them.
        target: Where they go, with the credential for it.
        used: The header in which the client sent the gateway's own token; it goes no further.
    """
    headers = list(raw)
    kept = _KEPT_FROM_UPSTREAM | _CREDENTIALS | (_listed(headers) - _ABOUT_BODY)
    provider = PROVIDERS[target.upstream.kind]
    kept |= {name.encode() for name in (*provider.kept_headers, *_unread(target))}
    if target.upstream.pass_through:
        kept = (kept - {b"authorization", provider.credential_header.encode()}) | {used}
    passed = [
        (name.decode(), value.decode())
        for name, value in ((name.lower(), value) for name, value in headers)
        if name not in kept
        and not _passes_for(name, kept | _ABOUT_BODY)
        and not name.startswith((OWN, b"x-forwarded-", b"sec-"))
        and name.isascii()
        and value.isascii()
    ]
    passed.append(("accept-encoding", "identity"))
    if target.key is not None:
        passed.append((provider.credential_header, provider.credential_scheme + target.key))
    return passed


def _unread(target: Target) -> set[str]:
    """Return the headers that decide about other calls of an API, and were not read of this one."""
    call = target.call
    if not isinstance(call, MeteredCall):
        return set()
    endpoints = PROVIDERS[call.kind].endpoints
    return {name for each in endpoints for name in each.headers} - {*call.endpoint.headers}


def _passes_for(name: bytes, others: set[bytes]) -> bool:
    """Return whether servers that take ``_`` for ``-`` may read a name as one of others."""
    return b"_" in name and name.replace(b"_", b"-") in others


def to_client(headers: Headers, more: Mapping[str, str]) -> Headers:
    """Return the headers of an answer to the client.

    Args:
        headers: As the provider sent them, each name in lower case and as often as it came.
        more: Headers of the gateway's own.
    """
    kept = _KEPT_FROM_CLIENT
    if listed := _listed(headers):
        kept = kept | listed
    passed = [(name, value) for name, value in headers if name not in kept and name[:9] != OWN]
    return passed + [(name.encode(), value.encode()) for name, value in more.items()]


def _listed(headers: Raw) -> set[bytes]:
    """Return the names that ``Connection`` lists: they are for this connection alone."""
    values = (value for name, value in headers if name.lower() == b"connection")
    return {name.strip().lower() for value in values for name in value.split(b",")}
