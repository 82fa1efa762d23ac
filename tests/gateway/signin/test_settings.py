"""Each key of ``[governance.signin]`` decides something (CFG-8, PRX-8)."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from corvus import open_runtime
from corvus.gateway.app import make_app
from corvus.gateway.serve import Server, bind
from corvus.governor import tokens
from corvus.model.signin import GroupRule, OidcOptions
from corvus.model.token import TokenRequest, TokenScope, new_secret
from tests.fakes import NO_AUTHORITIES
from tests.gateway.signin.clients import Device

OUTER = "https://corvus.example.org"


@contextmanager
def serving(folder: Path, table: str) -> Generator[tuple[str, str]]:
    """Serve a config; the address, and a token of scope ``proxy``."""
    config = folder / "corvus.toml"
    config.write_text(f"[governance.signin]\n{table}\n")
    runtime = open_runtime([config], ledger=folder / "l.duckdb")
    secret = new_secret()
    with runtime.bookkeeping.store() as store:
        wanted = TokenRequest("bot", TokenScope.PROXY)
        store.run(lambda unit: tokens.create(unit, wanted, secret, "ana"))
    listening = bind(runtime, "127.0.0.1", 0)
    ready = threading.Event()
    server = Server(make_app(runtime), ready.set)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    assert ready.wait(20)
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", secret
    finally:
        server.should_exit = True
        thread.join(20)


def client(url: str, **headers: str) -> httpx2.Client:
    return httpx2.Client(
        base_url=url, headers=headers, timeout=20, trust_env=False, verify=NO_AUTHORITIES
    )


def test_the_url_is_where_people_are_led_and_is_let_in(tmp_path: Path) -> None:
    with serving(tmp_path, f'url = "{OUTER}/"') as (url, secret), client(url) as http:
        outer = {"host": "corvus.example.org"}
        found = http.get("/.well-known/oauth-authorization-server", headers=outer).json()
        assert found["issuer"] == OUTER
        codes = http.post("/oauth/device_authorization", headers=outer).json()
        assert codes["verification_uri"] == f"{OUTER}/device"
        form = {"user_code": codes["user_code"], "token": secret, "decision": "approve"}
        page = http.post("/device", data=form, headers={**outer, "origin": OUTER})
        assert page.status_code == 200
        refused = http.post(
            "/device", data=form, headers={**outer, "origin": "https://evil.example"}
        )
        assert refused.status_code == 403


def test_who_wants_nobody_to_log_in_closes_all_of_it(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text("{}")
    table = 'enabled = false\nmanaged_settings = "s.json"'
    with serving(tmp_path, table) as (url, secret), client(url) as http:
        for path in ("/.well-known/oauth-authorization-server", "/device", "/device/provider"):
            assert http.get(path).status_code == 404
        for path in ("/oauth/device_authorization", "/oauth/token", "/device"):
            assert http.post(path).status_code == 404
        bearer = {"authorization": f"Bearer {secret}"}
        assert http.get("/managed/settings", headers=bearer).status_code == 404


def test_tokens_live_as_long_as_the_config_says(tmp_path: Path) -> None:
    with serving(tmp_path, "access_minutes = 5") as (url, secret):
        device = Device(url)
        assert device.log_in(secret)["expires_in"] == 300
        device.http.close()


def test_managed_settings_stand_next_to_the_config_and_need_a_token(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text('{"model": "opus"}')
    with serving(tmp_path, 'managed_settings = "s.json"') as (url, secret), client(url) as http:
        assert http.get("/managed/settings").status_code == 401
        device = Device(url)
        given = device.log_in(secret)["access_token"]
        device.http.close()
        for token in (secret, given):
            bearer = {"authorization": f"Bearer {token}"}
            found = http.get("/managed/settings", headers=bearer).json()
            assert found["settings"] == {"model": "opus"}


@pytest.mark.parametrize(("table", "is_believed"), [("", False), ('["127.0.0.1"]', True)])
def test_tries_are_counted_for_whom_a_trusted_proxy_names(
    tmp_path: Path, table: str, is_believed: bool
) -> None:
    line = f"trusted_proxies = {table}" if table else ""
    with serving(tmp_path, line) as (url, _), client(url) as http:
        form = {"user_code": "BBBB-BBBB", "token": "wrong", "decision": "approve"}
        for _ in range(10):
            assert (
                http.post("/device", data=form, headers={"x-forwarded-for": "1.1.1.1"}).status_code
                == 401
            )
        other = http.post("/device", data=form, headers={"x-forwarded-for": "2.2.2.2"})
        assert other.status_code == (401 if is_believed else 429)


def test_the_provider_is_compiled_as_it_is_written(tmp_path: Path) -> None:
    config = tmp_path / "corvus.toml"
    config.write_text(
        '[governance.signin.oidc]\nissuer = "https://login.example.org"\nclient_id = "c"\n'
        'scopes = ["openid", "groups"]\nuser_claim = "upn"\ngroups_claim = "roles"\n'
        'groups = [{ group = "a", project = "p" }, { group = "b" }]\n'
    )
    options = open_runtime([config], ledger=tmp_path / "l.duckdb").gateway.sign_in.oidc
    rules = (GroupRule("a", "p"), GroupRule("b"))
    assert options == OidcOptions(
        "https://login.example.org", "c", None, ("openid", "groups"), "upn", "roles", rules
    )
