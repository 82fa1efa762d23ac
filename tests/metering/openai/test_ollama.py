"""Ollama's own API, in lines and in bodies (PRX-3)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from corvus.metering.openai.ollama import ChatBodyTap, ChatLinesTap, VectorsTap
from corvus.metering.tap import Tap
from corvus.metering.usage import ProviderError
from corvus.model.usage import Usage
from tests.metering.streams import read_every_way

END: dict[str, Any] = {
    "model": "llama3.2",
    "created_at": "2026-11-29T02:00:00Z",
    "message": {"role": "assistant", "content": ""},
    "done_reason": "stop",
    "done": True,
    "total_duration": 5,
    "prompt_eval_count": 26,
    "eval_count": 12,
}


def lines(*messages: object, end: str = "\n") -> bytes:
    return "".join(json.dumps(message) + end for message in messages).encode()


def piece(text: str) -> dict[str, Any]:
    return {"model": "llama3.2", "message": {"role": "assistant", "content": text}, "done": False}


def read(tap: Tap) -> Usage:
    assert tap.usage is not None
    return tap.usage.total


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_line_that_ends_an_answer_has_its_counts(end: str) -> None:
    tap = read_every_way(ChatLinesTap, lines(piece("Hel"), piece('lo "done"'), END, end=end))
    assert read(tap) == Usage(26, 12)
    assert tap.is_settled
    assert tap.usage is not None
    assert tap.usage.model == "llama3.2"


def test_the_last_line_needs_no_end() -> None:
    tap = read_every_way(ChatLinesTap, lines(piece("a"), END).rstrip())
    assert read(tap) == Usage(26, 12)


@pytest.mark.parametrize("make", [ChatLinesTap, ChatBodyTap])
def test_a_prompt_that_was_in_the_cache_is_unknown_and_not_zero(make: type[Tap]) -> None:
    kept = {name: value for name, value in END.items() if name != "prompt_eval_count"}
    tap = read_every_way(make, lines(kept))
    assert tap.usage_unknown
    estimate = tap.usage_or_estimate(model="m", input_tokens=400)
    assert estimate.is_estimated
    assert estimate.total.input_tokens == 400
    assert estimate.total.output_tokens >= 12


def test_an_answer_that_breaks_off_is_bounded_by_its_text() -> None:
    tap = read_every_way(ChatLinesTap, lines(piece("abcdef"), piece("ghi")))
    assert tap.usage is None
    assert tap.usage_or_estimate(model="m", input_tokens=9).total == Usage(9, 3)


def test_to_load_a_model_uses_nothing() -> None:
    loaded = {"model": "m", "done": True, "done_reason": "load"}
    for make in (ChatLinesTap, ChatBodyTap):
        tap = read_every_way(make, lines(loaded))
        assert read(tap) == Usage()
        assert not tap.usage_unknown


@pytest.mark.parametrize("odd", [-1, 1.5, "7", True, [], 10**12])
def test_a_count_that_is_none_makes_the_usage_unknown(odd: object) -> None:
    assert read_every_way(ChatLinesTap, lines({**END, "eval_count": odd})).usage_unknown


def test_an_error_in_the_middle_is_noted() -> None:
    tap = read_every_way(ChatLinesTap, lines(piece("a"), {"error": "the runner has stopped"}))
    assert tap.error == ProviderError("", "the runner has stopped")
    assert tap.usage is None


def test_a_line_that_is_too_long_is_passed_on_and_the_next_one_is_read() -> None:
    body = lines(piece("x" * 300), END)
    tap = read_every_way(lambda: ChatLinesTap(limit_bytes=len(lines(END))), body)
    assert tap.has_overflowed
    assert read(tap) == Usage(26, 12)


def test_vectors_have_what_was_read() -> None:
    answer = {"model": "m", "embeddings": [[0.1, 0.2]], "prompt_eval_count": 8}
    tap = read_every_way(VectorsTap, json.dumps(answer).encode())
    assert read(tap) == Usage(8)
    assert read_every_way(VectorsTap, b'{"model":"m","embeddings":[]}').usage_unknown
