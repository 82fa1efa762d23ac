"""Calls that are governed: a fixed sequence in Python, the commands that steer, and the rows left."""

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
from typing import Any

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
    stage.record.mkdir(parents=True, exist_ok=True)
    answer = stage.call(lambda: _live_two_weeks(stage))
    stage.note("sequence", answer.shown())


def _live_two_weeks(stage: Stage) -> int:
    package = stage.checkout.package
    public = import_module(package)

    def named(name: str) -> Any:
        return find(package, name)

    def say(title: str, value: object) -> None:
        print(title, json.dumps(plain(value), indent=1, ensure_ascii=False, default=str))

    def tried(title: str, work: Callable[[], object]) -> Any:
        try:
            value = work()
        except Exception as error:
            print(title, "raised", type(error).__name__, getattr(error, "code", ""), error)
            return None
        say(title, value)
        return value

    def runtime(days_ago: float) -> Any:
        clock = named("FixedClock")(NOON - timedelta(days=days_ago))
        return public.open_runtime(["corvus.toml"], ledger="l.duckdb", clock=clock)

    for day in range(13, 0, -1):
        with runtime(day).governor() as governor:
            for number in range(1 + day % 3):
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
                    say("refused", decision)
                    continue
                usage = public.Usage(1000 * day, 100 * day, cache_read_tokens=10 * day)
                governor.commit(decision.reservation, usage, cost_nano_usd=day * 7 * _CENT)
    events: list[object] = []
    with runtime(0.1).governor(listeners=[events.append]) as governor:
        _live_a_day(public, named, governor, tried)
    for event in events:
        say(f"event {type(event).__name__}", event)
    for title, work in (
        ("status", lambda: runtime(0.05).status("a")),
        ("status of a mission", lambda: runtime(0.05).status("a", "mend-the-tests")),
        ("recorded status", lambda: runtime(0.05).status("a", recorded=True)),
        ("health", lambda: runtime(0.05).health()),
        ("audit", lambda: runtime(0.05).audit(100)),
    ):
        tried(title, work)
    return 0


def _live_a_day(public: Any, named: Any, governor: Any, tried: Any) -> None:
    def ask(model: str = "m", cents: int = 10, **options: Any) -> Any:
        made = governor.request(model, estimate_usd=Decimal(cents) / 100, **options)
        return tried(f"reserve {model} {cents} {options}", lambda: governor.reserve(made))

    mission = named("MissionRequest")
    tried("mission", lambda: governor.start_mission(mission("a", "mend-the-tests", 1_500_000_000)))
    tried("mission again", lambda: governor.start_mission(mission("a", "mend-the-tests")))
    tried("mission b", lambda: governor.start_mission(mission("b", "done", 10**9, project="lab")))
    first = ask(cents=55, session_id="a", mission_id="mend-the-tests", idempotency_key="k1")
    tried("evaluate", lambda: governor.evaluate(governor.request("m", session_id="a")))
    ask(cents=55, session_id="a", mission_id="mend-the-tests", idempotency_key="k1")
    ask(cents=56, session_id="a", mission_id="mend-the-tests", idempotency_key="k1")
    usage = public.Usage(1200, 340)
    held = first.reservation
    tried("extend", lambda: governor.extend(held, ttl_seconds=900, hold_usd=Decimal("0.6")))
    tried(
        "commit", lambda: governor.commit(held, usage, cost_nano_usd=70 * _CENT, settlement_key="s")
    )
    tried("commit again", lambda: governor.commit(held, usage, cost_nano_usd=70 * _CENT))
    tried(
        "commit same",
        lambda: governor.commit(held, usage, cost_nano_usd=70 * _CENT, settlement_key="s"),
    )
    tried("release late", lambda: governor.release(held))
    second = ask("opus-5", 117, session_id="b", mission_id="done", project="lab").reservation
    tried("release", lambda: governor.release(second))
    third = ask("opus-5", 117, session_id="b", mission_id="done", project="lab").reservation
    tried("commit priced", lambda: governor.commit(third, usage, answering_model="claude-opus-4-5"))
    for number in range(4):
        tried(f"step {number}", lambda: governor.step_mission("a", "mend-the-tests"))
    outcome = named("MissionOutcome").COMPLETED
    tried("end", lambda: governor.end_mission("b", "done", outcome, "lab"))
    ask("opus-5", 300, session_id="c")
    ask("m", 150, session_id="c")
    tried(
        "override", lambda: governor.override(named("OverrideRequest")("ana", "release day", "c"))
    )
    lifted = ask("m", 250, session_id="c")
    if lifted is not None and lifted.reservation is not None:
        tried("commit lifted", lambda: governor.commit(lifted.reservation, usage, cost_nano_usd=5))
    tried("reset", lambda: governor.reset(named("ResetRequest")("session", "ana", "astray", "c")))
    tried("reset unknown", lambda: governor.reset(named("ResetRequest")("no-such", "ana")))
    ask("m", 30, session_id="c", user="bob", agent="planner", tags={"team": "blue"})
    unpriced = ask_unpriced(governor, tried)
    if unpriced is not None and unpriced.reservation is not None:
        tried("commit unpriced", lambda: governor.commit(unpriced.reservation, usage))
    ask("m", 400, session_id="d", project="lab")
    with governor.session("with", project="web") as session:
        tried("call", lambda: _call(session, public, usage))
        tried("failing call", lambda: _call(session, public, usage, fails=True))
        with session.mission("inner", limit_usd=1) as inner:
            tried("inner", lambda: _call(inner, public, usage))
    tried("async", lambda: asyncio.run(_asynchronous(governor, public, usage)))
    tried("close", lambda: governor.close_session("d", "lab"))
    tried("close unknown", lambda: governor.close_session("nobody"))
    tried("sessions", lambda: governor.sessions())
    for name, options in (("act", {"command": "git status"}), ("act", {"tool": "http_request"})):
        tried(name, lambda o=options: governor.act(named("Action")(**o), "ana"))


def ask_unpriced(governor: Any, tried: Any) -> Any:
    """Ask for a model that has no price."""
    return tried(
        "unpriced", lambda: governor.reserve(governor.request("unheard-of", session_id="d"))
    )


def _call(scope: Any, public: Any, usage: Any, *, fails: bool = False) -> Any:
    with scope.call("m", input_tokens=1000, max_output_tokens=100) as call:
        if fails:
            raise ValueError("the provider failed")
        call.used(usage)
    return call.settled


async def _asynchronous(governor: Any, public: Any, usage: Any) -> Any:
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
        return {str(plain(key)): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(inner) for inner in value]
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
