"""The governed tables as typed settings: one strict model for all uses (CFG-8).

File, admin API and JSON Schema share it. Unknown keys are refused, and so is every conversion
between types (CFG-4). Attribute names are the TOML keys. It knows nothing of host runtimes
(``dialects``), deprecated names (``aliases``) or positions (``validate``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from pydantic import Field

from corvus.config.model.check_table import CheckSettings
from corvus.config.model.cost_table import CostSettings
from corvus.config.model.defaults import ZERO_ACTIONS, ZERO_LIMIT
from corvus.config.model.fields import (
    LIVE,
    NATIVE_ONLY,
    ArchiveUrl,
    Count,
    FilePath,
    HttpUrl,
    Milliseconds,
    StoreUrl,
    StrictTable,
    Text,
    Variable,
    about,
)
from corvus.config.model.notify_table import NotifySettings
from corvus.config.model.price_table import PriceBookSettings
from corvus.config.model.signin_table import SignInSettings
from corvus.model.gateway import Kind

if TYPE_CHECKING:
    _Kind: TypeAlias = str
else:
    _Kind = Literal[tuple(kind.value for kind in Kind)]

_COMMANDS = tuple(
    ["git", "npm", "cargo", "ls", "cat", "grep", "find", "echo", "pwd", "wc", "head", "tail"]
)
_SYSTEM = ("etc", "root", "home", "usr", "bin", "sbin", "lib", "opt", "boot", "dev", "proc", "sys")
_FORBIDDEN = (
    *(f"/{name}" for name in (*_SYSTEM, "var", "tmp")),
    *(f"~/.{name}" for name in ("ssh", "gnupg", "aws", "config")),
)


class AutonomySettings(StrictTable):
    """What an agent may do without asking."""

    level: Annotated[
        Literal["readonly", "supervised", "full"],
        about(
            "How freely the agent acts: only reads, asks for risky actions, or acts alone.", LIVE
        ),
    ] = "supervised"
    workspace_only: Annotated[bool, about("Whether the agent stays in its workspace.", LIVE)] = True
    allowed_commands: Annotated[list[str], about("Commands the agent may run.", LIVE)] = Field(
        default_factory=lambda: list(_COMMANDS)
    )
    forbidden_paths: Annotated[list[str], about("Paths the agent may not touch.", LIVE)] = Field(
        default_factory=lambda: list(_FORBIDDEN)
    )
    auto_approve: Annotated[list[str], about("Tools that never need approval.", LIVE)] = Field(
        default_factory=lambda: ["file_read", "memory_recall"]
    )
    always_ask: Annotated[list[str], about("Tools that always need approval.", LIVE)] = Field(
        default_factory=list[str]
    )
    max_actions_per_hour: Annotated[
        Count,
        about(f"Actions in any 3600 seconds, a count and not money. {ZERO_ACTIONS}.", LIVE),
    ] = 20
    require_approval_for_medium_risk: Annotated[
        bool,
        about("Whether commands of medium risk need approval at level supervised.", LIVE),
    ] = True
    block_high_risk_commands: Annotated[
        bool, about("Whether commands of high risk are refused.", LIVE)
    ] = True


class MissionSettings(StrictTable):
    """Bounds of one mission."""

    enabled: Annotated[bool, about("Whether missions are bounded.")] = False
    max_runtime_ms: Annotated[Milliseconds, about("Longest run in milliseconds.")] = 300_000
    max_steps: Annotated[Count, about("Most steps, a count.")] = 10
    max_estimated_cost_cents: Annotated[
        Count, about(f"Limit in US cents for each mission. {ZERO_LIMIT}.")
    ] = 100


class LedgerSettings(StrictTable):
    """Where usage is kept."""

    path: Annotated[
        FilePath | None,
        about(
            "Ledger file; a relative path starts at the folder of this file. "
            "Left out: $XDG_STATE_HOME/corvus/ledger.duckdb."
        ),
    ] = None
    url: Annotated[
        StoreUrl | None,
        about(
            "Store of budgets that hosts share: postgresql://host/database?schema=team. "
            "Left out: a file next to the ledger, for one host."
        ),
    ] = None
    leases: Annotated[
        bool,
        about(
            "Whether this host admits calls by itself, from slices of the budgets that it holds in "
            "the store at url, rather than asking it for each call."
        ),
    ] = False
    lease_seconds: Annotated[
        int,
        Field(ge=10, le=3_600),
        about(
            "Seconds that a host goes on within its slices without hearing from the store, 10 to "
            "3600; it renews them three times in that time."
        ),
    ] = 60
    retention_days: Annotated[
        Count, about("Days that usage stays in the ledger file; 0 keeps it without end.")
    ] = 0
    archive: Annotated[
        ArchiveUrl | None,
        about(
            "URL where usage goes after retention_days, as monthly Parquet: s3://bucket/prefix, "
            "gs://, az://, abfs:// or file:///. Credentials come from the environment. "
            "Left out: the folder LEDGER.archive."
        ),
    ] = None


class GatewaySettings(StrictTable):
    """The governed endpoint."""

    host: Annotated[Text, about("Address to listen on.")] = "127.0.0.1"
    port: Annotated[
        int,
        Field(ge=0, le=65_535),
        about("TCP port to listen on, 1 to 65535; 0 takes a free one."),
    ] = 8642
    allowed_hosts: Annotated[
        list[Text], about("Host names that requests may name, in addition to the loopback ones.")
    ] = Field(default_factory=list[str])
    allowed_origins: Annotated[
        list[Text], about("Browser origins that may call, such as https://ops.example.org.")
    ] = Field(default_factory=list[str])
    max_body_bytes: Annotated[
        int,
        Field(ge=1, le=1_073_741_824),
        about("Largest request body in bytes, also once it is decoded, 1 to 1073741824."),
    ] = 33_554_432
    request_timeout_seconds: Annotated[
        int,
        Field(ge=1, le=86_400),
        about("Seconds without a byte from the upstream until a call is given up, 1 to 86400."),
    ] = 600
    use_environment_proxy: Annotated[
        bool,
        about(
            "Call upstreams by way of HTTPS_PROXY and HTTP_PROXY, but for those in NO_PROXY. A "
            "certificate authority of your own counts anyway, in SSL_CERT_FILE."
        ),
    ] = False


class UpstreamSettings(StrictTable):
    """A provider that the gateway forwards to."""

    base_url: Annotated[
        HttpUrl | None,
        about(
            "Base URL as the provider's own SDK takes it, https://; http:// to this machine, or "
            "where allow_plain_http is set. Left out: the provider's own."
        ),
    ] = None
    api_key_env: Annotated[
        Variable | None,
        about(
            "Name of the environment variable that holds the key; never the key. "
            "Left out: no key is sent."
        ),
    ] = None
    kind: Annotated[_Kind, about("Which API the provider speaks.")]
    pass_through: Annotated[
        bool,
        about("Send the client's own credentials, as of a subscription, in place of the key."),
    ] = False
    denied_status: Annotated[
        Literal[400, 402, 403, 422],
        Field(json_schema_extra={"minimum": 400, "maximum": 422}),
        about("HTTP status of a call that a budget refuses: 400, 402, 403 or 422."),
    ] = 402
    models: Annotated[
        list[Text] | None,
        about(
            "Globs of the models that are sent here. Left out: all others of its kind. []: only "
            "calls that name it by their path or token, and those of which it is the fallback."
        ),
    ] = None
    fallback: Annotated[
        Text | None,
        about("Upstream of the same kind that is tried when this one is down, by its name."),
    ] = None
    allow_plain_http: Annotated[
        bool, about("Whether base_url may be http:// to another machine.")
    ] = False
    region: Annotated[Text | None, about("Region of Amazon Bedrock, such as us-east-1.")] = None
    project: Annotated[Text | None, about("Project of Google Cloud, for Vertex AI.")] = None
    location: Annotated[
        Text | None, about("Location of Vertex AI, such as us-east5 or global.")
    ] = None
    deployments: Annotated[
        dict[str, Annotated[Text, about("The model that this deployment is.")]],
        about("The model behind each deployment of Azure, by its name."),
    ] = Field(default_factory=dict[str, str])


class ObservabilitySettings(StrictTable):
    """What corvus reports about itself."""

    log: Annotated[Literal["text", "json", "off"], about("Form of the log.")] = "text"
    otlp_endpoint: Annotated[
        HttpUrl | None,
        about("OpenTelemetry collector, http:// or https://. Left out: no traces."),
    ] = None
    metrics: Annotated[bool, about("Whether /metrics answers.", LIVE)] = True


class GovernanceSettings(StrictTable):
    """Tables of corvus itself."""

    shadow: Annotated[
        FilePath | None,
        about(
            "A config whose policy judges the calls that are admitted, and refuses none: what it "
            "would have refused is counted. A relative path starts at the folder of this file."
        ),
    ] = None
    ledger: Annotated[LedgerSettings, about("Where usage is kept.")] = Field(
        default_factory=LedgerSettings
    )
    gateway: Annotated[GatewaySettings, about("The governed endpoint.")] = Field(
        default_factory=GatewaySettings
    )
    upstreams: Annotated[
        dict[str, UpstreamSettings], about("Providers that the gateway forwards to, by name.")
    ] = Field(default_factory=dict[str, UpstreamSettings])
    signin: Annotated[SignInSettings, about("How clients log in at the gateway.")] = Field(
        default_factory=SignInSettings
    )
    observability: Annotated[ObservabilitySettings, about("What corvus reports about itself.")] = (
        Field(default_factory=ObservabilitySettings)
    )
    check: Annotated[CheckSettings, about("How `corvus check` reports, and what it looks at.")] = (
        Field(default_factory=CheckSettings)
    )
    prices: Annotated[
        PriceBookSettings, about("The price book in place of the bundled one, pinned by its hash.")
    ] = Field(default_factory=PriceBookSettings)
    notify: Annotated[
        list[NotifySettings], about("Places that notifications are sent to, in order.")
    ] = Field(default_factory=list[NotifySettings])


class Settings(StrictTable):
    """All governed tables; every key has a default."""

    cost: Annotated[CostSettings, about("Token spend.")] = Field(default_factory=CostSettings)
    autonomy: Annotated[AutonomySettings, about("What an agent may do without asking.")] = Field(
        default_factory=AutonomySettings
    )
    mission: Annotated[MissionSettings, about("Bounds of one mission.")] = Field(
        default_factory=MissionSettings
    )
    governance: Annotated[GovernanceSettings, about("Tables of corvus itself.", NATIVE_ONLY)] = (
        Field(default_factory=GovernanceSettings)
    )
