"""What the config says of the served surface, without the settings it was read from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GatewayOptions:
    """How the gateway listens and what it lets in.

    Attributes:
        port: 0 takes a free one.
        allowed_hosts: Host names beside the loopback ones, in lower case, without port.
        allowed_origins: Browser origins that may call, such as ``https://ops.example.org``.
        max_body_bytes: Largest body of a proxied call; bodies of the admin API are smaller.
        metrics: Whether ``/metrics`` answers.
    """

    host: str = "127.0.0.1"
    port: int = 8642
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    max_body_bytes: int = 33_554_432
    metrics: bool = True
