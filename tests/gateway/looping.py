"""A script for the stand-in provider that keeps coding agents at work, and the bill for it.

Each answer to a request that offers a shell asks for one more ``echo``, until the turns are used
up; then, and for requests without tools, it is a sentence. What is billed differs from answer to
answer, so that two calls taken for one show.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

from tests.gateway.provider import Call, usual
from tests.metering.streams import sse

PER_TOKEN = {
    "claude-opus-4-8": (5_000, 500, 6_250, 10_000, 25_000, 25_000),
    "claude-sonnet-4-5": (3_000, 300, 3_750, 6_000, 15_000, 15_000),
    "claude-sonnet-4-6": (3_000, 300, 3_750, 6_000, 15_000, 15_000),
    "claude-sonnet-5": (2_000, 200, 2_500, 4_000, 10_000, 10_000),
    "claude-haiku-4-5": (1_000, 100, 1_250, 2_000, 5_000, 5_000),
    "gpt-5.1-codex": (1_250, 125, 0, 0, 10_000, 10_000),
}
"""Nano-USD for a token of input, cache read, cache written for 5 minutes and 1 hour, output,
and reasoning."""


class Tool(NamedTuple):
    """A tool of an agent, and what it is to be called with."""

    name: str
    arguments: dict[str, object]


SHELLS: dict[str, dict[str, object]] = {
    "Bash": {"command": "echo turn", "description": "Say turn"},
    "exec_command": {"cmd": "echo turn"},
    "shell_command": {"command": "echo turn"},
    "shell": {"command": ["echo", "turn"]},
}
HELPER: dict[str, object] = {
    "description": "Say turn",
    "prompt": "Say turn",
    "subagent_type": "general-purpose",
    "model": "haiku",
}


class Billed(NamedTuple):
    """What a provider bills for one call; the kinds are disjoint.

    Attributes:
        is_cut: Whether the answer ended at the maximum that the request states.
    """

    model: str
    input_tokens: int
    cache_read_tokens: int
    cache_write_5m_tokens: int
    cache_write_1h_tokens: int
    output_tokens: int
    reasoning_tokens: int
    is_cut: bool = False

    @property
    def tokens(self) -> tuple[int, ...]:
        """The count of each kind, in the order of ``PER_TOKEN``."""
        return self[1:7]

    @property
    def nano_usd(self) -> int:
        prices = next(own for name, own in PER_TOKEN.items() if self.model.startswith(name))
        return sum(price * count for price, count in zip(prices, self.tokens, strict=True))


@dataclass
class Looping:
    """Asks for so many turns.

    Attributes:
        turns: After how many commands the agent is let go; ``None`` is never.
        bill: What was billed, in order.
        delegates: Whether the first that is asked for is an agent of a smaller model.
        asked: How many commands were asked for.
    """

    turns: int | None
    delegates: bool = False
    bill: list[Billed] = field(default_factory=list[Billed])
    asked: int = 0
    shells: ClassVar[dict[str, dict[str, object]]] = SHELLS
    """What each tool that is a shell is called with."""

    @property
    def nano_usd(self) -> int:
        return sum(one.nano_usd for one in self.bill)

    async def __call__(self, call: Call) -> None:
        path = call.target.partition("?")[0]
        if path not in ("/v1/messages", "/v1/responses"):
            await usual(call)
            return
        asked: dict[str, Any] = call.json
        is_message = path == "/v1/messages"
        billed = self._billed(call)
        self.bill.append(billed)
        tool = None if billed.is_cut else self._tool(asked)
        made = message if is_message else response
        events = made(billed, tool, len(self.bill))
        if asked.get("stream") is not True:
            assert is_message, "Codex streams always"
            await call.answer(whole(events))
            return
        await call.begin()
        for one in events:
            await call.chunk(sse(one))
        await call.end()

    def _tool(self, asked: dict[str, Any]) -> Tool | None:
        names = {one.get("name") for one in asked.get("tools", [])}
        if self.delegates and "Agent" in names:
            self.delegates = False
            return Tool("Agent", HELPER)
        if self.asked == self.turns:
            return None
        shell = next((Tool(name, how) for name, how in self.shells.items() if name in names), None)
        self.asked += shell is not None
        return shell

    def _billed(self, call: Call) -> Billed:
        """Return what is billed for a call."""
        turn, model = len(self.bill), str(call.json["model"])
        caches = call.target.startswith("/v1/messages")
        more = (700 + turn, 40 + turn, 50 + turn, 0) if caches else (0, 0, 50 + turn, 7)
        return Billed(model, 1_000 + turn, 3_000 + turn, *more)


def message(billed: Billed, tool: Tool | None, number: int) -> list[dict[str, Any]]:
    """Return the events of a stream of Anthropic's."""
    writes = billed.cache_write_5m_tokens + billed.cache_write_1h_tokens
    usage: dict[str, object] = {
        "input_tokens": billed.input_tokens,
        "cache_read_input_tokens": billed.cache_read_tokens,
        "cache_creation_input_tokens": writes,
        "cache_creation": {
            "ephemeral_5m_input_tokens": billed.cache_write_5m_tokens,
            "ephemeral_1h_input_tokens": billed.cache_write_1h_tokens,
        },
        "service_tier": "standard",
    }
    block: dict[str, object] = {"type": "text", "text": ""}
    delta: dict[str, object] = {"type": "text_delta", "text": "All done."}
    if tool is not None:
        block = {"type": "tool_use", "id": f"toolu_{number:08}", "name": tool.name, "input": {}}
        delta = {"type": "input_json_delta", "partial_json": json.dumps(tool.arguments)}
    begun: dict[str, object] = {
        "id": f"msg_{number:08}",
        "type": "message",
        "role": "assistant",
        "model": billed.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {**usage, "output_tokens": 1},
    }
    reason = "max_tokens" if billed.is_cut else "end_turn" if tool is None else "tool_use"
    return [
        {"type": "message_start", "message": begun},
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "ping"},
        {"type": "content_block_delta", "index": 0, "delta": delta},
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": reason, "stop_sequence": None},
            "usage": {**usage, "output_tokens": billed.output_tokens},
        },
        {"type": "message_stop"},
    ]


def whole(events: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a message in one piece; only sentences are asked for so."""
    begun, ended = events[0]["message"], events[-2]
    content = [{"type": "text", "text": "All done."}]
    return {**begun, **ended["delta"], "content": content, "usage": ended["usage"]}


def response(billed: Billed, tool: Tool | None, number: int) -> list[dict[str, Any]]:
    """Return the events of a stream of OpenAI's Responses."""
    item: dict[str, Any] = {
        "type": "message",
        "id": f"item_{number}",
        "status": "completed",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "All done.", "annotations": []}],
    }
    if tool is not None:
        item = {
            "type": "function_call",
            "id": f"item_{number}",
            "status": "completed",
            "call_id": f"call_{number}",
            "name": tool.name,
            "arguments": json.dumps(tool.arguments),
        }
    begun: dict[str, Any] = {"id": f"resp_{number}", "object": "response", "model": billed.model}
    read = billed.input_tokens + billed.cache_read_tokens
    written = billed.output_tokens + billed.reasoning_tokens
    usage = {
        "input_tokens": read,
        "input_tokens_details": {"cached_tokens": billed.cache_read_tokens},
        "output_tokens": written,
        "output_tokens_details": {"reasoning_tokens": billed.reasoning_tokens},
        "total_tokens": read + written,
    }
    end = "incomplete" if billed.is_cut else "completed"
    ended = {**begun, "status": end, "output": [item], "usage": usage}
    if billed.is_cut:
        ended["incomplete_details"] = {"reason": "max_output_tokens"}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": {**begun, "status": "in_progress"}},
        {"type": "response.output_item.added", "output_index": 0, "item": item},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": f"response.{end}", "response": ended},
    ]
    return [{**one, "sequence_number": at} for at, one in enumerate(events)]
