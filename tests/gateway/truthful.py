"""A stand-in for a provider that bills as providers do, and keeps its own count of the truth.

It honours the maximum that a request states and nothing else: an answer that would be longer is cut
there, and says so. Output is as coding agents get it, far below what they state: most answers are
some hundred tokens long, few are thousands. Input is a quarter of the bytes of the request, read
from the cache as far as the last request of the same conversation went. Nothing of what is
billed comes from corvus: the prices are those of ``tests.gateway.looping``.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

from tests.gateway.looping import Billed, Looping
from tests.gateway.provider import Call

BYTES_PER_TOKEN = 4
REMINDER_TOKENS = 20
"""Input at the end of each request that is not written to the cache."""
LENGTHS = ((70, 150, 1_500), (25, 1_500, 4_000), (5, 4_000, 12_000))
"""How often answers are so long, in percent, and from how many tokens to how many."""
OUTPUT_WHERE_NONE_IS_STATED = 128_000
MAXIMA = ("max_tokens", "max_output_tokens", "max_completion_tokens")
READING = "seq 1 400"
"""A command with about as much output as a page of code."""


class Conversation(NamedTuple):
    """What of a conversation is in the cache of the provider."""

    session: str
    model: str
    has_tools: bool


@dataclass
class Truthful(Looping):
    """Keeps an agent reading, and bills it truly.

    Attributes:
        seed: Of the lengths of answers.
        received: All metered requests, byte for byte, in order.
    """

    seed: int = 7
    received: list[Call] = field(default_factory=list[Call])
    shells: ClassVar[dict[str, dict[str, object]]] = {
        "Bash": {"command": READING, "description": "Read on"},
        "exec_command": {"cmd": READING},
        "shell_command": {"command": READING},
        "shell": {"command": ["seq", "1", "400"]},
    }

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)
        self._cached: dict[Conversation, int] = {}

    @property
    def cut(self) -> int:
        """How many answers ended at the maximum that the request states."""
        return sum(one.is_cut for one in self.bill)

    def _billed(self, call: Call) -> Billed:
        self.received.append(call)
        request: dict[str, Any] = call.json
        wanted, most = self._length(), stated_maximum(request)
        output = min(wanted, most)
        caches = call.target.startswith("/v1/messages")
        fresh, read, written = self._input(call, request)
        if not caches:  # OpenAI bills nothing for what it writes to its cache
            fresh, written = fresh + written, 0
        reasoning = 0 if caches else output // 3
        return Billed(
            str(request["model"]),
            fresh,
            read,
            written,
            0,
            output - reasoning,
            reasoning,
            is_cut=wanted > most,
        )

    def _length(self) -> int:
        weights = [weight for weight, _, _ in LENGTHS]
        _, least, most = self._chance.choices(LENGTHS, weights)[0]
        return self._chance.randint(least, most)

    def _input(self, call: Call, request: dict[str, Any]) -> tuple[int, int, int]:
        """Return tokens that are fresh, read from the cache, and written to it."""
        total = len(call.body) // BYTES_PER_TOKEN
        session = call.header("x-claude-code-session-id") or call.header("session-id") or ""
        key = Conversation(session, str(request["model"]), bool(request.get("tools")))
        fresh = min(REMINDER_TOKENS, total)
        read = min(self._cached.get(key, 0), total - fresh)
        self._cached[key] = total - fresh
        return fresh, read, total - fresh - read


def stated_maximum(request: dict[str, Any]) -> int:
    """Return the maximum of output tokens that a request states, else the model's own."""
    return next(
        (int(request[name]) for name in MAXIMA if request.get(name) is not None),
        OUTPUT_WHERE_NONE_IS_STATED,
    )
