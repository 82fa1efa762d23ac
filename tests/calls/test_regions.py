"""The price of one region of Bedrock is not taken for that of another (PRC-8)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from corvus.calls.gate import Gate, Proposal
from corvus.calls.refusal import Refusal
from corvus.calls.routes import MeteredCall
from corvus.governor.governor import Governor
from corvus.metering.providers.bedrock import CONVERSE
from corvus.runtime import open_runtime

CONFIG = """
[cost]
enabled = true
daily_limit_usd = 1000
monthly_limit_usd = 0

[cost.prices."amazon.nova-lite-v1:0"]
input = 1
output = 10
"""
BODY = json.dumps({"messages": [], "inferenceConfig": {"maxTokens": 9}}).encode()
HOST = "bedrock-runtime.{}.amazonaws.com"
CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"


@pytest.fixture
def governor(tmp_path: Path) -> Iterator[Governor]:
    config = tmp_path / "corvus.toml"
    config.write_text(CONFIG)
    with open_runtime([config], ledger=tmp_path / "l.duckdb").governor() as opened:
        yield opened


@pytest.mark.parametrize(
    ("model", "host", "is_priced"),
    [
        ("amazon.nova-pro-v1:0", HOST.format("us-east-1"), True),
        ("us.amazon.nova-pro-v1:0", HOST.format("us-west-2"), True),
        ("amazon.nova-pro-v1:0", HOST.format("eu-west-1"), False),
        ("amazon.nova-pro-v1:0", "bedrock-runtime-fips.us-gov-west-1.amazonaws.com", False),
        ("amazon.nova-pro-v1:0", "vpce-1.bedrock-runtime.eu-west-1.vpce.amazonaws.com", False),
        ("amazon.nova-pro-v1:0", "bedrock.example.org", True),
        ("amazon.nova-lite-v1:0", HOST.format("eu-west-1"), True),
        (CLAUDE, HOST.format("eu-central-1"), True),
        (f"global.{CLAUDE}", HOST.format("eu-central-1"), True),
        (CLAUDE, HOST.format("us-gov-west-1"), False),
    ],
)
def test_a_price_holds_where_its_book_says_so(
    governor: Governor, model: str, host: str, is_priced: bool
) -> None:
    place = MeteredCall(CONVERSE, CONVERSE.path, model)
    found = Gate(governor).propose(place, BODY, host=host)
    if is_priced:
        assert isinstance(found, Proposal)
        assert found.request.estimate_nano_usd is not None
    else:
        assert isinstance(found, Refusal)
        assert (found.status, found.code) == (402, "unpriced_model")
        assert f'[cost.prices."{model}"]' in found.message
