"""Compiles what the config says of the served surface and of what it tells about itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from corvus.model.gateway import GatewayOptions, Kind, Upstream
from corvus.model.observability import ObservabilityOptions

if TYPE_CHECKING:
    from corvus.config.model.settings import Settings


def gateway_options(settings: Settings) -> GatewayOptions:
    """Return how the gateway listens, what it lets in and where it forwards to."""
    gateway = settings.governance.gateway
    return GatewayOptions(
        host=gateway.host,
        port=gateway.port,
        allowed_hosts=tuple(name.lower() for name in gateway.allowed_hosts),
        allowed_origins=tuple(gateway.allowed_origins),
        max_body_bytes=gateway.max_body_bytes,
        metrics=settings.governance.observability.metrics,
        request_timeout_seconds=gateway.request_timeout_seconds,
        upstreams=tuple(
            Upstream(
                name,
                one.base_url,
                Kind(one.kind),
                one.api_key_env,
                one.pass_through,
                one.denied_status,
            )
            for name, one in settings.governance.upstreams.items()
        ),
    )


def observability_options(settings: Settings) -> ObservabilityOptions:
    """Return which sinks are told of events."""
    told = settings.governance.observability
    return ObservabilityOptions(log=told.log, otlp_endpoint=told.otlp_endpoint)
