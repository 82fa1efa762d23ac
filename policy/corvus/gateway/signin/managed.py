"""Settings that clients get from the gateway once they have logged in (PRX-8).

They are those of one file, read for each request, as clients ask about once an hour. No file in
the config is 404, "no policy". A file that cannot be read is 503, never 404: clients would drop the
policy that they have.

Source: what Claude Code 2.1.197 accepts, an envelope with a checksum that it sends back to ask
whether something has changed, read in the program on 2026-11-29.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from corvus.base.json_file import JsonFileFault, read_object
from corvus.calls.refusal import Refusal
from corvus.gateway.asgi import Receive, Scope, Send, raw_headers, send_whole
from corvus.model.gateway import Kind

PATH: Final = "/managed/settings"
_log = logging.getLogger("corvus.gateway")


class ManagedSettings:
    """Serves the file.

    Args:
        path: The file; ``None`` has no policy.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request that has passed the guards."""
        if scope["method"] not in ("GET", "HEAD"):
            await _refuse(send, 405, "method_not_allowed", "settings are read alone")
            return
        if self._path is None:
            await _refuse(send, 404, "no_managed_settings", "no settings are managed here")
            return
        try:
            settings = await asyncio.to_thread(read_object, self._path)
        except JsonFileFault as fault:
            _log.error("the managed settings of clients: %s %s", self._path, fault)
            await _refuse(send, 503, "managed_settings_unreadable", "the settings cannot be read")
            return
        checksum = _checksum(settings)
        mark = f'"{checksum}"'
        headers = {"etag": mark, "cache-control": "private, no-cache"}
        if _is_known(scope, mark):
            await send_whole(send, HTTPStatus.NOT_MODIFIED, raw_headers(headers), b"")
            return
        envelope = {"uuid": checksum, "checksum": checksum, "settings": settings}
        data = json.dumps(envelope).encode()
        headers |= {"content-type": "application/json", "content-length": str(len(data))}
        body = data if scope["method"] == "GET" else b""
        await send_whole(send, HTTPStatus.OK, raw_headers(headers), body)


def _checksum(settings: Mapping[str, Any]) -> str:
    """Return the checksum of settings as clients compute it: of compact JSON with sorted keys."""
    plain = json.dumps(settings, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return f"sha256:{hashlib.sha256(plain.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _is_known(scope: Scope, mark: str) -> bool:
    """Return whether the client has what it would get (RFC 9110, section 13.1.2)."""
    said = [value for name, value in scope["headers"] if name.lower() == b"if-none-match"]
    marks = b",".join(said).decode("latin-1").split(",")
    return any(each.strip().removeprefix("W/") in (mark, "*") for each in marks)


async def _refuse(send: Send, status: int, code: str, words: str) -> None:
    headers, body = Refusal(status, code, words, status >= 500).answer(Kind.ANTHROPIC)
    await send_whole(send, status, raw_headers(headers), body)
