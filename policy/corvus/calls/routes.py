"""Which requests are metered, which are free, and which are passed on by nobody (PRX-1).

One table for the proxy, where a path is spelt exactly as it is listed, and for the transports of
SDKs, where it is known by its end, because the base URLs of vendors differ. Refuses every other
path and method: what could cost money and cannot be metered reaches no provider.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from corvus.metering.endpoints import Endpoint


class Free(NamedTuple):
    """A request that is passed on without charge.

    Attributes:
        method: As it was asked for.
        path: Behind ``/v1``.
    """

    method: str
    path: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A request that cannot be metered, so it is not sent.

    Attributes:
        status: HTTP status of the answer.
        code: Stable name of what is wrong.
        message: What is wrong and what to do, for a person.
    """

    status: int
    code: str
    message: str


MODELS = Free("GET", "/models")
COUNT_TOKENS = Free("POST", "/messages/count_tokens")
INPUT_TOKENS = Free("POST", "/responses/input_tokens")

_METERED: dict[str, Endpoint] = {one.value: one for one in Endpoint}
_EXACT_FREE = {(one.method, one.path): one for one in (MODELS, COUNT_TOKENS, INPUT_TOKENS)}
_ID = r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,199}"
_READ_ONE = re.compile(rf"/(?:models/{_ID}|responses/{_ID}(?:/input_items)?)")
_CANCEL = re.compile(rf"/responses/{_ID}/cancel")
_FREE_METHODS = ("GET", "HEAD", "OPTIONS", "DELETE")
_FREE_END = re.compile(
    rf"(?:{COUNT_TOKENS.path}|{INPUT_TOKENS.path}"
    rf"|/(?:responses|batches|file_batches|jobs|runs|uploads)/{_ID}/cancel)\Z"
)
_PLAIN = re.compile(r"(?:/(?!\.\.?(?:/|\Z))[A-Za-z0-9_.~:@-]+)+")
_ENDS = {
    "/chat/completions": Endpoint.CHAT,
    "/responses": Endpoint.RESPONSES,
    "/embeddings": Endpoint.EMBEDDINGS,
    "/v1/messages": Endpoint.MESSAGES,
}
_NO_ROUTE = "there is no such route: only what can be metered is passed on, which is " + ", ".join(
    f"POST {one}" for one in Endpoint
)


def route(method: str, path: str, *, exact: bool) -> Endpoint | Free | Unreadable:
    """Return what a request asks for.

    Args:
        method: In capitals.
        path: Decoded, without query.
        exact: Whether the path must be spelt as it is listed, under ``/v1`` (the proxy), or is
            known by its end (transports).
    """
    return _exactly(method, path) if exact else _by_end(method, path)


def _exactly(method: str, path: str) -> Endpoint | Free | Unreadable:
    if method == "POST" and path in _METERED:
        return _METERED[path]
    if method == "GET" and path == Endpoint.RESPONSES:
        detail = "websockets are not served: send POST /v1/responses"
        return Unreadable(426, "upgrade_refused", detail)
    inner = path.removeprefix("/v1") if path.startswith("/v1/") else ""
    if found := _EXACT_FREE.get((method, inner)):
        return found
    pattern = {"GET": _READ_ONE, "POST": _CANCEL}.get(method)
    if pattern is not None and pattern.fullmatch(inner):
        return Free(method, inner)
    return Unreadable(404, "not_found", _NO_ROUTE)


def _by_end(method: str, path: str) -> Endpoint | Free | Unreadable:
    if method in _FREE_METHODS:
        return Free(method, path)
    if method == "POST" and _PLAIN.fullmatch(path):
        if _FREE_END.search(path):
            return Free(method, path)
        found = next((one for end, one in _ENDS.items() if path.endswith(end)), None)
        if found is not None:
            return found
    return Unreadable(404, "not_found", _NO_ROUTE)
