"""An export says what the ledger says, exactly, in files that other programs read (EXP-1)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corvus.base.errors import ReportError
from corvus.base.resources import shipped
from corvus.cli.usage import ExportFormat
from corvus.ledger.ledger import open_ledger
from corvus.usage import exporters
from corvus.usage.exporters import FORMATS, Shape
from corvus.usage.exporters.export import (
    RECORDS,
    Choice,
    ExportSummary,
    export_file,
    export_text,
    exporter_named,
)
from corvus.usage.exporters.fields import Field, csv_line
from corvus.usage.exporters.focus import EXPORTER as FOCUS
from corvus.usage.exporters.focus import exporter_of
from corvus.usage.exporters.focus_columns import FOCUS_COLUMNS, VERSIONS, Level, columns_of
from tests.properties import examples

CALL: dict[str, object] = {
    "admitted_at": "2026-11-30 23:59:59.75",
    "settled_at": "2026-12-01 00:00:02.25",
    "session_id": "s1",
    "project": "search",
    "provider": "anthropic",
    "requested_model": "claude-sonnet-4-5-20250929",
    "answering_model": "claude-sonnet-4-5-20250929",
    "output_tokens": 20,
    "cache_read_tokens": 300,
    "cost_nano_usd": 1_250_000_001,
    "price_book": "bundled",
    "price_entry": "bundled:anthropic/claude-sonnet-4-5@2026-01-01",
    "tags": {"team": 'a "b"'},
}
FOCUS_ROW = {
    "BilledCost": "1.250000001",
    "BillingAccountId": "anthropic",
    "BillingAccountName": "anthropic",
    "BillingCurrency": "USD",
    "BillingPeriodEnd": "2026-12-01T00:00:00Z",
    "BillingPeriodStart": "2026-11-01T00:00:00Z",
    "ChargeCategory": "Usage",
    "ChargeClass": "",
    "ChargeDescription": "1 call of claude-sonnet-4-5-20250929",
    "ChargeFrequency": "Usage-Based",
    "ChargePeriodEnd": "2026-12-01T00:00:03Z",
    "ChargePeriodStart": "2026-11-30T23:59:59Z",
    "CommitmentDiscountStatus": "",
    "ConsumedQuantity": "330.0",
    "ConsumedUnit": "Tokens",
    "ContractedCost": "1.250000001",
    "EffectiveCost": "1.250000001",
    "HostProviderName": "anthropic",
    "InvoiceId": "",
    "InvoiceIssuerName": "anthropic",
    "ListCost": "1.250000001",
    "PricingCategory": "Standard",
    "PricingQuantity": "330.0",
    "PricingUnit": "Tokens",
    "ServiceCategory": "AI and Machine Learning",
    "ServiceName": "anthropic",
    "ServiceProviderName": "anthropic",
    "ServiceSubcategory": "Generative AI",
    "SkuId": "anthropic/claude-sonnet-4-5",
    "SkuMeter": "Tokens",
    "SkuPriceDetails": '{"x_Provider":"anthropic","x_Sku":"anthropic/claude-sonnet-4-5",'
    '"x_PriceBook":"bundled"}',
    "SkuPriceId": "bundled:anthropic/claude-sonnet-4-5@2026-01-01",
    "SubAccountId": "search",
    "SubAccountName": "search",
    "Tags": '{"team":"a \\"b\\"","corvus/project":"search","corvus/session_id":"s1",'
    '"corvus/surface":"import"}',
    "x_RequestedModel": "claude-sonnet-4-5-20250929",
    "x_AnsweringModel": "claude-sonnet-4-5-20250929",
    "x_ServiceTier": "",
    "x_CostSource": "imported",
    "x_InputTokens": "10",
    "x_OutputTokens": "20",
    "x_CacheReadTokens": "300",
    "x_CacheWriteFiveMinuteTokens": "0",
    "x_CacheWriteOneHourTokens": "0",
    "x_ReasoningTokens": "0",
    "x_WebSearchRequests": "0",
    "x_InputAudioTokens": "0",
    "x_InputImageTokens": "0",
    "x_InputVideoTokens": "0",
    "x_CacheReadAudioTokens": "0",
    "x_CacheReadImageTokens": "0",
    "x_OutputAudioTokens": "0",
    "x_OutputImageTokens": "0",
    "x_OutputVideoTokens": "0",
    "x_FileSearchRequests": "0",
    "x_CodeContainers": "0",
    "x_CostIsAtLeast": "false",
}
FOCUS_TYPES = {"BilledCost": "DECIMAL(28,9)", "ConsumedQuantity": "DECIMAL(20,1)"} | {
    name: "TIMESTAMP" for name in FOCUS_ROW if "Period" in name
}


@pytest.fixture
def ledger(tmp_path: Path, record_calls: Callable[..., Path]) -> Path:
    """Two priced calls of different sessions and a call without a price."""
    other = CALL | {"admitted_at": "2026-11-02 00:00:00", "settled_at": "2026-11-02 00:00:00"}
    unpriced: dict[str, object] = {"cost_nano_usd": None, "price_entry": None, "price_book": None}
    return record_calls(
        tmp_path / "ledger.duckdb",
        CALL,
        other | {"session_id": "s2", "project": None, "tags": None, "price_entry": None},
        other | unpriced | {"admitted_at": "2026-11-03 00:00:00", "session_id": "s3"},
    )


def text_of(path: Path, shape: Shape, **options: Any) -> tuple[str, ExportSummary]:
    sink = io.StringIO()
    with open_ledger(path) as ledger:
        summary = export_text(ledger.connection, Choice(**options), shape, sink)
    return sink.getvalue(), summary


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_a_focus_row_is_the_one_computed_by_hand(ledger: Path) -> None:
    text, summary = text_of(ledger, Shape.CSV, exporter=FOCUS, session="s1")
    (row,) = rows_of(text)
    assert len(row.pop("x_CallId")) == 36
    assert row == FOCUS_ROW
    assert summary == ExportSummary(rows=1)


def test_focus_columns_are_in_the_order_of_the_specification_and_ours_come_last(
    ledger: Path,
) -> None:
    names = text_of(ledger, Shape.CSV, exporter=FOCUS)[0].splitlines()[0].split(",")
    ours = [name for name in names if name.startswith("x_")]
    theirs = [name for name in names if not name.startswith("x_")]
    assert names == theirs + ours
    assert theirs == sorted(theirs)


@pytest.mark.parametrize("version", VERSIONS)
def test_focus_has_what_each_version_requires_and_nothing_that_it_lacks(
    ledger: Path, version: str
) -> None:
    """EXP-1: one table of columns for all versions."""
    known = {column.name: column for column in columns_of(version)}
    rows = rows_of(text_of(ledger, Shape.CSV, exporter=exporter_of(version))[0])
    theirs = {name for name in rows[0] if not name.startswith("x_")}
    required = {name for name, one in known.items() if one.level is Level.MANDATORY}
    assert required <= theirs <= set(known)
    never_null = {name for name in theirs if not known[name].allows_null}
    assert all(row[name] for row in rows for name in never_null)
    assert sum(Decimal(row["BilledCost"]) for row in rows) == Decimal("2.500000002")


def test_the_versions_have_as_many_columns_as_the_specification_says() -> None:
    counts = {version: len(columns_of(version)) for version in VERSIONS}
    assert counts == {"1.4": 65, "1.3": 65, "1.2": 57}
    names = [column.name for column in FOCUS_COLUMNS]
    assert names == sorted(names)


@pytest.mark.parametrize(
    ("provider", "model", "seller", "host"),
    [
        ("anthropic", "claude-opus-5", "anthropic", "anthropic"),
        ("openrouter", "anthropic/claude-sonnet-4", "anthropic", "anthropic"),
        ("openrouter", "somebody/new-model", "openrouter", "openrouter"),
        ("aws", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "anthropic", "aws"),
        ("aws", "amazon.nova-pro-v1:0", "aws", "aws"),
        ("azure", "gpt-4o", "openai", "azure"),
        ("azure", "o3-mini", "openai", "azure"),
        ("google", "gemini-2.5-pro", "google", "google"),
        ("google", "claude-opus-5", "anthropic", "google"),
        ("groq", "llama-3.3-70b", "groq", "groq"),
    ],
)
def test_focus_names_who_sells_a_model_who_runs_it_and_who_bills(
    tmp_path: Path,
    record_calls: Callable[..., Path],
    provider: str,
    model: str,
    seller: str,
    host: str,
) -> None:
    call = CALL | {"provider": provider, "requested_model": model}
    path = record_calls(tmp_path / "one.duckdb", call)
    (row,) = rows_of(text_of(path, Shape.CSV, exporter=FOCUS)[0])
    names = row["ServiceProviderName"], row["HostProviderName"], row["InvoiceIssuerName"]
    assert names == (seller, host, provider)


def test_a_call_is_a_row_of_focus_for_each_kind_where_its_rates_give_its_cost(
    tmp_path: Path, record_calls: Callable[..., Path]
) -> None:
    entry = str(CALL["price_entry"])
    counts = {"input_tokens": 7, "output_tokens": 3, "cache_read_tokens": 0}
    counts["web_search_requests"] = 2
    cost = 7 * 3_000 + 3 * 15_000 + 2 * 10_000_000 + 1  # and a nano-USD of rounding
    exact = CALL | counts | {"cost_nano_usd": cost}
    path = record_calls(
        tmp_path / "split.duckdb",
        exact,
        exact | {"session_id": "stated", "source": "provider", "computed_cost_nano_usd": 5},
        exact | {"session_id": "tiered", "cost_nano_usd": cost + 2},
    )
    with open_ledger(path, write=True) as opened:
        opened.connection.execute(
            "INSERT INTO price_entry (store_id, seq, recorded_at, entry, book, model, rates) "
            "VALUES (uuid(), 1, now()::TIMESTAMP, ?, 'bundled', 'm', MAP {'input': 3000001500, "
            "'output': 15000000000, 'web_search': 10000000000000})",
            [entry],
        )
    text, summary = text_of(path, Shape.CSV, exporter=FOCUS)
    rows = rows_of(text)
    parts = [row for row in rows if row["SkuMeter"] != "Tokens"]
    assert [(row["SkuMeter"], row["ConsumedQuantity"], row["ConsumedUnit"]) for row in parts] == [
        ("Input Tokens", "7.0", "Tokens"),
        ("Output Tokens", "3.0", "Tokens"),
        ("Web Search", "2.0", "Requests"),
    ]
    assert [row["BilledCost"] for row in parts] == ["0.000021001", "0.000045000", "0.020000000"]
    assert [row["x_OutputTokens"] for row in parts] == ["0", "3", "0"]
    whole = {row["ListCost"]: row["BilledCost"] for row in rows if row["SkuMeter"] == "Tokens"}
    assert whole == {"0.000000005": "0.020066001", "0.020066003": "0.020066003"}
    assert sum(Decimal(row["BilledCost"]) for row in rows) == Decimal(3 * cost + 2) / 10**9
    assert sum(int(row["x_WebSearchRequests"]) for row in rows) == 6
    assert summary == ExportSummary(rows=5)


def test_focus_leaves_out_calls_of_unknown_cost_and_counts_them(ledger: Path) -> None:
    text, summary = text_of(ledger, Shape.CSV, exporter=FOCUS)
    assert summary == ExportSummary(rows=2, unpriced=1)
    costs = [Decimal(row["BilledCost"]) for row in rows_of(text)]
    assert costs == [Decimal("1.250000001")] * 2


def test_focus_never_leaves_a_required_column_empty(ledger: Path) -> None:
    nullable = {"ChargeClass", "CommitmentDiscountStatus", "InvoiceId"}
    nullable |= {"SubAccountId", "SubAccountName", "x_AnsweringModel", "x_ServiceTier"}
    for row in rows_of(text_of(ledger, Shape.CSV, exporter=FOCUS)[0]):
        assert {name for name, cell in row.items() if not cell} <= nullable


def test_a_call_without_a_price_entry_is_its_own_sku(ledger: Path) -> None:
    (row,) = rows_of(text_of(ledger, Shape.CSV, exporter=FOCUS, session="s2")[0])
    assert row["SkuId"] == row["SkuPriceId"] == "anthropic/claude-sonnet-4-5-20250929"
    assert json.loads(row["Tags"]) == {"corvus/session_id": "s2", "corvus/surface": "import"}


def test_the_account_that_is_billed_may_be_told(ledger: Path) -> None:
    text, _ = text_of(ledger, Shape.CSV, exporter=FOCUS, account="org-7")
    assert {row["BillingAccountId"] for row in rows_of(text)} == {"org-7"}


def test_focus_in_parquet_has_the_types_of_the_specification(ledger: Path, tmp_path: Path) -> None:
    target = tmp_path / "focus.parquet"
    with open_ledger(ledger) as opened:
        export_file(opened.connection, Choice(exporter=FOCUS), Shape.PARQUET, target)
    with duckdb.connect() as reader:
        found = reader.read_parquet(str(target))
        types = dict(zip(found.columns, map(str, found.types), strict=True))
        sums = reader.execute("SELECT sum(BilledCost) FROM found").fetchone()
    assert {name: types[name] for name in FOCUS_TYPES} == FOCUS_TYPES
    assert sums == (Decimal("2.500000002"),)


def test_every_json_line_fits_the_published_schema(ledger: Path) -> None:
    schema = json.loads(shipped("schemas").joinpath("usage-record.schema.json").read_text())
    lines = text_of(ledger, Shape.JSONL)[0].splitlines()
    validator = jsonschema.Draft202012Validator(
        schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )
    rows = [json.loads(line) for line in lines]
    assert len(rows) == 3
    for row in rows:
        assert validator.is_valid(row)  # pyright: ignore[reportUnknownMemberType] - jsonschema has no types here
        assert list(row) == [field.name for field in RECORDS.fields]
    assert rows[2]["tags"] == {"team": 'a "b"'}
    assert rows[2]["admitted_at"] == "2026-11-30T23:59:59.750000Z"
    assert rows[2]["cost_nano_usd"] == 1_250_000_001


def test_the_exported_columns_are_those_of_the_ledger(ledger: Path) -> None:
    with open_ledger(ledger) as opened:
        found = opened.connection.execute("SELECT * FROM usage_record").description
    assert found is not None
    assert [(name, str(kind)) for name, kind, *_ in found] == [
        (field.name, field.type) for field in RECORDS.fields
    ]


def test_a_corrected_call_is_three_records_whose_sum_is_right_and_one_row_of_focus(
    tmp_path: Path, record_calls: Callable[..., Path]
) -> None:
    path = record_calls(tmp_path / "corrected.duckdb", CALL)
    with open_ledger(path, write=True) as opened:
        changes = {"calls": -1, "cost_nano_usd": -1_250_000_001}, {"cost_nano_usd": 7}
        for change in changes:
            replaced = ", ".join(f"{value} AS {name}" for name, value in change.items())
            opened.connection.execute(
                f"INSERT INTO usage_record SELECT * REPLACE (uuidv7() AS id, id AS corrects_id, "  # noqa: S608 - constants of this test
                f"{replaced}) FROM usage_record WHERE corrects_id IS NULL"
            )
    rows = [json.loads(line) for line in text_of(path, Shape.JSONL)[0].splitlines()]
    assert [len(rows), sum(row["calls"] for row in rows)] == [3, 1]
    assert sum(row["cost_nano_usd"] for row in rows) == 7
    (row,) = rows_of(text_of(path, Shape.CSV, exporter=FOCUS)[0])
    assert row["BilledCost"] == "0.000000007"


@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl"])
def test_a_file_read_back_is_the_ledger(ledger: Path, tmp_path: Path, suffix: str) -> None:
    target = tmp_path / f"out.{suffix}"
    with open_ledger(ledger) as opened:
        export_file(opened.connection, Choice(), Shape(suffix), target)
        rows = opened.connection.execute("SELECT * FROM usage_record ORDER BY admitted_at, id")
        recorded = rows.fetchall()
    tags = "MAP(VARCHAR, VARCHAR)"
    columns = "{" + ", ".join(f"'{field.name}': '{field.type}'" for field in RECORDS.fields) + "}"
    texts = columns.replace(tags, "VARCHAR")
    source = {
        "parquet": f"FROM read_parquet('{target}')",
        "jsonl": f"FROM read_json('{target}', columns = {columns})",
        "csv": f"FROM read_csv('{target}', columns = {texts}) "
        f"SELECT * REPLACE (from_json(tags, '\"{tags}\"') AS tags)",
    }[suffix]
    with duckdb.connect() as reader:
        read = reader.execute(source).fetchall()
    assert read == recorded


def test_an_export_is_of_the_period_session_and_project_asked_for(ledger: Path) -> None:
    december = datetime(2026, 12, 1, tzinfo=UTC)
    third = datetime(2026, 11, 3, tzinfo=UTC)
    chosen = {
        "all": {},
        "before the third": {"until": third},
        "from the third": {"since": third, "until": december},
        "session": {"session": "s2"},
        "project": {"project": "search"},
    }
    counts = {name: text_of(ledger, Shape.CSV, **some)[1].rows for name, some in chosen.items()}
    assert counts == {
        "all": 3,
        "before the third": 1,
        "from the third": 2,
        "session": 1,
        "project": 2,
    }


def test_an_export_that_fails_leaves_the_old_file(ledger: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    target.write_text("old")
    with open_ledger(ledger) as opened:
        opened.connection.execute("CREATE TEMP VIEW usage_record AS SELECT 1 AS id")
        with pytest.raises(ReportError, match="export failed"):
            export_file(opened.connection, Choice(), Shape.CSV, target)
    assert target.read_text() == "old"
    assert list(tmp_path.glob("*.tmp")) == []
    assert list(tmp_path.glob(".*.jsonl")) == []


def test_a_folder_that_is_not_there_is_told(ledger: Path, tmp_path: Path) -> None:
    with (
        open_ledger(ledger) as opened,
        pytest.raises(ReportError, match=r"cannot write .*nowhere"),
    ):
        export_file(opened.connection, Choice(), Shape.CSV, tmp_path / "nowhere" / "out.csv")


def test_days_are_put_together_and_stay_in_order(
    tmp_path: Path, record_calls: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    times = ["2026-04-02 00:00:00", "2026-04-01 23:59:59.999999", "2026-04-05 01:00:00"]
    times += ["2026-04-01 00:00:00", "2026-04-05 00:00:00"]
    path = record_calls(tmp_path / "days.duckdb", *(CALL | {"admitted_at": at} for at in times))
    told: list[tuple[int, int]] = []
    monkeypatch.setattr("corvus.usage.exporters.export._SLICE_ROWS", 3)
    sink = io.StringIO()
    with open_ledger(path) as opened:
        export_text(
            opened.connection,
            Choice(),
            Shape.CSV,
            sink,
            lambda done, total: told.append((done, total)),
        )
    exported = [row["admitted_at"] for row in rows_of(sink.getvalue())]
    assert [at.rstrip("Z").replace("T", " ") for at in exported] == sorted(times)
    assert told == [(3, 5), (5, 5)]


def test_progress_ends_with_all_rows(ledger: Path) -> None:
    told: list[tuple[int, int]] = []
    with open_ledger(ledger) as opened:
        export_text(
            opened.connection,
            Choice(),
            Shape.JSONL,
            io.StringIO(),
            lambda done, total: told.append((done, total)),
        )
    assert told[-1] == (3, 3)


@settings(max_examples=examples(100, by_day=35))
@given(
    st.lists(
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8),
        min_size=1,
    )
)
def test_any_text_survives_a_csv_except_for_the_apostrophe_before_formulas(
    texts: list[str],
) -> None:
    fields = [Field(f"f{place}", "VARCHAR", f"texts[{place}]") for place in range(1, 3)]
    with duckdb.connect() as connection:
        for text in texts:
            row = connection.execute(
                f"SELECT {csv_line(fields)} FROM (SELECT [?, 'x'] AS texts)",  # noqa: S608 - made of constants
                [text],
            ).fetchone()
            assert row is not None
            (read,) = csv.reader(io.StringIO(row[0], newline=""))
            plain = text.lstrip("'")
            defused = f"'{text}" if plain[:1] in tuple("=+-@\t\r\n=+-@") and plain else text
            assert read == [defused, "x"]


def test_every_exporter_is_in_the_list_and_the_command_offers_it() -> None:
    modules = Path(next(iter(exporters.__path__))).glob("*.py")
    with_exporter = {
        module.stem for module in modules if "\nEXPORTER = " in module.read_text(encoding="utf-8")
    }
    assert with_exporter == set(FORMATS)
    assert [choice.value for choice in ExportFormat] == [*Shape, *FORMATS]
    assert all(exporter_named(name).fields for name in FORMATS)
