"""The data of genai-prices is read as text: nothing of it runs, whatever stands in it (PRC-10)."""

from __future__ import annotations

import json
from datetime import UTC, date, time
from decimal import Decimal
from pathlib import Path

import pytest

from corvus.prices.compile import records
from corvus.prices.compile.reading import read_json, read_python

HEAD = "import datetime\nfrom decimal import Decimal\nfrom .types import *\n\n"
PROVIDER = """providers: list[Provider] = [
    Provider(
        id='acme',
        name='Acme',
        api_pattern='https://acme\\\\.example',
        extractors=[UsageExtractor(root='usage', mappings=[])],
        model_match=ClauseStartsWith(starts_with='house-'),
        models=[
            ModelInfo(
                id='house-1',
                match=ClauseOr(or_=[ClauseEquals(equals='house-1'), ClauseContains(contains='h1')]),
                context_window=200000,
                prices=[
                    ConditionalPrice(prices=ModelPrice(input_mtok=Decimal('0.1'))),
                    ConditionalPrice(
                        constraint=StartDateConstraint(start_date=datetime.date(2026, 5, 1)),
                        prices=ModelPrice(
                            input_mtok=TieredPrices(
                                base=Decimal('0.3'),
                                tiers=[Tier(start=200000, price=Decimal('0.6'))],
                            )
                        ),
                    ),
                    ConditionalPrice(
                        constraint=TimeOfDateConstraint(
                            start_time=datetime.time(1, 0, tzinfo=datetime.timezone.utc),
                            end_time=datetime.time(4, 0, tzinfo=datetime.timezone.utc),
                        ),
                        prices=ModelPrice(input_mtok=Decimal('0.2')),
                    ),
                ],
                price_variants=[
                    PriceVariant(
                        when={'processing': 'batch'},
                        prices=ModelPrice(input_mtok=Decimal('0.05')),
                    )
                ],
            )
        ],
    )
]
"""


def test_the_text_of_a_wheel_is_read_as_it_is_written() -> None:
    (provider,) = read_python(HEAD + PROVIDER)
    (model,) = provider.models
    assert (provider.id, model.id) == ("acme", "house-1")
    assert isinstance(model.prices, list)
    first, dated, hourly = model.prices
    assert first.prices.input_mtok == Decimal("0.1")
    assert first.prices.output_mtok is None
    assert dated.constraint == records.StartDateConstraint(date(2026, 5, 1))
    assert dated.prices.input_mtok == records.TieredPrices(
        Decimal("0.3"), [records.Tier(200_000, Decimal("0.6"))]
    )
    assert hourly.constraint == records.TimeOfDateConstraint(
        time(1, tzinfo=UTC), time(4, tzinfo=UTC)
    )
    assert model.price_variants is not None
    assert model.price_variants[0].when == {"processing": "batch"}
    assert model.match.is_match("x-H1-y")


def test_json_says_the_same() -> None:
    raw = {
        "id": "acme",
        "name": "Acme",
        "model_match": {"starts_with": "house-"},
        "models": [
            {
                "id": "house-1",
                "match": {"or": [{"equals": "house-1"}, {"contains": "h1"}]},
                "prices": [
                    {"prices": {"input_mtok": 0.1}},
                    {
                        "constraint": {"start_date": "2026-05-01"},
                        "prices": {
                            "input_mtok": {"base": 0.3, "tiers": [{"start": 200000, "price": 0.6}]}
                        },
                    },
                    {
                        "constraint": {"start_time": "01:00:00Z", "end_time": "04:00:00Z"},
                        "prices": {"input_mtok": 0.2},
                    },
                ],
                "price_variants": [
                    {"when": {"processing": "batch"}, "prices": {"input_mtok": 0.05}}
                ],
            }
        ],
    }
    assert read_json(json.dumps([raw])) == read_python(HEAD + PROVIDER)


@pytest.mark.parametrize(
    "value",
    [
        "__import__('os').system('touch ran')",
        "open('ran', 'w')",
        "[Provider(id=(lambda: open('ran', 'w'))(), models=[])]",
        "[Provider(id=f\"{open('ran', 'w')}\", models=[])]",
        "[Provider(id='a', models=[x for x in [open('ran', 'w')]])]",
        "[Provider(*[open('ran', 'w')])]",
        "[Provider(**{'id': open('ran', 'w')})]",
        "[os.system('touch ran')]",
        "[Provider.__class__('ran')]",
        "[Decimal.__init__(1)]",
        "1 + 1",
        "[]",
        "'acme'",
        "[Tier(start=1, price=Decimal('1'))]",
        "[Provider(name='nobody')]",
        "[Provider(id='a', models=[ModelInfo(id='m', match=None, prices=Decimal('y'))])]",
    ],
)
def test_what_is_no_plain_statement_of_prices_is_refused_and_never_run(
    value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"."):
        read_python(f"{HEAD}open('ran', 'w')\nproviders = {value}\n")
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("text", ["", "providers = [", "x = 1", "\x00", "(" * 5000])
def test_what_is_no_such_file_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_python(text)


@pytest.mark.parametrize(
    "text", ["{}", "[]", "[1]", '[{"id": "a"}]', '[{"id":"a","models":[{"id":"m"}]}]', "nul"]
)
def test_json_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_json(text)
