"""What can be done on the pages, with the keyboard alone (DSH-2, DSH-5)."""

from __future__ import annotations

import re
from collections.abc import Generator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.cli.places import CONFIG, Place
from tests.gateway.conftest import Served
from tests.gateway.pages.browsing import ROOT, Visitor, has_focus, serving, visitor


def button(opened: Visitor, name: str) -> Locator:
    return opened.page.get_by_role("button", name=name, exact=True)


def link(opened: Visitor, name: str) -> Locator:
    return opened.page.get_by_role("link", name=name, exact=True)


def meter(opened: Visitor, budget: str) -> str:
    """Return what a budget's meter says to whoever cannot see it."""
    found = opened.page.get_by_role("meter", name=budget, exact=True)
    return found.get_attribute("aria-valuetext") or ""


def change(place: Place, before: str, after: str) -> None:
    text = place.config.read_text()
    assert before in text
    place.config.write_text(text.replace(before, after))


@pytest.fixture
def stranger(browser: Browser, served: Served) -> Generator[Visitor]:
    """Somebody who is not logged in."""
    with visitor(browser, served, locale="en-US") as opened:
        yield opened
    assert opened.mishaps == []


def test_the_skip_link_is_first_and_leads_to_the_content(visit: Visitor) -> None:
    visit.go("")
    visit.page.keyboard.press("Tab")
    skip = link(visit, "Skip to the content")
    assert has_focus(skip)
    assert skip.bounding_box()["x"] >= 0  # type: ignore[index]
    visit.page.keyboard.press("Enter")
    expect(visit.page.locator("main")).to_be_focused()


def test_a_visitor_logs_in_and_comes_to_the_wanted_page(stranger: Visitor) -> None:
    stranger.go("/audit?kind=token_created")
    token = stranger.page.get_by_label("Token", exact=True)
    expect(token).to_be_focused()
    stranger.page.keyboard.type(stranger.served.secrets["read"])
    stranger.page.keyboard.press("Enter")
    stranger.page.wait_for_url("**/audit?kind=token_created")
    assert "Logged in as token:read" in stranger.text("footer")


@pytest.mark.parametrize("secret", ["corvus_wrong", "proxy"])
def test_a_log_in_that_fails_says_why_at_the_field(stranger: Visitor, secret: str) -> None:
    stranger.go("/login")
    with stranger.page.expect_response("**/login") as answered:
        stranger.page.keyboard.type(stranger.served.secrets.get(secret, secret))
        stranger.page.keyboard.press("Enter")
    told = "This token is for model calls alone." if secret == "proxy" else "unknown or revoked"
    assert answered.value.status == (403 if secret == "proxy" else 401)
    token = stranger.page.get_by_label("Token", exact=True)
    expect(token).to_be_focused()
    expect(token).to_have_attribute("aria-invalid", "true")
    mistake = stranger.page.locator(f"#{token.get_attribute('aria-describedby')}")
    expect(mistake).to_have_attribute("role", "alert")
    expect(mistake).to_contain_text(told)
    assert token.input_value() == ""


def test_a_visitor_logs_out(visit: Visitor) -> None:
    visit.go("")
    visit.enter(button(visit, "Log out"))
    visit.page.wait_for_url("**/login")
    visit.go("/audit")
    assert visit.page.url.endswith("/login?next=%2Fdashboard%2Faudit")


def test_a_reset_is_confirmed_done_told_once_and_audited(visit: Visitor) -> None:
    visit.served.place.spend(150, "a")
    visit.served.place.spend(150, "b")
    visit.go("")
    assert meter(visit, "day") == "Budget day: $3.00 of $4.00, 75.0%, warning"
    visit.enter(link(visit, "Reset budget day"))
    visit.page.wait_for_url("**/reset?**")
    assert "$3.00 of 2 calls will no longer count." in visit.text()
    assert "Nothing is deleted" in visit.text()
    visit.write(visit.page.get_by_label("Reason"), "a run went astray")
    visit.enter(button(visit, "Reset budget day"))
    visit.page.wait_for_url(f"**{ROOT}")
    told = visit.page.get_by_role("status").filter(has_text="was reset")
    expect(told).to_contain_text("Budget day was reset: $3.00 of 2 calls no longer count.")
    assert meter(visit, "day") == "Budget day: $0.00 of $4.00, 0.0%, allowed"
    visit.page.reload()
    expect(visit.page.locator(".told")).to_have_count(0)
    visit.go("/audit?kind=reset_applied")
    row = visit.text("tbody tr")
    assert all(
        one in row for one in ("Budget reset day", "token:admin", "a run went astray", "$3.00")
    )


@pytest.mark.parametrize(
    "action",
    ["Reset budget day", pytest.param("Lift the next block", marks=pytest.mark.nightly)],
)
def test_cancelling_changes_nothing(visit: Visitor, action: str) -> None:
    visit.served.place.spend(150)
    visit.go("")
    visit.enter(link(visit, action))
    visit.page.wait_for_url(re.compile(r"/(reset|override)\b"))
    visit.enter(link(visit, "Cancel"))
    visit.page.wait_for_url(f"**{ROOT}")
    assert meter(visit, "day").startswith("Budget day: $1.50 of $4.00")
    expect(visit.page.locator(".told")).to_have_count(0)
    assert "Active override" not in visit.text()
    visit.go("/audit")
    rows = visit.text("tbody")
    assert "Token created" in rows
    assert "Budget reset" not in rows
    assert "Block lifted" not in rows


@pytest.mark.parametrize("session", [pytest.param("", marks=pytest.mark.nightly), "a"])
def test_an_override_is_confirmed_done_shown_as_active_and_audited(
    visit: Visitor, session: str
) -> None:
    where = f"?session={session}" if session else ""
    visit.go(where)
    visit.enter(link(visit, "Lift the next block"))
    visit.page.wait_for_url("**/override?**")
    assert "passes once, whatever it costs. Then the block is back." in visit.text()
    assert visit.page.get_by_label("Session").input_value() == session
    visit.tab_to(visit.page.get_by_label("Ends unused after"))
    visit.page.keyboard.type("8")
    visit.write(visit.page.get_by_label("Reason"), "the release")
    visit.enter(button(visit, "Lift the next block"))
    visit.page.wait_for_url(f"**{ROOT}{where}")
    lifted = f"The next block of {f'session {session}' if session else 'any session'} is lifted"
    expect(visit.page.locator(".told")).to_contain_text("is lifted, until")
    shown = visit.page.locator(".note").filter(has_text="Active override")
    expect(shown).to_contain_text(lifted)
    expect(shown).to_contain_text("Granted by token:admin: “the release”")
    visit.go("/audit?kind=override_granted")
    row = visit.text("tbody tr")
    assert all(one in row for one in ("Block lifted in advance", "token:admin", "the release"))
    visit.go(f"/override{where}")
    assert "It takes the place of the override that token:admin granted." in visit.text()


def test_a_limit_is_changed_at_once_and_the_file_keeps_its_comments(visit: Visitor) -> None:
    place = visit.served.place
    change(place, "daily_limit_usd = 4", "daily_limit_usd = 4 # agreed in March")
    visit.go("/config")
    visit.enter(link(visit, "Change limits"))
    visit.page.wait_for_url("**/limits?**")
    visit.write(visit.page.get_by_label("Limit per day in USD"), "5.25")
    visit.page.keyboard.press("Enter")
    visit.page.wait_for_url("**/config")
    expect(visit.page.locator(".told")).to_contain_text("cost.daily_limit_usd 4 → 5.25")
    assert "daily_limit_usd = 5.25 # agreed in March" in place.config.read_text()
    visit.go("")
    assert meter(visit, "day") == "Budget day: $0.00 of $5.25, 0.0%, allowed"
    visit.go("/audit?kind=limits_changed")
    assert "$4.00 → $5.25" in visit.text("tbody tr")


def test_a_wrong_limit_is_told_at_its_field_and_changes_nothing(visit: Visitor) -> None:
    before = visit.served.place.config.read_text()
    visit.go("/limits")
    field = visit.page.get_by_label("Limit per day in USD")
    other = visit.page.get_by_label("Limit per session in USD")
    visit.write(other, "1.5")
    for wrong in ("-3", "lots", "1e", '4"', "[1]"):
        visit.write(field, wrong)
        with visit.page.expect_response("**/limits") as answered:
            visit.page.keyboard.press("Enter")
        assert answered.value.status == 422
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(visit.page.locator(f"#{field.get_attribute('aria-describedby')}")).not_to_be_empty()
        assert field.input_value() == wrong
        assert other.input_value() == "1.5"
        assert visit.served.place.config.read_text() == before
    visit.go("")
    assert meter(visit, "day") == "Budget day: $0.00 of $4.00, 0.0%, allowed"


def test_a_token_of_scope_read_sees_no_action_and_is_refused(stranger: Visitor) -> None:
    stranger.log_in("read")
    for address in ("", "/sessions/one?id=a", "/config"):
        assert stranger.go(address) == 200
        text = stranger.text()
        assert "Reset" not in text
        assert "Lift the next block" not in text
        assert "Change limits" not in text
    for address in ("/reset?budget=day", "/override", "/limits"):
        assert stranger.go(address) == 403
        assert "Your token may only look" in stranger.text("h1")
        assert "log in with a token of scope admin" in stranger.text()


def test_a_reset_is_offered_while_overrides_are_off(browser: Browser, tmp_path: Path) -> None:
    place = Place(tmp_path)
    change(place, "allow_override = true", "allow_override = false")
    place.spend(150)
    with serving(place) as served, visitor(browser, served, locale="en-US") as opened:
        opened.log_in()
        opened.go("")
        expect(link(opened, "Lift the next block")).to_have_count(0)
        opened.enter(link(opened, "Reset budget day"))
        opened.page.wait_for_url("**/reset?**")
        opened.enter(button(opened, "Reset budget day"))
        expect(opened.page.locator(".told")).to_contain_text("Budget day was reset")
        assert opened.go("/override") == 409
        assert "overrides are switched off" in opened.text()
    assert opened.mishaps == []


def test_disabled_governance_is_said_and_offers_nothing(browser: Browser, tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.config.write_text(CONFIG.replace("enabled = true", "enabled = false"))
    with serving(place) as served, visitor(browser, served, locale="en-US") as opened:
        opened.log_in()
        opened.go("")
        assert "Governance is disabled: spend is shown, nothing is enforced." in opened.text()
        assert "Reset" not in opened.text()
        assert opened.go("/reset?budget=day") == 409
    assert opened.mishaps == []
