"""People log in at the company's provider; a hostile or broken one lets nobody in (PRX-8)."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
import pytest

from corvus.base.errors import GatewayRefused
from corvus.gateway.app import make_app
from corvus.gateway.pages.app import Dashboard
from corvus.gateway.serve import Server, bind
from corvus.runtime import Runtime, open_runtime
from tests.fakes import NO_AUTHORITIES
from tests.gateway.pages.visiting import words
from tests.gateway.signin import oidc_provider as fakes
from tests.gateway.signin.clients import Device
from tests.gateway.signin.oidc_provider import CLIENT_ID, CLIENT_SECRET, OidcProvider

CONFIG = """
[cost]
enabled = true

[governance.signin.oidc]
issuer = "{issuer}"
client_id = "corvus"
client_secret_env = "TEST_OIDC_SECRET"
groups = [
    {{ group = "search*", project = "search" }},
    {{ group = "ops" }},
]
"""
BEGIN = "/device/provider"


class Gateway:
    """A gateway in front of a provider, until it is stopped."""

    def __init__(self, folder: Path, provider: OidcProvider) -> None:
        self.config, self._ledger = folder / "corvus.toml", folder / "l.duckdb"
        self.config.write_text(CONFIG.format(issuer=provider.issuer))
        listening = bind(self.runtime, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        ready = threading.Event()
        app = make_app(self.runtime, pages=Dashboard)
        self._server = Server(app, ready.set, app.stop)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [listening]})
        self._thread.start()
        assert ready.wait(20)

    @property
    def runtime(self) -> Runtime:
        return open_runtime([self.config], ledger=self._ledger)

    def tokens(self) -> list[Any]:
        with self.runtime.bookkeeping.store() as store:
            return store.run(lambda unit: [*unit.tokens().values()])

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(20)


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[OidcProvider]:
    monkeypatch.setenv("TEST_OIDC_SECRET", CLIENT_SECRET)
    with fakes.oidc_provider() as running:
        yield running


@pytest.fixture
def gateway(tmp_path: Path, provider: OidcProvider) -> Iterator[Gateway]:
    running = Gateway(tmp_path, provider)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def standing_scene(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Gateway, OidcProvider]]:
    """One gateway and provider for all tests that let nobody in."""
    with pytest.MonkeyPatch.context() as patched, fakes.oidc_provider() as running:
        patched.setenv("TEST_OIDC_SECRET", CLIENT_SECRET)
        gateway = Gateway(tmp_path_factory.mktemp("standing"), running)
        yield gateway, running
        gateway.stop()


class Browser:
    """A person's browser: it has cookies, and follows no redirect by itself."""

    def __init__(self, gateway: Gateway, provider: OidcProvider) -> None:
        self.http = httpx2.Client(
            base_url=gateway.url, timeout=20, trust_env=False, verify=NO_AUTHORITIES
        )
        self._provider = provider

    def leave(self, user_code: str = "") -> str:
        """Go to the provider, and return where that sends the browser back to."""
        query = {"user_code": user_code} if user_code else None
        answer = self.http.get(BEGIN, params=query)
        assert answer.status_code == 303, words(answer.text)
        return self._provider.visit(answer.headers["location"])

    def arrive(self, back: str) -> httpx2.Response:
        parts = urlsplit(back)
        return self.http.get(f"{parts.path}?{parts.query}")

    def visit(self, user_code: str = "") -> httpx2.Response:
        """Log in at the provider, and return the page that shows it."""
        answer = self.arrive(self.leave(user_code))
        return self.http.get(answer.headers["location"]) if answer.status_code == 303 else answer

    def decide(self, page: httpx2.Response, **more: str) -> httpx2.Response:
        fields = dict(re.findall(r'name="(\w+)"[^>]*? value="([^"]*)"', page.text))
        return self.http.post("/device", data={**fields, "decision": "approve", **more})


@pytest.fixture
def browser(gateway: Gateway, provider: OidcProvider) -> Iterator[Browser]:
    opened = Browser(gateway, provider)
    yield opened
    opened.http.close()


@pytest.fixture
def closed(
    standing_scene: tuple[Gateway, OidcProvider],
) -> Iterator[tuple[Gateway, OidcProvider, Browser]]:
    gateway, provider = standing_scene
    provider.be_honest()
    opened = Browser(gateway, provider)
    yield gateway, provider, opened
    opened.http.close()
    assert gateway.tokens() == []


MakeDevice = Callable[[str], Device]


def test_a_person_logs_in_and_approves(
    gateway: Gateway, provider: OidcProvider, browser: Browser, device: MakeDevice
) -> None:
    client = device(gateway.url)
    page = browser.visit(client.begin()["user_code"])
    assert "ana@example.com" in words(page.text)
    assert client.poll().json()["error"] == "authorization_pending"
    assert browser.decide(page).status_code == 200
    time.sleep(1.1)
    assert client.poll().status_code == 200
    [token] = gateway.tokens()
    assert (token.user, token.project, token.scope) == ("ana@example.com", "search", "proxy")
    assert token.created_by == f"oidc:{provider.issuer}#u1"


def test_the_request_to_the_provider_is_as_it_should_be(
    provider: OidcProvider, browser: Browser
) -> None:
    browser.visit()
    [visit] = provider.visits
    assert visit["response_type"] == "code"
    assert visit["code_challenge_method"] == "S256"
    assert visit["scope"].split() == ["openid", "email", "profile"]
    assert min(len(visit[name]) for name in ("state", "nonce", "code_challenge")) == 43
    [(form, headers)] = provider.exchanged
    assert headers["authorization"] == "Basic Y29ydnVzOnMrZSUzQWNyZXQ="
    assert form["client_id"] == CLIENT_ID
    assert CLIENT_SECRET not in form.values()


def test_a_provider_that_takes_the_secret_in_the_form_gets_it_there(
    provider: OidcProvider, browser: Browser
) -> None:
    provider.metadata["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
    browser.visit()
    [(form, headers)] = provider.exchanged
    assert form["client_secret"] == CLIENT_SECRET
    assert "authorization" not in headers


def test_a_decision_is_made_on_the_page_alone(
    gateway: Gateway, browser: Browser, device: MakeDevice
) -> None:
    client = device(gateway.url)
    page = browser.visit(client.begin()["user_code"])
    for csrf in ("", "guess"):
        assert browser.decide(page, csrf=csrf).status_code == 403
    assert browser.decide(page, decision="deny").status_code == 200
    assert client.poll().json()["error"] == "access_denied"
    assert browser.decide(page).status_code == 401  # one visit, one decision


def test_a_revoked_person_decides_nothing(
    gateway: Gateway, browser: Browser, device: MakeDevice
) -> None:
    from corvus.governor import tokens

    client = device(gateway.url)
    page = browser.visit(client.begin()["user_code"])
    with gateway.runtime.bookkeeping.store() as store:
        store.run(lambda unit: tokens.revoke(unit, "ana@example.com", "root"))
    assert browser.decide(page).status_code in (401, 403)
    assert client.poll().json()["error"] == "authorization_pending"


FAR = 10_000


class At(NamedTuple):
    """An instant, in seconds from the test on."""

    by: int


def at_last(claims: dict[str, Any]) -> dict[str, Any]:
    now = int(time.time())
    return {name: now + by.by if isinstance(by, At) else by for name, by in claims.items()}


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"nonce": ["list"]},
        {"iss": "https://evil.example"},
        {"iss": None},
        {"aud": "another"},
        {"aud": ["another"]},
        {"aud": []},
        {"aud": None},
        {"aud": ["corvus", "another"]},
        {"aud": ["corvus", "another"], "azp": "another"},
        {"azp": "another"},
        {"exp": At(-FAR)},
        {"exp": None},
        {"exp": "later"},
        {"exp": True},
        {"iat": At(FAR), "exp": At(2 * FAR)},
        {"iat": None},
        {"nbf": At(FAR)},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"email": None},
        {"email": ""},
        {"email": 7},
        {"email": "ana\n@example.com"},
        {"email": "x" * 300},
        {"email_verified": False},
        {"groups": None},
        {"groups": []},
        {"groups": ["ads"]},
        {"groups": "SEARCH"},
        {"groups": {"search": True}},
        {"groups": [["search"]]},
    ],
    ids=str,
)
def test_a_person_with_such_claims_is_not_let_in(
    closed: tuple[Gateway, OidcProvider, Browser], claims: dict[str, Any]
) -> None:
    _, provider, browser = closed
    provider.claims.update(at_last(claims))
    page = browser.visit()
    assert page.status_code == 403
    assert "mistake" in page.text


@pytest.mark.parametrize(
    ("claims", "project"),
    [
        ({"groups": "search"}, "search"),
        ({"groups": ["ads", "ops", "search-infra"]}, "search"),
        ({"groups": ["ops"]}, None),
        ({"aud": ["corvus"]}, "search"),
        ({"aud": ["corvus", "another"], "azp": "corvus"}, "search"),
        ({"email_verified": True, "groups": ["search", 7]}, "search"),
        ({"exp": At(-30)}, "search"),  # within the difference of clocks
    ],
    ids=str,
)
def test_the_first_group_that_fits_says_what_a_person_gets(
    gateway: Gateway,
    provider: OidcProvider,
    browser: Browser,
    claims: dict[str, Any],
    project: str | None,
) -> None:
    provider.claims.update(at_last(claims))
    assert browser.visit().status_code == 200
    [token] = gateway.tokens()
    assert token.project == project


@pytest.mark.parametrize("forger", ["unsigned", "by_stranger", "by_own_key", "shared", "nonsense"])
def test_a_forged_token_lets_nobody_in(
    closed: tuple[Gateway, OidcProvider, Browser], forger: str
) -> None:
    _, provider, browser = closed
    public = provider.key.as_pem(private=False)
    forgers: dict[str, Callable[[dict[str, Any]], str]] = {
        "unsigned": fakes.unsigned,
        "by_stranger": fakes.by_stranger,
        "by_own_key": fakes.by_own_key,
        "shared": fakes.by_shared_secret(public),
        "nonsense": lambda _: "a.b.c",
    }
    provider.sign = forgers[forger]
    assert browser.visit().status_code == 403


def test_a_symmetric_key_that_is_published_signs_nothing(
    gateway: Gateway, provider: OidcProvider, browser: Browser
) -> None:
    provider.published = [{"kty": "oct", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQ", "kid": "one"}]
    provider.sign = fakes.by_shared_secret(b"secret-secret-secret")
    assert browser.visit().status_code == 403
    assert gateway.tokens() == []


def test_keys_that_are_changed_are_looked_up_but_not_again_and_again(
    gateway: Gateway, provider: OidcProvider, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    from corvus.gateway.signin.oidc import provider as module

    assert browser.visit().status_code == 200
    new = fakes.new_key("two")
    provider.published.append(new.as_dict(private=False))
    provider.sign = lambda claims: fakes.jwt.encode({"alg": "RS256", "kid": "two"}, claims, new)
    for _ in range(3):
        assert browser.visit().status_code == 403
    assert provider.requested.count("/keys") == 1
    monkeypatch.setattr(module, "KEYS_SECONDS", 0.0)
    assert browser.visit().status_code == 200
    assert provider.requested.count("/keys") == 2


@pytest.mark.parametrize(
    "change",
    [
        {"state": "another"},
        {"state": ""},
        {"iss": "https://evil.example"},
        {"code": ""},
        {"code": "guess"},
        {"error": "access_denied"},
    ],
    ids=str,
)
def test_a_way_back_that_was_changed_lets_nobody_in(
    closed: tuple[Gateway, OidcProvider, Browser], change: dict[str, str]
) -> None:
    _, _, browser = closed
    parts = urlsplit(browser.leave())
    query = urlencode({**dict(parse_qsl(parts.query)), **change})
    assert browser.arrive(f"{parts.path}?{query}").status_code == 403


def test_another_browser_cannot_finish_what_one_has_begun(
    gateway: Gateway, provider: OidcProvider, browser: Browser
) -> None:
    back = browser.leave()
    other = Browser(gateway, provider)
    assert other.arrive(back).status_code == 400
    other.leave()
    assert other.arrive(back).status_code == 403
    other.http.close()
    assert gateway.tokens() == []


def test_a_way_back_serves_once(gateway: Gateway, browser: Browser) -> None:
    back = browser.leave()
    assert browser.arrive(back).status_code == 303
    assert browser.arrive(back).status_code == 400


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "http://evil.example/token"},
        {"token_endpoint": None},
        {"jwks_uri": "http://169.254.169.254/keys"},
        {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": "http://evil.example/authorize"},
    ],
    ids=str,
)
def test_a_provider_that_leads_elsewhere_is_not_used(
    provider: OidcProvider, browser: Browser, metadata: dict[str, Any]
) -> None:
    provider.metadata.update(metadata)
    page = browser.http.get(BEGIN)
    assert page.status_code == 502
    assert "mistake" in page.text


@pytest.mark.parametrize(
    "raw",
    [
        (302, b"http://127.0.0.1:1/"),
        (500, b"{}"),
        (200, b"["),
        (200, b"[]"),
        (200, b"[" * 200_000),
        (200, b" " * 1_100_000),
    ],
    ids=["redirect", "error", "broken", "list", "deep", "long"],
)
def test_an_answer_that_is_none_lets_nobody_in(
    gateway: Gateway, provider: OidcProvider, browser: Browser, raw: tuple[int, bytes]
) -> None:
    path = "/.well-known/openid-configuration"
    provider.raw[path] = raw
    assert browser.http.get(BEGIN).status_code == 502
    del provider.raw[path]
    for path in ("/token", "/keys"):
        provider.raw = {path: raw}
        assert browser.visit().status_code == 403
    assert gateway.tokens() == []


def test_a_token_of_corvus_still_works_when_the_provider_does_not(
    gateway: Gateway, provider: OidcProvider, browser: Browser
) -> None:
    provider.raw["/.well-known/openid-configuration"] = 500, b""
    page = browser.http.get("/device")
    assert 'name="token"' in page.text
    assert 'href="/device/provider"' in page.text


def test_a_secret_that_is_not_there_stops_the_gateway(
    tmp_path: Path, provider: OidcProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TEST_OIDC_SECRET")
    config = tmp_path / "corvus.toml"
    config.write_text(CONFIG.format(issuer=provider.issuer))
    with pytest.raises(GatewayRefused, match="TEST_OIDC_SECRET is not set"):
        make_app(open_runtime([config], ledger=tmp_path / "l.duckdb"))


def test_two_accounts_of_one_address_are_not_one(
    gateway: Gateway, provider: OidcProvider, browser: Browser
) -> None:
    assert browser.visit().status_code == 200
    provider.claims["sub"] = "u2"
    assert browser.visit().status_code == 403
    assert len(gateway.tokens()) == 1
