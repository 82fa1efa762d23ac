"""What the exception of a library says about the call that raised it (RES-5, RES-10).

A library shows no bytes, only what it raised. Nothing was spent where the provider answered with an
error status, and where no connection came about. All else may have cost something: a timeout, an
answer that could not be read, a connection that broke.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from corvus.metering.facts import as_object

_NEVER_LEFT = frozenset(
    {"ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError", "UnsupportedProtocol"}
)
"""Faults of httpx and httpx2 after which a request has surely not reached its provider."""

_HTTP_CLIENTS = ("httpx", "httpx2", "httpcore", "httpcore2")
_DEPTH_MAX = 20


def causes_of(fault: BaseException) -> Iterator[BaseException]:
    """Yield a fault and what it was raised from, or while it was handled, the outermost first."""
    found: BaseException | None = fault
    for _ in range(_DEPTH_MAX):
        if found is None:
            return
        yield found
        found = found.__cause__ or found.__context__


def status_of(fault: BaseException) -> int | None:
    """Return the error status that the provider answered with; ``None`` where none is shown.

    SDKs of OpenAI, Anthropic and pydantic-ai state it as ``status_code``, that of Google as
    ``code``, botocore in its ``response``.
    """
    for name in ("status_code", "code"):
        if _is_error(status := getattr(fault, name, None)):
            return cast(int, status)
    response = as_object(getattr(fault, "response", None))
    about = as_object(response.get("ResponseMetadata")) if response is not None else None
    status = about.get("HTTPStatusCode") if about is not None else None
    return cast(int, status) if _is_error(status) else None


def has_never_left(fault: BaseException) -> bool:
    """Return whether no connection came about, so that the provider saw nothing of the call."""
    return any(
        type(cause).__name__ in _NEVER_LEFT
        and type(cause).__module__.partition(".")[0] in _HTTP_CLIENTS
        for cause in causes_of(fault)
    )


def _is_error(status: object) -> bool:
    return type(status) is int and 300 <= status <= 599
