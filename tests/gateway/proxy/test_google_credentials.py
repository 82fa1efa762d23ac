"""Access tokens of Google: one renewal for many calls, before they end, off the loop (PRX-5)."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from google.auth.credentials import Credentials
from google.auth.exceptions import DefaultCredentialsError, RefreshError
from yarl import URL

from corvus.gateway.proxy import google_credentials
from corvus.gateway.proxy.failures import UpstreamFailed
from corvus.gateway.proxy.google_credentials import REST_SECONDS, GoogleCredentials
from corvus.model.gateway import Kind, Upstream

UPSTREAM = Upstream(name="vx", kind=Kind.VERTEX, base_url="https://aiplatform.googleapis.com")


class Made(Credentials):
    """Credentials whose tokens are numbered, and hold for as long as is said."""

    def __init__(self, *lives: timedelta, quota_project: str | None = None) -> None:
        super().__init__()
        self.lives = list(lives)
        self.refreshes = 0
        self.threads: list[threading.Thread] = []
        self._quota_project_id = quota_project
        self.fault: Exception | None = None

    def refresh(self, request: Any) -> None:
        self.threads.append(threading.current_thread())
        if self.fault is not None:
            raise self.fault
        self.refreshes += 1
        self.token = f"token-{self.refreshes}"
        self.expiry = (datetime.now(UTC) + self.lives.pop(0)).replace(tzinfo=None)


async def shown(credentials: GoogleCredentials) -> dict[str, str]:
    return dict(await credentials.headers("POST", URL("https://x"), [], b"{}"))


HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def test_many_calls_wait_for_one_token_and_the_loop_does_not() -> None:
    made = Made(HOUR)

    async def calls() -> list[dict[str, str]]:
        tokens = GoogleCredentials(UPSTREAM, find=lambda: made)
        return await asyncio.gather(*(shown(tokens) for _ in range(50)))

    assert asyncio.run(calls()) == [{"authorization": "Bearer token-1"}] * 50
    assert made.refreshes == 1
    assert made.threads[0] is not threading.main_thread()


def test_a_token_in_its_last_minutes_serves_while_it_is_renewed() -> None:
    made = Made(MINUTE, HOUR)

    async def calls() -> list[str]:
        tokens = GoogleCredentials(UPSTREAM, find=lambda: made)
        found = [(await shown(tokens))["authorization"] for _ in range(2)]
        while made.refreshes < 2:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        return [*found, (await shown(tokens))["authorization"]]

    assert asyncio.run(calls()) == ["Bearer token-1", "Bearer token-1", "Bearer token-2"]


def test_a_renewal_that_fails_stops_no_call_while_the_token_holds() -> None:
    made = Made(MINUTE)

    async def calls() -> list[str]:
        tokens = GoogleCredentials(UPSTREAM, find=lambda: made)
        first = (await shown(tokens))["authorization"]
        made.fault = RefreshError("no")
        more: list[str] = []
        for _ in range(3):
            more.append((await shown(tokens))["authorization"])
            await asyncio.sleep(0.02)
        return [first, *more]

    assert asyncio.run(calls()) == ["Bearer token-1"] * 4


def test_an_expired_token_is_renewed_first() -> None:
    made = Made(-MINUTE, HOUR)

    async def calls() -> list[str]:
        tokens = GoogleCredentials(UPSTREAM, find=lambda: made)
        with pytest.raises(UpstreamFailed):
            await shown(tokens)  # a token that has ended already is none
        return [(await shown(tokens))["authorization"]]

    assert asyncio.run(calls()) == ["Bearer token-2"]


def test_without_credentials_the_answer_is_502_and_it_is_not_tried_at_once() -> None:
    tries: list[int] = []
    at = [0.0]

    def find() -> Credentials:
        tries.append(1)
        raise DefaultCredentialsError("/home/someone/secret.json was not found")

    async def calls() -> list[UpstreamFailed]:
        tokens = GoogleCredentials(UPSTREAM, find=find, now=lambda: at[0])
        faults: list[UpstreamFailed] = []
        for wait in (0.0, 0.0, REST_SECONDS):
            at[0] += wait
            with pytest.raises(UpstreamFailed) as caught:
                await shown(tokens)
            faults.append(caught.value)
        return faults

    faults = asyncio.run(calls())
    assert len(tries) == 2
    refusal = faults[0].refusal
    assert (refusal.status, refusal.code) == (502, "upstream_credentials")
    assert "gcloud auth application-default login" in str(faults[0])
    assert "secret.json" not in str(faults[0])


def test_the_extra_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def find() -> Credentials:
        raise ImportError("google.auth")

    async def call() -> None:
        await shown(GoogleCredentials(UPSTREAM, find=find))

    with pytest.raises(UpstreamFailed, match=r"corvus-policy\[google\]"):
        asyncio.run(call())


def test_a_client_that_leaves_does_not_stop_the_renewal_for_others() -> None:
    go = threading.Event()
    made = Made(HOUR)

    def find() -> Credentials:
        go.wait(5)
        return made

    async def calls() -> dict[str, str]:
        tokens = GoogleCredentials(UPSTREAM, find=find)
        leaving = asyncio.create_task(shown(tokens))
        staying = asyncio.create_task(shown(tokens))
        await asyncio.sleep(0.02)
        leaving.cancel()
        go.set()
        return await staying

    assert asyncio.run(calls()) == {"authorization": "Bearer token-1"}
    assert made.refreshes == 1


def test_a_token_that_does_not_come_is_waited_for_no_longer_than_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(google_credentials, "RENEW_SECONDS", 0.05)
    go = threading.Event()

    def find() -> Credentials:
        go.wait(5)
        return Made(HOUR)

    async def call() -> None:
        try:
            await shown(GoogleCredentials(UPSTREAM, find=find))
        finally:
            go.set()

    with pytest.raises(UpstreamFailed, match="within"):
        asyncio.run(call())


def test_the_project_that_is_billed_is_named() -> None:
    made = Made(HOUR, quota_project="acme")

    async def call() -> dict[str, str]:
        return await shown(GoogleCredentials(UPSTREAM, find=lambda: made))

    assert asyncio.run(call())["x-goog-user-project"] == "acme"
