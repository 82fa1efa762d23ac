"""A cost panel on another origin, in a real browser: it makes the calls of the upstream's (API-7).

The page is ours. It reads the config first, then summary and history together, and steers; each
answer is shown as the browser lets the page read it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.cli.places import Place
from tests.gateway.conftest import Served

PANEL = """<!doctype html><meta charset="utf-8"><title>panel</title><link rel="icon" href="data:,">
<script>
"use strict";
const seen = {};
async function call(name, method, path, body) {
  const headers = {authorization: "Bearer " + token};
  if (body !== undefined) headers["content-type"] = "application/json";
  try {
    const answer = await fetch(gateway + path, {
      method, headers, body: body === undefined ? undefined : JSON.stringify(body),
    });
    seen[name] = {status: answer.status, body: await answer.json()};
  } catch (fault) {
    seen[name] = {status: 0, body: String(fault.name)};
  }
  return seen[name].body;
}
let gateway, token;
async function load() {
  const config = (await call("config", "GET", "/web/admin/config")).config;
  await Promise.all([
    call("summary", "GET", "/web/cost/summary"),
    call("history", "GET", "/web/cost/history?period=day&window=7"),
    call("sessions", "GET", "/web/admin/sessions?limit=5"),
  ]);
  return config;
}
async function run(where, secret) {
  [gateway, token] = [where, secret];
  await load();
  await call("override", "POST", "/web/admin/cost/override", {scope: "next_request"});
  await call("reset", "POST", "/web/admin/cost/reset", {scope: "session"});
  await call("alias", "PATCH", "/web/admin/config", {
    autonomy: {level: "supervised", max_cost_per_day_cents: 500},
  });
  await call("nothing", "PATCH", "/web/admin/config", {});
  await call("restart", "PATCH", "/web/admin/config", {governance: {gateway: {port: 1}}});
  await call("off", "PATCH", "/web/admin/config", {cost: {allow_override: false}});
  await call("forbidden", "POST", "/web/admin/cost/override", {scope: "next_request"});
  token = "wrong";
  await call("wrong", "GET", "/web/cost/summary");
  return seen;
}
</script>
"""


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = PANEL.encode()
        self.send_response(200)
        self.send_header("content-type", "text/html; charset=utf-8")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None: ...


@contextmanager
def another_origin() -> Generator[str]:
    """Serve the panel at a port of its own."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=partial(server.serve_forever, 0.02))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    yield context.new_page()
    context.close()


def run(page: Page, origin: str, served: Served) -> dict[str, Any]:
    page.goto(origin)
    words = json.dumps([served.url, served.secrets["admin"]])
    return page.evaluate(f"run(...{words})")


def test_the_panel_works_from_an_allowed_origin(page: Page, tmp_path: Path) -> None:
    place = Place(tmp_path)
    with another_origin() as origin:
        with place.config.open("a") as file:
            file.write(f'\n[governance.gateway]\nallowed_origins = ["{origin}"]\n')
        place.spend(50, "s")
        served = Served(place)
        try:
            seen = run(page, origin, served)
        finally:
            served.stop()
    statuses = {name: answer["status"] for name, answer in seen.items()}
    assert statuses == {
        **dict.fromkeys(("config", "summary", "history", "sessions"), 200),
        **dict.fromkeys(("override", "reset", "alias", "off"), 200),
        "nothing": 422,
        "restart": 409,
        "forbidden": 403,
        "wrong": 401,
    }
    bodies = {name: answer["body"] for name, answer in seen.items()}
    assert bodies["config"]["config"]["cost"]["daily_limit_usd"] == 4
    assert bodies["config"]["config"]["autonomy"]["deprecated_fields"] == []
    assert bodies["summary"]["summary"]["daily_cost_usd"] == 0.5
    assert len(bodies["history"]["points"]) == 7
    assert bodies["sessions"]["sessions"][0]["session_id"] == "s"
    assert bodies["override"]["remaining_uses"] == 1
    assert bodies["reset"]["removed_requests"] == 0
    autonomy = bodies["alias"]["config"]["autonomy"]
    assert autonomy["max_actions_per_hour"] == 500
    assert autonomy["deprecated_fields"] == ["autonomy.max_cost_per_day_cents"]
    assert bodies["restart"]["fields"] == ["governance.gateway.port"]
    assert "disabled by policy" in bodies["forbidden"]["detail"]


def test_a_page_of_a_stranger_reads_nothing_and_changes_nothing(page: Page, tmp_path: Path) -> None:
    """Even with a good token."""
    place = Place(tmp_path)
    with place.config.open("a") as file:
        file.write('\n[governance.gateway]\nallowed_origins = ["http://127.0.0.1:1"]\n')
    before = place.config.read_bytes()
    served = Served(place)
    try:
        with another_origin() as origin:
            page.goto(origin)
            words = json.dumps([served.url, served.secrets["admin"]])
            seen = page.evaluate(
                f"""(async () => {{
                    [gateway, token] = {words};
                    await call("config", "GET", "/web/admin/config");
                    await call("reset", "POST", "/web/admin/cost/reset", {{scope: "day"}});
                    const off = {{cost: {{enabled: false}}}};
                    await call("change", "PATCH", "/web/admin/config", off);
                    return seen;
                }})()"""
            )
    finally:
        served.stop()
    assert {answer["status"] for answer in seen.values()} == {0}
    assert place.config.read_bytes() == before
