"""Which requests are deliveries of telemetry, and how large one may be."""

from __future__ import annotations

from corvus.gateway.telemetry.payload import SignalKind

BODY_BYTES_MAX = 8_388_608
"""Bytes of one delivery, unpacked; exporters send 512 records at a time."""

_KINDS = {"logs": SignalKind.LOGS, "metrics": SignalKind.METRICS, "traces": SignalKind.TRACES}
_VERSIONS = ("/v1", "/v1/v1")
"""An endpoint that was given with its version has it twice."""


def kind_of(path: str) -> SignalKind | None:
    """Return what a path takes; ``None`` for a path that is none of the receiver's."""
    start, _, end = path.rpartition("/")
    return _KINDS.get(end) if start in _VERSIONS else None


def is_telemetry(method: str, path: str) -> bool:
    """Return whether a request is a delivery of telemetry."""
    return method == "POST" and kind_of(path) is not None
