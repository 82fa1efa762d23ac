"""Every form is recognised by its contents; what cannot be read is refused by name (REC-1)."""

from __future__ import annotations

import gzip
import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from corvus.base.errors import BillRefused
from corvus.model.usage import TokenKind
from corvus.prices.lookup import PriceBooks
from corvus.reconcile.charge import Bill, ChargeKind, Offer
from corvus.reconcile.forms.openai import line_of
from corvus.reconcile.forms.reader import Context
from corvus.reconcile.names import Names, provider_of
from corvus.reconcile.recognise import read_bill
from tests.reconcile.months import FIRST, bucket, month, openai_costs

BOOKS = PriceBooks()


def context(provider: str | None = None) -> Context:
    names = Names(BOOKS, provider or "openai", {})
    return Context(provider, names.is_listed, lambda name: provider_of(name, BOOKS))


def read(tmp_path: Path, text: str | bytes, provider: str | None = None) -> Bill:
    file = tmp_path / "bill"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_bill(file, context(provider))


def refused(tmp_path: Path, text: str | bytes, provider: str | None = None) -> str:
    with pytest.raises(BillRefused) as fault:
        read(tmp_path, text, provider)
    return str(fault.value)


def amounts(bill: Bill) -> list[Decimal | None]:
    return [one.amount_usd for sheet in bill.sheets for one in sheet.charges.values()]


RESULT = {"amount": "123.45678", "currency": "USD", "model": "claude-opus-5"}


def page(*results: object, **more: object) -> str:
    return json.dumps({"data": [{**bucket(FIRST), "results": [*results]}], **more})


def test_cents_are_text_with_fractions(tmp_path: Path) -> None:
    bill = read(tmp_path, page(RESULT))
    assert amounts(bill) == [Decimal("1.2345678")]
    assert bill.form.name == "anthropic-cost"


def test_a_float_is_read_as_the_decimal_that_stands_there(tmp_path: Path) -> None:
    text = (
        '{"data": [{"start_time": 1793577600, "results": [{"amount": {"value": '
        '0.30000000000000004, "currency": "usd"}, "line_item": "gpt-4o-2024-08-06, input"}, '
        '{"amount": {"value": 1e-7, "currency": "usd"}, "line_item": "gpt-4o, output"}]}]}'
    )
    bill = read(tmp_path, text)
    assert amounts(bill) == [Decimal("0.30000000000000004"), Decimal("1e-7")]


def test_credits_and_refunds_keep_their_sign(tmp_path: Path) -> None:
    assert amounts(read(tmp_path, page({**RESULT, "amount": "-50"}))) == [Decimal("-0.50")]


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "1e400", "12,5", "", None, True, [], "abc"])
def test_an_amount_that_is_none_is_refused_with_its_place(tmp_path: Path, amount: object) -> None:
    words = refused(tmp_path, page({**RESULT, "amount": amount}))
    assert "data[0].results[0]" in words


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity"])
def test_json_that_is_no_number_is_refused(tmp_path: Path, text: str) -> None:
    assert "is no number" in refused(tmp_path, page(RESULT).replace('"123.45678"', text))


def test_another_currency_is_refused_by_name(tmp_path: Path) -> None:
    assert "'EUR'" in refused(tmp_path, page({**RESULT, "currency": "EUR"}))
    words = refused(
        tmp_path,
        page({key: RESULT[key] for key in RESULT if key != "currency"} | {"currency": None}),
    )
    assert "no rate of exchange" in words


def test_a_doubled_key_is_refused(tmp_path: Path) -> None:
    words = refused(tmp_path, page(RESULT).replace('"amount"', '"amount": "1", "amount"', 1))
    assert "'amount' stands twice" in words


@pytest.mark.parametrize("cut", [20, 60, -2])
def test_a_torn_file_is_refused(tmp_path: Path, cut: int) -> None:
    assert "no JSON" in refused(tmp_path, page(RESULT)[:cut])


def test_a_torn_gzip_is_refused(tmp_path: Path) -> None:
    packed = gzip.compress(page(*[RESULT] * 500).encode())
    assert "cannot be read" in refused(tmp_path, packed[: len(packed) // 2])


def test_gzip_and_byte_order_marks_are_taken_off(tmp_path: Path) -> None:
    plain = page(RESULT).encode()
    for raw in (
        gzip.compress(plain),
        b"\xef\xbb\xbf" + plain,
        gzip.compress(b"\xef\xbb\xbf" + plain),
    ):
        assert amounts(read(tmp_path, raw)) == [Decimal("1.2345678")]


def test_a_csv_with_a_byte_order_mark_and_semicolons(tmp_path: Path) -> None:
    text = "\ufeffdate;model;model_permaslug;usage\r\n2026-11-02;a/b;a/b;0.25\r\n"
    assert amounts(read(tmp_path, text)) == [Decimal("0.25")]


def test_a_torn_row_is_refused_with_its_line(tmp_path: Path) -> None:
    text = "date,model,model_permaslug,usage\n2026-11-02,a/b,a/b,0.25\n2026-11-03,a/b\n"
    assert "bill:3: 2 values instead of 4" in refused(tmp_path, text)


def test_a_column_twice_is_refused(tmp_path: Path) -> None:
    assert "'usage' twice" in refused(tmp_path, "date,model,model_permaslug,usage,usage\n")


def test_what_is_no_utf8_is_refused(tmp_path: Path) -> None:
    assert "not UTF-8" in refused(tmp_path, b'{"data": "\xff"}')
    assert "neither JSON nor CSV" in refused(tmp_path, b"date\x99\xff,model\n")


def test_what_is_no_bill_is_refused_by_what_it_has(tmp_path: Path) -> None:
    assert "its columns are a, b" in refused(tmp_path, "a,b\n1,2\n")
    assert "page 1 is no report: it has error, type" in refused(
        tmp_path, '{"error": {"message": "no key"}, "type": "error"}'
    )
    assert "empty" in refused(tmp_path, "")
    assert "take /v1/organization/costs" in refused(
        tmp_path,
        '{"data": [{"start_time": 1, "results": '
        '[{"object": "organization.usage.completions.result"}]}]}',
    )


def test_the_bill_of_another_provider_is_refused(tmp_path: Path) -> None:
    assert "is a bill of anthropic" in refused(tmp_path, page(RESULT), "openai")


def test_a_bucket_of_more_than_a_day_is_refused(tmp_path: Path) -> None:
    text = page(RESULT).replace("2026-10-21T", "2026-10-27T")
    assert "export the bill by day" in refused(tmp_path, text)


def test_fields_that_nothing_is_read_from_are_named(tmp_path: Path) -> None:
    bill = read(tmp_path, page({**RESULT, "surprise": 3}))
    assert bill.notes == ["fields that are not read: surprise"]


def test_a_page_that_others_follow_is_known_as_such(tmp_path: Path) -> None:
    assert read(tmp_path, page(RESULT, has_more=True)).has_more
    both = page(RESULT, has_more=True) + "\n" + page(RESULT, has_more=False)
    assert not read(tmp_path, both).has_more


def test_usage_reports_of_both_kinds_have_counts_and_no_amounts(tmp_path: Path) -> None:
    counts = {
        "uncached_input_tokens": 5,
        "output_tokens": 7,
        "cache_read_input_tokens": 11,
        "cache_creation": {"ephemeral_5m_input_tokens": 13, "ephemeral_1h_input_tokens": 17},
        "server_tool_use": {"web_search_requests": 19},
    }
    old = page({**counts, "model": "claude-opus-5", "service_tier": "batch"})
    new = json.dumps(
        {
            "data": [
                {
                    **bucket(FIRST),
                    "group": {"model": "claude-opus-5", "service_tier": "batch"},
                    "usage": {**counts, "total_tokens": 53, "requests": 2},
                }
            ]
        }
    )
    for text in (old, new):
        (sheet,) = read(tmp_path, text).sheets
        found = {line.kind: one.quantity for line, one in sheet.charges.items() if one.quantity}
        assert sorted(found.values()) == [5, 7, 11, 13, 17, 19]
        assert found[TokenKind.CACHE_WRITE_1H] == 17
        assert {line.offer for line in sheet.charges} == {Offer("batch")}
        assert not any(one.amount_usd for one in sheet.charges.values())


def test_a_negative_count_is_refused(tmp_path: Path) -> None:
    words = refused(tmp_path, page({"uncached_input_tokens": -1, "model": "m"}))
    assert "a count is a whole number from 0" in words


@pytest.mark.parametrize(
    ("item", "model", "kind", "tier"),
    [
        ("gpt-4o-2024-08-06, input", "gpt-4o-2024-08-06", TokenKind.INPUT, None),
        ("gpt-4o-2024-08-06, cached input", "gpt-4o-2024-08-06", TokenKind.CACHE_READ, None),
        ("gpt-audio, audio output", "gpt-audio", TokenKind.OUTPUT_AUDIO, None),
        ("gpt-4o, batch input", "gpt-4o", TokenKind.INPUT, "batch"),
        ("text-embedding-3-small", "text-embedding-3-small", ChargeKind.USAGE, None),
        ("web search tool calls", None, TokenKind.WEB_SEARCH, None),
        ("file search tool calls", None, TokenKind.FILE_SEARCH, None),
        ("assistants api | storage", None, ChargeKind.FEE, None),
        (None, None, ChargeKind.USAGE, None),
    ],
)
def test_line_items(item: str | None, model: str | None, kind: object, tier: str | None) -> None:
    line = line_of(item, context("openai"), None)
    assert (line.model, line.kind, line.offer.service_tier) == (model, kind, tier)


def test_openai_csv_has_days_without_a_charge(tmp_path: Path) -> None:
    text = (
        "start_time,end_time,amount_value,amount_currency,line_item,project_id\n"
        '1793577600,1793664000,2.5,usd,"gpt-4o-2024-08-06, input",proj_a\n'
        "1793664000,1793750400,,,,\n"
    )
    bill = read(tmp_path, text)
    assert [sheet.day for sheet in bill.sheets] == [date(2026, 11, 2), date(2026, 11, 3)]
    assert amounts(bill) == [Decimal("2.5")]


def test_console_exports_name_models_as_persons_do(tmp_path: Path) -> None:
    text = (
        "usage_date_utc,model,workspace,api_key,usage_type,context_window,token_type,cost_usd,"
        "list_price_usd,cost_type,inference_geo,speed\n"
        "2026-11-02,Claude Haiku 4.5,Default,k,message,≤ 200k,input_cache_read,0.10,1,token,,\n"
    )
    bill = read(tmp_path, text)
    ((line, charge),) = bill.sheets[0].charges.items()
    assert (line.kind, line.offer, charge.amount_usd) == (
        TokenKind.CACHE_READ,
        Offer(),
        Decimal("0.10"),
    )
    assert Names(BOOKS, "anthropic", {}).canonical(line.model or "") == "claude-haiku-4-5"


def test_own_keys_of_openrouter_are_paid_twice_and_added(tmp_path: Path) -> None:
    text = (
        "date,model,model_permaslug,usage,byok_usage_inference\n"
        "2026-11-02,openai/gpt-4o,openai/gpt-4o-2024-08-06,0.05,1\n"
    )
    bill = read(tmp_path, text)
    assert amounts(bill) == [Decimal("1.05")]
    assert bill.names == {"openai/gpt-4o-2024-08-06": "openai/gpt-4o"}


FOCUS = (
    "BillingCurrency,ChargePeriodStart,BilledCost,ServiceCategory,InvoiceIssuerName,"
    "ProviderName,SkuId,SkuPriceDetails\n"
)


def test_focus_has_lines_of_others_and_says_so(tmp_path: Path) -> None:
    text = FOCUS + (
        'USD,2026-11-02T00:00:00Z,1,AI and Machine Learning,"Anthropic, PBC",,claude-opus-5,\n'
        "USD,2026-11-02T00:00:00Z,2,AI and Machine Learning,OpenAI,,gpt-4o,\n"
        "USD,2026-11-02T00:00:00Z,4,Compute,Anthropic,,vm,\n"
        "USD,2026-11-02T00:00:00Z,8,AI and Machine Learning,A Reseller,Anthropic,x,"
        '"{""x_Model"": ""claude-opus-5""}"\n'
    )
    bill = read(tmp_path, text, "anthropic")
    assert amounts(bill) == [Decimal(9)]
    assert bill.notes == ["lines of openai left out: 1", "lines of other services left out: 1"]
    assert "name one with --provider" in refused(tmp_path, text)


def test_the_names_of_sellers_are_those_of_the_books() -> None:
    names = ("Amazon Web Services, Inc.", "Microsoft", "Google Cloud", "OpenAI, LLC", "Mistral AI")
    assert [provider_of(name, BOOKS) for name in names] == [
        *("aws", "azure", "google", "openai", "mistral"),
    ]
    assert provider_of("Acme", BOOKS) is None


def test_models_that_no_book_has_meet_by_their_dates() -> None:
    names = Names(BOOKS, "anthropic", {})
    names.introduce(["claude-nova-9-20270101", "claude-nova-9", "claude-nova-99"])
    assert names.canonical("claude-nova-9-20270101") == "claude-nova-9"
    assert names.canonical("claude-nova-99") == "claude-nova-99"


def test_a_large_file_is_read_once_and_summed(tmp_path: Path) -> None:
    calls = month(1, days=2, models=["gpt-4o-2024-08-06"], provider="openai")
    bill = read(tmp_path, openai_costs(calls * 200))
    assert len(amounts(bill)) == 6


@pytest.mark.parametrize("form", ["anthropic", "openai"])
def test_a_bucket_that_stands_twice_counts_once_or_is_refused(tmp_path: Path, form: str) -> None:
    text = (
        page(RESULT)
        if form == "anthropic"
        else openai_costs(month(1, models=("gpt-4o",), provider="openai"))
    )
    whole = json.loads(text)
    once = amounts(read(tmp_path, text))
    first = whole["data"][0]
    twice = {**whole, "data": [*whole["data"], first]}
    assert amounts(read(tmp_path, json.dumps(twice))) == once
    other = {**first, "results": [*first["results"], *first["results"]]}
    said = refused(tmp_path, json.dumps({**whole, "data": [*whole["data"], other]}))
    assert f"data[{len(whole['data'])}]: a bucket of the same time stands before" in said
