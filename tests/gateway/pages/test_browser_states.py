"""What the pages say of unusual states: nothing yet, too much, and something broken."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from corvus.base.time import SystemClock
from corvus.ledger.ledger import open_ledger
from tests.cli.places import CENT, Place
from tests.gateway.conftest import Served
from tests.gateway.pages.browsing import Visitor, serving, visitor
from tests.gateway.pages.scenery import LONG_MODEL, spend

BUDGETS = {
    "none": ("0.0%", "allowed", "✓"),
    "below": ("79.9%", "allowed", "✓"),
    "near": ("80.0%", "warning", "!"),
    "full": ("100.0%", "warning", "!"),  # what costs nothing still fits
    "over": ("250.0%", "exceeded", "✕"),
}
_BUDGET = """
[[cost.budgets]]
name = "{name}"
period = "day"
limit_usd = 1000
warn_at_percent = 80
match = {{ project = "{name}" }}
"""
_CONFIG = """
[cost]
enabled = true
session_limit_usd = 0
daily_limit_usd = 0
monthly_limit_usd = 5000000
unpriced_models = "warn"
"""
_SESSIONS = 10_000


@pytest.fixture
def open_page(browser: Browser, served: Served) -> Generator[Visitor]:
    """Somebody at a gateway that will break."""
    with visitor(browser, served, reduced_motion="reduce", locale="en-US") as opened:
        opened.log_in()
        yield opened


def test_before_the_first_call_each_page_says_what_to_do(visit: Visitor) -> None:
    for address in ("", "/history", "/sessions", "/missions", "/sessions/one?id=a"):
        assert visit.go(address) == 200
        main = visit.page.locator("main")
        expect(main).to_contain_text("Nothing was recorded yet.")
        expect(main).to_contain_text("corvus agent -- COMMAND")


def test_a_broken_store_is_told_as_what_it_is_until_it_answers(open_page: Visitor) -> None:
    store = open_page.served.place.store
    aside = store.with_suffix(".aside")
    open_page.go("")
    store.rename(aside)
    store.write_bytes(b"another file in its place")
    lost = open_page.page.locator("#lost")
    expect(lost).to_be_visible(timeout=15_000)
    expect(lost).to_contain_text("The store of budgets cannot answer")
    aside.replace(store)
    expect(lost).to_be_hidden(timeout=15_000)
    expect(open_page.page.locator(".figure").first).to_be_visible()
    store.rename(aside)
    store.write_bytes(b"another file in its place")
    open_page.page.wait_for_timeout(1100)  # tokens are remembered for a second
    assert open_page.go("/sessions") == 503
    assert "The store of budgets cannot answer" in open_page.text("h1")
    aside.replace(store)
    assert open_page.go("/sessions") == 200


def test_a_broken_ledger_leaves_the_budgets(browser: Browser, tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.spend(150)
    with serving(place) as served, visitor(browser, served, locale="en-US") as opened:
        opened.log_in()
        served.place.ledger.unlink(missing_ok=True)
        served.place.ledger.write_bytes(os.urandom(8192))
        assert opened.go("") == 200
        expect(opened.page.locator(".figure").first).to_contain_text("$1.50 of")
        expect(opened.page.locator(".mistake")).to_have_count(3)
        assert "The ledger cannot be read now" in opened.text(".columns")
        assert opened.go("/history") == 503
        assert "budgets do not need it" in opened.text()
    assert opened.mishaps == []


def test_ten_thousand_sessions_are_shown_in_pages(browser: Browser, tmp_path: Path) -> None:
    place = Place(tmp_path)
    with open_ledger(place.ledger, write=True) as ledger:
        ledger.connection.execute(
            """
            INSERT INTO usage_record (
                id, calls, requested_at, admitted_at, settled_at, session_id, surface, provider,
                requested_model, input_tokens, output_tokens, cache_read_tokens,
                cache_write_5m_tokens, cache_write_1h_tokens, reasoning_tokens,
                web_search_requests, cost_nano_usd, source, outcome)
            SELECT uuidv7(), 1, moment, moment, moment, 'session-' || n, 'import', 'p', 'm',
                10, 0, 0, 0, 0, 0, 0, n * 1000, 'imported', 'completed'
            FROM (SELECT n, TIMESTAMP '2026-01-01' + n * INTERVAL 1 MINUTE AS moment
                  FROM range(1, $sessions + 1) AS numbers (n))
            """,
            {"sessions": _SESSIONS},
        )
        ledger.fill_roll_ups(SystemClock())
    with serving(place) as served, visitor(browser, served, locale="en-US") as opened:
        opened.log_in()
        opened.go("/sessions")
        pages = opened.page.get_by_role("navigation", name="Pages of the list")
        expect(pages).to_contain_text("1 to 50 of 10,000")
        expect(opened.page.locator("tbody tr")).to_have_count(50)
        opened.enter(pages.get_by_role("link", name="Next"))
        expect(pages).to_contain_text("51 to 100 of 10,000")
        opened.go("/sessions?page=200")
        expect(pages).to_contain_text("9,951 to 10,000 of 10,000")
        expect(pages.get_by_role("link", name="Next")).to_have_count(0)
    assert opened.mishaps == []


@pytest.fixture(scope="module")
def extremes(tmp_path_factory: pytest.TempPathFactory) -> Generator[Served]:
    """Budgets at and around their bounds, and amounts far apart."""
    place = Place(tmp_path_factory.mktemp("extremes"))
    budgets = "".join(_BUDGET.format(name=name) for name in BUDGETS)
    place.config.write_text(_CONFIG + budgets)
    cents = {"below": 79_999, "near": 80_000, "full": 100_000, "over": 250_000}
    with place.governor() as governor:
        for name, amount in cents.items():
            spend(governor, amount * CENT, name, project=name)
        spend(governor, 4_000, "small", model="tiny")
        spend(governor, 4_000_000 * 100 * CENT, "large", model=LONG_MODEL)
        spend(governor, None, "unknown", model="unheard-of")
    with serving(place) as served:
        yield served


def test_each_state_is_told_by_word_glyph_and_meter(browser: Browser, extremes: Served) -> None:
    with visitor(browser, extremes, locale="en-US") as opened:
        opened.log_in()
        opened.go("")
        for name, (percent, word, glyph) in BUDGETS.items():
            card = opened.page.locator("article").filter(
                has=opened.page.get_by_role("heading", name=f"{name} per day", exact=True)
            )
            expect(card.locator(".state")).to_have_text(f"{glyph} {word}")
            meter = card.get_by_role("meter")
            told = meter.get_attribute("aria-valuetext") or ""
            assert told.startswith(f"Budget {name}: ")
            assert told.endswith(f", {percent}, {word}")
            assert 0 <= float(meter.get_attribute("aria-valuenow") or "-1") <= 100
            spent = card.locator("rect.spent")
            assert float(spent.get_attribute("width") or "-1") <= 100
        assert "1 call of 7 has no price and is in none of these sums" in opened.text()
    assert opened.mishaps == []


@pytest.mark.parametrize(
    ("locale", "amounts"),
    [
        ("en-US", ("$0.000004", "$4,000,000.0000", "unknown")),
        pytest.param(
            "es-ES",
            ("0,000004 US$", "4.000.000,0000 US$", "desconocido"),
            marks=pytest.mark.nightly,
        ),
    ],
)
def test_the_smallest_and_the_largest_amount_are_written_out(
    browser: Browser, extremes: Served, locale: str, amounts: tuple[str, ...]
) -> None:
    with visitor(browser, extremes, width=360, locale=locale) as opened:
        opened.log_in()
        for session, amount in zip(("small", "large", "unknown"), amounts, strict=True):
            opened.go(f"/sessions/one?id={session}")
            assert amount in opened.text("tbody >> nth=-1").replace("\xa0", " "), session
            assert opened.overflow() <= 0
        for address in ("", "/history", "/sessions", "/reports/spend/by-model"):
            opened.go(address)
            if address != "/sessions":  # the overview may read it after it is shown
                expect(opened.page.locator("main")).to_contain_text(LONG_MODEL)
            assert opened.overflow() <= 0, address
    assert opened.mishaps == []
