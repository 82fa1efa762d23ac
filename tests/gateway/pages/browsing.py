"""A visitor of the dashboard: a browser's page that hears of every mishap, and a keyboard."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Request,
    Response,
)

from tests.cli.places import Place
from tests.gateway.conftest import Served
from tests.gateway.proxied import undrained

ROOT = "/dashboard"
AXE = "axe-core@4.14.1"
_TABS_MAX = 80


class Visitor:
    """A page of a browser, logged in or not.

    Attributes:
        mishaps: What went wrong so far, by the browser's own word: errors on the console, such as
            a violated CSP, failed requests, and requests to other hosts.
    """

    def __init__(self, page: Page, served: Served) -> None:
        self.page = page
        self.served = served
        self.mishaps: list[str] = []
        self._host = urlsplit(served.url).netloc
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.mishaps.append(f"script: {error}"))
        page.on("request", self._see)
        page.on("requestfailed", self._miss)
        page.on("response", self._answer)

    def go(self, address: str) -> int:
        """Open a page, below the root of the dashboard, and return the status of its answer."""
        answer = self.page.goto(f"{self.served.url}{ROOT}{address}")
        assert answer is not None
        return answer.status

    def log_in(self, scope: str = "admin") -> None:
        """Begin a visit as the form does, without the page."""
        answer = self.page.context.request.post(
            f"{self.served.url}{ROOT}/login",
            form={"token": self.served.secrets[scope]},
            headers={"origin": self.served.url},
            max_redirects=0,
        )
        assert answer.status == 303, answer.status

    def tab_to(self, target: Locator) -> None:
        """Move the focus with the Tab key alone until it is on something."""
        for _ in range(_TABS_MAX):
            self.page.keyboard.press("Tab")
            if has_focus(target):
                return
        raise AssertionError(f"the keyboard does not reach {target}")

    def enter(self, target: Locator) -> None:
        """Move the focus to something, and press Enter on it."""
        self.tab_to(target)
        self.page.keyboard.press("Enter")

    def write(self, target: Locator, text: str) -> None:
        """Move the focus to a field, and type into it in place of what is there."""
        self.tab_to(target)
        self.page.keyboard.press("Control+a")
        self.page.keyboard.type(text)

    def text(self, selector: str = "main") -> str:
        """Return what a part of the page says, spaces as single ones."""
        return " ".join(self.page.locator(selector).inner_text().split())

    def overflow(self) -> int:
        """Return by how many pixels the page is wider than the window."""
        return self.page.evaluate("document.documentElement.scrollWidth - innerWidth")

    def _hear(self, message: ConsoleMessage) -> None:
        is_page = message.location.get("url", "") == self.page.url
        if message.type in ("error", "warning") and not (is_page and _tells_status(message.text)):
            self.mishaps.append(f"console: {message.text}")

    def _see(self, request: Request) -> None:
        if urlsplit(request.url).netloc != self._host:
            self.mishaps.append(f"other host: {request.url}")

    def _miss(self, request: Request) -> None:
        # What is still under way when its page is left, such as a stream, is no failure.
        if request.failure != "net::ERR_ABORTED":
            self.mishaps.append(f"failed: {request.url} {request.failure}")

    def _answer(self, response: Response) -> None:
        if response.status >= 400 and not response.request.is_navigation_request():
            self.mishaps.append(f"{response.status}: {response.url}")


@contextmanager
def visitor(
    browser: Browser, served: Served, *, width: int = 1280, **options: object
) -> Generator[Visitor]:
    """Open a window with nothing kept from others; ``options`` are of playwright's context."""
    size = {"width": width, "height": 900}
    context: BrowserContext = browser.new_context(viewport=size, **options)  # type: ignore[arg-type]
    context.set_default_timeout(30_000)
    try:
        yield Visitor(context.new_page(), served)
    finally:
        context.close()


@contextmanager
def serving(place: Place) -> Generator[Served]:
    """Serve a place."""
    served = Served(place)
    try:
        yield served
    finally:
        with undrained():
            served.stop()


def has_focus(target: Locator) -> bool:
    """Tell whether something has the focus."""
    return target.evaluate("one => one === document.activeElement")


@cache
def axe_text() -> str:
    """Return axe-core, from npm by way of a cache; skips a test where it cannot be had."""
    folder = Path(__file__).parents[3] / ".pytest_cache" / "axe"
    npm = shutil.which("npm")
    archive = folder / f"{AXE.replace('@', '-')}.tgz"
    if not archive.exists():
        if npm is None:
            pytest.skip("axe-core comes from npm, and npm is not installed")
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder) as aside:  # another worker may be at it, too
            command = [npm, "pack", AXE, "--silent"]
            result = subprocess.run(
                command, cwd=aside, capture_output=True, text=True, check=False, timeout=120
            )
            if result.returncode:
                pytest.skip(f"npm cannot get {AXE}: {result.stderr.strip()[-200:]}")
            Path(aside, archive.name).replace(archive)
    with tarfile.open(archive) as opened:
        member = opened.extractfile("package/axe.min.js")
        assert member is not None
        return member.read().decode()


def _tells_status(text: str) -> bool:
    """Tell whether a message only repeats the status of the page that was opened."""
    return text.startswith("Failed to load resource: the server responded with a status of")
