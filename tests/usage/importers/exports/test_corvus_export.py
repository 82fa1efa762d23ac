"""What `usage export` wrote comes back as it was, once, and nothing of it is believed blindly."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from corvus.base.errors import ImportRefused
from corvus.ledger.ledger import open_ledger
from corvus.model.columns import COLUMNS
from corvus.usage.exporters import Shape
from corvus.usage.exporters.export import Choice, export_file
from corvus.usage.importers.model import ImportSummary
from tests.properties import some_by_day
from tests.usage.importers.conftest import Books, Desk

NAMES = [column.name for column in COLUMNS]
SHAPES = [*Shape]
CALL: dict[str, object] = {
    "admitted_at": "2026-11-16 10:00:00.000001",
    "settled_at": "2026-11-16 10:00:02",
    "session_id": "s",
    "cost_nano_usd": 5,
    "source": "provider",
}
ODD_TEXTS = [
    "", "'", "''", "=cmd|' /C calc'!A0", "'=cmd", "''=cmd", "'plain", "+1", "-1", "@x", "＝1",  # noqa: RUF001
    "\t=", "\r\n", "a\nb", "a\rb", 'q"uote', ",", ";", " spaces ", "NULL", "null", "\\N", "\\",
    "\x00nul\x00", "\ufeffbom", "\u2028", "😀", "'\n=", "{}", "# no comment",
]  # fmt: skip


def export(ledger: Path, target: Path) -> Path:
    shape = Shape(target.suffix.removeprefix("."))
    with open_ledger(ledger) as opened:
        export_file(opened.connection, Choice(), shape, target)
    return target


def rows_of(ledger: Path) -> list[tuple[Any, ...]]:
    with open_ledger(ledger) as opened:
        return opened.connection.execute(
            f"SELECT {', '.join(NAMES)} FROM usage_record ORDER BY admitted_at, id"  # noqa: S608 - names of this package
        ).fetchall()


def desk_at(folder: Path) -> Desk:
    folder.mkdir(exist_ok=True)
    return Desk(folder, Books())


@pytest.fixture
def odd(odd_once: Path, tmp_path: Path) -> Path:
    """A ledger whose values have every character that a file may trip over."""
    return Path(shutil.copy(odd_once, tmp_path / "odd.duckdb"))


@pytest.fixture(scope="module")
def odd_once(tmp_path_factory: pytest.TempPathFactory, record_calls: Callable[..., Path]) -> Path:
    odd_rows = [
        CALL
        | {
            "project": text,
            "agent": ODD_TEXTS[-place - 1],
            "user_name": None,
            "tags": {text: ODD_TEXTS[-place - 1], "z": "1", "a": ""} if place % 3 else None,
            "cost_nano_usd": None if place % 4 == 0 else place,
            "first_token_at": "2026-11-16 10:00:01.000123" if place % 2 else None,
            "branch": "" if place % 2 else None,
        }
        for place, text in enumerate(ODD_TEXTS)
    ]
    return record_calls(tmp_path_factory.mktemp("odd") / "odd.duckdb", *odd_rows)


@pytest.fixture
def amended(amended_once: Path, tmp_path: Path) -> Path:
    """A ledger with a call that was corrected twice, and one that was not."""
    return Path(shutil.copy(amended_once, tmp_path / "amended.duckdb"))


@pytest.fixture(scope="module")
def amended_once(
    tmp_path_factory: pytest.TempPathFactory, record_calls: Callable[..., Path]
) -> Path:
    folder = tmp_path_factory.mktemp("amended")
    path = record_calls(folder / "amended.duckdb", CALL, CALL | {"session_id": "other"})
    with open_ledger(path, write=True) as opened:
        for cost in (7, 9):
            opened.connection.execute(
                f"""
                INSERT INTO usage_record
                WITH live AS (FROM usage_call WHERE session_id = 's')
                SELECT {", ".join(_correction(name, "-")[0] for name in NAMES)} FROM live
                UNION ALL BY NAME
                SELECT {", ".join(_correction(name, "+", cost)[0] for name in NAMES)} FROM live
                """  # noqa: S608 - names of this package
            )
    assert [row[NAMES.index("calls")] for row in rows_of(path)].count(-1) == 2
    return path


def _correction(name: str, sign: str, cost: int = 0) -> tuple[str]:
    if name in {"id", "corrects_id"}:
        return ("uuidv7() AS id" if name == "id" else "id AS corrects_id",)
    is_sum = name.endswith(("_tokens", "_requests", "_containers")) or name in {
        "calls",
        "cost_nano_usd",
    }
    if sign == "-" and is_sum:
        return (f"-{name} AS {name}",)
    return (f"{cost} AS {name}" if name == "cost_nano_usd" and sign == "+" else name,)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["odd", "amended"])
def test_an_export_that_is_imported_exports_to_the_same_bytes(
    shape: Shape, name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """EXP-1: ids, sums, sources, tags, and every character come back."""
    ledger: Path = request.getfixturevalue(name)
    first = export(ledger, tmp_path / f"first.{shape}")
    desk = desk_at(tmp_path / "other")
    summary = desk.take(first)
    assert (summary.bad_lines, summary.files) == (0, {"corvus-export": 1})
    assert rows_of(desk.path) == rows_of(ledger)
    assert export(desk.path, tmp_path / f"second.{shape}").read_bytes() == first.read_bytes()


@pytest.mark.parametrize("shape", some_by_day(SHAPES))
def test_importing_into_the_origin_adds_nothing(
    shape: Shape, tmp_path: Path, amended: Path
) -> None:
    desk = desk_at(tmp_path)
    desk.path = amended
    before = rows_of(amended)
    summary = desk.take(export(amended, tmp_path / f"out.{shape}"))
    assert (summary.new, summary.updated, summary.bad_lines) == (0, 0, 0)
    assert rows_of(amended) == before


@pytest.mark.parametrize("shape", SHAPES)
def test_the_summary_counts_calls_and_corrections_and_a_second_import_none(
    shape: Shape, tmp_path: Path, amended: Path
) -> None:
    desk = desk_at(tmp_path / "other")
    out = export(amended, tmp_path / f"out.{shape}")
    first, second = desk.take(out), desk.take(out)
    assert (first.new, first.updated, first.duplicate) == (2, 2, 0)
    assert first.new_cost_nano_usd == 5 + 9
    assert (second.new, second.updated, second.duplicate) == (0, 0, 4)


def test_half_a_file_and_then_the_whole_is_the_whole(tmp_path: Path, amended: Path) -> None:
    lines = export(amended, tmp_path / "out.jsonl").read_text().splitlines(keepends=True)
    kept = random.Random(4).sample(lines, len(lines))
    desk = desk_at(tmp_path / "other")
    for count in (2, 3, len(kept)):
        half = tmp_path / f"half-{count}.jsonl"
        half.write_text("".join(kept[:count]))
        desk.take(half)
        calls, live = desk.ask("SELECT coalesce(sum(calls), 0)::BIGINT, count(*) FROM usage_call")[
            0
        ]
        assert calls == live == desk.totals()[0]
    assert rows_of(desk.path) == rows_of(amended)


@pytest.mark.parametrize("shape", [Shape.CSV, pytest.param(Shape.JSONL, marks=pytest.mark.nightly)])
def test_a_torn_file_gives_its_whole_lines_and_later_the_rest(
    shape: Shape, tmp_path: Path, odd: Path
) -> None:
    whole = export(odd, tmp_path / f"whole.{shape}").read_bytes()
    known = rows_of(odd)
    last = whole.rindex(b"\n", 0, -1)
    for cut in (len(whole) - 2, last - 3, last + 90):
        torn = tmp_path / f"torn.{shape}"
        torn.write_bytes(whole[:cut])
        desk = desk_at(tmp_path / f"desk-{cut}")
        summary = desk.take(torn)
        found = rows_of(desk.path)
        assert set(map(repr, found)) <= set(map(repr, known))
        assert summary.new == len(found)
        assert summary.bad_lines == 1
        torn.write_bytes(whole)
        desk.take(torn)
        assert rows_of(desk.path) == known


@pytest.mark.parametrize("shape", some_by_day(SHAPES))
def test_two_ledgers_come_to_the_same_in_both_orders(
    shape: Shape, tmp_path: Path, odd: Path, amended: Path
) -> None:
    files = [export(odd, tmp_path / f"odd.{shape}"), export(amended, tmp_path / f"am.{shape}")]
    merged: list[list[tuple[Any, ...]]] = []
    for place, order in enumerate((files, files[::-1])):
        desk = desk_at(tmp_path / f"desk-{place}")
        for file in order:
            desk.take(file)
        merged.append(rows_of(desk.path))
    assert merged[0] == merged[1]
    assert len(merged[0]) == len(rows_of(odd)) + len(rows_of(amended))
    both = desk_at(tmp_path / "both")
    both.take(*files)
    assert rows_of(both.path) == merged[0]


def changed(path: Path, target: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """Write a changed copy of JSON lines."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for row in rows:
        change(row)
    target.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return target


def test_a_row_that_contradicts_the_ledger_is_refused_with_both_named(
    tmp_path: Path, amended: Path
) -> None:
    out = export(amended, tmp_path / "out.jsonl")
    forged = changed(out, tmp_path / "forged.jsonl", _cheaper)
    desk = desk_at(tmp_path)
    desk.path = amended
    before = rows_of(amended)
    summary = desk.take(forged)
    assert rows_of(amended) == before
    assert summary.new == summary.updated == 0
    reasons = [str(bad) for bad in summary.bad]
    assert any("cost_nano_usd 0 here and 9 there" in reason for reason in reasons), reasons
    assert all("forged.jsonl:" in reason for reason in reasons)
    assert summary.bad_lines == len(reasons)


def _cheaper(row: dict[str, Any]) -> None:
    row["cost_nano_usd"] = 0


def test_a_call_that_stands_under_another_id_is_not_counted_twice(
    tmp_path: Path, record_calls: Callable[..., Path]
) -> None:
    key = {"import_key": "018f0000-0000-8000-8000-000000000001"}
    one = record_calls(tmp_path / "one.duckdb", CALL | key)
    other = record_calls(tmp_path / "other.duckdb", CALL | key | {"cost_nano_usd": 6})
    desk = desk_at(tmp_path)
    desk.path = one
    summary = desk.take(export(other, tmp_path / "other.csv"))
    assert "stands as record" in str(summary.bad[0])
    assert desk.totals()[0] == 1
    both = desk_at(tmp_path / "both")
    both.take(export(one, tmp_path / "one.csv"), tmp_path / "other.csv")
    assert both.totals()[0] == 1


def test_a_file_that_only_takes_back_takes_nothing_back(tmp_path: Path, amended: Path) -> None:
    """As one who cheats: spend does not go away by a file that says so."""
    lines = export(amended, tmp_path / "out.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    live = next(row for row in rows if row["session_id"] == "other")
    forged = live | {
        "id": "01900000-0000-7000-8000-000000000000",
        "corrects_id": live["id"],
        "calls": -1,
        "cost_nano_usd": -1000,
        "input_tokens": -10,
    }
    file = tmp_path / "forged.jsonl"
    file.write_text(json.dumps(forged) + "\n")
    desk = desk_at(tmp_path)
    desk.path = amended
    before = desk.totals()
    assert "takes back record" in str(desk.take(file).bad[0])
    assert desk.totals() == before


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"cost_nano_usd": 1.5}, "cost_nano_usd does not fit"),
        ({"cost_nano_usd": 10**20}, "cost_nano_usd does not fit"),
        ({"calls": 0}, "calls is 0"),
        ({"input_tokens": -1}, "negative"),
        ({"input_tokens": None}, "no input_tokens"),
        ({"source": "guessed"}, "source does not fit"),
        ({"id": "nonsense"}, "id does not fit"),
        ({"id": None}, "no id"),
        ({"admitted_at": "yesterday"}, "admitted_at does not fit"),
        ({"tags": "[1]"}, "tags does not fit"),
        ({"calls": -1}, "does not name"),
    ],
)
def test_a_value_that_does_not_fit_is_a_bad_line(
    change: dict[str, Any], reason: str, tmp_path: Path, record_calls: Callable[..., Path]
) -> None:
    ledger = record_calls(tmp_path / "one.duckdb", CALL)
    out = export(ledger, tmp_path / "out.jsonl")
    bad = changed(out, tmp_path / "bad.jsonl", lambda row: row.update(change))
    bad.write_text("\n\n" + bad.read_text())
    summary = desk_at(tmp_path / "other").take(bad)
    (found,) = summary.bad
    assert (found.line, reason in found.reason) == (3, True), found


def csv_with(path: Path, target: Path, edit: Callable[[list[str]], Iterable[str]]) -> Path:
    target.write_text("\n".join(edit(path.read_text().splitlines())) + "\n")
    return target


def test_a_bad_row_of_a_csv_is_named_by_its_line(
    tmp_path: Path, record_calls: Callable[..., Path]
) -> None:
    rows = [CALL | {"project": "two\nlines"}, CALL | {"admitted_at": "2026-11-17 10:00:00"}]
    ledger = record_calls(tmp_path / "two.duckdb", *rows)
    out = export(ledger, tmp_path / "out.csv")
    bad = tmp_path / "bad.csv"
    bad.write_text(out.read_text().replace("2026-11-17T10:00:00Z", "soon") + "too,few\n")
    desk = desk_at(tmp_path / "other")
    summary = desk.take(bad)
    assert [found.line for found in summary.bad] == [4, 5]
    assert desk.totals()[0] == 1


def test_an_older_export_lacks_columns_and_a_newer_one_is_refused_by_name(
    tmp_path: Path, record_calls: Callable[..., Path]
) -> None:
    ledger = record_calls(tmp_path / "one.duckdb", CALL)
    out = export(ledger, tmp_path / "out.jsonl")
    later = {"subagent", "token", "branch", "estimated_tokens", "parent_subagent"}
    old = changed(out, tmp_path / "old.jsonl", lambda row: [row.pop(name) for name in later])
    desk = desk_at(tmp_path / "other")
    assert desk.take(old).bad == ()
    assert rows_of(desk.path) == rows_of(ledger)
    new = changed(out, tmp_path / "new.jsonl", lambda row: row.update(flavour="x"))
    with pytest.raises(ImportRefused, match=r"newer corvus: .*flavour"):
        desk.take(new)


def test_amounts_that_went_through_a_float_are_refused(
    tmp_path: Path, record_calls: Callable[..., Path]
) -> None:
    ledger = record_calls(tmp_path / "one.duckdb", CALL)
    out, floats = export(ledger, tmp_path / "out.parquet"), tmp_path / "floats.parquet"
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT * REPLACE (cost_nano_usd::DOUBLE AS cost_nano_usd) FROM '{out}') "  # noqa: S608 - made of constants of this package
            f"TO '{floats}' (FORMAT parquet)"
        )
    with pytest.raises(ImportRefused, match="cost_nano_usd is of the type DOUBLE"):
        desk_at(tmp_path / "other").take(floats)


def test_options_that_would_change_records_are_refused(tmp_path: Path, odd: Path) -> None:
    out = export(odd, tmp_path / "out.jsonl")
    with pytest.raises(ImportRefused, match="as they are"):
        desk_at(tmp_path / "other").take(out, project="p")


def test_what_the_ledger_has_of_a_file_is_not_read_again_unless_a_row_was_refused(
    tmp_path: Path, amended: Path
) -> None:
    out = export(amended, tmp_path / "out.jsonl")
    lines = out.read_text().splitlines(keepends=True)
    part = tmp_path / "part.jsonl"
    part.write_text("".join(line for line in lines if '"calls":-1' in line))
    desk = desk_at(tmp_path / "other")
    assert desk.take_new(part).bad_lines == 2
    assert desk.take_new(out).unchanged == 0
    again: list[ImportSummary] = [desk.take_new(part), desk.take_new(part)]
    assert [summary.bad_lines for summary in again] == [0, 0]
    assert rows_of(desk.path) == rows_of(amended)
    assert again[1].unchanged == 1


def test_a_packed_export_is_read_too(tmp_path: Path, odd: Path) -> None:
    import gzip

    for shape in (Shape.CSV, Shape.JSONL):
        packed = tmp_path / f"out.{shape}.gz"
        packed.write_bytes(gzip.compress(export(odd, tmp_path / f"out.{shape}").read_bytes()))
        desk = desk_at(tmp_path / f"other-{shape}")
        desk.take(packed)
        assert rows_of(desk.path) == rows_of(odd)


def test_what_the_store_of_the_ledger_has_recorded_comes_by_draining_alone(
    tmp_path: Path, record_calls: Callable[..., Path]
) -> None:
    """As one who cheats: a file cannot take back what was spent under the budgets of the place."""
    store, reservation = (f"01900000-0000-7000-8000-00000000000{number}" for number in (1, 2))
    ledger = record_calls(tmp_path / "own.duckdb", CALL | {"reservation_id": reservation})
    with open_ledger(ledger, write=True) as opened:
        opened.connection.execute(
            "INSERT INTO reservation_event (store_id, seq, recorded_at, kind, reservation_id) "
            "VALUES (?, 1, now()::TIMESTAMP, 'reserved', ?)",
            [store, reservation],
        )
    row = json.loads(export(ledger, tmp_path / "o.jsonl").read_text())
    back = {name: -value for name, value in row.items() if isinstance(value, int) and value}
    forged = row | back | {"id": store, "corrects_id": row["id"], "at_least": False}
    file = tmp_path / "forged.jsonl"
    file.write_text(json.dumps(forged) + "\n")
    desk = desk_at(tmp_path)
    desk.path = ledger
    summary = desk.take(file, own_store=store)
    assert "corvus ledger drain" in str(summary.bad[0])
    assert desk.totals()[0] == 1
