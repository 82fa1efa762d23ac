"""Usage objects of OpenAI's APIs and those after them become disjoint kinds (PRC-8, PRX-3)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corvus.metering.facts import Unusable
from corvus.metering.openai_usage import ReadCounts, read_counts, stated_counts
from corvus.model.usage import Usage


def chat(read: int, written: int, total: int | None = None, **more: Any) -> ReadCounts:
    return read_counts(
        {"prompt_tokens": read, "completion_tokens": written, "total_tokens": total, **more}
    )


def test_sound_and_pictures_are_taken_out_of_the_totals() -> None:
    """PRC-8."""
    found = chat(
        1_000,
        500,
        1_500,
        prompt_tokens_details={"audio_tokens": 600, "image_tokens": 100, "text_tokens": 300},
        completion_tokens_details={"audio_tokens": 400, "reasoning_tokens": 50},
    )
    assert found.usage == Usage(
        input_tokens=300,
        output_tokens=50,
        reasoning_tokens=50,
        input_audio_tokens=600,
        input_image_tokens=100,
        output_audio_tokens=400,
    )
    assert (found.states_input, found.states_output, found.is_estimated) == (True, True, False)


def test_a_picture_that_was_written_is_no_text() -> None:
    found = chat(10, 1_290, completion_tokens_details={"image_tokens": 1_290})
    assert found.usage == Usage(input_tokens=10, output_image_tokens=1_290)


def test_video_stands_inside_the_total_too() -> None:
    found = chat(1_000, 0, prompt_tokens_details={"video_tokens": 900})
    assert found.usage == Usage(input_tokens=100, input_video_tokens=900)


def test_cached_sound_is_neither_sound_nor_cached_text() -> None:
    split = {"audio_tokens": 300, "text_tokens": 100}
    details = {"audio_tokens": 600, "cached_tokens": 400, "cached_tokens_details": split}
    found = read_counts({"input_tokens": 1_000, "output_tokens": 1, "input_token_details": details})
    assert found.usage == Usage(
        input_tokens=300,
        output_tokens=1,
        cache_read_tokens=100,
        input_audio_tokens=300,
        cache_read_audio_tokens=300,
    )
    assert not found.is_estimated


def test_cached_tokens_of_no_stated_modality_are_text_as_far_as_there_is_any() -> None:
    found = chat(1_000, 1, prompt_tokens_details={"audio_tokens": 900, "cached_tokens": 400})
    assert found.usage == Usage(
        output_tokens=1,
        cache_read_tokens=100,
        input_audio_tokens=600,
        cache_read_audio_tokens=300,
    )
    assert found.is_estimated


def test_modalities_may_count_only_what_was_not_cached() -> None:
    details = {"audio_tokens": 500, "text_tokens": 100, "cached_tokens": 400}
    found = chat(1_000, 1, prompt_tokens_details=details)
    expected = Usage(
        input_tokens=100, output_tokens=1, cache_read_tokens=400, input_audio_tokens=500
    )
    assert found.usage == expected
    assert not found.is_estimated


@pytest.mark.parametrize(
    ("details", "states"),
    [
        (None, False),
        ({}, False),
        ({"cached_tokens": 0}, False),
        ({"cached_tokens": 0, "audio_tokens": 0}, True),
        ({"audio_tokens": None}, False),
        ({"text_tokens": 9}, True),
    ],
)
def test_details_state_modalities_where_they_name_one(details: object, states: bool) -> None:
    found = chat(9, 9, prompt_tokens_details=details, completion_tokens_details=details)
    assert (found.states_input, found.states_output) == (states, states)


@pytest.mark.parametrize(
    "more",
    [
        {"prompt_tokens_details": {"cached_tokens": 60}},
        {"prompt_cache_hit_tokens": 60, "prompt_cache_miss_tokens": 40},
        {"cached_tokens": 60},  # Moonshot
        {"cached_tokens": 60, "prompt_tokens_details": {"cached_tokens": 0}},
        {"cache_read_input_tokens": 60},  # LiteLLM, Databricks
    ],
)
def test_what_was_cached_is_read_under_every_name(more: dict[str, Any]) -> None:
    assert chat(100, 5, 105, **more).usage == Usage(40, 5, cache_read_tokens=60)


def test_writes_to_a_cache_are_told_apart_by_lifetime() -> None:
    details = {
        "cache_creation_input_tokens": 50,
        "cache_creation": {"ephemeral_1h_input_tokens": 30, "ephemeral_5m_input_tokens": 20},
    }
    found = chat(100, 5, prompt_tokens_details=details)
    assert found.usage == Usage(50, 5, cache_write_5m_tokens=20, cache_write_1h_tokens=30)


@pytest.mark.parametrize(
    ("total", "more", "expected"),
    [
        (105, {"cached_tokens": 60}, Usage(40, 5, cache_read_tokens=60)),
        (165, {"cached_tokens": 60}, Usage(100, 5, cache_read_tokens=60)),
        (None, {"cached_tokens": 160}, Usage(100, 5, cache_read_tokens=160)),
        (108, {"reasoning_tokens": 3}, Usage(100, 5, reasoning_tokens=3)),
        (105, {"reasoning_tokens": 3}, Usage(100, 2, reasoning_tokens=3)),
        (
            168,
            {"cached_tokens": 60, "reasoning_tokens": 3},
            Usage(100, 5, cache_read_tokens=60, reasoning_tokens=3),
        ),
        (
            108,
            {"cached_tokens": 60, "reasoning_tokens": 3},
            Usage(40, 5, cache_read_tokens=60, reasoning_tokens=3),
        ),
        (90, {"cached_tokens": 60}, Usage(40, 5, cache_read_tokens=60)),
    ],
)
def test_the_sum_says_what_stands_next_to_its_total(
    total: int | None, more: dict[str, Any], expected: Usage
) -> None:
    found = chat(100, 5, total, **more)
    assert (found.usage, found.is_estimated) == (expected, False)


def test_what_the_sum_holds_beyond_its_parts_is_thinking_and_an_estimate() -> None:
    """Google's compatible API leaves thoughts out of ``completion_tokens``."""
    found = chat(100, 5, 305)
    assert found.usage == Usage(100, 5, reasoning_tokens=200)
    assert found.is_estimated


def test_a_total_that_is_left_out_follows_from_the_sum() -> None:
    written = read_counts({"prompt_tokens": 100, "total_tokens": 130})
    read = read_counts({"completion_tokens": 30, "prompt_tokens": None, "total_tokens": 130})
    assert written.usage == read.usage == Usage(100, 30)
    assert written.is_whole
    assert read.is_whole


@pytest.mark.parametrize(
    "counts", [{"total_tokens": 12}, {"prompt_tokens": 12, "total_tokens": 12}]
)
def test_all_that_vectors_cost_is_input(counts: dict[str, int]) -> None:
    """Voyage states the sum alone."""
    found = read_counts(counts, has_output=False)
    assert (found.usage, found.is_whole) == (Usage(12), True)


@pytest.mark.parametrize("counts", [{}, {"total_tokens": 9}, {"cost": 1}, None, [], "9"])
def test_an_object_without_totals_says_nothing(counts: object) -> None:
    assert stated_counts(counts) is None


@pytest.mark.parametrize("bad", [-1, 1.5, "7", True, 10**10, float("nan")])
def test_a_detail_that_is_no_count_makes_the_usage_unknown(bad: object) -> None:
    with pytest.raises(Unusable):
        chat(100, 5, prompt_tokens_details={"audio_tokens": bad})


counts = st.integers(0, 1_000)


@given(st.data())
def test_kinds_are_disjoint_and_add_up_to_the_totals(data: st.DataObject) -> None:
    """PRC-8: where details stand inside, no token is lost and none is counted twice."""
    audio, image, text = (data.draw(counts) for _ in range(3))
    hit_audio, hit_text = data.draw(st.integers(0, audio)), data.draw(st.integers(0, text))
    said, spoken, thought = (data.draw(counts) for _ in range(3))
    found = chat(
        audio + image + text,
        said + spoken + thought,
        audio + image + text + said + spoken + thought,
        prompt_tokens_details={
            "audio_tokens": audio,
            "image_tokens": image,
            "text_tokens": text,
            "cached_tokens": hit_audio + hit_text,
            "cached_tokens_details": {"audio_tokens": hit_audio, "text_tokens": hit_text},
        },
        completion_tokens_details={"audio_tokens": spoken, "reasoning_tokens": thought},
    )
    assert found.usage == Usage(
        input_tokens=text - hit_text,
        output_tokens=said,
        cache_read_tokens=hit_text,
        reasoning_tokens=thought,
        input_audio_tokens=audio - hit_audio,
        input_image_tokens=image,
        cache_read_audio_tokens=hit_audio,
        output_audio_tokens=spoken,
    )
