"""A client that signs in as Claude Code does, and the person at its browser."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import httpx2

from corvus.gateway.signin.oauth import DEVICE_CODE, DISCOVERY
from tests.fakes import NO_AUTHORITIES


class Device:
    """A client without a token.

    Args:
        url: The base that somebody typed at ``/login``.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = httpx2.Client(base_url=url, timeout=20, trust_env=False, verify=NO_AUTHORITIES)
        found = self.http.get(DISCOVERY).json()
        self._begin: str = urlsplit(str(found["device_authorization_endpoint"])).path
        self._token: str = urlsplit(str(found["token_endpoint"])).path
        self.codes: dict[str, Any] = {}

    def begin(self) -> dict[str, Any]:
        """Ask for codes; the body is empty, as Claude Code 2.1.197 sends it."""
        form = {"content-type": "application/x-www-form-urlencoded"}
        answer = self.http.post(self._begin, content=b"", headers=form)
        assert answer.status_code == 200, answer.text
        self.codes = answer.json()
        return self.codes

    def poll(self, **more: str) -> httpx2.Response:
        form = {"grant_type": DEVICE_CODE, "device_code": self.codes["device_code"], **more}
        return self.http.post(self._token, data=form)

    def refresh(self, token: str) -> httpx2.Response:
        form = {"grant_type": "refresh_token", "refresh_token": token}
        return self.http.post(self._token, data=form)

    def grant(
        self, content: str, kind: str = "application/x-www-form-urlencoded"
    ) -> httpx2.Response:
        return self.http.post(self._token, content=content, headers={"content-type": kind})

    def approve(
        self, token: str, *, code: str | None = None, decision: str = "approve", **more: str
    ) -> httpx2.Response:
        """Post the form of the page, as its button does."""
        typed = self.codes["user_code"] if code is None else code
        form = {"user_code": typed, "token": token, "decision": decision, **more}
        return self.http.post("/device", data=form)

    def log_in(self, token: str) -> dict[str, Any]:
        self.begin()
        assert self.approve(token).status_code == 200
        answer = self.poll()
        assert answer.status_code == 200, answer.text
        return answer.json()
