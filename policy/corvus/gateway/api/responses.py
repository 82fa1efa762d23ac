"""What a route answers with, as its OpenAPI says (API-6)."""

from __future__ import annotations

from typing import Any, TypeAlias

from corvus.answers.shape import Schema

Responses: TypeAlias = dict[int | str, dict[str, Any]]


def json_response(schema: Schema, description: str, *, status: int = 200) -> Responses:
    """Return the entry of a route for its JSON answer.

    Args:
        schema: Of the body.
        description: What the answer is, for a person.
        status: HTTP status, 2xx.
    """
    content = {"application/json": {"schema": {"title": description, **schema}}}
    return {status: {"description": description, "content": content}}


def text_response(description: str) -> Responses:
    """Return the entry of a route that answers plain text with 200."""
    content = {"text/plain": {"schema": {"type": "string"}}}
    return {200: {"description": description, "content": content}}
