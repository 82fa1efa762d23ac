"""What the config says of the telemetry of corvus, without the settings it was read from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class ObservabilityOptions:
    """Which sinks there are.

    Attributes:
        log: Form of the lines.
        otlp_endpoint: Base URL of a collector; ``None`` is none.
    """

    log: Literal["text", "json", "off"] = "text"
    otlp_endpoint: str | None = None
