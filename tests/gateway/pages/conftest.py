"""A browser, and gateways with pages to look at."""

from __future__ import annotations

import shutil
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.cli.places import Place
from tests.gateway.conftest import Served
from tests.gateway.pages.browsing import Visitor, serving, visitor


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real browser.

    It lives for one module: playwright keeps an event loop running in this thread, and tests of
    other folders that share the worker start loops of their own.
    """
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("there is no chromium: apt-get install chromium")
    expect.set_options(timeout=30_000)  # pages are looked at beside other tests
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def served(tmp_path: Path) -> Generator[Served]:
    with serving(Place(tmp_path)) as gateway:
        yield gateway


@pytest.fixture
def visit(browser: Browser, served: Served) -> Generator[Visitor]:
    """Somebody who may change things, at a gateway of their own; nothing may go wrong unseen."""
    with visitor(browser, served, reduced_motion="reduce", locale="en-US") as opened:
        opened.log_in()
        yield opened
    assert opened.mishaps == []
