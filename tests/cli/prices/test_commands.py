"""``corvus prices show`` and ``search``: which entry answers, and why (PRC-10)."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from corvus.answers.prices import price_document
from corvus.cli.exits import Exit
from corvus.cli.main import main

Capture = pytest.CaptureFixture[str]
CONFIG = """
[cost.prices."acme/long-1"]
input = 1
output = 2
cache_read = 0.1
web_search = 0.01
aliases = ["long-latest"]
source = "https://acme.example/prices"
tiers = [{ above_tokens = 200000, input = 2, output = 4 }]

[cost.prices."gpt-4o"]
input = 2
output = 8
effective_from = 2026-06-01
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "corvus.toml"
    path.write_text(CONFIG)
    return path


def shown(capsys: Capture, *words: str) -> dict[str, Any]:
    assert main(["prices", "show", *words, "--format", "json"]) == Exit.CLEAN
    return json.loads(capsys.readouterr().out)


@pytest.mark.usefixtures("config")
def test_the_entry_that_answers_is_shown_with_its_rates_as_decimal_text(capsys: Capture) -> None:
    body = shown(capsys, "gpt-4o", "--on", "2026-05-31")
    assert body["price"]["entry"] == "bundled:openai/gpt-4o"
    assert body["price"]["usd_per_million"]["input"] == "2.5"
    assert body["price"]["usd_per_million"]["output"] == "10"
    assert [price["effective_from"] for price in body["history"]] == [None, "2026-06-01"]


@pytest.mark.usefixtures("config")
def test_the_day_decides_which_entry_answers(capsys: Capture) -> None:
    assert (
        shown(capsys, "gpt-4o", "--on", "2026-06-01")["price"]["entry"] == "user:gpt-4o@2026-06-01"
    )


@pytest.mark.usefixtures("config")
def test_an_own_price_is_shown_with_tiers_fees_aliases_and_source(capsys: Capture) -> None:
    body = shown(capsys, "long-latest", "--provider", "acme")
    assert body["found_by"] == "own alias"
    price = body["price"]
    assert price["entry"] == "user:acme/long-1"
    assert price["usd_per_use"] == {"web_search": "0.01"}
    assert price["aliases"] == ["long-latest"]
    assert price["source"] == "https://acme.example/prices"
    (tier,) = price["tiers"]
    assert tier["above_tokens"] == 200_000
    assert tier["usd_per_million"] == {"input": "2", "output": "4", "reasoning": "4"}


@pytest.mark.usefixtures("config")
@pytest.mark.parametrize("model", ["gpt-4o", "long-latest", "claude-sonnet-4-5", "gpt-4oo"])
def test_what_is_printed_is_what_its_schema_says(model: str, capsys: Capture) -> None:
    main(["prices", "show", model, "--format", "json"])
    validator: Any = Draft202012Validator(price_document())
    validator.validate(json.loads(capsys.readouterr().out))


@pytest.mark.usefixtures("config")
@pytest.mark.parametrize("form", ["text", "kv", "json"])
def test_a_model_without_a_price_exits_with_1_and_names_what_is_close(
    form: str, capsys: Capture
) -> None:
    assert main(["prices", "show", "gpt-4oo", "--format", form]) == Exit.FINDINGS
    out, err = capsys.readouterr()
    assert "gpt-4o" in (out + err).replace("gpt-4oo", "")
    assert "corvus prices add" in out + err
    assert (out == "") is (form == "text")


@pytest.mark.usefixtures("config")
def test_an_ambiguous_name_exits_with_1_and_names_the_sellers(capsys: Capture) -> None:
    assert main(["prices", "show", "glm-4.7", "--format", "json"]) == Exit.FINDINGS
    body = json.loads(capsys.readouterr().out)
    assert body["price"] is None
    assert "sold by several providers" in body["problem"]


@pytest.mark.usefixtures("config")
def test_a_day_that_is_none_is_a_usage_error(capsys: Capture) -> None:
    assert main(["prices", "show", "gpt-4o", "--on", "yesterdayish"]) == Exit.USAGE
    assert "2026-11-23" in capsys.readouterr().err


@pytest.mark.usefixtures("config")
def test_kv_has_a_line_for_each_rate_and_tier(capsys: Capture) -> None:
    assert main(["prices", "show", "long-latest", "--format", "kv"]) == Exit.CLEAN
    lines = capsys.readouterr().out.splitlines()
    assert "entry=user:acme/long-1" in lines
    assert "cache_read_usd_per_million=0.1" in lines
    assert "web_search_usd_per_use=0.01" in lines
    assert any(line.startswith("above_tokens=200000 input_usd_per_million=2 ") for line in lines)


@pytest.mark.usefixtures("config")
def test_a_person_sees_a_table_of_rates(capsys: Capture) -> None:
    assert main(["prices", "show", "long-latest", "--format", "text"]) == Exit.CLEAN
    printed = capsys.readouterr().out
    assert "user:acme/long-1" in printed
    assert "standard > 200,000" in printed
    assert "https://acme.example/prices" in printed


@pytest.mark.usefixtures("config")
def test_a_search_finds_every_word_and_lists_own_prices_first(capsys: Capture) -> None:
    assert main(["prices", "search", "LONG acme", "--format", "csv"]) == Exit.CLEAN
    (row,) = csv.DictReader(capsys.readouterr().out.splitlines())
    assert row["model"] == "long-1"
    assert row["input"] == "1"
    assert row["more"] == "web_search, tiers"
    assert main(["prices", "search", "gpt-4o", "--format", "csv"]) == Exit.CLEAN
    rows = [*csv.DictReader(capsys.readouterr().out.splitlines())]
    assert rows[0]["entry"] == "user:gpt-4o@2026-06-01"
    assert all("gpt-4o" in row["entry"] for row in rows)


@pytest.mark.usefixtures("config")
def test_a_search_may_be_of_one_provider(capsys: Capture) -> None:
    words = ["sonnet", "--provider", "Anthropic", "--format", "json"]
    assert main(["prices", "search", *words]) == Exit.CLEAN
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert {row["provider"] for row in rows} == {"anthropic"}


@pytest.mark.usefixtures("config")
@pytest.mark.parametrize("form", ["table", "kv", "csv", "json"])
def test_a_search_that_finds_nothing_exits_with_1(form: str) -> None:
    assert main(["prices", "search", "no-such-model", "--format", form]) == Exit.FINDINGS


def test_a_config_with_errors_shows_no_price(config: Path, capsys: Capture) -> None:
    config.write_text("[cost]\nenabled = 1\n")
    assert main(["prices", "show", "gpt-4o"]) == Exit.USAGE
    assert "wrong-type" in capsys.readouterr().err
