"""Counts from attributes: what stands inside, what contradicts itself, what cannot be known."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corvus.usage.importers.importer import BadRecord
from corvus.usage.importers.telemetry.counts import disjoint
from corvus.usage.importers.telemetry.shapes import Signal
from corvus.usage.importers.telemetry.stated_counts import stated

U = "gen_ai.usage."


def used(*doubled: str, **attributes: Any) -> dict[str, Any]:
    """Return the counts that are not 0, and what else is said."""
    named = {name if "." in name else f"{U}{name}": count for name, count in attributes.items()}
    found = disjoint(stated(Signal("chat", named, {}, doubled=frozenset(doubled))))
    return {name.removesuffix("_tokens"): value for name, value in found.items() if value}


def doubts(**attributes: Any) -> list[str]:
    named = {name if "." in name else f"{U}{name}": count for name, count in attributes.items()}
    return list(stated(Signal("chat", named, {})).notices())


def test_input_includes_what_was_cached_and_output_includes_reasoning() -> None:
    found = used(
        input_tokens=12_000,
        output_tokens=200,
        **{
            f"{U}cache_read.input_tokens": 10_000,
            f"{U}cache_write.input_tokens": 1_500,
            f"{U}reasoning.output_tokens": 50,
        },
    )
    assert found == {
        "input": 500,
        "output": 150,
        "cache_read": 10_000,
        "cache_write_5m": 1_500,
        "reasoning": 50,
    }


def test_parts_that_are_more_than_the_whole_stand_next_to_it() -> None:
    found = used(input_tokens=10, cache_read_tokens=600, output_tokens=5, reasoning_tokens=20)
    assert found == {"input": 10, "cache_read": 600, "output": 5, "reasoning": 20}


def test_a_total_says_that_parts_stand_next_to_the_whole() -> None:
    given = {"input_tokens": 900, "cache_read_tokens": 600, "output_tokens": 50}
    assert used(**given, total_tokens=950) == {"input": 300, "cache_read": 600, "output": 50}
    assert used(**given, total_tokens=1550) == {"input": 900, "cache_read": 600, "output": 50}
    assert used(**given, total_tokens=7) == {"input": 300, "cache_read": 600, "output": 50}


def test_thoughts_stand_next_to_the_output_unless_the_total_denies_it() -> None:
    given = {"input_tokens": 100, "output_tokens": 50, "thoughts_token_count": 30}
    assert used(**given) == {"input": 100, "output": 50, "reasoning": 30}
    assert used(**given, total_tokens=150) == {"input": 100, "output": 20, "reasoning": 30}


def test_tokens_of_an_hour_are_part_of_what_was_written() -> None:
    given = {"input_tokens": 100, "cache_write_tokens": 60}
    assert used(**given, cache_write_1h_tokens=40) == {
        "input": 40,
        "cache_write_5m": 20,
        "cache_write_1h": 40,
    }
    parts = {"cache_write_5m_tokens": 10, "cache_write_1h_tokens": 40}
    assert used(input_tokens=100, **parts) == {
        "input": 50,
        "cache_write_5m": 10,
        "cache_write_1h": 40,
    }


def test_modalities_stand_inside_the_totals() -> None:
    found = used(
        input_tokens=1000,
        output_tokens=500,
        **{
            f"{U}cache_read.input_tokens": 300,
            f"{U}text.input_tokens": 300,
            f"{U}audio.input_tokens": 600,
            f"{U}image.input_tokens": 100,
            f"{U}audio.cache_read.input_tokens": 200,
            f"{U}text.output_tokens": 100,
            f"{U}audio.output_tokens": 400,
        },
    )
    assert found == {
        "input": 200,
        "input_audio": 400,
        "input_image": 100,
        "cache_read": 100,
        "cache_read_audio": 200,
        "output": 100,
        "output_audio": 400,
        "states_modalities": True,
    }


def test_which_modality_was_cached_is_not_guessed() -> None:
    given = {"input_tokens": 1000, "cache_read_tokens": 300, f"{U}audio.input_tokens": 600}
    assert used(**given)["unknown_cost"]
    assert "unknown_cost" not in used(**given, **{f"{U}text.cache_read.input_tokens": 300})


def test_modalities_are_stated_only_when_both_sides_state_them() -> None:
    given = {"input_tokens": 10, "output_tokens": 5, f"{U}audio.input_tokens": 0}
    assert "states_modalities" not in used(**given)
    assert used(**given, **{f"{U}text.output_tokens": 5})["states_modalities"]


def test_two_names_of_one_count_are_not_added() -> None:
    assert used(input_tokens=100, prompt_tokens=100, **{"llm.usage.prompt_tokens": "100"}) == {
        "input": 100
    }
    assert used(cache_read_tokens=0, cached_tokens=40, input_tokens=100)["cache_read"] == 40


def test_names_that_contradict_each_other_make_the_cost_unknown() -> None:
    assert used(input_tokens=100, prompt_tokens=70) == {"input": 100, "unknown_cost": True}
    assert doubts(input_tokens=100, prompt_tokens=70) == [
        "gen_ai.usage.input_tokens and gen_ai.usage.prompt_tokens contradict each other: "
        "the cost of these calls is unknown"
    ]
    doubled = used(f"{U}input_tokens", input_tokens=100)
    assert doubled == {"input": 100, "unknown_cost": True}


def test_one_name_may_leave_out_what_was_cached() -> None:
    given = {"input_tokens": 2_000, "llm.token_count.prompt": 12_000, "cache_read_tokens": 10_000}
    assert used(**given) == {"input": 2_000, "cache_read": 10_000}


def test_an_unknown_name_with_cache_in_it_makes_the_cost_unknown() -> None:
    given = {"input_tokens": 12_000, "acme.usage.prompt_cache_hits": 10_000}
    assert used(**given) == {"input": 12_000, "unknown_cost": True}
    assert "acme.usage.prompt_cache_hits" in doubts(**given)[0]
    assert doubts(**given | {"acme.usage.prompt_cache_hits": "10000"})


@pytest.mark.parametrize(
    "value", [0, "0", 0.83, True, "many", [1, 2], None, float("inf")], ids=repr
)
def test_what_is_no_count_or_zero_says_nothing(value: object) -> None:
    given = {"input_tokens": 12_000, "acme.usage.cached": value}
    assert used(**given) == {"input": 12_000}
    assert doubts(**given) == []


def test_an_unknown_name_that_repeats_a_known_count_says_nothing() -> None:
    given = {"input_tokens": 100, "cache_read_tokens": 40, "acme.usage.cache_hits": 40}
    assert used(**given) == {"input": 60, "cache_read": 40}


def test_an_unknown_count_without_a_price_of_its_own_is_named() -> None:
    given = {"input_tokens": 100, "acme.tokens.special": 5}
    assert used(**given) == {"input": 100}
    assert doubts(**given) == ["acme.tokens.special is in no table of names and was not counted"]


def test_what_is_stated_by_parts_alone_is_counted() -> None:
    found = used(prompt_cache_hit_tokens=700, prompt_cache_miss_tokens=300, output_tokens=1)
    assert found == {"input": 300, "cache_read": 700, "output": 1}
    spoken = used(**{f"{U}text.input_tokens": 3, f"{U}audio.input_tokens": 7})
    assert spoken == {"input": 3, "input_audio": 7, "states_modalities": True}


@pytest.mark.parametrize("value", [-1, "x", 1.5, True, 10**11, float("nan")], ids=repr)
def test_a_known_count_that_is_none_is_refused(value: object) -> None:
    with pytest.raises(BadRecord, match=r"gen_ai\.usage\.input_tokens is no whole number"):
        used(input_tokens=value)


def test_parts_that_do_not_fit_are_refused() -> None:
    with pytest.raises(BadRecord, match="more than the count"):
        used(input_tokens=10, **{f"{U}audio.input_tokens": 11})


COUNT = st.integers(0, 1000)


@given(plain=COUNT, read=COUNT, written=COUNT, audio=COUNT, spoken=COUNT, text=COUNT, think=COUNT)
def test_totals_of_the_conventions_are_split_without_loss(
    plain: int, read: int, written: int, audio: int, spoken: int, text: int, think: int
) -> None:
    found = used(
        input_tokens=plain + read + written + audio,
        output_tokens=text + think + spoken,
        total_tokens=plain + read + written + audio + text + think + spoken,
        **{
            f"{U}cache_read.input_tokens": read,
            f"{U}cache_write.input_tokens": written,
            f"{U}audio.input_tokens": audio,
            f"{U}audio.output_tokens": spoken,
            f"{U}reasoning.output_tokens": think,
        },
    )
    kinds = ("input", "cache_read", "cache_write_5m", "input_audio")
    assert [found.get(kind, 0) for kind in kinds] == [plain, read, written, audio]
    assert [found.get(kind, 0) for kind in ("output", "reasoning", "output_audio")] == [
        text,
        think,
        spoken,
    ]
