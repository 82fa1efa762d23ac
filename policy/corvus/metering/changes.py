"""Applies what was decided of a call to the arguments of an SDK, which are a dictionary (EVA-14).

Where the bytes of a request are at hand, ``corvus.metering.edits`` changes those instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, cast

from corvus.metering.maxima import GROUPS, MAXIMA, THINKING, THINKING_ROOM, THOUGHTS
from corvus.metering.providers.openai import CHAT


class _Shape(NamedTuple):
    """How the arguments of one API look.

    Attributes:
        root: The argument that no other API has.
        group: Object in which the maximum stands; empty for the arguments themselves.
        maximum: Its name; empty where that depends on the model.
    """

    root: str
    group: str
    maximum: str


_SHAPES = (
    _Shape("contents", "generationConfig", "maxOutputTokens"),
    _Shape("messages", "", ""),
    _Shape("input", "", "max_output_tokens"),
)


def changed(request: Mapping[str, Any], *, model: str, cap_tokens: int | None) -> dict[str, Any]:
    """Return the arguments of a call as they are to be sent; what is given stays as it is.

    Args:
        request: The arguments for chat completions, responses, messages or ``generateContent``.
        model: The model to call.
        cap_tokens: What every larger maximum is lowered to, and what is stated where none is;
            ``None`` leaves them alone.

    Raises:
        ValueError: The request has a budget for thinking that leaves too little for an answer.
    """
    sent = {**request, "model": model}
    if cap_tokens is None:
        return sent
    thought = max(_thinking(request), default=0)
    if thought and thought + THINKING_ROOM > cap_tokens:
        raise ValueError(
            f"the budgets have room for {cap_tokens:,} tokens of output, and the request thinks up "
            f"to {thought:,}: lower its budget for thinking, or leave `cap` out of the call's rungs"
        )
    sent = _lowered(sent, cap_tokens)
    shape = next((shape for shape in _SHAPES if shape.root in request), _SHAPES[-1])
    inner = cast(dict[str, Any], sent.get(shape.group) or {}) if shape.group else sent
    if all(inner.get(name) is None for name in MAXIMA):
        inner = {**inner, shape.maximum or CHAT.maximum_name(model, None): cap_tokens}
    return {**sent, shape.group: inner} if shape.group else inner


def _lowered(request: Mapping[str, Any], most: int) -> dict[str, Any]:
    def lowered(name: str, value: Any) -> Any:
        if name in GROUPS and isinstance(value, dict):
            return _lowered(cast(dict[str, Any], value), most)
        is_count = name in MAXIMA and isinstance(value, int | float)
        return most if is_count and value > most else value

    return {name: lowered(name, value) for name, value in request.items()}


def _thinking(request: Mapping[str, Any]) -> Iterator[int]:
    """Yield every budget for thinking that a request states."""
    for name, value in request.items():
        if name in (*THINKING, "budget_tokens") and isinstance(value, int):
            yield value
        elif name in (*GROUPS, *THOUGHTS) and isinstance(value, dict):
            yield from _thinking(cast(dict[str, Any], value))
