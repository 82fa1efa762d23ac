"""The endpoints whose calls are metered (PRX-1)."""

from __future__ import annotations

from enum import StrEnum


class Endpoint(StrEnum):
    """An endpoint, by its path; what is not here is not metered."""

    CHAT = "/v1/chat/completions"
    RESPONSES = "/v1/responses"
    EMBEDDINGS = "/v1/embeddings"
    MESSAGES = "/v1/messages"
