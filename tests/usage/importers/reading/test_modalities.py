"""Tokens of sound and pictures in counts that include them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from corvus.model.price import Price
from corvus.model.usage import TokenKind
from corvus.usage.importers.exports.openai import usage_results
from corvus.usage.importers.importer import BadRecord
from corvus.usage.importers.reading.modalities import Split, details_of
from tests.usage.importers.conftest import Books

if TYPE_CHECKING:
    from tests.usage.importers.conftest import Desk

COUNTS = {"input_tokens": 70, "cache_read_tokens": 30, "output_tokens": 50}
AUDIO = {
    TokenKind.INPUT: 2_500_000_000,
    TokenKind.OUTPUT: 10_000_000_000,
    TokenKind.CACHE_READ: 1_250_000_000,
    TokenKind.INPUT_AUDIO: 32_000_000_000,
    TokenKind.OUTPUT_AUDIO: 64_000_000_000,
}


def test_each_modality_is_taken_out_of_what_includes_it() -> None:
    split = Split({"audio": 40, "image": 10}, {"audio": 30}, {"image": 20}, is_stated=True)
    assert split.applied(COUNTS) == {
        "input_tokens": 50,
        "input_audio_tokens": 10,
        "input_image_tokens": 10,
        "cache_read_tokens": 0,
        "cache_read_audio_tokens": 30,
        "output_tokens": 30,
        "output_image_tokens": 20,
        "states_modalities": True,
    }


def test_which_modality_was_cached_is_not_guessed() -> None:
    assert Split({"audio": 40}, None).applied(COUNTS)["unknown_cost"] is True
    assert "unknown_cost" not in Split({}, None).applied(COUNTS)
    assert "unknown_cost" not in Split({"audio": 40}, {}).applied(COUNTS)


def test_a_modality_is_no_more_than_what_includes_it() -> None:
    with pytest.raises(BadRecord):
        Split(written={"audio": 51}).applied(COUNTS)


@pytest.mark.parametrize(
    ("details", "is_stated"),
    [({"text_tokens": 0}, True), ({"audio_tokens": ""}, False), ({"cached_tokens": 3}, False)],
)
def test_details_say_of_modalities_what_they_state(
    details: dict[str, object], *, is_stated: bool
) -> None:
    assert details_of(details, {}, {}).is_stated is is_stated


def result(**counts: Any) -> dict[str, object]:
    base = {"start_time": 1730419200, "model": "gpt-audio", "num_model_requests": 2}
    (found,) = usage_results({**base, **counts})
    assert isinstance(found, dict)
    kept = {name: count for name, count in found.items() if name.endswith("_tokens") and count}
    return kept | ({"at_least": True} if found.get("at_least") else {})


@pytest.mark.parametrize(
    ("counts", "read"),
    [
        # text stated, whether the total has all or text alone
        ({"input_tokens": 1000, "input_text_tokens": 600, "input_audio_tokens": 400}, (600, 400)),
        ({"input_tokens": 600, "input_text_tokens": 600, "input_audio_tokens": 400}, (600, 400)),
        # more sound than the total has: it counts text alone
        ({"input_tokens": 100, "input_audio_tokens": 400}, (100, 400)),
    ],
)
def test_an_export_of_openai_says_which_tokens_are_sound(
    counts: dict[str, int], read: tuple[int, int]
) -> None:
    assert result(**counts) == {"input_tokens": read[0], "input_audio_tokens": read[1]}


def test_a_total_that_may_be_of_text_alone_is_a_lower_bound() -> None:
    assert result(input_tokens=1000, input_audio_tokens=400) == {
        "input_tokens": 600,
        "input_audio_tokens": 400,
        "at_least": True,
    }


def test_cached_sound_is_a_kind_of_its_own() -> None:
    counts = {
        "input_tokens": 1000,
        "input_text_tokens": 600,
        "input_audio_tokens": 400,
        "input_cached_tokens": 350,
        "input_cached_audio_tokens": 300,
    }
    assert result(**counts) == {
        "input_tokens": 550,
        "cache_read_tokens": 50,
        "input_audio_tokens": 100,
        "cache_read_audio_tokens": 300,
    }


def test_sound_is_billed_as_sound(desk: Desk) -> None:
    desk.books = Books(Price("openai", "gpt-audio", "bundled", "bundled:openai/gpt-audio", AUDIO))
    log = {
        "request_id": "r1",
        "spend": 0,
        "startTime": "2026-11-04T10:00:00Z",
        "model": "gpt-audio",
        "custom_llm_provider": "openai",
        "prompt_tokens": 1100,
        "completion_tokens": 1000,
        "metadata": {
            "usage_object": {
                "prompt_tokens_details": {"audio_tokens": 1000, "text_tokens": 100},
                "completion_tokens_details": {"audio_tokens": 1000},
            }
        },
    }
    desk.take(desk.write("spend.jsonl", [log]))
    assert desk.ask(
        "SELECT input_tokens, input_audio_tokens, output_tokens, output_audio_tokens, "
        "cost_nano_usd FROM usage_call"
    ) == [(100, 1000, 0, 1000, 100 * 2500 + 1000 * 32_000 + 1000 * 64_000)]
