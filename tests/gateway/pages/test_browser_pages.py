"""Every page in a real browser: languages, schemes and widths (DSH-1, DSH-2)."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.conftest import RecordCalls
from tests.gateway.conftest import Served
from tests.gateway.pages.browsing import ROOT, Visitor, axe_text, visitor
from tests.gateway.pages.looks import OF_A_ROW, OPENED, PAGES, STATUSES, busy_gateway
from tests.gateway.pages.pictures import go, slug

LANGUAGES = {"en": "en-US", "es": "es-MX"}
IN_SPANISH = {"overview", "report by model", "reset", "parts", "tokens"}
"""Pages that are looked at in Spanish, too, with each run; the others by night."""
IN_FULL = {"overview", "parts", "history", "report by model", "limits", "tokens", "picker"}
"""Pages that are looked at in the dark with each run; the others by night."""
NAMES = (*PAGES, *OF_A_ROW, *OPENED)
CASES = [
    pytest.param(
        name,
        language,
        is_full,
        marks=[] if by_day else [pytest.mark.nightly],
        id=f"{name} {language}{' in full' if is_full else ''}",
    )
    for name in NAMES
    for language in LANGUAGES
    for is_full in (False, True)
    if is_full or name not in IN_FULL
    for by_day in [is_full == (name in IN_FULL) and (language == "en" or name in IN_SPANISH)]
]
"""Of each page what is looked at: its language, and whether in every scheme and width."""
PHONE, TABLET, DESKTOP, WALL = 360, 768, 1280, 1920
_RUN = "axe.run(document, {resultTypes: ['violations']%s}).then(all => all.violations)"
ALL_RULES = _RUN % ""
COLOURS = _RUN % ", runOnly: ['color-contrast']"


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory, record_calls: RecordCalls) -> Generator[Served]:
    with busy_gateway(tmp_path_factory.mktemp("busy"), record_calls) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def visitors(browser: Browser, busy: Served) -> Generator[dict[str, Visitor]]:
    """A visitor of each language; one log-in serves all pages."""
    with ExitStack() as opened:
        found: dict[str, Visitor] = {}
        for language, locale in LANGUAGES.items():
            found[language] = opened.enter_context(visitor(browser, busy, locale=locale))
            found[language].log_in()
        found["en"].go("")
        read = found["en"].page.locator("#days-data")  # shown when the ledger was read
        expect(read).to_be_visible(timeout=30_000)
        yield found


def violations(opened: Visitor, script: str) -> list[tuple[str, list[str]]]:
    """Return the rules that axe sees violated, and where."""
    told: list[dict[str, Any]] = opened.page.evaluate(script)
    return [(one["id"], [node["html"][:200] for node in one["nodes"][:3]]) for one in told]


def picture(opened: Visitor, name: str) -> None:
    """Keep how a page looks, where a folder for that is named."""
    if not (folder := os.environ.get("SCREENSHOTS_FOLDER")):
        return
    Path(folder).mkdir(parents=True, exist_ok=True)
    file = Path(folder, f"{slug(name)}.png")
    opened.page.screenshot(path=file, full_page=True)


@pytest.mark.parametrize(("name", "language", "is_full"), CASES)
def test_a_page_is_sound_in_every_scheme_and_width(
    visitors: dict[str, Visitor], name: str, language: str, is_full: bool
) -> None:
    opened = visitors[language]
    opened.mishaps.clear()
    page, axe = opened.page, axe_text()
    page.set_viewport_size({"width": DESKTOP, "height": 900})
    page.emulate_media(color_scheme="light")
    assert go(opened, name) == STATUSES.get(name, 200)
    assert page.get_attribute("html", "lang") == language
    if language == "en":
        picture(opened, f"{name} desktop light")
    found = {"light": violations(opened, f"{axe};{ALL_RULES}")}
    page.emulate_media(color_scheme="dark")
    if is_full and language == "en":  # a scheme changes colours alone, a language none of them
        found["dark"] = violations(opened, COLOURS)
    assert not any(found.values()), found
    if language == "en":
        picture(opened, f"{name} desktop dark")
    for width in (DESKTOP, TABLET, WALL, PHONE):
        page.set_viewport_size({"width": width, "height": 900})
        assert opened.overflow() <= 0, width
        if language == "en" and is_full:
            picture(opened, f"{name} {width} dark")
    if language == "en":
        picture(opened, f"{name} phone dark")
    assert opened.mishaps == []


def test_a_chosen_language_lasts(browser: Browser, busy: Served) -> None:
    with visitor(browser, busy, locale="en-US") as opened:
        opened.log_in()
        opened.go("")
        page = opened.page
        opened.enter(page.get_by_role("link", name="Español"))
        page.wait_for_url("**lang=es**")
        for address in ("", "/sessions", "/nowhere", "/login"):
            opened.go(address)
            assert page.get_attribute("html", "lang") == "es", address
        opened.enter(page.get_by_role("link", name="English"))
        page.wait_for_url("**lang=en**")
        opened.go("/sessions")
        assert page.get_attribute("html", "lang") == "en"
    assert opened.mishaps == []


def test_the_watch_of_these_tests_sees_what_it_looks_for(browser: Browser, busy: Served) -> None:
    """What never complains proves nothing: three things that must be seen, made on purpose."""
    with visitor(browser, busy) as opened:
        opened.log_in()
        opened.go("")
        opened.page.evaluate(
            """() => {
                const wide = document.createElement("div");
                wide.innerHTML = '<img src="https://stranger.invalid/x.png"><p style="top: 0">x';
                document.body.append(wide);
                const script = document.createElement("script");
                script.text = "1";
                document.body.append(script);
                fetch("/dashboard/live/once?page=/nowhere");
            }"""
        )
        opened.page.wait_for_timeout(300)
        seen = "\n".join(opened.mishaps)
    assert "script-src" in seen
    assert "style-src" in seen
    assert "img-src" in seen
    assert f"401: {busy.url}{ROOT}/live/once?page=/nowhere" in seen
