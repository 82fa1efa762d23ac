"""Pictures and transcripts say what they used, or cost what was held (PRX-3)."""

from __future__ import annotations

import json

import pytest

from corvus.metering.openai.media_taps import (
    PicturesBodyTap,
    PicturesStreamTap,
    TranscriptBodyTap,
    TranscriptStreamTap,
)
from corvus.metering.tap import Tap
from corvus.model.usage import Usage
from tests.metering.streams import pass_through, read_every_way, sse

DRAWN = {
    "input_tokens": 50,
    "input_tokens_details": {"text_tokens": 10, "image_tokens": 40},
    "output_tokens": 272,
    "total_tokens": 322,
}
HEARD = {
    "type": "tokens",
    "input_tokens": 114,
    "input_token_details": {"text_tokens": 14, "audio_tokens": 100},
    "output_tokens": 20,
    "total_tokens": 134,
}
PICTURE = Usage(input_tokens=10, input_image_tokens=40, output_image_tokens=272)


def read(tap: Tap) -> Usage:
    assert tap.usage is not None
    assert tap.usage.parts[0].states_modalities
    return tap.usage.total


@pytest.mark.parametrize("size", [10, 3_000_000])
def test_what_is_drawn_is_picture_also_behind_a_long_one(size: int) -> None:
    body = json.dumps({"created": 1, "data": [{"b64_json": "A" * size}], "usage": DRAWN}).encode()
    tap = PicturesBodyTap()
    assert pass_through(tap, [body[:7], body[7:]]) == body
    assert read(tap) == PICTURE


def test_text_that_was_written_next_to_a_picture_is_text() -> None:
    split = {**DRAWN, "output_tokens_details": {"image_tokens": 200, "text_tokens": 72}}
    tap = read_every_way(PicturesBodyTap, json.dumps({"usage": split}).encode())
    assert read(tap) == Usage(10, 72, input_image_tokens=40, output_image_tokens=200)


@pytest.mark.parametrize("kind", ["image_generation", "image_edit"])
def test_a_streamed_picture_counts_when_it_is_complete(kind: str) -> None:
    partial = {"type": f"{kind}.partial_image", "b64_json": "AAAA", "partial_image_index": 0}
    done = {"type": f"{kind}.completed", "b64_json": "AAAA", "usage": DRAWN}
    tap = read_every_way(PicturesStreamTap, sse(partial, done))
    assert read(tap) == PICTURE
    two = read_every_way(PicturesStreamTap, sse(partial, done, done))
    assert two.usage is not None
    assert two.usage.total.output_image_tokens == 544
    assert two.usage.is_estimated


def test_a_transcript_counts_its_tokens() -> None:
    body = json.dumps({"text": "hello", "usage": HEARD}).encode()
    heard = Usage(14, 20, input_audio_tokens=100)
    tap = TranscriptBodyTap()
    tap.writes_text = True
    pass_through(tap, [body])
    assert read(tap) == heard
    delta = {"type": "transcript.text.delta", "delta": "hel"}
    done = {"type": "transcript.text.done", "text": "hello", "usage": HEARD}
    stream = read_every_way(TranscriptStreamTap, sse(delta, done))
    assert stream.usage is not None
    assert stream.usage.total == heard
    assert stream.is_settled


@pytest.mark.parametrize(
    "body",
    [
        b'{"text":"hi","usage":{"type":"duration","seconds":7}}',
        b'{"text":"hi"}',
        b"1\n00:00:00,000 --> 00:00:01,000\nhi\n",
    ],
)
def test_a_transcript_that_counts_no_tokens_costs_what_was_held(body: bytes) -> None:
    tap = read_every_way(TranscriptBodyTap, body)
    assert tap.usage_unknown
    assert tap.costs_hold
