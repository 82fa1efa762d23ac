"""Recorded answers of the Gemini API are read as Google's own library reads them (PRX-3, PRC-7)."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from google.genai import types

from corvus.calls.plan import Plan
from corvus.calls.reading import read
from corvus.metering.tap import Tap
from tests.metering.recordings import (
    GOOGLE_ARCHIVES,
    NoIndex,
    Recording,
    downloaded,
    google_recordings,
)
from tests.metering.streams import pass_through, said


@pytest.fixture(scope="module")
def tapes(request: pytest.FixtureRequest) -> list[tuple[str, Recording]]:
    """All recordings, each with its model; downloaded once, then kept in pytest's cache folder."""
    cache = request.config.cache
    assert cache is not None
    try:
        archives = downloaded(cache.mkdir("google-recordings"), GOOGLE_ARCHIVES)
    except NoIndex as error:
        pytest.skip(f"no recorded answers: the package index cannot be reached: {error}")
    return [tape for archive in archives for tape in google_recordings(archive)]


def asked(model: str, tape: Recording) -> Plan:
    plan = read(tape.endpoint, tape.asked, model=model)
    assert isinstance(plan, Plan), (tape.name, plan)
    return plan.with_maximum(is_maker=True)


def played(plan: Plan, tape: Recording, size: int | None = None) -> Tap:
    tap = tape.endpoint.open_tap(plan, is_stream=tape.is_stream)
    choose, left, chunks = random.Random(tape.name), tape.body, list[bytes]()
    while left:
        cut = choose.choice((1, 2, 3, 7, 16, 100)) if size is None else size
        chunks.append(left[:cut])
        left = left[cut:]
    assert pass_through(tap, chunks) == tape.body
    return tap


def test_cuts_make_no_difference(tapes: list[tuple[str, Recording]]) -> None:
    assert len(tapes) >= 15
    for model, tape in tapes:
        plan = asked(model, tape)
        assert said(played(plan, tape)) == said(played(plan, tape, len(tape.body)))


def test_usage_is_what_the_library_reads_and_no_more_than_is_held(
    tapes: list[tuple[str, Recording]],
) -> None:
    checked = 0
    for model, tape in tapes:
        plan = asked(model, tape)
        tap = played(plan, tape)
        if not plan.endpoint.has_output or b"usageMetadata" not in tape.body:
            continue
        told: dict[str, Any] = json.loads(tape.body)["usageMetadata"]
        told.pop("serviceTier", None)  # which the library drops
        counts = types.GenerateContentResponseUsageMetadata.model_validate(told)
        assert tap.usage is not None, tape.name
        assert not tap.usage_unknown, tape.name
        found = tap.usage.total
        assert found.total_tokens == counts.total_token_count, tape.name
        assert found.reasoning_tokens == (counts.thoughts_token_count or 0)
        assert found.cache_read_tokens == (counts.cached_content_token_count or 0)
        assert found.context_tokens <= plan.input_tokens
        assert found.total_tokens - found.context_tokens <= plan.output_tokens * plan.choices
        checked += 1
    assert checked >= 10
