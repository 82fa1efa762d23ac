"""The page in a real browser: without a script, narrow and wide, light and dark (PRX-8)."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.gateway.conftest import Served
from tests.gateway.pages.browsing import Visitor, visitor
from tests.gateway.signin import oidc_provider as fakes
from tests.gateway.signin.clients import Device
from tests.gateway.signin.test_oidc import Gateway

MakeDevice = Callable[[str], Device]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("there is no chromium: apt-get install chromium")
    expect.set_options(timeout=30_000)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield opened
        opened.close()


def approve(visit: Visitor, client: Device, secret: str) -> Page:
    """Sign a device in as a person does; return the page in the end."""
    page = visit.page
    page.goto(client.begin()["verification_uri_complete"])
    expect(page.locator("#user_code")).to_have_value(client.codes["user_code"])
    page.fill("#token", "wrong")
    page.click("button[value=approve]")
    expect(page.locator("#mistake")).to_be_visible()
    expect(page.locator("#token")).to_have_value("")
    page.fill("#token", secret)
    page.click("button[value=approve]")
    expect(page.locator("[role=status]")).to_be_visible()
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "language"), [(360, "es-MX"), (1280, "en-US")])
def test_a_person_signs_a_device_in(
    chromium: Browser, served: Served, device: MakeDevice, width: int, language: str, scheme: str
) -> None:
    client = device(served.url)
    with visitor(chromium, served, width=width, locale=language, color_scheme=scheme) as visit:
        page = approve(visit, client, served.secrets["proxy"])
        assert visit.overflow() <= 0
        assert page.locator("html").get_attribute("lang") == language[:2]
        assert visit.mishaps == []
    assert client.poll().status_code == 200


def test_no_script_is_needed_and_nothing_secret_is_in_an_address(
    chromium: Browser, served: Served, device: MakeDevice
) -> None:
    client = device(served.url)
    with visitor(chromium, served, java_script_enabled=False) as visit:
        addresses: list[str] = []
        visit.page.on("request", lambda request: addresses.append(request.url))
        approve(visit, client, served.secrets["proxy"])
    assert client.poll().status_code == 200
    secrets = (served.secrets["proxy"], client.codes["device_code"])
    assert [address for address in addresses for secret in secrets if secret in address] == []


def test_a_person_comes_back_from_the_provider_of_another_site(
    chromium: Browser, tmp_path: Path, device: MakeDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_OIDC_SECRET", fakes.CLIENT_SECRET)
    with fakes.oidc_provider() as provider:
        gateway = Gateway(tmp_path, provider)
        try:
            client = device(gateway.url)
            context = chromium.new_context()
            page = context.new_page()
            page.goto(client.begin()["verification_uri_complete"])
            page.click("#provider")
            expect(page.locator("#user_code")).to_have_value(client.codes["user_code"])
            expect(page.locator("form")).to_contain_text("ana@example.com")
            page.click("button[value=approve]")
            expect(page.locator("[role=status]")).to_be_visible()
            context.close()
            assert client.poll().status_code == 200
        finally:
            gateway.stop()
