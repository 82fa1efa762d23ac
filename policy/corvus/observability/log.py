"""The log: events as lines of text or JSON, over the standard library's logging (OBS-2).

A warning is a line once per transition; its repetitions are only counted. Every line goes through
the redaction: fields of events as they declare, the text of all other lines by what looks like a
secret.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Literal, TextIO, TypeAlias

from corvus.events import Event
from corvus.observability.redact import EventView, Redactor, clean

Form: TypeAlias = Literal["text", "json", "off"]
_ROOT = "corvus"
_SERVERS = ("uvicorn.error", "asyncio")
"""Loggers of what serves the gateway, whose lines have the same form."""
_VIEW = "corvus_view"
_REPEATED = "corvus_repeated"
_REPEAT_SECONDS = 600.0
"""How often a fault that lasts is said again."""
_OVER_SECONDS = 60.0
"""A fault that was not met for so long is over: the next one is news."""
REMEMBERED_MAX = 1000
"""Most lines that are compared with the next ones."""
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


class _Said:
    """A line that was written, and how often it would have been since.

    Attributes:
        at: When, in seconds of the clock of ``Repetitions``.
        met_at: When the same fault was last met.
    """

    __slots__ = ("at", "met_at", "more")

    def __init__(self, at: float) -> None:
        self.at = self.met_at = at
        self.more = 0


class Repetitions(logging.Filter):
    """Leaves out warnings and errors that say the same again, but for one each ten minutes.

    A fault that lasts, such as a store that is away, is met by all who serve, again and again: one
    line of each of them says so, and fills no disk in a night.

    Args:
        now: Seconds of a clock that never goes back.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._now = now
        self._said: dict[tuple[str, int, str], _Said] = {}

    def __len__(self) -> int:
        """Return how many lines are remembered."""
        return len(self._said)

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a record is to be written; events always are."""
        if record.levelno < logging.WARNING or hasattr(record, _VIEW) or record.exc_info:
            return True
        key, now = (record.name, record.levelno, record.getMessage()), self._now()
        said = self._said.get(key)
        if said is None or now - said.met_at >= _OVER_SECONDS:
            self._said.pop(key, None)
            if len(self._said) >= REMEMBERED_MAX:
                self._said.pop(next(iter(self._said)), None)
            self._said[key] = _Said(now)
            return True
        said.met_at = now
        if now - said.at < _REPEAT_SECONDS:
            said.more += 1
            return False
        setattr(record, _REPEATED, said.more)
        said.at, said.more = now, 0
        return True


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


class PersonFormatter(logging.Formatter):
    """``corvus: the store does not answer``."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        return f"{_ROOT}: {_text(self, record)}"


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
    """Send the lines of corvus and its server to a stream, no longer to whoever logged before.

    Args:
        stream: Where to; stays open.
        form: ``off`` leaves logging as it is.
    """
    if form == "off":
        yield
        return
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    handler.addFilter(Repetitions())
    loggers = [logging.getLogger(name) for name in (_ROOT, *_SERVERS)]
    before = [(logger, logger.level, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.propagate = False
    logging.getLogger(_ROOT).setLevel(logging.INFO)
    try:
        yield
    finally:
        for logger, level, propagates in before:
            logger.removeHandler(handler)
            logger.setLevel(level)
            logger.propagate = propagates
        handler.flush()


@contextmanager
def warning_on(stream: TextIO) -> Generator[None]:
    """Show a person the warnings and errors of corvus, each once while it goes on.

    Args:
        stream: Where to; stays open.
    """
    handler = logging.StreamHandler(stream)
    handler.setLevel(logging.WARNING)
    handler.setFormatter(PersonFormatter())
    handler.addFilter(Repetitions())
    loggers = [logging.getLogger(name) for name in (_ROOT, *_SERVERS)]
    for logger in loggers:
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(handler)


def _instant(record: logging.LogRecord) -> str:
    instant = datetime.fromtimestamp(record.created, UTC)
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _text(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    text = record.getMessage()
    if more := getattr(record, _REPEATED, 0):
        text = f"{text} ({more} times more since then)"
    if record.exc_info:
        text = f"{text}\n{formatter.formatException(record.exc_info)}"
    return clean(text)


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    return json.dumps(text) if any(char.isspace() or char in '"=' for char in text) else text
