"""Chooses the tap of an answer: by the endpoint that was called, never by its bytes (PRX-3)."""

from __future__ import annotations

from typing import Protocol

from corvus.metering.endpoints import Endpoint
from corvus.metering.providers.anthropic import messages_tap
from corvus.metering.providers.openai import EmbeddingsTap, chat_tap, responses_tap
from corvus.metering.tap import Tap


class Asking(Protocol):
    """What a tap must know of the client's own request."""

    @property
    def asks_usage(self) -> bool:
        """Whether a chat stream was to say what it used."""
        ...

    @property
    def choices(self) -> int:
        """How many answers may come, >= 1."""
        ...


def open_tap(endpoint: Endpoint, request: Asking, *, is_stream: bool) -> Tap:
    """Return a tap for one answer.

    Args:
        endpoint: Where the request went.
        request: What the client's own request said, before usage was asked for in its name.
        is_stream: Whether the answer is ``text/event-stream``; errors come as one body even where a
            stream was asked for.
    """
    match endpoint:
        case Endpoint.CHAT:
            return chat_tap(
                is_stream=is_stream,
                drops_usage_chunk=not request.asks_usage,
                choices=request.choices,
            )
        case Endpoint.RESPONSES:
            return responses_tap(is_stream=is_stream)
        case Endpoint.EMBEDDINGS:
            return EmbeddingsTap()
        case Endpoint.MESSAGES:
            return messages_tap(is_stream=is_stream)
