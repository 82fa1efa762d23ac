"""Opens the sinks that a config asks for, as one listener that no call waits for (OBS-2)."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import NamedTuple, TextIO

from corvus.diagnostics.model import ConfigError
from corvus.events import Event
from corvus.governor.engine import Listener
from corvus.model.observability import ObservabilityOptions
from corvus.observability.background import Background
from corvus.observability.log import LogListener, logging_to
from corvus.observability.redact import Redactor


class Telemetry(NamedTuple):
    """What the sinks of a program share.

    Attributes:
        listener: Hears events for all sinks; returns at once.
    """

    redactor: Redactor
    listener: Listener


@contextmanager
def open_sinks(
    options: ObservabilityOptions, redactor: Redactor, stream: TextIO | None = None
) -> Generator[Telemetry]:
    """Open the log and the export to a collector that a config asks for.

    Args:
        options: Which sinks there are.
        redactor: Decides what they show.
        stream: Where the log goes; the standard error by default.

    Raises:
        ConfigError: A collector is named and its extra is not installed.
    """
    with ExitStack() as opened:
        sinks: list[Listener] = []
        if options.log != "off":
            opened.enter_context(logging_to(stream or sys.stderr, options.log))
            sinks.append(LogListener(redactor))
        if options.otlp_endpoint is not None:
            sinks.append(opened.enter_context(_exporting(redactor, options.otlp_endpoint)))
        waiting = [Background(sink) for sink in sinks]  # apart, so that one cannot hold up another
        for queue in waiting:
            opened.callback(queue.close)

        def hear(event: Event) -> None:
            for queue in waiting:
                queue(event)

        yield Telemetry(redactor, hear)


def hash_key(store_id: str) -> bytes:
    """Return the key of hashes for a store: whoever can read the store can check a guess."""
    return hashlib.sha256(f"corvus telemetry {store_id}".encode()).digest()


def _exporting(redactor: Redactor, endpoint: str) -> AbstractContextManager[Listener]:
    try:
        from corvus.observability.otel import exporting
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] == "corvus":
            raise  # no extra brings it: the installation is damaged
        raise ConfigError(
            "governance.observability.otlp_endpoint is set and OpenTelemetry is missing "
            f"({missing.name}): pip install 'corvus-policy[otel]'"
        ) from None
    return exporting(redactor, endpoint)
