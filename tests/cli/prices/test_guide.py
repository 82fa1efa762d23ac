"""``docs/prices.md`` explains every key of a price (PRC-10)."""

from __future__ import annotations

from pathlib import Path

from corvus.config.model.price_table import PriceSettings, TierSettings

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "docs/prices.md").read_text(encoding="utf-8")


def test_every_key_of_a_price_is_explained() -> None:
    keys = {*PriceSettings.model_fields, *TierSettings.model_fields}
    assert {key for key in keys if f"`{key}`" not in GUIDE} == set()
