"""Streams of vendors of OpenAI's API, in the shapes that they document, with numbers of our own."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

from corvus.model.usage import Usage
from tests.metering.streams import sse

Message = dict[str, Any]


class Recorded(NamedTuple):
    """One answer.

    Attributes:
        events: Of its stream.
        usage: What it used.
        cost_usd: What it says that it costs, if it does.
        reasons_apart: Its reasoning is counted next to its output.
    """

    events: list[Message | str]
    usage: Usage
    cost_usd: Decimal | None = None

    @property
    def stream(self) -> bytes:
        return sse(*self.events)


def _chunk(text: str | None, finish: str | None = None, **members: object) -> Message:
    delta = {} if text is None else {"content": text}
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {
        "id": "c",
        "object": "chat.completion.chunk",
        "model": "m",
        "choices": [choice],
    } | members


def _last(**members: object) -> Message:
    base: Message = {"id": "c", "object": "chat.completion.chunk", "model": "m", "choices": []}
    return base | members


def _counts(read: int, written: int, **more: object) -> Message:
    total = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
    return total | more


_CACHED = {"prompt_tokens_details": {"cached_tokens": 60}}
_FILTERS: Message = {"prompt_filter_results": [{"prompt_index": 0, "content_filter_results": {}}]}

RECORDED: dict[str, Recorded] = {
    "openai": Recorded(
        [
            _chunk("Hi", usage=None),
            _chunk(None, "stop", usage=None),
            _last(usage=_counts(100, 20, **_CACHED), service_tier="default"),
            "[DONE]",
        ],
        Usage(40, 20, cache_read_tokens=60),
    ),
    "azure": Recorded(
        [
            _last(**_FILTERS),
            _chunk("Hi", usage=None),
            _chunk(None, "stop", content_filter_results={}),
            _last(usage=_counts(100, 20, **_CACHED)),
            "[DONE]",
        ],
        Usage(40, 20, cache_read_tokens=60),
    ),
    "openrouter": Recorded(
        [
            _chunk("Hi", provider="Some Host"),
            _chunk("", "stop"),
            _chunk("", usage=_counts(100, 20, cost=0.00042, is_byok=False, **_CACHED)),
            "[DONE]",
        ],
        Usage(40, 20, cache_read_tokens=60),
        Decimal("0.00042"),
    ),
    "x-ai": Recorded(
        [
            _chunk("Hi"),
            _chunk(None, "stop"),
            _last(
                usage={
                    "prompt_tokens": 100,
                    "completion_tokens": 20,
                    "total_tokens": 150,
                    "completion_tokens_details": {"reasoning_tokens": 30},
                    "cost_in_usd_ticks": 4_200_000,
                }
            ),
            "[DONE]",
        ],
        Usage(100, 20, reasoning_tokens=30),
        Decimal("0.00042"),
    ),
    "mistral": Recorded(
        [_chunk("Hi"), _chunk("", "stop", usage=_counts(100, 20)), "[DONE]"], Usage(100, 20)
    ),
    "deepseek": Recorded(
        [
            _chunk("Hi", usage=None),
            _chunk(
                "",
                "stop",
                usage=_counts(
                    100, 20, prompt_cache_hit_tokens=60, prompt_cache_miss_tokens=40, **_CACHED
                ),
            ),
            "[DONE]",
        ],
        Usage(40, 20, cache_read_tokens=60),
    ),
    "groq": Recorded(
        [
            _chunk("Hi", x_groq={"id": "req_1"}),
            _chunk(None, "stop", x_groq={"id": "req_1", "usage": _counts(100, 20, queue_time=0.1)}),
            "[DONE]",
        ],
        Usage(100, 20),
    ),
    "together": Recorded(
        [_chunk("Hi", usage=None), _chunk("", "eos", usage=_counts(100, 20)), "[DONE]"],
        Usage(100, 20),
    ),
    "vllm": Recorded(
        [
            _chunk("", usage=_counts(100, 0)),
            _chunk("Hi", usage=_counts(100, 10)),
            _chunk("", "stop", usage=_counts(100, 20)),
            _last(usage=_counts(100, 20)),
            "[DONE]",
        ],
        Usage(100, 20),
    ),
    "tgi": Recorded(
        [_chunk("Hi"), _chunk("", "length"), _last(usage=_counts(100, 20)), "[DONE]"],
        Usage(100, 20),
    ),
    "llama.cpp": Recorded(
        [
            _chunk("Hi"),
            _chunk(None, "stop"),
            _last(usage=_counts(100, 20), timings={"prompt_n": 100, "predicted_n": 20}),
            "[DONE]",
        ],
        Usage(100, 20),
    ),
    "perplexity": Recorded(
        [
            _chunk("Hi", usage=_counts(100, 10, cost={"total_cost": 0.0002})),
            _chunk("", "stop", usage=_counts(100, 20, cost={"total_cost": 0.00042})),
            "[DONE]",
        ],
        Usage(100, 20),
        Decimal("0.00042"),
    ),
}
"""By the name of the price book, or of the server."""
