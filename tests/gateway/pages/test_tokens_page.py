"""Tokens are made, bound, rotated and revoked on pages, and shown once (API-5)."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import httpx2
import pytest

from corvus.governor import tokens
from corvus.model.token import Token
from tests.fakes import NO_AUTHORITIES
from tests.gateway.conftest import Served
from tests.gateway.pages.visiting import Visitor, words


@pytest.fixture(autouse=True)
def close() -> Iterator[None]:
    yield
    Visitor.close_all()


def good(served: Served) -> dict[str, Token]:
    with served.place.runtime.bookkeeping.store() as store:
        return {token.name: token for token in store.run(tokens.good)}


def status(served: Served, secret: str) -> int:
    headers = {"authorization": f"Bearer {secret}"}
    url = f"{served.url}/web/cost/summary"
    return httpx2.get(url, headers=headers, trust_env=False, verify=NO_AUTHORITIES).status_code


def secret_on(page: str) -> str:
    (secret,) = set(re.findall(r"cvk_[\w-]{43}", page))
    return secret


def test_a_token_is_made_shown_once_rotated_and_revoked(served: Served) -> None:
    visitor = Visitor(served)
    fields = {"name": "ben", "scope": "read", "user": "ben.b", "project": "checkout"}
    assert visitor.send("/token-new", **fields).status_code == 303
    page = visitor.get("/tokens").text
    first = secret_on(page)
    assert "project checkout , user ben.b" in words(page)
    assert "cvk_" not in visitor.get("/tokens").text, "it is shown once"
    made = good(served)["ben"]
    assert (made.scope, made.user, made.project, made.created_by) == (
        "read",
        "ben.b",
        "checkout",
        "token:admin",
    )
    assert status(served, first) == 200

    assert visitor.send("/token-rotate", id=made.id).status_code == 303
    second = secret_on(visitor.get("/tokens").text)
    assert second != first
    rotated = good(served)["ben"]
    assert (rotated.user, rotated.project) == ("ben.b", "checkout")
    assert status(served, second) == 200
    assert _refused_within_seconds(served, first)

    assert visitor.send("/token-revoke", id=rotated.id).status_code == 303
    assert "Token ben is revoked." in visitor.text("/tokens")
    assert _refused_within_seconds(served, second)
    kinds = [event.kind for event in served.place.runtime.audit(4)]
    assert kinds == ["token_created", "token_revoked", "token_created", "token_revoked"]
    gone = visitor.get("/token-revoke", id=rotated.id)
    assert gone.status_code >= 400
    assert "was revoked already" in gone.text


def _refused_within_seconds(served: Served, secret: str) -> bool:
    end = time.monotonic() + 5
    while time.monotonic() < end:
        if status(served, secret) == 401:
            return True
        time.sleep(0.1)
    return False


def test_what_cannot_be_made_is_said_in_the_form_with_what_was_typed(served: Served) -> None:
    visitor = Visitor(served)
    taken = visitor.send("/token-new", name="admin", scope="proxy", user="u-1")
    assert taken.status_code == 422
    assert "There is a good token admin already" in words(taken.text)
    assert 'value="u-1"' in taken.text
    assert visitor.send("/token-new", name="  ", scope="proxy").status_code == 422
    assert "cvk_" not in visitor.get("/tokens").text


def test_no_page_makes_or_rotates_a_token_of_an_operator(served: Served) -> None:
    visitor = Visitor(served)
    assert visitor.send("/token-new", name="second", scope="admin").status_code == 303
    assert good(served)["second"].scope == "read"
    admin = good(served)["admin"]
    assert visitor.get("/token-rotate", id=admin.id).status_code >= 400
    form = visitor.get("/token-revoke", id=admin.id).text
    csrf = re.findall(r'name="csrf" value="([^"]*)"', form)[0]
    answer = visitor.client.post("/dashboard/token-rotate", data={"csrf": csrf, "id": admin.id})
    assert answer.status_code >= 400
    assert good(served)["admin"].id == admin.id


def test_who_may_only_read_sees_names_and_changes_nothing(served: Served) -> None:
    reader = Visitor(served, "read")
    page = reader.get("/tokens").text
    assert "admin" in page
    assert "token-rotate" not in page
    token = good(served)["proxy"]
    for path in ("/token-new", "/token-rotate", "/token-revoke"):
        assert reader.get(path, id=token.id).status_code == 403
        answer = reader.client.post(f"/dashboard{path}", data={"id": token.id, "name": "x"})
        assert answer.status_code == 403
    assert good(served).keys() == {"admin", "proxy", "read", "reserve"}
