"""The gateway: its API, its proxy and its pages, over real sockets."""

from __future__ import annotations

import http.client
import json
import re
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from tools.surfaces.governing import populate, record_rows, requests
from tools.surfaces.inputs import SERVED, write
from tools.surfaces.provider import Provider
from tools.surfaces.stage import Stage, stop

_WHERE = ["-c", "corvus.toml", "--ledger", "l.duckdb"]
_UNSTEADY = ("process_", "python_", "corvus_proxy_overhead", "corvus_build")
_PAGES_MAX = 120
_EVENTS = 2
_AGENT = """
import json, os, urllib.request
base = os.environ["OPENAI_BASE_URL"]
for tokens in (5, 20, 900):
    body = {"model": "m", "max_tokens": tokens, "messages": [{"role": "user", "content": "Hi"}]}
    headers = {"content-type": "application/json"}
    headers["authorization"] = "Bearer " + os.environ["OPENAI_API_KEY"]
    content = json.dumps(body).encode()
    request = urllib.request.Request(base + "/chat/completions", content, headers)
    try:
        print(urllib.request.urlopen(request).read().decode())
    except urllib.error.HTTPError as error:
        print(error.code, error.read().decode())
        raise SystemExit(4)
"""


@dataclass(frozen=True, slots=True)
class Response:
    """What the gateway answered."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def shown(self) -> str:
        """Return all of it as text."""
        head = [f"{name}: {value}" for name, value in self.headers]
        text = self.body.decode(errors="backslashreplace")
        return "\n".join([str(self.status), *head, "", text])


class Gateway:
    """A running gateway, and somebody who asks it.

    Args:
        stage: Where it runs; has its config and tokens.
    """

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.log = stage.folder / "gateway.log"
        self.tokens = {scope: self._token(scope) for scope in ("read", "proxy", "reserve", "admin")}
        words = ["gateway", "--port", "0", *_WHERE]
        self._process = stage.serve(self.log, *words, UPSTREAM_KEY="the-real-key")
        self._port = self._wait()

    def _token(self, scope: str) -> str:
        words = ["token", "create", scope, "--scope", scope, "--format", "json", *_WHERE]
        body = json.loads(self.stage.ask(*words).stdout)
        return next(value for value in body.values() if str(value).startswith("cv"))

    def _wait(self) -> int:
        until, text = time.monotonic() + 60, ""
        while time.monotonic() < until:
            text = self.log.read_text() if self.log.exists() else ""
            if found := re.search(r"listening on http://127\.0\.0\.1:(\d+)", text):
                return int(found[1])
            time.sleep(0.02)
        raise RuntimeError(f"the gateway did not start: {text}")

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        scope: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Response:
        """Send a request and return its answer."""
        sent = dict(headers or {})
        if scope is not None:
            sent["authorization"] = f"Bearer {self.tokens[scope]}"
        content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        if isinstance(body, dict | list):
            sent.setdefault("content-type", "application/json")
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        try:
            connection.request(method, path, content, sent)
            answer = connection.getresponse()
            found = [(name.lower(), value) for name, value in answer.getheaders()]
            kind = answer.getheader("content-type") or ""
            is_endless = method == "GET" and kind.startswith("text/event-stream")
            return Response(answer.status, found, _events(answer) if is_endless else answer.read())
        finally:
            connection.close()

    def note(self, name: str, method: str, path: str, body: object = None, **more: Any) -> Response:
        """Ask, and record the answer under a name."""
        response = self.ask(method, path, body, **more)
        self.stage.note(name, f"{method} {path}\n{response.shown()}")
        return response

    @property
    def origin(self) -> str:
        """What a browser says that its forms come from."""
        return f"http://127.0.0.1:{self._port}"

    def stop(self) -> None:
        """End it, and record its log."""
        code = stop(self._process)
        lines = self.log.read_text().splitlines()
        self.stage.note("log", f"exit {code}\n" + "\n".join(lines))


def _events(answer: http.client.HTTPResponse) -> bytes:
    """Read the first events of a stream that goes on."""
    lines: list[bytes] = []
    while lines.count(b"\n") < _EVENTS and (line := answer.readline()):
        lines.append(line)
    return b"".join(lines)


@contextmanager
def _gateway(stage: Stage) -> Generator[Gateway]:
    gateway = Gateway(stage)
    try:
        yield gateway
    finally:
        gateway.stop()


def record_gateway(stage: Stage, provider: Provider) -> None:
    """Record the API and the proxy."""
    write(stage.folder / "corvus.toml", SERVED.format(port=provider.port))
    with _gateway(stage) as gateway:
        document = gateway.note("openapi", "GET", "/openapi.json", scope="read")
        stage.note_json("openapi-pretty", json.loads(document.body))
        _record_guards(gateway)
        _record_proxy(gateway, provider)
        _record_governing(gateway)
        _record_admin(gateway)
        _record_reading(gateway, json.loads(document.body))
        _record_metrics(gateway)
    record_rows(stage, "rows")
    _record_agents(stage)


def _record_guards(gateway: Gateway) -> None:
    gateway.note("guards/no-token", "GET", "/web/cost/summary")
    for scope in gateway.tokens:
        gateway.note(f"guards/{scope}-summary", "GET", "/web/cost/summary", scope=scope)
        gateway.note(f"guards/{scope}-config", "GET", "/web/admin/config", scope=scope)
        gateway.note(f"guards/{scope}-reserve", "POST", "/web/reservations", {}, scope=scope)
        gateway.note(f"guards/{scope}-proxy", "POST", "/v1/chat/completions", {}, scope=scope)
    wrong = {"authorization": "Bearer cvk_" + "x" * 43}
    for name, path in (
        ("api", "/web/cost/summary"),
        ("chat", "/v1/chat/completions"),
        ("messages", "/v1/messages"),
    ):
        method = "GET" if name == "api" else "POST"
        gateway.note(f"guards/wrong-{name}", method, path, headers=wrong)
        gateway.note(f"guards/none-{name}", method, path)
        gateway.note(f"guards/host-{name}", method, path, headers={"host": "evil.example"})
        gateway.note(
            f"guards/origin-{name}",
            method,
            path,
            scope="admin",
            headers={"origin": "https://evil.example"},
        )
    gateway.note("guards/method", "DELETE", "/web/cost/summary", scope="admin")
    gateway.note("guards/path", "GET", "/web/no-such", scope="admin")
    gateway.note("guards/root", "GET", "/")
    gateway.note("guards/greeting", "HEAD", "/")
    gateway.note(
        "guards/broken",
        "POST",
        "/web/actions",
        b"{",
        scope="reserve",
        headers={"content-type": "application/json"},
    )
    gateway.note(
        "guards/media",
        "POST",
        "/web/actions",
        b"{}",
        scope="reserve",
        headers={"content-type": "text/plain"},
    )
    gateway.note(
        "guards/large",
        "POST",
        "/web/actions",
        b" " * 300_000,
        scope="reserve",
        headers={"content-type": "application/json"},
    )
    for prefix in ("", "/web", "/api/web"):
        for path in ("healthz", "readyz"):
            gateway.note(f"guards/{path}{prefix.replace('/', '-')}", "GET", f"{prefix}/{path}")


def _record_proxy(gateway: Gateway, provider: Provider) -> None:
    headers = {"x-corvus-project": "web", "x-corvus-session": "proxied"}
    for name, path, body in requests():
        gateway.note(f"proxy/{name}", "POST", path, body, scope="proxy", headers=headers)
        gateway.stage.note(f"proxy/{name}-sent", provider.requests())
    small = {"model": "m", "max_tokens": 900, "messages": [{"role": "user", "content": "Hi"}]}
    for path in ("/v1/chat/completions", "/v1/responses", "/v1/messages", "/v1/embeddings"):
        name = path.rpartition("/")[2]
        for stream in (False, True):
            body = {**small, "max_output_tokens": 900, "stream": stream, "input": "x" * 9000}
            gateway.note(f"proxy/denied-{name}-{stream}", "POST", path, body, scope="proxy")
    for name, path in (
        ("models", "/v1/models"),
        ("response", "/v1/responses/r"),
        ("none", "/v1/no-such"),
    ):
        gateway.note(f"proxy/get-{name}", "GET", path, scope="proxy")
    gateway.note("proxy/json", "POST", "/v1/chat/completions", b"{", scope="proxy")
    gateway.note("proxy/large", "POST", "/v1/messages", b" " * 300_000, scope="proxy")
    gateway.note(
        "proxy/key", "POST", "/v1/messages", small, headers={"x-api-key": gateway.tokens["proxy"]}
    )
    gateway.note(
        "proxy/mission",
        "POST",
        "/v1/chat/completions",
        {**small, "max_tokens": 3},
        scope="proxy",
        headers={"x-corvus-mission": "triage", "x-corvus-session": "s"},
    )
    gateway.stage.note("proxy/rest-sent", provider.requests())


def _record_governing(gateway: Gateway) -> None:
    def ask(name: str, path: str, body: object = None, method: str = "POST") -> Any:
        answer = gateway.note(f"api/{name}", method, f"/web{path}", body, scope="reserve")
        return json.loads(answer.body)

    call = {"model": "m", "session_id": "s", "estimate_usd": 0.5, "tags": {"a": "b"}}
    ends: tuple[tuple[str, dict[str, Any]], ...] = (
        ("commit", {"input_tokens": 7, "cost_usd": 0.7, "settlement_key": "k"}),
        ("commit", {}),
        ("commit", {"outcome": "failed", "output_tokens": 3}),
        ("release", {}),
        ("release", {"settlement_key": "r"}),
    )
    for number, (end, body) in enumerate(ends):
        made = ask(
            f"reserve-{number}", "/reservations", {**call, "idempotency_key": f"key-{number}"}
        )
        if not made.get("reservation"):
            continue
        path = f"/reservations/{made['reservation']['id']}"
        ask(f"replay-{number}", "/reservations", {**call, "idempotency_key": f"key-{number}"})
        ask(f"extend-{number}", f"{path}/extend", {"ttl_seconds": 900, "hold_usd": 0.51})
        ask(f"{end}-{number}", f"{path}/{end}", body)
        ask(f"{end}-{number}-again", f"{path}/{end}", body)
        ask(f"release-{number}-late", f"{path}/release", {})
    ask("conflict", "/reservations", {**call, "model": "other", "idempotency_key": "key-0"})
    ask("too-dear", "/reservations", {**call, "estimate_usd": 100})
    ask("unpriced", "/reservations", {"model": "unheard-of", "session_id": "s"})
    ask("invalid", "/reservations", {"model": "", "frobnicate": 1, "estimate_usd": "1"})
    ask("unknown", "/reservations/no-such/commit", {})
    mission = {"session_id": "s", "mission_id": "mend", "limit_usd": 1, "max_steps": 1}
    ask("mission", "/missions", mission)
    ask("mission-again", "/missions", mission)
    ask("mission-step", "/missions/mend/step", {"session_id": "s"})
    ask("mission-step-late", "/missions/mend/step", {"session_id": "s"})
    ask("mission-end", "/missions/mend/end", {"session_id": "s", "outcome": "failed"})
    ask("mission-unknown", "/missions/no-such/end", {"session_id": "s"})
    ask("sessions", "/sessions", method="GET")
    ask("close", "/sessions/s/close", {})
    ask("close-again", "/sessions/s/close", {})
    for number, body in enumerate(
        (
            {"command": "ls"},
            {"command": "git push"},
            {"command": "git push", "approved": True},
            {"command": "rm -rf /"},
            {"tool": "file_read", "paths": ["a"], "reads_only": True},
            {"command": "ls"},
            {"command": "ls"},
            {"command": "ls"},
            {},
        )
    ):
        ask(f"action-{number}", "/actions", body)


def _record_admin(gateway: Gateway) -> None:
    def ask(name: str, method: str, path: str, body: object = None) -> None:
        gateway.note(f"admin/{name}", method, f"/web/admin{path}", body, scope="admin")

    ask("override", "POST", "/cost/override", {"scope": "next_request", "reason": "release"})
    ask("override-again", "POST", "/cost/override", {"scope": "next_request", "session_id": "x"})
    ask("override-wrong", "POST", "/cost/override", {"scope": "all"})
    ask("reset", "POST", "/cost/reset", {"scope": "day", "reason": "new"})
    ask("reset-session", "POST", "/cost/reset", {"scope": "session", "session_id": "s"})
    ask("reset-wrong", "POST", "/cost/reset", {"scope": "no-such"})
    ask("config", "GET", "/config")
    ask("patch", "PATCH", "/config", {"cost": {"warn_at_percent": 70, "daily_limit_usd": 9.5}})
    ask(
        "patch-autonomy",
        "PATCH",
        "/config",
        {"autonomy": {"max_actions_per_hour": 50, "allowed_commands": ["git"]}},
    )
    ask("patch-wrong", "PATCH", "/config", {"cost": {"warn_at_percent": 700}})
    ask("patch-type", "PATCH", "/config", {"cost": {"daily_limit_usd": "5"}})
    ask("patch-unknown", "PATCH", "/config", {"cost": {"daly_limit_usd": 5}})
    ask("patch-empty", "PATCH", "/config", {})
    ask("patch-port", "PATCH", "/config", {"governance": {"gateway.port": 1}})
    ask("config-after", "GET", "/config")
    gateway.stage.note("admin/file", (gateway.stage.folder / "corvus.toml").read_text())


def _record_reading(gateway: Gateway, document: dict[str, Any]) -> None:
    for path, methods in sorted(document["paths"].items()):
        if "get" in methods and "{" not in path and not path.endswith("metrics"):
            gateway.note(f"get{path.replace('/', '-')}", "GET", path, scope="admin")
    for period in ("day", "week", "month", "session", "mission", "year"):
        for window in ("", "&window=3", "&window=9999"):
            name = f"history-{period}{window.replace('&window=', '-')}"
            gateway.note(name, "GET", f"/web/cost/history?period={period}{window}", scope="read")
    for query in ("session_id=s", "session_id=s&mission_id=mend", "no_such=1"):
        gateway.note(f"summary-{query}", "GET", f"/web/cost/summary?{query}", scope="read")
    for query in ("limit=1", "kind=reset_applied", "since=today", "limit=x"):
        gateway.note(f"audit-{query}", "GET", f"/web/cost/audit?{query}", scope="read")
    listed = json.loads(gateway.ask("GET", "/web/reports", scope="read").body)
    for report in listed["reports"]:
        name = report["report"]
        gateway.note(
            f"report-{name.replace('/', '.')}", "GET", f"/web/reports/{name}", scope="read"
        )
    gateway.note(
        "report-since", "GET", "/web/reports/spend/by-model?since=2026-11-01", scope="read"
    )
    gateway.note("report-none", "GET", "/web/reports/no-such", scope="read")
    gateway.note("report-wrong", "GET", "/web/reports/spend/calls?rows=0", scope="read")


def _record_metrics(gateway: Gateway) -> None:
    text = gateway.ask("GET", "/metrics", scope="read").body.decode()
    lines = [_steady(line) for line in text.splitlines()]
    gateway.stage.note("metrics", "\n".join(lines))


def _steady(line: str) -> str:
    """Return a line of the metrics; of what measures time or the process, without its value."""
    name, _, _ = line.partition(" ")
    is_unsteady = name.startswith(_UNSTEADY) or "_seconds" in name or "_created" in name
    return line.rpartition(" ")[0] if is_unsteady and not line.startswith("#") else line


def _record_agents(stage: Stage) -> None:
    (stage.folder / "agent.py").write_text(_AGENT)
    python = str(stage.checkout.python)
    command = ["--", python, "agent.py"]
    for number, words in enumerate(
        (
            ["agent", *_WHERE, "--session", "run-1", *command],
            [
                "agent",
                *_WHERE,
                "--session",
                "run-2",
                "--limit",
                "0.5",
                "--mission",
                "triage",
                *command,
            ],
            ["code", *_WHERE, "--session", "run-3", "--daily", "0.001", *command],
            [
                "agent",
                *_WHERE,
                "--session",
                "run-4",
                "--override-budget",
                "--limit",
                "0.1",
                *command,
            ],
            ["agent", *_WHERE, "--", "no-such-command"],
            ["agent", *_WHERE, "--", "/etc/hostname"],
            ["agent", *_WHERE, "--set", "cost.enabled=false", *command],
            ["agent", *_WHERE, "--", python, "-c", "import sys; sys.exit(9)"],
        )
    ):
        answer = stage.ask(*words, UPSTREAM_KEY="the-real-key", SOME_API_KEY="x")
        shown = answer.shown().replace(python, "PYTHON")
        stage.note(f"agents/{number}", shown)


def record_pages(stage: Stage) -> None:
    """Record every page of the dashboard, in both languages."""
    populate(stage)
    with _gateway(stage) as gateway:
        gateway.note("pages/login", "GET", "/dashboard/login")
        gateway.note("pages/outside", "GET", "/dashboard/history")
        gateway.note(
            "pages/login-spanish", "GET", "/dashboard/login", headers={"accept-language": "es"}
        )
        gateway.note(
            "pages/login-wrong", "POST", "/dashboard/login", *_form(gateway, token="nonsense")
        )
        for language in ("en", "es"):
            visitor = _Visitor(gateway, "admin", language)
            visitor.crawl(f"pages/{language}")
        reader = _Visitor(gateway, "read", "en")
        for path in ("", "/override", "/reset", "/limits", "/config"):
            reader.note(f"pages/reader{path.replace('/', '-')}", f"/dashboard{path}")
        _record_acts(_Visitor(gateway, "admin", "en"))
    record_rows(stage, "rows")


def _form(gateway: Gateway, **fields: str) -> tuple[bytes]:
    return (urlencode(fields).encode(),)


class _Visitor:
    """Somebody who has logged in."""

    def __init__(self, gateway: Gateway, scope: str, language: str) -> None:
        self.gateway = gateway
        form = {"content-type": "application/x-www-form-urlencoded", "origin": gateway.origin}
        self._headers = {"accept-language": language}
        token = gateway.tokens[scope]
        body = urlencode({"token": token}).encode()
        answer = gateway.ask("POST", "/dashboard/login", body, headers={**form, **self._headers})
        cookies = [
            value.partition(";")[0] for name, value in answer.headers if name == "set-cookie"
        ]
        self._headers["cookie"] = "; ".join(cookies)
        self._form = form
        gateway.stage.note(
            f"pages/logged-in-{scope}-{language}-{id(self) and self._number()}", answer.shown()
        )

    _count = 0

    @classmethod
    def _number(cls) -> int:
        cls._count += 1
        return cls._count

    def note(self, name: str, path: str) -> Response:
        """Look at a page."""
        return self.gateway.note(name, "GET", path, headers=self._headers)

    def crawl(self, name: str) -> None:
        """Look at every page that can be come to by links, in their order."""
        waiting, seen = ["/dashboard"], {"/dashboard"}
        while waiting and len(seen) < _PAGES_MAX:
            path = waiting.pop(0)
            short = re.sub(r"\?[0-9a-f]{12}$", "", path.removeprefix("/dashboard"))
            title = quote(short, safe="")[:150] or "overview"
            response = self.note(f"{name}/{title}", path)
            text = response.body.decode(errors="replace")
            for link in re.findall(r'(?:href|src|data-live)="(/dashboard[^"#]*)', text):
                found = link.replace("&amp;", "&")
                if found not in seen and not found.endswith("/logout"):
                    seen.add(found)
                    waiting.append(found)

    def send(self, name: str, path: str, **fields: str) -> None:
        """Send the form of a page with what stands in it already."""
        page = self.note(f"{name}-form", f"{path}?{urlencode(fields)}")
        text = page.body.decode()
        hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', text))
        body = urlencode({**hidden, **fields}).encode()
        self.gateway.note(name, "POST", path, body, headers={**self._headers, **self._form})


def _record_acts(visitor: _Visitor) -> None:
    visitor.send("acts/override", "/dashboard/override", reason="release day")
    visitor.send("acts/reset", "/dashboard/reset", scope="day", reason="test run")
    visitor.send("acts/limits", "/dashboard/limits", reason="more", daily_limit_usd="41")
    visitor.send("acts/limits-wrong", "/dashboard/limits", reason="more", daily_limit_usd="-1")
    visitor.note("acts/after", "/dashboard")
    visitor.note("acts/audit", "/dashboard/audit")
