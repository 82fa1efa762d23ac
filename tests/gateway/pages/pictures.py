"""Pictures of every page: ``python -m tests.gateway.pages.pictures FOLDER [NAME…]``.

Each page is kept at four widths, light and dark, in English, and in Spanish at one width. They are
to be looked at, and are not committed.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, sync_playwright

from tests.conftest import record_calls_into
from tests.gateway.conftest import Served
from tests.gateway.pages.browsing import Visitor, visitor
from tests.gateway.pages.looks import OF_A_ROW, OPENED, PAGES, busy_gateway

WIDTHS = (360, 768, 1280, 1920)
_HEIGHT = 900
_LOOKS = [
    *(("en-US", width, scheme) for scheme in ("light", "dark") for width in WIDTHS),
    ("es-MX", 1280, "light"),
]


def main(folder: Path, names: Sequence[str]) -> int:
    """Make the pictures of the pages named, or of all."""
    folder.mkdir(parents=True, exist_ok=True)
    with (
        TemporaryDirectory() as place,
        busy_gateway(Path(place), record_calls_into) as served,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        for locale, width, scheme in _LOOKS:
            _look(browser, served, folder, names, (locale, width, scheme))
        browser.close()
    return 0


def _look(
    browser: Browser,
    served: Served,
    folder: Path,
    names: Sequence[str],
    look: tuple[str, int, str],
) -> None:
    locale, width, scheme = look
    options: dict[str, object] = {"color_scheme": scheme, "reduced_motion": "reduce"}
    with visitor(browser, served, width=width, locale=locale, **options) as opened:
        opened.log_in()
        for name in names or (*PAGES, *OF_A_ROW, *OPENED):
            go(opened, name)
            opened.page.wait_for_timeout(200)
            file = folder / f"{slug(name)}-{width}-{scheme}-{locale[:2]}.png"
            opened.page.screenshot(path=file, full_page=True)


def go(opened: Visitor, name: str) -> int:
    """Open a page by its name, and return the status of its answer."""
    if name in PAGES:
        return opened.go(PAGES[name])
    if name in OPENED:
        page, pressed = OPENED[name]
        status = opened.go(page)
        opened.page.locator(pressed).first.click()
        return status
    page, link = OF_A_ROW[name]
    opened.go(page)
    address = opened.page.locator(link).first.get_attribute("href")
    assert address is not None
    return opened.go(address.removeprefix("/dashboard"))


def slug(name: str) -> str:
    """Return a name for a file."""
    return re.sub(r"[^a-z0-9]+", "-", name)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
