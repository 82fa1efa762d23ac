"""An operator at night: pickers by keyboard, pauses, two tabs, ended log-ins, second clicks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, expect

from corvus.governor import tokens
from tests.gateway.conftest import Served
from tests.gateway.pages.browsing import ROOT, Visitor, has_focus, visitor
from tests.gateway.test_approvals import AskingPlace, parked, reserve


@pytest.fixture
def asking(tmp_path: Path) -> Iterator[Served]:
    gateway = Served(AskingPlace(tmp_path))
    yield gateway
    gateway.stop()


def day_figure(opened: Visitor) -> Locator:
    return opened.page.locator("article", has_text="day per day").locator(".figure")


def test_a_span_is_chosen_by_keyboard_and_the_address_keeps_it(visit: Visitor) -> None:
    visit.served.place.spend(10)
    visit.go("/history?by=project")
    page = visit.page
    picker = page.locator("#span summary")
    visit.enter(picker)
    visit.write(page.get_by_label("From"), "2026-01-01")
    visit.write(page.get_by_label("Until"), "2026-01")
    page.keyboard.press("Enter")
    page.wait_for_url("**since=2026-01-01&until=2026-01**")
    assert "by=project" in page.url
    expect(picker).to_contain_text("1 Jan 2026 to 31 Jan 2026")
    expect(page.locator("main")).to_contain_text("Nothing was recorded in this time")
    visit.enter(picker)
    visit.enter(page.get_by_role("link", name="This month"))
    page.wait_for_url("**since=this-month**")
    assert "until" not in page.url
    assert "by=project" in page.url
    expect(page.locator("#over-time")).to_contain_text("$0.10")


def test_what_is_no_time_is_said_at_its_field_and_escape_closes_the_picker(visit: Visitor) -> None:
    visit.served.place.spend(10)
    page = visit.page
    for address in ("/history", "/sessions", "/audit", "/missions", "/reports/spend/by-model"):
        assert visit.go(f"{address}?since=someday") == 422
        field = page.get_by_label("From")
        expect(field).to_be_visible()
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(field).to_have_value("someday")
        expect(page.locator("#since-mistake")).to_contain_text("“someday” is not a time.")
        visit.tab_to(field)
        page.keyboard.press("Escape")
        expect(field).to_be_hidden()
        assert has_focus(page.locator("#span summary"))
    page.locator("#span summary").click()
    page.locator("h1").click()
    expect(page.get_by_label("From")).to_be_hidden()


def test_a_paused_page_stays_as_it_is_and_goes_on_from_now(visit: Visitor) -> None:
    place = visit.served.place
    visit.go("")
    expect(day_figure(visit)).to_contain_text("$0.00 of $4.00")
    pause = visit.page.locator("#pause")
    visit.enter(pause)
    expect(pause).to_have_text("● Paused")
    place.spend(150)
    visit.page.wait_for_timeout(3000)
    expect(day_figure(visit)).to_contain_text("$0.00 of $4.00")
    visit.enter(pause)
    expect(pause).to_have_text("● Live")
    expect(day_figure(visit)).to_contain_text("$1.50 of $4.00")


def test_a_double_click_decides_once(browser: Browser, asking: Served) -> None:
    call = reserve(asking)
    one = parked(asking)
    with visitor(browser, asking, locale="en-US") as opened:
        opened.log_in()
        opened.go("")
        expect(opened.page.locator(".note")).to_contain_text("1 call waits for a person.")
        opened.page.get_by_role("link", name="Decide").click()
        opened.page.get_by_role("link", name="Decide on the call of m").click()
        opened.page.get_by_role("button", name="Let it pass once").dblclick()
        expect(opened.page.locator(".told")).to_contain_text("The call of m passes once.")
        assert call.join().status_code == 201
        assert opened.go(f"/approve?id={one['id']}") == 404
        assert "It is over" in opened.text()
    assert opened.mishaps == []


def test_who_decides_in_a_second_tab_is_told_that_it_is_over(
    browser: Browser, asking: Served
) -> None:
    call = reserve(asking)
    one = parked(asking)
    with visitor(browser, asking, locale="en-US") as opened:
        opened.log_in()
        opened.go(f"/approve?id={one['id']}")
        other = opened.page.context.new_page()
        other.goto(f"{asking.url}{ROOT}/approve?id={one['id']}")
        other.get_by_role("button", name="Refuse it").click()
        expect(other.locator(".told")).to_contain_text("The call of m is refused.")
        assert call.join().status_code == 402
        opened.page.get_by_role("button", name="Let it pass once").click()
        expect(opened.page.locator("h1")).to_have_text("It is over")
        expect(opened.page.locator("main")).to_contain_text("This call waits no longer")


def test_an_ended_log_in_leads_back_to_the_form_with_what_it_is_about(
    browser: Browser, served: Served
) -> None:
    served.place.spend(150)
    with visitor(browser, served, locale="en-US") as opened:
        opened.log_in()
        opened.go("/reset?budget=day")
        with served.place.runtime.bookkeeping.store() as store:
            held = store.run(tokens.good)
            (own,) = [one for one in held if one.scope == "admin"]
            store.run(lambda unit: tokens.revoke(unit, own.id, "ana"))
        opened.page.wait_for_timeout(1500)  # a gateway hears of it within a second
        opened.page.get_by_label("Reason").fill("private words")
        opened.page.get_by_role("button", name="Reset budget day").click()
        opened.page.wait_for_url("**/login?**")
        assert "private" not in opened.page.url
        assert "Your log-in had ended, and nothing was changed." in opened.text()
        opened.page.get_by_label("Token", exact=True).fill(served.secrets["read"])
        opened.page.keyboard.press("Enter")
        opened.page.wait_for_url("**/reset?**")
        assert "budget=day" in opened.page.url
    assert served.place.spent("day") == 150


def test_back_after_a_reset_shows_what_it_would_do_now(visit: Visitor) -> None:
    visit.served.place.spend(150)
    visit.go("/reset?budget=day")
    assert "$1.50 of 1 call will no longer count." in visit.text()
    visit.page.get_by_role("button", name="Reset budget day").click()
    expect(visit.page.locator(".told")).to_contain_text("Budget day was reset")
    visit.page.go_back()
    expect(visit.page.locator("main")).to_contain_text("$0.00 of 0 calls will no longer count.")
    visit.page.get_by_role("button", name="Reset budget day").click()
    expect(visit.page.locator(".told")).to_contain_text("$0.00 of 0 calls")


def test_a_drawing_is_chosen_kept_in_the_address_and_downloaded(visit: Visitor) -> None:
    visit.served.place.spend(10, "a")
    visit.served.place.spend(20, "b")
    page = visit.page
    visit.go("/reports/spend/by-session?since=last-7-days")
    visit.enter(page.locator("#draw summary"))
    page.get_by_label("Chart", exact=True).select_option("line")
    page.get_by_label("As long as").select_option("calls")
    page.get_by_role("button", name="Draw it").click()
    page.wait_for_url("**chart=line**")
    assert "since=last-7-days" in page.url
    expect(page.get_by_role("img")).to_have_accessible_name("calls for each session")
    with page.expect_download() as told:
        page.locator("#svg").click()
    drawn = told.value.path().read_text()
    assert told.value.suggested_filename == "spend-by-session.svg"
    assert drawn.startswith("<svg")
    assert ">1<" in drawn
