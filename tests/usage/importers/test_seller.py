from __future__ import annotations

import duckdb
import pytest

from corvus.usage.importers.seller import seller_of, seller_sql

SELLERS = {
    "us.anthropic.claude-sonnet-4-20250514-v1:0": "aws",
    "global.anthropic.claude-opus-4-6-v1": "aws",
    "apac.amazon.nova-lite-v1:0": "aws",
    "us-gov.anthropic.claude-3-haiku-20240307-v1:0": "aws",
    "anthropic.claude-3-haiku-20240307-v1:0": "aws",
    "meta.llama3-1-70b-instruct-v1:0": "aws",
    "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.anthropic.claude-x-v1:0": "aws",
    "arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/anthropic.claude-x-v1:0": "aws",
    "bedrock/converse/us-east-1/anthropic.claude-3-haiku-20240307-v1:0": "aws",
    "publishers/anthropic/models/claude-sonnet-4@20250514": "google",
    "projects/p/locations/europe-west1/publishers/google/models/gemini-2.5-pro": "google",
    "claude-sonnet-4-5@20250929": "google",
    "claude-opus-4-6@default": "google",
    "vertex_ai/claude-3-5-haiku@20241022": "google",
    "azure/eu/gpt-4o-2024-11-20": "azure",
    "azure_ai/deepseek-v3.2": "azure",
    "Azure/gpt-4o": "azure",
    "openrouter/anthropic/claude-sonnet-4": "openrouter",
}
SILENT = (
    "claude-sonnet-4-5-20250929",
    "gpt-4o",
    "gpt-4.1-mini",
    "anthropic/claude-sonnet-4",
    "gemini-2.5-pro",
    "models/gemini-2.5-pro",
    "ft:gpt-4o-mini-2024-07-18:acme::abc",
    "qwen2.5-coder:32b",
    "deepseek-v3.2",
    "",
)


@pytest.mark.parametrize(("model", "seller"), SELLERS.items())
def test_a_host_is_known_by_the_form_of_its_ids(model: str, seller: str) -> None:
    assert seller_of(model) == seller


@pytest.mark.parametrize("model", SILENT)
def test_an_id_that_anybody_may_write_names_no_seller(model: str) -> None:
    assert seller_of(model) is None
    assert seller_of(None) is None


def test_the_id_of_the_message_beats_that_of_the_model() -> None:
    assert seller_of("claude-haiku-4-5", "msg_bdrk_01ABC") == "aws"
    assert seller_of("claude-haiku-4-5", "msg_vrtx_01ABC") == "google"
    assert seller_of("us.anthropic.claude-haiku-4-5-v1:0", "msg_vrtx_01ABC") == "google"
    assert seller_of("claude-haiku-4-5", "msg_01ABC") is None


def test_sql_says_the_same() -> None:
    models = [*SELLERS, *SILENT]
    sql = f"SELECT model, {seller_sql('model')} FROM (SELECT unnest($models) AS model)"  # noqa: S608 - made of constants of this package
    with duckdb.connect() as connection:
        rows = connection.execute(sql, {"models": models}).fetchall()
    assert dict(rows) == {model: seller_of(model) for model in models}
