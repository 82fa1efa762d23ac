"""A visitor of the dashboard, without a browser: cookies, forms, pages as text."""

from __future__ import annotations

import html
import re
from typing import ClassVar

import httpx2

from tests.fakes import NO_AUTHORITIES
from tests.gateway.conftest import Served

ROOT = "/dashboard"


class Visitor:
    """Somebody who looks at pages.

    Args:
        served: A running gateway.
        scope: Of the token to log in with; ``None`` does not log in.
        language: What the browser asks for.
    """

    opened: ClassVar[list[httpx2.Client]] = []
    """Clients to be closed after a test."""

    def __init__(self, served: Served, scope: str | None = "admin", language: str = "en") -> None:
        self.client = httpx2.Client(
            base_url=served.url,
            timeout=20,
            trust_env=False,
            verify=NO_AUTHORITIES,
            headers={"accept-language": language, "origin": served.url},
        )
        self.opened.append(self.client)
        if scope is not None:
            answer = self.log_in(served.secrets[scope])
            assert answer.status_code == 303, answer.text

    @classmethod
    def close_all(cls) -> None:
        while cls.opened:
            cls.opened.pop().close()

    def log_in(self, secret: str, path: str = "/login") -> httpx2.Response:
        return self.client.post(ROOT + path, data={"token": secret})

    def get(self, path: str = "", **query: str) -> httpx2.Response:
        return self.client.get(ROOT + path, params=query or None)

    def text(self, path: str = "", **query: str) -> str:
        """Return what a page says: its words without markup."""
        answer = self.get(path, **query)
        assert answer.status_code == 200, answer.text
        return words(answer.text)

    def send(self, path: str, **fields: str) -> httpx2.Response:
        """Send the form of a page, with what stands in it already."""
        page = self.get(path, **{name: value for name, value in fields.items() if name != "reason"})
        assert page.status_code == 200, page.text
        hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text))
        known = {name: html.unescape(value) for name, value in hidden.items()}
        return self.client.post(ROOT + path, data={**known, **fields})


def words(page: str) -> str:
    """Return the words of a page."""
    body = re.sub(r"(?s)<(script|style|title)\b.*?</\1>", "", page)
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body)))
