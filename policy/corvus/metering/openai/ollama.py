"""Reads what Ollama's own API says about usage (PRX-3).

- Answers come as lines of JSON unless a request says ``stream: false``; the line with
  ``done: true`` has the counts, and nothing before it.
- ``prompt_eval_count`` counts what was read, and is left out where the prompt was in the cache of
  the server: then it is not known, and not 0.
- A call that only loads or unloads a model says so (``done_reason``) and uses nothing.
- Vectors have the first count alone.

Source:
    https://github.com/ollama/ollama/blob/main/docs/api.md and ``api/types.go``, read 2026-11-29.
"""

from __future__ import annotations

import json
import re
from typing import ClassVar

from corvus.metering.facts import Json, count, text_or_none
from corvus.metering.lines import LineTap
from corvus.metering.provider import Fault, RequestOptions
from corvus.metering.sse import LIMIT_BYTES
from corvus.metering.tap import BodyTap, Tap, error_of
from corvus.metering.text import string_of
from corvus.metering.usage import MeteredUsage
from corvus.model.usage import Usage, UsagePart

_READ, _WRITTEN = "prompt_eval_count", "eval_count"
_ONLY_LOADED = ("load", "unload")
_NO_OUTPUT = re.compile(rb"(?!)()")
_VECTORS_MAX_BYTES = 32 * 1024


class ChatLinesTap(LineTap):
    """``POST /api/chat`` and ``/api/generate``, as they answer unless a request says not to."""

    output_text = string_of("content", "response", "thinking", "name")

    def read(self, message: Json) -> None:
        """Take one line."""
        self.error = error_of(message) or self.error
        if message.get("done") is True:
            _take(self, message)
            self.is_settled = not self.usage_unknown

    @staticmethod
    def may_matter(line: bytes) -> bool:
        """Return whether a line may end the answer, or be an error."""
        return b'"done"' in line or b'"error"' in line


class ChatBodyTap(BodyTap):
    """``POST /api/chat`` and ``/api/generate`` with ``stream: false``."""

    def read(self, message: Json) -> None:
        """Take the whole answer."""
        self.error = error_of(message)
        if self.error is None:
            _take(self, message)


class VectorsTap(BodyTap):
    """``POST /api/embed``. The counts stand behind the vectors, at the end of a long body."""

    output_text = _NO_OUTPUT
    has_output: ClassVar[bool] = False

    def __init__(self) -> None:
        super().__init__(limit_bytes=LIMIT_BYTES)

    def read(self, message: Json) -> None:
        """Take the whole answer."""
        self.error = error_of(message)
        if message.get(_READ) is not None:
            self.usage = _metered(self, message, Usage(input_tokens=count(message, _READ)))


def vectors_tap(_: RequestOptions) -> Tap:
    """Return the tap of vectors that came as a stream, which no server sends."""
    return VectorsTap()


def error_line(fault: Fault) -> bytes:
    """Return an error as a line of an answer."""
    words = {"error": fault.message, "code": fault.code, "corvus": fault.corvus}
    return json.dumps(words).encode() + b"\n"


def _take(tap: Tap, message: Json) -> None:
    """Take the counts of an answer, or of the line that ends it.

    Raises:
        Unusable: A count is none.
    """
    if message.get("done_reason") in _ONLY_LOADED:
        tap.usage = _metered(tap, message, Usage())
        return
    usage = Usage(count(message, _READ), count(message, _WRITTEN))
    if usage.total_tokens or message.get(_WRITTEN) is not None:
        is_whole = usage.input_tokens > 0 and message.get(_WRITTEN) is not None
        tap.usage = _metered(tap, message, usage, is_partial=not is_whole)


def _metered(tap: Tap, message: Json, usage: Usage, *, is_partial: bool = False) -> MeteredUsage:
    is_text = tap.reads_text and tap.writes_text
    part = UsagePart(text_or_none(message, "model"), usage, states_modalities=is_text)
    return MeteredUsage((part,), is_partial=is_partial)
