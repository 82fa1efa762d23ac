"""How requests name models: spellings, and lists of those that may answer (PRC-7)."""

from __future__ import annotations

from typing import cast

from corvus.metering.members import Malformed
from corvus.model.request import TEXT_MAX

OTHER_MODELS = (
    "models",
    "fallbacks",
    "fallback_models",
    "fallback_model",
    "context_window_fallbacks",
    "content_policy_fallbacks",
)
"""Members of a request in which vendors read the models that may answer in place of the first."""

MOST_OUTPUT_TOKENS = 8_192
"""Longest answer that is stated for a model whose own limit is not known.

A maximum above the model's own makes some providers refuse the request.
"""


def bare(model: str) -> str:
    """Return a name in lower case, without the provider or the route before it."""
    name = model.lower().rpartition("/")[2]
    return name.rpartition("anthropic.")[2]


def models_in(member: str, value: object) -> list[str]:
    """Return the models that a member names, in any of the shapes that vendors read.

    Args:
        member: One of ``OTHER_MODELS``, for the error.
        value: What stands there.

    Raises:
        Malformed: Something in it can be no name of a model.
    """
    found: list[str] = []
    waiting = [value]
    while waiting:
        entry = waiting.pop()
        match entry:
            case str() as name if 0 < len(name) <= TEXT_MAX:
                found.append(name)
            case list():
                waiting += cast(list[object], entry)
            case {"model": str() as name}:
                inner = cast(dict[str, object], entry)
                waiting += (name, *(inner.get(other) for other in OTHER_MODELS))
            case dict():
                waiting += (
                    *cast(dict[str, object], entry),
                    *cast(dict[str, object], entry).values(),
                )
            case None:
                pass
            case _:
                raise Malformed("json_invalid", f"{member} must be a list of models")
    return found
