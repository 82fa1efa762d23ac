"""The log: events as lines of text or JSON, over the standard library's logging (OBS-2).

A warning is a line once per transition; its repetitions are only counted. Every line goes through
the redaction: fields of events as they declare, the text of all other lines by what looks like a
secret.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Literal, TextIO, TypeAlias

from corvus.events import Event
from corvus.observability.redact import EventView, Redactor, clean

Form: TypeAlias = Literal["text", "json", "off"]
_ROOT = "corvus"
_VIEW = "corvus_view"
_events = logging.getLogger("corvus.events")


class LogListener:
    """Writes a line for each event.

    Args:
        redactor: Decides what is shown.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor

    def __call__(self, event: Event) -> None:
        """Take an event."""
        if event.is_repetition:
            return
        view = self._redactor.view(event)
        _events.log(view.kind.level, view.kind.name, extra={_VIEW: view})


class TextFormatter(logging.Formatter):
    """``2026-11-25T12:00:00.000Z WARNING budget.warning budget=day percent_used=81.5``."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        words = [_instant(record), record.levelname]
        view = getattr(record, _VIEW, None)
        if isinstance(view, EventView):
            words.append(view.kind.name)
            words += [f"{name}={_word(value)}" for name, value in view.fields.items()]
        else:
            words.append(_text(self, record))
        return " ".join(words)


class JsonFormatter(logging.Formatter):
    """One JSON object a line; amounts of money are exact strings."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        line: dict[str, object] = {"time": _instant(record), "level": record.levelname.lower()}
        view = getattr(record, _VIEW, None)
        if isinstance(view, EventView):
            line |= {"event": view.kind.name, **view.fields}
        else:
            line |= {"logger": record.name, "message": _text(self, record)}
        return json.dumps(line)


@contextmanager
def logging_to(stream: TextIO, form: Form) -> Generator[None]:
    """Send all lines of corvus to a stream, and no longer to whoever logged before.

    Args:
        stream: Where to; stays open.
        form: ``off`` leaves logging as it is.
    """
    if form == "off":
        yield
        return
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    logger = logging.getLogger(_ROOT)
    before = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before[0])
        logger.propagate = before[1]
        handler.flush()


def _instant(record: logging.LogRecord) -> str:
    instant = datetime.fromtimestamp(record.created, UTC)
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _text(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    text = record.getMessage()
    if record.exc_info:
        text = f"{text}\n{formatter.formatException(record.exc_info)}"
    return clean(text)


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    return json.dumps(text) if any(char.isspace() or char in '"=' for char in text) else text
