"""Who is let in, what they may do, and what every answer carries."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import httpx2
import pytest

from corvus.gateway.auth import REMEMBERED_SECONDS, Tokens
from corvus.gateway.pages.app import HEADERS
from corvus.gateway.pages.cookies import COOKIE, VISIT_SECONDS, Visits
from corvus.gateway.pages.views import PAGES as REGISTERED
from corvus.governor import tokens
from corvus.model.token import Token, TokenScope
from tests.cli.places import Place
from tests.fakes import NO_AUTHORITIES
from tests.gateway.conftest import Served
from tests.gateway.pages.visiting import ROOT, Visitor, words

PAGES = [path for path, entry in REGISTERED.items() if entry.menu is not None]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    place = Place(tmp_path_factory.mktemp("served"))
    place.spend(50)
    gateway = Served(place)
    yield gateway
    gateway.stop()


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    Visitor.close_all()


def test_the_root_leads_to_the_dashboard_and_that_to_the_log_in(served: Served) -> None:
    client = Visitor(served, None).client
    assert client.get("/").headers["location"] == ROOT
    assert client.get(ROOT).headers["location"] == f"{ROOT}/login"
    wanted = client.get(f"{ROOT}/audit?kind=reset_applied").headers["location"]
    assert wanted == f"{ROOT}/login?next=%2Fdashboard%2Faudit%3Fkind%3Dreset_applied"


@pytest.mark.parametrize("path", [*PAGES, "/reset", "/limits", "/csv/spend/by-model", "/nothing"])
def test_no_page_is_shown_without_a_visit(served: Served, path: str) -> None:
    answer = Visitor(served, None).get(path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(f"{ROOT}/login")


@pytest.mark.parametrize("path", ["/live?page=/dashboard", "/live/once?page=/dashboard"])
def test_no_stream_is_opened_without_a_visit(served: Served, path: str) -> None:
    assert Visitor(served, None).get(path).status_code == 401


def test_the_cookie_is_for_this_site_and_no_script(served: Served) -> None:
    answer = Visitor(served, None).log_in(served.secrets["read"])
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    assert {"HttpOnly", "SameSite=strict", "Path=/", f"Max-Age={int(VISIT_SECONDS)}"} <= {
        part.strip() for part in cookie.split(";")
    }
    assert served.secrets["read"] not in cookie
    assert "Secure" not in cookie


@pytest.mark.parametrize(
    ("secret", "status", "told"),
    [
        ("cvk_nothing", 401, "unknown or revoked"),
        ("", 401, "Enter a token"),
        ("x" * 10_000, 401, "unknown or revoked"),
    ],
)
def test_a_wrong_token_is_told(served: Served, secret: str, status: int, told: str) -> None:
    answer = Visitor(served, None).log_in(secret)
    assert (answer.status_code, COOKIE in answer.headers.get("set-cookie", "")) == (status, False)
    assert told in words(answer.text)


def test_a_token_for_model_calls_is_not_let_in(served: Served) -> None:
    answer = Visitor(served, None).log_in(served.secrets["proxy"])
    assert answer.status_code == 403
    assert "model calls alone" in words(answer.text)


@pytest.mark.parametrize(
    ("wanted", "location"),
    [
        ("/dashboard/audit", "/dashboard/audit"),
        ("/dashboard?session=a", "/dashboard?session=a"),
        ("https://evil.example", ROOT),
        ("//evil.example", ROOT),
        ("/dashboard.evil.example", ROOT),
        ("/dashboard/\\evil.example", ROOT),
        ("/dashboardx", ROOT),
        ("javascript:alert(1)", ROOT),
    ],
)
def test_the_log_in_leads_to_pages_of_ours_alone(
    served: Served, wanted: str, location: str
) -> None:
    client = Visitor(served, None).client
    answer = client.post(
        f"{ROOT}/login", params={"next": wanted}, data={"token": served.secrets["read"]}
    )
    assert (answer.status_code, answer.headers["location"]) == (303, location)


@pytest.mark.parametrize("path", ["/login", "", "/static/page.css", "/nothing", "/live?page=x"])
def test_every_answer_has_the_headers_that_keep_strangers_out(served: Served, path: str) -> None:
    answer = Visitor(served).get(path)
    expected = dict(HEADERS)
    if path.startswith("/static"):
        expected["cache-control"] = "public, max-age=31536000, immutable"
    assert {name: answer.headers.get(name) for name in expected} == expected
    assert "unsafe" not in answer.headers["content-security-policy"]


@pytest.mark.parametrize("path", [*PAGES, "/login", "/reset?budget=day", "/override", "/limits"])
def test_no_page_has_script_or_style_inside_or_from_strangers(served: Served, path: str) -> None:
    page = Visitor(served).get(path).text
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\son\w+=", page)
    addresses = re.findall(r'\b(?:src|href|action)="([^"]+)"', page)
    assert addresses
    assert [one for one in addresses if not one.startswith((ROOT, "#"))] == []


@pytest.mark.parametrize("path", ["/static/..%2Fapp.py", "/static/app.py", "/static/", "/static/x"])
def test_only_files_of_the_pages_are_served(served: Served, path: str) -> None:
    assert Visitor(served).get(path).status_code == 404


@pytest.mark.parametrize("path", ["/reset", "/override", "/limits", "/logout"])
@pytest.mark.parametrize("csrf", [None, "", "x" * 43])
def test_a_form_of_somebody_else_changes_nothing(
    served: Served, path: str, csrf: str | None
) -> None:
    visitor = Visitor(served)
    fields = {"budget": "day", "cost.daily_limit_usd": "9"} | ({"csrf": csrf} if csrf else {})
    before = served.place.spent("day")
    answer = visitor.client.post(ROOT + path, data=fields)
    if path == "/logout":
        assert visitor.get().status_code in (200, 303)
    else:
        assert answer.status_code == 403
        assert "Nothing was changed" in words(answer.text)
    assert served.place.spent("day") == before > 0
    assert "daily_limit_usd = 4" in served.place.config.read_text()


def test_a_form_of_another_visit_changes_nothing(served: Served) -> None:
    other = re.search(r'name="csrf" value="([^"]+)"', Visitor(served).get("/override").text)
    assert other is not None
    answer = Visitor(served).client.post(f"{ROOT}/override", data={"csrf": other[1]})
    assert answer.status_code == 403


def test_a_reader_sees_no_actions_and_may_do_none(served: Served) -> None:
    visitor = Visitor(served, "read")
    page = visitor.get().text
    assert "/dashboard/reset" not in page
    assert "/dashboard/override" not in page
    assert "/dashboard/limits" not in visitor.get("/config").text
    for path in ("/reset?budget=day", "/override", "/limits"):
        assert visitor.get(path).status_code == 403
    csrf = re.search(r'name="csrf" value="([^"]+)"', page)
    assert csrf is not None
    before = served.place.spent("day")
    answer = visitor.client.post(f"{ROOT}/reset", data={"csrf": csrf[1], "budget": "day"})
    assert answer.status_code == 403
    assert "may only look" in words(answer.text)
    assert served.place.spent("day") == before


def test_logging_out_ends_the_visit(served: Served) -> None:
    visitor = Visitor(served)
    csrf = re.search(r'name="csrf" value="([^"]+)"', visitor.get().text)
    assert csrf is not None
    key = visitor.client.cookies[COOKIE]
    assert visitor.client.post(f"{ROOT}/logout", data={"csrf": csrf[1]}).status_code == 303
    again = Visitor(served, None)
    again.client.cookies.set(COOKIE, key)
    assert again.get().status_code == 303


def test_other_sites_cannot_send_forms(served: Served) -> None:
    with httpx2.Client(base_url=served.url, trust_env=False, verify=NO_AUTHORITIES) as client:
        for headers in (
            {"origin": "https://evil.example"},
            {"origin": "null"},
            {"sec-fetch-site": "cross-site"},
            {"sec-fetch-site": "same-site", "sec-fetch-mode": "navigate"},
        ):
            answer = client.post(f"{ROOT}/login", data={"token": "x"}, headers=headers)
            assert answer.status_code == 403


def test_a_link_on_another_site_leads_here_and_is_asked_once_more(served: Served) -> None:
    headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    with httpx2.Client(base_url=served.url, trust_env=False, verify=NO_AUTHORITIES) as client:
        answer = client.get(f"{ROOT}/audit", headers=headers)
        assert answer.status_code == 200
        assert '<meta http-equiv="refresh" content="0;url=' in answer.text
        loaded = client.get(f"{ROOT}/audit", headers={"sec-fetch-site": "cross-site"})
        assert loaded.status_code == 403, "only a person that follows a link is let in"
        api = client.get("/web/cost/summary", headers=headers)
        assert api.status_code == 403


def test_a_visit_opens_nothing_of_the_api(served: Served) -> None:
    client = Visitor(served).client
    assert client.get("/web/cost/summary").status_code == 401
    assert client.post("/web/admin/cost/reset", json={"scope": "day"}).status_code == 401


def test_a_foreign_host_is_refused(served: Served) -> None:
    with httpx2.Client(base_url=served.url, trust_env=False, verify=NO_AUTHORITIES) as client:
        assert client.get(ROOT, headers={"host": "evil.example"}).status_code == 421


def test_the_language_is_asked_for_chosen_and_kept(served: Served) -> None:
    visitor = Visitor(served, language="es-MX,en;q=0.5")
    assert "Presupuestos" in visitor.text()
    assert '<html lang="es">' in visitor.get().text
    assert "Budgets" in visitor.text(lang="en")
    assert "Budgets" in visitor.text()


def test_a_revoked_token_ends_its_visits(tmp_path: Path) -> None:
    gateway = Served(Place(tmp_path))
    try:
        visitor = Visitor(gateway)
        assert visitor.get().status_code == 200
        with gateway.place.runtime.bookkeeping.store() as store:
            store.run(lambda unit: tokens.revoke(unit, "admin", "ana"))
        until = time.monotonic() + 5 * REMEMBERED_SECONDS
        while (answer := visitor.get()).status_code == 200:
            assert time.monotonic() < until
        assert answer.status_code == 303
    finally:
        gateway.stop()


class Door:
    """Knows one token."""

    def __init__(self) -> None:
        self.token = Token(
            "id", "ana", TokenScope.READ, "summary", datetime(2026, 1, 1, tzinfo=UTC), "ana"
        )

    async def find(self, secret: str) -> Token | None:
        return self.token if secret == "s" else None

    async def get(self, token_id: str) -> Token | None:
        return self.token if token_id == "id" else None


def test_a_visit_ends_when_its_time_is_up() -> None:
    asyncio.run(_visits())


async def _visits() -> None:
    now = 0.0
    visits = Visits(cast("Tokens", Door()), lambda: now)
    begun = await visits.log_in("s")
    assert begun is not None
    key, visit = begun
    assert not visit.may_change
    assert await visits.find(key) is visit
    assert await visits.find(None) is await visits.find("x") is None
    now = VISIT_SECONDS
    assert await visits.find(key) is None
    now = 0.0
    assert await visits.find(key) is None, "what has ended stays so"
    keys = [await visits.log_in("s") for _ in range(1001)]
    assert keys[0] is not None
    assert await visits.find(keys[0][0]) is None, "the oldest makes room"
