"""Calls that are governed: by Python, steered by commands; and the rows that are left."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable
from dataclasses import asdict, is_dataclass
from datetime import timedelta
from decimal import Decimal
from enum import Enum
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from tools.surfaces.frozen import find
from tools.surfaces.inputs import BUDGETS, SERVED, write
from tools.surfaces.normal import NOON
from tools.surfaces.provider import Provider
from tools.surfaces.stage import Stage
from tools.surfaces.usage import record_questions

_CENT = 10_000_000
_WHERE = ["-c", "corvus.toml", "--ledger", "l.duckdb"]


def populate(stage: Stage) -> None:
    """Make calls of two weeks in a place, with missions, an override, a reset and refusals."""
    write(stage.folder / "corvus.toml", BUDGETS)
    answer = stage.call(lambda: _Sequence(stage.checkout.package).run())
    stage.note("sequence", answer.shown())


class _Sequence:
    """What happens in a place, in a fixed order; each result is printed."""

    def __init__(self, package: str) -> None:
        self._package = package
        self._public = import_module(package)
        self._usage = self._public.Usage(1200, 340)

    def run(self) -> int:
        """Live two weeks."""
        for day in range(13, 0, -1):
            with self._runtime(day).governor() as governor:
                for number in range(1 + day % 3):
                    self._spend(governor, day, number)
        events: list[object] = []
        with self._runtime(0.1).governor(listeners=[events.append]) as governor:
            for part in (self._hold, self._run_missions, self._steer, self._use_blocks, self._end):
                part(governor)
        for event in events:
            self._say(f"event {type(event).__name__}", event)
        later = self._runtime(0.05)
        self._try("status", lambda: later.status("a"))
        self._try("status of a mission", lambda: later.status("a", "mend-the-tests"))
        self._try("recorded status", lambda: later.status("a", recorded=True))
        self._try("health", lambda: later.health())
        self._try("audit", lambda: later.audit(100))
        return 0

    def _named(self, name: str) -> Any:
        return find(self._package, name)

    def _say(self, title: str, value: object) -> None:
        print(title, json.dumps(plain(value), indent=1, ensure_ascii=False))

    def _try(self, title: str, work: Callable[[], object]) -> Any:
        try:
            value = work()
        except Exception as error:
            print(title, "raised", type(error).__name__, getattr(error, "code", ""), error)
            return None
        self._say(title, value)
        return value

    def _runtime(self, days_ago: float) -> Any:
        clock = self._named("FixedClock")(NOON - timedelta(days=days_ago))
        return self._public.open_runtime(["corvus.toml"], ledger="l.duckdb", clock=clock)

    def _spend(self, governor: Any, day: int, number: int) -> None:
        request = governor.request(
            ("m", "opus-5", "claude-sonnet-4-5")[(day + number) % 3],
            session_id=f"past-{day}",
            project=("web", "lab", None)[day % 3],
            user=("ana", "bob")[day % 2],
            agent=("planner", None)[number % 2],
            tags={"team": "red"} if day % 2 else {},
            estimate_usd=1,
        )
        decision = governor.reserve(request)
        if decision.reservation is None:
            self._say("refused", decision)
            return
        usage = self._public.Usage(1000 * day, 100 * day, cache_read_tokens=10 * day)
        governor.commit(decision.reservation, usage, cost_nano_usd=day * 7 * _CENT)

    def _ask(self, governor: Any, model: str, cents: int, session: str, **options: Any) -> Any:
        """Ask for a call and return its reservation, if it is admitted."""
        request = governor.request(
            model, estimate_usd=Decimal(cents) / 100, session_id=session, **options
        )
        title = f"reserve {model} {cents} {session} {options}"
        decision = self._try(title, lambda: governor.reserve(request))
        return None if decision is None else decision.reservation

    def _hold(self, governor: Any) -> None:
        mission = self._named("MissionRequest")
        ask = {"session": "a", "mission_id": "mend-the-tests", "idempotency_key": "k1"}
        wanted = mission("a", "mend-the-tests", 1_500_000_000)
        self._try("mission", lambda: governor.start_mission(wanted))
        held = self._ask(governor, "m", 55, **ask)
        self._try("evaluate", lambda: governor.evaluate(governor.request("m", session_id="a")))
        self._ask(governor, "m", 55, **ask)
        self._ask(governor, "m", 56, **ask)
        options = {"ttl_seconds": 900, "hold_usd": Decimal("0.6")}
        self._try("extend", lambda: governor.extend(held, **options))
        report = {"cost_nano_usd": 70 * _CENT}
        keyed = {**report, "settlement_key": "s"}
        self._try("commit", lambda: governor.commit(held, self._usage, **keyed))
        self._try("commit again", lambda: governor.commit(held, self._usage, **report))
        self._try("commit same", lambda: governor.commit(held, self._usage, **keyed))
        self._try("release late", lambda: governor.release(held))

    def _run_missions(self, governor: Any) -> None:
        mission = self._named("MissionRequest")
        again, other = mission("a", "mend-the-tests"), mission("b", "done", 10**9, project="lab")
        self._try("mission again", lambda: governor.start_mission(again))
        self._try("mission b", lambda: governor.start_mission(other))
        ask = {"session": "b", "mission_id": "done", "project": "lab"}
        second = self._ask(governor, "opus-5", 117, **ask)
        self._try("release", lambda: governor.release(second))
        third = self._ask(governor, "opus-5", 17, **ask)
        answering = {"answering_model": "claude-opus-4-5"}
        self._try("commit priced", lambda: governor.commit(third, self._usage, **answering))
        for number in range(4):
            self._try(f"step {number}", lambda: governor.step_mission("a", "mend-the-tests"))
        outcome = self._named("MissionOutcome").COMPLETED
        self._try("end", lambda: governor.end_mission("b", "done", outcome, "lab"))

    def _steer(self, governor: Any) -> None:
        override, reset = self._named("OverrideRequest"), self._named("ResetRequest")
        self._ask(governor, "opus-5", 300, "c")
        self._ask(governor, "m", 150, "c")
        lift = override("ana", "release day", "c")
        self._try("override", lambda: governor.override(lift))
        lifted = self._ask(governor, "m", 250, "c")
        if lifted is not None:
            cost = {"cost_nano_usd": 5}
            self._try("commit lifted", lambda: governor.commit(lifted, self._usage, **cost))
        self._try("reset", lambda: governor.reset(reset("session", "ana", "astray", "c")))
        self._try("reset unknown", lambda: governor.reset(reset("no-such", "ana")))
        self._ask(governor, "m", 30, "c", user="bob", agent="planner", tags={"team": "blue"})
        unpriced = governor.request("unheard-of", session_id="d")
        decision = self._try("unpriced", lambda: governor.reserve(unpriced))
        if decision is not None and decision.reservation is not None:
            held = decision.reservation
            self._try("commit unpriced", lambda: governor.commit(held, self._usage))
        self._ask(governor, "m", 400, "d", project="lab")

    def _use_blocks(self, governor: Any) -> None:
        with governor.session("with", project="web") as session:
            self._try("call", lambda: self._call(session))
            self._try("failing call", lambda: self._call(session, fails=True))
            with session.mission("inner", limit_usd=1) as inner:
                self._try("inner", lambda: self._call(inner))
        self._try("async", lambda: asyncio.run(_asynchronous(governor, self._usage)))

    def _end(self, governor: Any) -> None:
        self._try("close", lambda: governor.close_session("d", "lab"))
        self._try("close unknown", lambda: governor.close_session("nobody"))
        self._try("sessions", lambda: governor.sessions())
        action = find(self._package, "Action", "reads_only")
        for words in ({"command": "git status"}, {"tool": "http_request"}):
            self._try(f"act {words}", lambda w=words: governor.act(action(**w), "ana"))

    def _call(self, scope: Any, *, fails: bool = False) -> Any:
        with scope.call("m", input_tokens=1000, max_output_tokens=100) as call:
            if fails:
                raise ValueError("the provider failed")
            call.used(self._usage)
        return call.settled


async def _asynchronous(governor: Any, usage: Any) -> Any:
    async with governor.call("m", session_id="async", input_tokens=100) as call:
        call.used(usage)
    request = governor.request("m", session_id="async", input_tokens=5)
    decision = await governor.areserve(request)
    return await governor.acommit(decision.reservation, usage), await governor.astatus("async")


def plain(value: Any) -> Any:
    """Return a value of the package as JSON can write it."""
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, dict):
        table = cast("dict[Any, Any]", value)
        return {str(plain(key)): plain(inner) for key, inner in table.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(inner) for inner in cast("list[Any]", value)]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def record_rows(stage: Stage, name: str) -> None:
    """Record all rows of the store and of the ledger of a place."""
    store = stage.folder / "l.duckdb.store"
    if store.exists():
        stage.note(f"{name}/store", _store_rows(store))
    if (stage.folder / "l.duckdb").exists():
        answer = stage.call(lambda: _print_ledger(stage.folder / "l.duckdb"))
        stage.note(f"{name}/ledger", answer.shown())


def _store_rows(path: Path) -> str:
    connection = sqlite3.connect(path)
    lines: list[str] = []
    tables = connection.execute("SELECT name, sql FROM sqlite_master ORDER BY 1").fetchall()
    for table, definition in tables:
        lines += [f"# {table}", str(definition)]
    for (table,) in connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1"
    ):
        lines.append(f"## {table}")
        lines += [repr(row) for row in connection.execute(f'SELECT * FROM "{table}"')]
    connection.close()
    return "\n".join(lines)


def _print_ledger(path: Path) -> int:
    import duckdb

    with duckdb.connect(str(path), read_only=True) as connection:
        tables = connection.execute(
            "SELECT table_name, sql FROM duckdb_tables() UNION ALL "
            "SELECT view_name, sql FROM duckdb_views() WHERE NOT internal ORDER BY 1"
        ).fetchall()
        for table, definition in tables:
            print("#", table, definition)
            rows = connection.execute(f'SELECT * FROM "{table}" ORDER BY ALL').fetchall()
            if table == "ledger_watermark":  # how many batches there are depends on the time
                rows = [row[:2] for row in rows[-1:]]
            print(*map(repr, rows), sep="\n")
    return 0


def record_steering(stage: Stage) -> None:
    """Record the commands of an operator over a place where calls were made."""
    populate(stage)
    record_rows(stage, "rows-first")
    for form in ("text", "kv", "json"):
        stage.run(f"status-{form}", "status", "--format", form, *_WHERE)
        table = "table" if form == "text" else form
        for words in (["summary"], ["budgets"], ["summary", "--session", "c"], ["audit"]):
            stage.run(f"{'-'.join(words)}-{table}", "cost", *words, "--format", table, *_WHERE)
    stage.run("audit-jsonl", "cost", "audit", "--format", "jsonl", *_WHERE)
    stage.run("audit-limit", "cost", "audit", "--limit", "1", "--kind", "reset_applied", *_WHERE)
    stage.run("audit-kind-unknown", "cost", "audit", "--kind", "no_such", *_WHERE)
    stage.run("audit-since", "cost", "audit", "--since", "today", *_WHERE)
    stage.run("audit-anchor", "cost", "audit", "--anchor", *_WHERE)
    _record_overrides_and_resets(stage)
    _record_tokens(stage)
    stage.run("spanish-status", "status", "--format", "text", *_WHERE, LC_ALL="es_ES.UTF-8")
    for words in (["summary"], ["budgets"], ["history"], ["audit"]):
        shown = ["cost", *words, "--format", "table"]
        stage.run(f"spanish-{words[0]}", *shown, *_WHERE, LC_ALL="es_ES.UTF-8")
    asked = Stage(stage.checkout, stage.folder, stage.record / "asked", stage.first_number + 2000)
    asked.number = stage.number
    record_questions(asked, _WHERE, [], formats=("table", "kv", "json"))
    stage.number = asked.number
    record_rows(stage, "rows-drained")
    _record_keeping(stage)


def _record_overrides_and_resets(stage: Stage) -> None:
    for number, words in enumerate(
        (
            ["override", "--reason", "release day", "--expires-in", "2h", "--format", "json"],
            ["override", "--reason", "again", "--yes", "--format", "kv"],
            ["override", "--reason", "again"],
            ["override", "--session", "a", "--expires-in", "90s", "--format", "text", "--yes"],
            ["override", "--expires-in", "soon"],
            ["override", "--set", "cost.allow_override=false"],
            ["reset", "--scope", "day"],
            ["reset", "--scope", "day", "--yes", "--reason", "test run", "--format", "json"],
            ["reset", "--scope", "session", "--session", "a", "--yes", "--format", "kv"],
            ["reset", "--scope", "session", "--yes"],
            [
                "reset",
                "--scope",
                "mission",
                "--session",
                "a",
                "--mission",
                "mend-the-tests",
                "--yes",
                "--format",
                "text",
            ],
            ["reset", "--scope", "opus-week", "--yes", "--format", "text"],
            ["reset", "--scope", "no-such", "--yes"],
        )
    ):
        stage.run(f"steer-{number:02}", "cost", *words, *_WHERE)


def _record_tokens(stage: Stage) -> None:
    for scope in ("read", "proxy", "reserve", "admin"):
        for form in ("text", "kv", "json"):
            words = ["token", "create", f"{scope}-{form}", "--scope", scope, "--format", form]
            stage.run(f"token-{scope}-{form}", *words, *_WHERE)
    bound = [
        "--project",
        "web",
        "--user",
        "ana",
        "--agent",
        "bot",
        "--session",
        "s",
        "--mission",
        "m",
    ]
    stage.run("token-bound", "token", "create", "bound", "--scope", "proxy", *bound, *_WHERE)
    stage.run("token-twice", "token", "create", "bound", *_WHERE)
    stage.run("token-revoke", "token", "revoke", "admin-kv", "--format", "json", *_WHERE)
    stage.run("token-revoke-text", "token", "revoke", "admin-text", "--format", "text", *_WHERE)
    stage.run("token-revoke-again", "token", "revoke", "admin-kv", *_WHERE)
    stage.run("token-revoke-unknown", "token", "revoke", "nobody", *_WHERE)
    for form in ("text", "kv", "json"):
        stage.run(f"token-list-{form}", "token", "list", "--format", form, *_WHERE)


def _record_keeping(stage: Stage) -> None:
    for form in ("text", "kv", "json"):
        stage.run(f"verify-{form}", "ledger", "verify", "--format", form, *_WHERE)
        stage.run(f"drain-{form}", "ledger", "drain", "--format", form, *_WHERE)
    stage.run("verify-anchor", "ledger", "verify", "--anchor", f"1:{'0' * 64}", *_WHERE)
    old = ["--set", "governance.ledger.retention_days=1"]
    stage.run("archive", "ledger", "drain", *_WHERE, *old)
    with sqlite3.connect(stage.folder / "l.duckdb.store") as connection:
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
        if "balance" in tables:
            connection.execute("UPDATE balance SET spent_nano_usd = spent_nano_usd + 1")
    connection.close()
    stage.run("verify-wrong", "ledger", "verify", "--format", "text", *_WHERE)
    stage.run(
        "verify-rebuild", "ledger", "verify", "--rebuild", "--yes", "--reason", "mend", *_WHERE
    )
    stage.run("verify-mended", "ledger", "verify", *_WHERE)
    (stage.folder / "l.duckdb").write_bytes(b"no ledger")
    stage.run("status-damaged", "status", *_WHERE)
    stage.run("report-damaged", "report", "by-model", *_WHERE)
    (stage.folder / "l.duckdb.store").write_bytes(b"no store" * 100)
    stage.run("status-damaged-store", "status", *_WHERE)
    stage.run("summary-damaged-store", "cost", "summary", *_WHERE)


def record_terminal(stage: Stage) -> None:
    """Record what a person sees on a terminal."""
    populate(stage)
    write(stage.folder / "broken.toml", '[cost]\ndaly_limit_usd = 3\nwarn_at_percent = "80"\n')
    stage.show("check", "check", "broken.toml")
    for language in ("en_US.UTF-8", "es_ES.UTF-8"):
        short = language[:2]
        stage.show(f"{short}-status", "status", *_WHERE, LC_ALL=language)
        stage.show(f"{short}-summary", "cost", "summary", *_WHERE, LC_ALL=language)
        stage.show(f"{short}-budgets", "cost", "budgets", *_WHERE, LC_ALL=language)
        stage.show(f"{short}-history", "cost", "history", *_WHERE, LC_ALL=language)
        stage.show(f"{short}-audit", "cost", "audit", *_WHERE, LC_ALL=language)
        stage.show(f"{short}-by-model", "report", "by-model", *_WHERE, LC_ALL=language)
        stage.show(f"{short}-report-list", "report", "list", LC_ALL=language)
    stage.show("chart", "report", "history-by-day", "--chart", *_WHERE)
    stage.show("narrow", "cost", "summary", *_WHERE, COLUMNS="50")
    stage.show("policy", "policy", "show", "-c", "corvus.toml")
    stage.show("reset-no", "cost", "reset", "--scope", "day", *_WHERE, answers=b"n\n")
    stage.show("reset-yes", "cost", "reset", "--scope", "day", *_WHERE, answers=b"y\n")
    stage.show("override", "cost", "override", "--reason", "x", *_WHERE)
    stage.show("override-again", "cost", "override", "--reason", "y", *_WHERE, answers=b"y\n")
    stage.show("token-list", "token", "list", *_WHERE)
    stage.show("verify", "ledger", "verify", *_WHERE)
    stage.show("drain", "ledger", "drain", *_WHERE)
    stage.show("decide", "policy", "decide", "--command", "git push", *_WHERE)
    stage.show("sql", "sql", "SELECT 1 AS a, 25000000::BIGINT AS cost_nano_usd", *_WHERE)
    stage.show("config-show", "config", "show", "--origin", "--changed", "-c", "corvus.toml")
    stage.show("init", "init", "new")
    stage.show("demo", "demo", "--dir", "demo")


def record_clients(stage: Stage, provider: Provider) -> None:
    """Record calls through the transports of the SDKs, and the public names."""
    write(stage.folder / "corvus.toml", SERVED.format(port=provider.port))
    stage.note_json("names", sorted(import_module(stage.checkout.package).__all__))
    for name in ("sync", "async"):
        answer = stage.call(lambda n=name: _call_by_sdk(stage, provider.port, n))
        stage.note(f"transport-{name}", answer.shown())
        stage.note(f"transport-{name}-sent", provider.requests())
    stage.run("audit", "cost", "audit", *_WHERE)
    stage.run("calls", "report", "calls", "--format", "jsonl", *_WHERE)
    record_rows(stage, "rows")


def requests() -> list[tuple[str, str, dict[str, Any]]]:
    """Return model calls: a name, a path and a body."""
    chat = {"model": "m", "messages": [{"role": "user", "content": "Say hi"}]}
    found: list[tuple[str, str, dict[str, Any]]] = []
    for path in ("/v1/chat/completions", "/v1/responses", "/v1/messages", "/v1/embeddings"):
        short = path.rpartition("/")[2]
        limit = "max_output_tokens" if short == "responses" else "max_tokens"
        body = (
            {**chat, "input": "Say hi", limit: 20}
            if short != "embeddings"
            else {"model": "m", "input": "Hi"}
        )
        found.append((f"{short}", path, body))
        if short != "embeddings":
            found.append((f"{short}-stream", path, {**body, "stream": True}))
        found.append((f"{short}-uncapped", path, {k: v for k, v in body.items() if k != limit}))
        found.append((f"{short}-unpriced", path, {**body, "model": "unheard-of"}))
        found.append(
            (
                f"{short}-too-dear",
                path,
                {
                    **body,
                    "input": "x" * 9000,
                    "messages": [{"role": "user", "content": "x" * 9000}],
                },
            )
        )
        found.append((f"{short}-unreadable", path, {"messages": 3}))
        found.append((f"{short}-image", path, {**body, "n": 0, "tools": "no"}))
    found.append(("fails", "/v1/chat/completions", {**chat, "model": "m-fails", "max_tokens": 3}))
    found.append(("silent", "/v1/chat/completions", {**chat, "model": "m-silent", "max_tokens": 3}))
    found.append(("batches", "/v1/batches", {"model": "m"}))
    found.append(("count", "/v1/messages/count_tokens", chat))
    return found


def _call_by_sdk(stage: Stage, port: int, kind: str) -> int:
    import httpx2

    public = import_module(stage.checkout.package)
    name = "GovernedTransport" if kind == "sync" else "AsyncGovernedTransport"
    transport = find(stage.checkout.package, name)

    async def ask_async(governor: Any) -> None:
        client = httpx2.AsyncClient(
            transport=transport(governor, session_id="sdk"), base_url=f"http://127.0.0.1:{port}"
        )
        async with client:
            for title, path, body in requests():
                response = await client.post(path, json=body)
                _say(title, response.status_code, response.headers, await response.aread())

    with public.open_runtime(["corvus.toml"], ledger="l.duckdb").governor() as governor:
        if kind == "async":
            asyncio.run(ask_async(governor))
            return 0
        client = httpx2.Client(
            transport=transport(governor, session_id="sdk", project="web"),
            base_url=f"http://127.0.0.1:{port}",
        )
        with client:
            for title, path, body in requests():
                response = client.post(path, json=body)
                _say(title, response.status_code, response.headers, response.read())
    return 0


def _say(title: str, status: int, headers: Any, body: bytes) -> None:
    print(f"# {title}: {status}")
    for name, value in sorted(headers.items()):
        print(f"{name}: {value}")
    print(body.decode(errors="backslashreplace"))
