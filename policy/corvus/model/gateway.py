"""What the config says of the served surface, without the settings it was read from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """Which API an upstream speaks: the providers, each a file of ``corvus.metering.providers``."""

    OPENAI = "openai"
    ANTHROPIC = "anthropic"


@dataclass(frozen=True, slots=True)
class Upstream:
    """A provider that the proxy forwards to.

    Attributes:
        name: Its key in ``[governance.upstreams]``.
        base_url: As the provider's own SDK takes it.
        api_key_env: Variable that holds the key; ``None`` sends none.
        pass_through: Send the client's own credentials instead of the key.
        denied_status: HTTP status of a call that a budget refuses.
    """

    name: str
    base_url: str
    kind: Kind
    api_key_env: str | None = None
    pass_through: bool = False
    denied_status: int = 402


@dataclass(frozen=True, slots=True)
class GatewayOptions:
    """How the gateway listens and what it lets in.

    Attributes:
        port: 0 takes a free one.
        allowed_hosts: Host names next to the loopback ones, in lower case, without port.
        allowed_origins: Browser origins that may call, such as ``https://ops.example.org``.
        max_body_bytes: Largest body of a proxied call; bodies of the admin API are smaller.
        metrics: Whether ``/metrics`` answers.
        request_timeout_seconds: Longest silence of an upstream.
        upstreams: In the order of the config.
    """

    host: str = "127.0.0.1"
    port: int = 8642
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    max_body_bytes: int = 33_554_432
    metrics: bool = True
    request_timeout_seconds: int = 600
    upstreams: tuple[Upstream, ...] = ()
