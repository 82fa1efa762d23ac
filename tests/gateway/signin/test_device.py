"""The page of a device code: what it shows, and what it lets nobody do (PRX-8)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.gateway.conftest import Served
from tests.gateway.pages.visiting import words
from tests.gateway.signin.clients import Device

MakeDevice = Callable[[str], Device]


def test_a_code_of_the_link_is_filled_in_and_decides_nothing(
    served: Served, device: MakeDevice
) -> None:
    client = device(served.url)
    codes = client.begin()
    page = client.http.get(codes["verification_uri_complete"])
    assert page.status_code == 200
    assert f'value="{codes["user_code"]}"' in page.text
    scripts = page.text.count("<script")  # all are ours: the page has none of its own
    assert scripts == page.text.count('<script type="module" src="/dashboard/static/')
    assert client.poll().json()["error"] == "authorization_pending"


def test_what_is_no_code_is_not_put_into_the_page(standing: Served, device: MakeDevice) -> None:
    page = device(standing.url).http.get("/device", params={"user_code": '"><b>AAAA-BBBB'})
    assert "<b>" not in page.text
    assert 'value=""' in page.text


def test_the_page_is_kept_by_nobody_and_framed_by_nobody(
    standing: Served, device: MakeDevice
) -> None:
    headers = device(standing.url).http.get("/device").headers
    assert headers["cache-control"] == "no-store"
    assert headers["x-frame-options"] == "DENY"
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self'" in policy


@pytest.mark.parametrize(("language", "text"), [("en", "Approve"), ("es", "Aprobar")])
def test_the_page_speaks_the_language_of_its_reader(
    standing: Served, device: MakeDevice, language: str, text: str
) -> None:
    http = device(standing.url).http
    by_browser = http.get("/device", headers={"accept-language": language})
    by_choice = http.get("/device", params={"lang": language})
    for page in (by_browser, by_choice):
        assert text in words(page.text)
        assert page.headers["content-language"] == language


def test_a_code_may_be_typed_as_people_type(served: Served, device: MakeDevice) -> None:
    client = device(served.url)
    typed = client.begin()["user_code"].lower().replace("-", " ")
    assert client.approve(served.secrets["proxy"], code=f" {typed} ").status_code == 200
    assert client.poll().status_code == 200


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"token": "wrong"}, 401),
        ({"token": ""}, 401),
        ({"token": "x" * 300}, 401),
        ({"user_code": "BBBB-BBBB"}, 404),
        ({"user_code": "nonsense"}, 400),
        ({"decision": "yes"}, 400),
    ],
)
def test_a_form_that_is_not_right_decides_nothing(
    served: Served, device: MakeDevice, form: dict[str, str], status: int
) -> None:
    client = device(served.url)
    code = client.begin()["user_code"]
    whole = {"user_code": code, "token": served.secrets["proxy"], "decision": "approve", **form}
    page = client.http.post("/device", data=whole)
    assert page.status_code == status
    assert "mistake" in page.text
    assert served.secrets["proxy"] not in page.text
    assert client.poll().json()["error"] == "authorization_pending"


def test_a_field_that_is_said_twice_decides_nothing(served: Served, device: MakeDevice) -> None:
    client = device(served.url)
    code, secret = client.begin()["user_code"], served.secrets["proxy"]
    content = f"user_code={code}&token={secret}&decision=deny&decision=approve"
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert client.http.post("/device", content=content, headers=form).status_code == 400
    assert client.poll().json()["error"] == "authorization_pending"


def test_a_decision_in_the_address_decides_nothing(served: Served, device: MakeDevice) -> None:
    client = device(served.url)
    code, secret = client.begin()["user_code"], served.secrets["proxy"]
    form = {"user_code": code, "token": secret, "decision": "approve"}
    assert client.http.get("/device", params=form).status_code == 200
    assert client.http.post("/device", params=form).status_code == 400
    assert client.poll().json()["error"] == "authorization_pending"


@pytest.mark.parametrize("scope", ["read", "reserve", "admin"])
def test_a_token_without_model_calls_gives_none(
    served: Served, device: MakeDevice, scope: str
) -> None:
    client = device(served.url)
    client.begin()
    assert client.approve(served.secrets[scope]).status_code == 403
    assert client.poll().json()["error"] == "authorization_pending"


def test_an_address_that_guesses_is_stopped_and_so_is_its_right_token(
    served: Served, device: MakeDevice
) -> None:
    client = device(served.url)
    client.begin()
    for number in range(10):
        assert client.approve(f"guess-{number}").status_code == 401
    stopped = client.approve(served.secrets["proxy"])
    assert stopped.status_code == 429
    assert 0 < int(stopped.headers["retry-after"]) <= 300
    assert client.poll().json()["error"] == "authorization_pending"


def test_codes_are_not_guessed_either(served: Served, device: MakeDevice) -> None:
    client = device(served.url)
    client.begin()
    statuses = [
        client.approve(served.secrets["proxy"], code="BBBB-BBBB").status_code for _ in range(11)
    ]
    assert statuses == [404] * 10 + [429]


def test_a_code_that_was_used_is_not_used_again(served: Served, device: MakeDevice) -> None:
    client = device(served.url)
    client.log_in(served.secrets["proxy"])
    assert client.approve(served.secrets["proxy"]).status_code == 409
