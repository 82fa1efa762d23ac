"""Pages keep up to date by themselves, and say so when they cannot (DSH-3)."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Generator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from corvus.governor import tokens
from tests.cli.places import ROOT as CHECKOUT
from tests.cli.places import Place
from tests.gateway.conftest import Served
from tests.gateway.pages.browsing import Visitor, visitor

_SPEND = """
import sys
from pathlib import Path
from tests.cli.places import Place
place = Place.__new__(Place)
place.config, place.ledger, place._clock = Path(sys.argv[1]), Path(sys.argv[2]), None
place.spend(int(sys.argv[3]), "elsewhere")
"""


def spend_elsewhere(place: Place, cents: int) -> None:
    """Spend in another process."""
    words = [sys.executable, "-c", _SPEND, str(place.config), str(place.ledger), str(cents)]
    subprocess.run(words, check=True, timeout=60, env=place.environment(), cwd=CHECKOUT)


def figure(opened: Visitor) -> Locator:
    """Return what is spent of the budget for the day."""
    return opened.page.locator("article", has_text="day per day").locator(".figure")


def headline(opened: Visitor) -> Locator:
    return opened.page.locator("#headline")


def feed(page: Page, **message: Any) -> None:
    """Hand a message of the stream to the page's own script."""
    page.evaluate("message => window.feed(JSON.stringify(message))", message)


def cut_stream(opened: Visitor) -> None:
    """Let no stream through, as a proxy between does that waits for the end of an answer."""
    opened.page.route("**/dashboard/live?**", lambda route: route.abort())


@pytest.fixture
def open_page(browser: Browser, served: Served) -> Generator[Visitor]:
    """Somebody whose connection may fail."""
    with visitor(browser, served, reduced_motion="reduce", locale="en-US") as opened:
        opened.log_in()
        yield opened


def test_spend_of_another_process_appears_without_a_reload(visit: Visitor) -> None:
    visit.go("")
    visit.page.evaluate("window.isSamePage = true")
    expect(figure(visit)).to_contain_text("$0.00 of $4.00")
    spend_elsewhere(visit.served.place, 150)
    expect(figure(visit)).to_contain_text("$1.50 of $4.00")
    assert visit.page.evaluate("window.isSamePage")


def test_what_is_open_stays_open_and_the_focus_stays_where_it_is(visit: Visitor) -> None:
    place = visit.served.place
    place.spend(50)
    visit.go("")
    table = visit.page.locator("details#days-data")
    visit.enter(table.locator("summary"))
    expect(table).to_have_attribute("open", "")
    visit.tab_to(visit.page.locator("#reset-day"))
    place.spend(10)
    expect(figure(visit)).to_contain_text("$0.60 of $4.00")
    expect(table).to_have_attribute("open", "")
    expect(visit.page.locator("#reset-day")).to_be_focused()


def test_the_headline_changes_only_when_the_state_does(visit: Visitor) -> None:
    """It is read out to whoever cannot see the page: each change interrupts them."""
    place = visit.served.place
    visit.go("")
    expect(headline(visit)).to_have_text("All within limits.")
    visit.page.evaluate(
        """() => {
            window.told = [];
            new MutationObserver(() => window.told.push(headline.textContent)).observe(
                headline, {childList: true, characterData: true, subtree: true});
        }"""
    )
    for session, told in [("a", []), ("b", ["Near the limit: budget day."])]:
        place.spend(150, session)
        expect(figure(visit)).to_contain_text("$1.50 of" if session == "a" else "$3.00 of")
        assert visit.page.evaluate("window.told") == told
    expect(headline(visit)).to_have_attribute("role", "status")


def test_a_late_answer_never_replaces_a_newer_one(browser: Browser, served: Served) -> None:
    with visitor(browser, served) as opened:
        opened.page.add_init_script(
            """window.EventSource = class {
                constructor() { window.feed = text => this.onmessage({data: text}); }
                addEventListener() {}
                close() {}
            };"""
        )
        opened.log_in()
        opened.go("")
        page, live = opened.page, opened.page.locator("#live")
        run, number = page.evaluate("[document.body.dataset.run, +document.body.dataset.number]")
        feed(page, run=run, number=number + 2, html="<p>newer</p>", headline="b")
        feed(page, run=run, number=number + 1, html="<p>late</p>", headline="a")
        expect(live).to_have_text("newer")
        expect(headline(opened)).to_have_text("b")
        feed(page, run="another", number=1, html="<p>after a restart</p>", headline="c")
        expect(live).to_have_text("after a restart")
    assert opened.mishaps == []


def test_without_a_stream_the_page_asks_instead(open_page: Visitor) -> None:
    cut_stream(open_page)
    open_page.go("")
    with open_page.page.expect_response("**/live/once?**") as answered:
        open_page.served.place.spend(150)
    assert answered.value.status == 200
    expect(figure(open_page)).to_contain_text("$1.50 of $4.00", timeout=8000)
    expect(open_page.page.locator("#lost")).to_be_hidden()


def test_a_held_answer_is_dropped_when_a_newer_one_came_first(open_page: Visitor) -> None:
    held: list[Route] = []
    open_page.page.route("**/dashboard/live/once?**", lambda route: held.append(route))
    open_page.go("")
    page = open_page.page
    old = page.context.request.get(
        f"{open_page.served.url}/dashboard/live/once?page=%2Fdashboard"
    ).text()
    open_page.served.place.spend(150)
    expect(figure(open_page)).to_contain_text("$1.50 of $4.00")
    cut_stream(open_page)
    open_page.served.stop()
    page.wait_for_timeout(100)
    for _ in range(100):
        if held:
            break
        page.wait_for_timeout(50)
    held[0].fulfill(status=200, content_type="application/json", body=old)
    page.wait_for_timeout(200)
    expect(figure(open_page)).to_contain_text("$1.50 of $4.00")
    open_page.served.start(open_page.served.port)


def test_a_lost_connection_is_said_and_found_again_at_a_restart(open_page: Visitor) -> None:
    served = open_page.served
    open_page.go("")
    lost = open_page.page.locator("#lost")
    expect(lost).to_be_hidden()
    begun = time.monotonic()
    served.stop()
    assert time.monotonic() - begun < 3, "an open page must not keep the gateway from stopping"
    expect(lost).to_be_visible(timeout=8000)
    expect(lost).to_have_attribute("role", "alert")
    expect(lost).to_contain_text("The connection to the gateway is lost.")
    served.place.spend(150)
    open_page.page.route("**/dashboard/live**", lambda route: route.abort())
    served.start(served.port)
    open_page.log_in()  # a visit ends with the process, and the page is not to ask before
    open_page.page.unroute("**/dashboard/live**")
    expect(lost).to_be_hidden(timeout=12_000)
    expect(figure(open_page)).to_contain_text("$1.50 of $4.00", timeout=12_000)


def test_a_revoked_token_ends_the_visit_and_the_page_says_so(open_page: Visitor) -> None:
    open_page.go("")
    with open_page.served.place.runtime.bookkeeping.store() as store:
        store.run(lambda unit: tokens.revoke(unit, "admin", "ana"))
    lost = open_page.page.locator("#lost")
    expect(lost).to_contain_text("Your log-in has ended.")
    again = lost.get_by_role("link", name="Log in again")
    expect(again).to_be_visible()
    open_page.enter(again)
    open_page.page.wait_for_url("**/login?next=**")


def test_nothing_moves_for_whoever_wants_no_motion(browser: Browser, served: Served) -> None:
    served.place.spend(50)
    with visitor(browser, served, reduced_motion="reduce") as opened:
        opened.log_in()
        opened.go("")
        durations = "getComputedStyle(document.querySelector('rect.spent')).transitionDuration"
        assert opened.page.evaluate(durations) == "0s"
        opened.page.emulate_media(reduced_motion="no-preference")
        assert opened.page.evaluate(durations) == "0.4s, 0.4s"
    assert opened.mishaps == []
