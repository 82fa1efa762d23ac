"""What OpenRouter states: generations and activity, whose costs count as they stand."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.usage.importers.conftest import SONNET, Books, price

if TYPE_CHECKING:
    from pathlib import Path

    from tests.usage.importers.conftest import Desk

MODEL = "deepseek/deepseek-v4-flash"


def table(desk: Desk, name: str, *rows: dict[str, Any]) -> Path:
    path = desk.folder / name
    lines = [",".join(rows[0])]
    lines += [",".join(str(value) for value in row.values()) for row in rows]
    path.write_text("\n".join(lines) + "\n")
    return path


def generation(number: int, **rest: Any) -> dict[str, Any]:
    return {
        "generation_id": f"gen-{number}",
        "created_at": "2026-11-02 18:54:30.040",
        "cost_total": "0.0123",
        "cost_web_search": "0.01",
        "byok_usage_inference": "0",
        "tokens_prompt": 1000,
        "tokens_completion": 300,
        "tokens_reasoning": 100,
        "tokens_cached": 400,
        "model_permaslug": MODEL,
        "provider_name": "Novita",
        "variant": "standard",
        "user": "ada",
        "api_key_name": "ci",
        "app_name": "shop",
    } | rest


def test_a_generation_costs_what_it_states(desk: Desk) -> None:
    summary = desk.take(table(desk, "activity.csv", generation(1), generation(2)))
    assert (summary.files, summary.new) == ({"openrouter": 1}, 2)
    assert desk.ask(
        "SELECT DISTINCT admitted_at::VARCHAR, provider, requested_model, input_tokens, "
        "cache_read_tokens, output_tokens, reasoning_tokens, cost_nano_usd, source, "
        "tags['upstream'], tags['app'] FROM usage_call"
    ) == [
        (
            *("2026-11-02 18:54:30.04", "openrouter", MODEL, 600, 400, 200, 100),
            *(12_300_000, "provider", "Novita", "shop"),
        )
    ]


def test_a_key_of_ones_own_pays_on_top(desk: Desk) -> None:
    own = generation(1, cost_total="0.0000375", byok_usage_inference="0.00075")
    desk.take(table(desk, "activity.csv", own))
    assert desk.ask("SELECT cost_nano_usd FROM usage_call") == [(787_500,)]


def test_a_zero_is_a_cost_of_free_variants_alone(desk: Desk) -> None:
    desk.books = Books(price("acme/unknown", SONNET))
    free = generation(1, cost_total="0", variant="free")
    unstated = generation(2, cost_total="0", model_permaslug="acme/other")
    desk.take(table(desk, "activity.csv", free, unstated))
    assert desk.ask("SELECT requested_model, cost_nano_usd FROM usage_call ORDER BY ALL") == [
        ("acme/other", None),
        (f"{MODEL}:free", 0),
    ]


def test_the_answer_for_one_generation_is_read(desk: Desk) -> None:
    answer = {
        "id": "gen-9",
        "created_at": "2026-11-02T18:54:30Z",
        "model": MODEL,
        "provider_name": "Novita",
        "total_cost": 0.002,
        "is_byok": True,
        "upstream_inference_cost": 0.003,
        "tokens_prompt": 10,
        "native_tokens_prompt": 12,
        "native_tokens_completion": 5,
    }
    path = desk.folder / "generation.json"
    path.write_text(json.dumps({"data": answer}))
    desk.take(path)
    assert desk.ask("SELECT input_tokens, output_tokens, cost_nano_usd FROM usage_call") == [
        (12, 5, 5_000_000)
    ]


def test_activity_is_a_sum_for_each_day(desk: Desk) -> None:
    row = {
        "date": "2026-11-02",
        "model": "anthropic/claude-sonnet-4",
        "model_permaslug": "anthropic/claude-4-sonnet-20250522",
        "endpoint_id": "ep_demo",
        "provider_name": "Anthropic",
        "usage": "0.0473",
        "byok_usage_inference": "0",
        "requests": 2,
        "prompt_tokens": 10_500,
        "completion_tokens": 1_050,
        "reasoning_tokens": 50,
    }
    path = table(desk, "activity.csv", row)
    desk.take(path)
    desk.take(path)
    columns = "calls, input_tokens, output_tokens, reasoning_tokens, cost_nano_usd, source"
    assert desk.ask(f"SELECT {columns} FROM usage_call") == [  # noqa: S608 - constants
        (2, 10_500, 1000, 50, 47_300_000, "provider")
    ]
