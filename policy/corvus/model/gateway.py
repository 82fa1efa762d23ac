"""What the config says of the served surface, without the settings it was read from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from corvus.model.signin import SignInOptions


class Kind(StrEnum):
    """Which API an upstream speaks: the providers, each a file of ``corvus.metering.providers``."""

    OPENAI = "openai"
    ANTHROPIC = "anthropic"
    GEMINI = "gemini"
    VERTEX = "vertex"
    BEDROCK = "bedrock"
    AZURE = "azure"


@dataclass(frozen=True, slots=True)
class Upstream:
    """A provider that the proxy forwards to.

    Attributes:
        name: Its key in ``[governance.upstreams]``.
        base_url: As the provider's own SDK takes it; empty is the provider's own.
        api_key_env: Variable that holds the key; ``None`` sends none, or what ``kind`` finds
            elsewhere.
        pass_through: Send the client's own credentials instead of the key.
        denied_status: HTTP status of a call that a budget refuses.
        models: Globs of the models that are sent here; ``None`` is every other model of its kind,
            and none of them leaves it to be named by a path, a token or another upstream.
        fallback: The upstream that is tried when this one cannot be reached or fails.
        allow_plain_http: Whether ``http://`` may lead to another machine.
        region: Of Bedrock.
        project: Of Vertex.
        location: Of Vertex.
        deployments: The model behind each deployment of Azure, by its name.
    """

    name: str
    base_url: str
    kind: Kind
    api_key_env: str | None = None
    pass_through: bool = False
    denied_status: int = 402
    models: tuple[str, ...] | None = None
    fallback: str | None = None
    allow_plain_http: bool = False
    region: str | None = None
    project: str | None = None
    location: str | None = None
    deployments: Mapping[str, str] = field(default_factory=dict[str, str], hash=False)


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
        use_environment_proxy: Whether upstreams are called by the proxies that the environment
            names.
        upstreams: In the order of the config.
        sign_in: How clients log in.
    """

    host: str = "127.0.0.1"
    port: int = 8642
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    max_body_bytes: int = 33_554_432
    metrics: bool = True
    request_timeout_seconds: int = 600
    use_environment_proxy: bool = False
    upstreams: tuple[Upstream, ...] = ()
    sign_in: SignInOptions = field(default_factory=SignInOptions)
