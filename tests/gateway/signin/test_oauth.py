"""What a client is answered while it signs in (RFC 8414, RFC 8628, RFC 6749; PRX-8)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest

from corvus.base.errors import StoreUnavailable
from corvus.gateway.signin import oauth
from corvus.gateway.signin.oauth import DISCOVERY
from corvus.governor import tokens
from corvus.store.store import Store
from tests.gateway.conftest import Served
from tests.gateway.proxied import Proxied
from tests.gateway.signin.clients import Device

MakeDevice = Callable[[str], Device]
CALL = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oauth, "_HURRIED_SECONDS", 0.0)


def test_discovery_names_endpoints_of_the_same_origin(served: Served, device: MakeDevice) -> None:
    answer = device(served.url).http.get(DISCOVERY)
    found = answer.json()
    assert found["issuer"] == served.url
    assert found["device_authorization_endpoint"].startswith(served.url + "/")
    assert found["token_endpoint"].startswith(served.url + "/")
    assert "authorization_endpoint" not in found
    assert answer.headers["cache-control"] == "no-store"


def test_another_host_name_does_not_choose_where_clients_are_led(
    served: Served, device: MakeDevice
) -> None:
    answer = device(served.url).http.get(DISCOVERY, headers={"host": "evil.example"})
    assert answer.status_code == 421


def test_a_device_gets_codes_without_a_token_and_without_a_body(
    served: Served, device: MakeDevice
) -> None:
    codes = device(served.url).begin()
    assert len(codes["device_code"]) >= 43
    assert re.fullmatch("[B-DF-HJ-NP-TV-XZ]{4}-[B-DF-HJ-NP-TV-XZ]{4}", codes["user_code"])
    assert codes["verification_uri_complete"] == (
        f"{codes['verification_uri']}?user_code={codes['user_code']}"
    )
    assert (codes["expires_in"], codes["interval"]) == (600, 5)


def test_a_client_waits_is_slowed_down_and_gets_its_tokens_at_once_when_approved(
    served: Served, device: MakeDevice
) -> None:
    client = device(served.url)
    client.begin()
    first, second = client.poll(), client.poll()
    assert (first.status_code, first.json()["error"]) == (400, "authorization_pending")
    assert (second.status_code, second.json()["error"]) == (400, "slow_down")
    assert client.approve(served.secrets["proxy"]).status_code == 200
    given = client.poll()
    body = given.json()
    assert given.headers["cache-control"] == "no-store"
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 3600)
    assert client.poll().json()["error"] == "expired_token"


def test_a_refused_client_hears_so(served: Served, device: MakeDevice) -> None:
    client = device(served.url)
    client.begin()
    assert client.approve(served.secrets["proxy"], decision="deny").status_code == 200
    refused = client.poll()
    assert (refused.status_code, refused.json()["error"]) == (400, "access_denied")


def test_calls_are_those_of_the_token_that_approved(gateway: Proxied, device: MakeDevice) -> None:
    client = device(gateway.url)
    given = client.log_in(gateway.secret)
    bearer = {"authorization": f"Bearer {given['access_token']}", "anthropic-version": "2023-06-01"}
    answer = client.http.post("/v1/messages", json=CALL, headers=bearer)
    assert answer.status_code == 200, answer.text
    assert given["access_token"] not in str(gateway.provider.calls)


def test_an_access_token_is_for_model_calls_alone(served: Served, device: MakeDevice) -> None:
    client = device(served.url)
    given = client.log_in(served.secrets["proxy"])
    bearer = {"authorization": f"Bearer {given['access_token']}"}
    for path in ("/api/web/cost/status", "/api/web/admin/config"):
        assert client.http.get(path, headers=bearer).status_code == 403


def test_an_access_token_lets_no_other_device_in(served: Served, device: MakeDevice) -> None:
    client = device(served.url)
    given = client.log_in(served.secrets["proxy"])
    client.begin()
    for secret in (given["access_token"], given["refresh_token"]):
        assert client.approve(secret).status_code == 401
    assert client.poll().json()["error"] == "authorization_pending"


def test_a_refresh_gives_two_new_tokens_and_a_second_use_ends_all(
    served: Served, device: MakeDevice
) -> None:
    client = device(served.url)
    given = client.log_in(served.secrets["proxy"])
    renewed = client.refresh(given["refresh_token"])
    assert renewed.status_code == 200
    assert {renewed.json()[name] for name in ("access_token", "refresh_token")}.isdisjoint(
        given.values()
    )
    for used in (given, renewed.json()):
        answer = client.refresh(used["refresh_token"])
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_grant")


def test_revoking_the_token_puts_the_client_out(gateway: Proxied, device: MakeDevice) -> None:
    client = device(gateway.url)
    given = client.log_in(gateway.secret)
    with gateway.runtime.bookkeeping.store() as store:
        store.run(lambda unit: tokens.revoke(unit, "bot", "ana"))
    assert client.refresh(given["refresh_token"]).status_code == 401
    bearer = {"authorization": f"Bearer {given['access_token']}", "anthropic-version": "2023-06-01"}
    statuses = {401}
    for _ in range(100):  # a token is remembered for a second
        answer = client.http.post("/v1/messages", json=CALL, headers=bearer)
        if answer.status_code == 401:
            assert answer.json()["error"]["type"] == "authentication_error"
            break
        statuses.add(answer.status_code)
    else:
        raise AssertionError(statuses)


def test_log_ins_outlive_the_gateway(served: Served, device: MakeDevice) -> None:
    client = device(served.url)
    given = client.log_in(served.secrets["proxy"])
    waiting = client.begin()
    served.stop()
    served.start(served.port)
    assert client.refresh(given["refresh_token"]).status_code == 200
    assert client.approve(served.secrets["proxy"], code=waiting["user_code"]).status_code == 200
    assert client.poll().status_code == 200


@pytest.mark.parametrize(
    ("content", "kind", "status", "error"),
    [
        ("", "application/x-www-form-urlencoded", 400, "invalid_request"),
        ("grant_type=password&username=a", "application/x-www-form-urlencoded", 400, None),
        ("grant_type=refresh_token", "application/x-www-form-urlencoded", 401, "invalid_grant"),
        ("grant_type=a&grant_type=b", "application/x-www-form-urlencoded", 400, "invalid_request"),
        ("grant_type=%ff", "application/x-www-form-urlencoded", 400, "invalid_request"),
        ("grant_type=" + "a&b=" * 60, "application/x-www-form-urlencoded", 400, "invalid_request"),
        (json.dumps({"grant_type": "refresh_token"}), "application/json", 400, "invalid_request"),
        (f"grant_type={oauth.DEVICE_CODE}", "application/x-www-form-urlencoded", 400, None),
        (
            f"grant_type={oauth.DEVICE_CODE}&device_code=nope",
            "application/x-www-form-urlencoded",
            400,
            "invalid_grant",
        ),
    ],
)
def test_what_is_no_grant_is_refused_as_oauth_says(
    standing: Served, device: MakeDevice, content: str, kind: str, status: int, error: str | None
) -> None:
    answer = device(standing.url).grant(content, kind)
    assert answer.status_code == status
    assert answer.json()["error"] == (error or answer.json()["error"])


def test_who_tries_codes_is_stopped(
    served: Served, device: MakeDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = device(served.url)
    statuses = [
        client.grant(f"grant_type={oauth.DEVICE_CODE}&device_code=x{number}").status_code
        for number in range(61)
    ]
    assert statuses == [400] * 60 + [429]


def test_who_begins_too_often_is_stopped(served: Served, device: MakeDevice) -> None:
    client = device(served.url)
    for _ in range(60):
        client.begin()
    answer = client.http.post("/oauth/device_authorization", content=b"")
    assert (answer.status_code, answer.json()["error"]) == (429, "slow_down")
    assert int(answer.headers["retry-after"]) > 60


def test_a_store_that_cannot_answer_puts_nobody_out(
    served: Served, device: MakeDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = device(served.url)
    given = client.log_in(served.secrets["proxy"])

    async def broken(*_: object, **__: object) -> None:
        raise StoreUnavailable("no")

    monkeypatch.setattr(Store, "run_async", broken)
    answer = client.refresh(given["refresh_token"])
    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
    assert client.http.post("/oauth/device_authorization", content=b"").status_code == 503
    assert client.approve("x" * 43).status_code == 503
    monkeypatch.undo()
    assert client.refresh(given["refresh_token"]).status_code == 200


def test_other_sites_cannot_call_the_endpoints(served: Served, device: MakeDevice) -> None:
    client = device(served.url)
    foreign = {"origin": "https://evil.example"}
    for path in ("/oauth/device_authorization", "/oauth/token", "/device"):
        assert client.http.post(path, content=b"", headers=foreign).status_code == 403
