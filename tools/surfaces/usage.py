"""What is imported, and every report, history, export and question about it."""

from __future__ import annotations

import json
from pathlib import Path

from tools.surfaces.commands import rows_of
from tools.surfaces.inputs import BUDGETS, copy_tree, exports, write
from tools.surfaces.stage import Stage

FORMATS = ("table", "kv", "csv", "json", "jsonl", "markdown", "parquet")
_MAP = [
    "--map",
    "timestamp=time",
    "--map",
    "input_tokens=prompt",
    "--map",
    "output_tokens=completion",
]
_QUERIES = {
    "sum": "SELECT requested_model, SUM(cost_nano_usd) AS cost_nano_usd FROM usage_call "
    "GROUP BY ALL ORDER BY ALL",
    "columns": "SELECT column_name, data_type FROM (DESCRIBE usage_record)",
    "types": "SELECT 1 AS a, 2.5 AS b, 'x' AS c, TRUE AS d, NULL AS e, [1, 2] AS f, "
    "DATE '2026-01-02' AS g, '=1+1' AS h",
    "empty": "SELECT * FROM usage_call WHERE FALSE",
    "write": "DELETE FROM usage_record",
    "file": "SELECT * FROM read_csv('/etc/passwd')",
    "two": "SELECT 1; SELECT 2",
    "broken": "SELECT FROM WHERE",
    "unknown": "SELECT no_such FROM usage_call",
    "setting": "SELECT current_setting('memory_limit')",
}


def record_imports(stage: Stage) -> None:
    """Record the import of a file of each format, alone and again."""
    write(stage.folder / "corvus.toml", BUDGETS)
    for name, text in exports().items():
        write(stage.folder / "in" / name, text)
    for number, name in enumerate(exports()):
        where = ["-c", "corvus.toml", "--ledger", f"ledgers/{number}.duckdb"]
        (stage.folder / "ledgers").mkdir(exist_ok=True)
        for form in ("table", "kv", "json"):
            stage.run(
                f"{number:02}-{form}", "usage", "import", f"in/{name}", "--format", form, *where
            )
        stage.run(f"{number:02}-records", "usage", "export", "--format", "jsonl", *where)
        stage.run(
            f"{number:02}-strict", "usage", "import", "--strict", "--reread", f"in/{name}", *where
        )
    where = ["-c", "corvus.toml", "--ledger", "mapped.duckdb"]
    mapped = ["usage", "import", "in/generic.jsonl", *_MAP]
    stage.run("mapped", *mapped, "--project", "web", "--provider", "zai", "--inclusive", *where)
    stage.run("mapped-records", "usage", "export", *where)
    stage.run(
        "mapped-wrong", "usage", "import", "in/generic.jsonl", "--map", "no_such=time", *where
    )
    for form in ("claude-code", "codex", "litellm", "openai", "otel", "generic", "frobnicate"):
        stage.run(f"from-{form}", "usage", "import", "--from", form, "in/litellm.jsonl", *where)
    stage.run("missing", "usage", "import", "in/no-such.jsonl", *where)
    content = exports()["litellm.jsonl"].encode()
    stage.run("stdin", "usage", "import", "-", *where, stdin=content)


def record_reports(stage: Stage) -> None:
    """Record every report in every format over imported usage."""
    copy_tree("examples/first-light", stage.folder / "light")
    for name, text in exports().items():
        write(stage.folder / "in" / name, text)
    write(stage.folder / "corvus.toml", BUDGETS)
    where = ["-c", "corvus.toml", "--ledger", "l.duckdb"]
    stage.run("import", "usage", "import", "light/sessions", "in", *where)
    record_questions(stage, where, ["--as-of", "2026-11-20T18:00:00Z"])


def record_questions(
    stage: Stage, where: list[str], now: list[str], *, formats: tuple[str, ...] = FORMATS
) -> None:
    """Record what is asked of a ledger.

    Args:
        stage: Where the ledger is.
        where: Options that name it.
        now: Options that say what the time is.
        formats: Those that every report is asked in.
    """
    listed = stage.ask("report", "list", "--format", "json")
    rows = rows_of(json.loads(listed.stdout))
    names = sorted({str(row.get("name") or row.get("report")) for row in rows})
    stage.note_json("report-names", names)
    with stage.together():
        _record_every_report(stage, names, [*where, *now], formats)
    _record_report_options(stage, where, now)
    with stage.together():
        _record_figures(stage, where, now)
    for name, query in _QUERIES.items():
        stage.run(f"sql/{name}", "sql", query, *where)
    for form in FORMATS:
        stage.run(f"sql/types-{form}", "sql", _QUERIES["types"], "--format", form, *where)
    tables = b".tables\nSELECT 1 AS a;\n.schema usage_call\n.help\n"
    stage.run("sql/stdin", "sql", *where, stdin=tables)
    stage.run("sql/stdin-one", "sql", *where, stdin=b"SELECT 1 AS a")
    stage.run("drain", "ledger", "drain", *where)
    stage.run("verify", "ledger", "verify", *where)


def _record_every_report(
    stage: Stage, names: list[str], options: list[str], formats: tuple[str, ...]
) -> None:
    stage.run("report-list", "report", "list")
    for form in ("table", "kv", "json"):
        stage.run(f"report-list-{form}", "report", "list", "--format", form)
    for name in names:
        title = name.replace("/", ".")
        stage.run(f"report/{title}-sql", "report", "show", name)
        for form in formats:
            target = ["-o", "out.parquet"] if form == "parquet" else []
            words = ["report", name, "--format", form, *target, *options]
            stage.run(f"report/{title}-{form}", *words)
        stage.run(f"report/{title}-chart", "report", name, "--format", "table", "--chart", *options)


def _record_figures(stage: Stage, where: list[str], now: list[str]) -> None:
    for period in ("day", "week", "month", "session", "mission"):
        words = ["cost", "history", "--period", period, *where]
        for form in ("table", "kv", "json"):
            stage.run(f"history/{period}-{form}", *words, *now, "--format", form)
        stage.run(f"history/{period}-window", *words, *now, "--window", "3")
        stage.run(f"history/{period}-wide", *words, "--window", "9999")
    for form in ("table", "kv", "json"):
        stage.run(f"summary-{form}", "cost", "summary", "--format", form, *where, *now)
        stage.run(f"budgets-{form}", "cost", "budgets", "--format", form, *where, *now)
    stage.run("summary-session", "cost", "summary", "--session", "session-a", *where, *now)
    export = ["usage", "export", *where]
    for form in ("csv", "jsonl", "focus"):
        stage.run(f"export-{form}", *export, "--format", form)
    stage.run("export-parquet", *export, "-o", "all.parquet")
    acme = ["--billing-account", "acme", "--project", "search"]
    stage.run("export-focus-account", *export, "--format", "focus", *acme)
    stage.run("export-none", *export, "--since", "2027")


def _record_report_options(stage: Stage, where: list[str], now: list[str]) -> None:
    for number, words in enumerate(
        (
            ["by-model", "--since", "2026-11"],
            ["by-model", "--since", "7d", "--until", "yesterday"],
            ["by-tag", "-p", "tag=client"],
            ["calls", "-p", "rows=2", "-p", "page=2"],
            ["calls", "-p", "rows=0"],
            ["calls", "-p", "no_such=1"],
            ["anomalies", "-p", "threshold=1", "-p", "only_unusual=true"],
            ["status-over-time", "-p", "budget=day", "--set", "cost.daily_limit_usd=0.40"],
            ["no-such-report"],
            ["by-mode"],
        )
    ):
        stage.run(f"report-options/{number}", "report", *words, *where, *now)
    own = (
        "-- title: Own\n-- summary: A report of one's own.\n-- column: a BIGINT a number\n"
        "-- reads: usage_call\nSELECT 1::BIGINT AS a\n"
    )
    write(Path(stage.folder / "reports/own.sql"), own)
    write(Path(stage.folder / "broken/bad.sql"), "SELECT 1")
    stage.run("report-options/own", "report", "own", "--reports-dir", "reports", *where)
    stage.run("report-options/own-list", "report", "list", "--reports-dir", "reports")
    stage.run("report-options/bad", "report", "bad", "--reports-dir", "broken", *where)
    for book in ("2026-01-01", "2026-11", "today", "never"):
        words = ["report", "reprice", "--book", book, *where, *now]
        stage.run(f"reprice-{book}", *words)
    for form in FORMATS[:-1]:
        words = ["report", "reprice", "--book", "2026-11", "--format", form, *where, *now]
        stage.run(f"reprice-format-{form}", *words)
