"""The governed tables as typed settings: one strict model for all uses (CFG-8).

File, admin API and JSON Schema share it. Unknown keys are refused, and so is every conversion
between types (CFG-4). Attribute names are the TOML keys. It knows nothing of host runtimes
(``dialects``), deprecated names (``aliases``) or positions (``validate``).
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from corvus.base.money import MAX_LIMIT_USD
from corvus.base.period import CALENDAR_PERIODS, Period, listed
from corvus.config.model.defaults import (
    LIMITS_USD,
    ZERO_ACTIONS,
    ZERO_LIMIT,
    is_exact_number,
    is_time_zone,
)
from corvus.model.gateway import Kind
from corvus.model.notify import DEFAULT_TOPICS, Topic
from corvus.wording.words import LANGUAGES

if TYPE_CHECKING:
    _Kind: TypeAlias = str
    _Period: TypeAlias = str
    _Topic: TypeAlias = str
    _Language: TypeAlias = str
else:
    _Kind = Literal[tuple(kind.value for kind in Kind)]
    _Period = Literal[tuple(period.value for period in Period)]
    _Topic = Literal[tuple(topic.value for topic in Topic)]
    _Language = Literal[tuple(LANGUAGES)]


def _exact_number(value: object) -> object:
    if not is_exact_number(value):
        raise PydanticCustomError("decimal_type", "a number")
    return value


def _time_zone(value: object) -> object:
    """Refuse a string that names no zone; another type is left to the next check."""
    if isinstance(value, str) and not is_time_zone(value):
        raise PydanticCustomError("time_zone", "an IANA time zone")
    return value


LIVE, NATIVE_ONLY = "x-live", "x-native-only"
"""Marks of keys, for ``keys``; they are not published.

A live key may be changed by ``PATCH admin/config`` while the gateway runs (API-4). A native-only
one stands in corvus.toml alone: the corvus runtime would refuse a file with it (CFG-2).
"""


def _about(text: str, *marks: str) -> Any:
    """Describe a key: what it is, its unit and its bounds; the text goes into the JSON Schema."""
    return Field(description=text, json_schema_extra=dict.fromkeys(marks, True))


_NANO = "At most 9 decimal places: one nano-USD. JSON Schema cannot say so without floats."
_ZONE = "An IANA name; which names exist is for corvus check to say."
_Exact: TypeAlias = Annotated[
    Decimal,
    Field(strict=False, ge=0, le=MAX_LIMIT_USD, decimal_places=9, allow_inf_nan=False),
    BeforeValidator(_exact_number),
    WithJsonSchema(
        {"type": "number", "minimum": 0, "maximum": int(MAX_LIMIT_USD), "$comment": _NANO}
    ),
]
_Zone: TypeAlias = Annotated[
    str,
    BeforeValidator(_time_zone),
    WithJsonSchema({"type": "string", "minLength": 1, "$comment": _ZONE}),
]
_Percent: TypeAlias = Annotated[int, Field(ge=0, le=100)]
_Count: TypeAlias = Annotated[int, Field(ge=0, le=4_294_967_295)]
_Milliseconds: TypeAlias = Annotated[int, Field(ge=0, le=9_223_372_036_854_775_807)]
_Text: TypeAlias = Annotated[str, Field(min_length=1)]
_Slug: TypeAlias = Annotated[str, Field(pattern=r"^[a-z0-9]+([_-][a-z0-9]+)*$", max_length=64)]
_HttpUrl: TypeAlias = Annotated[str, Field(pattern=r"^https?://[^/\s]+[^\s]*$")]
_StoreUrl: TypeAlias = Annotated[str, Field(pattern=r"^postgres(ql)?://[^\s]+$")]
_Variable: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]

Attribute: TypeAlias = Literal["model", "provider", "project", "user", "agent", "surface"]
"""What a named budget can match on."""


class _Table(BaseModel):
    """A strict table; building is deferred, so that only the validator in use is compiled."""

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, defer_build=True, hide_input_in_errors=True
    )


class PriceSettings(_Table):
    """The price of one model in USD per million tokens, by kind of token.

    An explicit 0 is a free kind; a kind that is left out has no price and is never free.
    """

    input: Annotated[_Exact, _about("USD per million fresh input tokens. 0 is free.")]
    output: Annotated[_Exact, _about("USD per million output tokens. 0 is free.")]
    cache_read: Annotated[
        _Exact | None,
        _about("USD per million cached input tokens. Left out: no price, never free.", NATIVE_ONLY),
    ] = None
    cache_write_5m: Annotated[
        _Exact | None,
        _about(
            "USD per million tokens written to the 5-minute cache. Left out: no price, never free.",
            NATIVE_ONLY,
        ),
    ] = None
    cache_write_1h: Annotated[
        _Exact | None,
        _about(
            "USD per million tokens written to the 1-hour cache. Left out: no price, never free.",
            NATIVE_ONLY,
        ),
    ] = None
    reasoning: Annotated[
        _Exact | None,
        _about("USD per million reasoning tokens. Left out: the price of output.", NATIVE_ONLY),
    ] = None
    effective_from: Annotated[
        date | None,
        _about("First UTC day in force, a date such as 2026-11-01. Left out: always.", NATIVE_ONLY),
    ] = None
    source: Annotated[
        _Text | None, _about("Where the price was found: a URL and a date.", NATIVE_ONLY)
    ] = None


class BudgetSettings(_Table):
    """One named budget: a limit over one period for the requests it matches."""

    name: Annotated[
        _Slug, _about("Unique name: lower-case letters, digits, `-`, `_`; at most 64 characters.")
    ]
    period: Annotated[
        _Period,
        _about("How often the budget starts again.", LIVE),
    ]
    limit_usd: Annotated[_Exact, _about(f"Hard limit in USD. {ZERO_LIMIT}.", LIVE)]
    warn_at_percent: Annotated[
        _Percent | None,
        _about(
            "Threshold in percent of the limit, 0 to 100. Left out: cost.warn_at_percent.", LIVE
        ),
    ] = None
    match: Annotated[
        dict[Attribute, _Text],
        _about("Request attribute to glob; a request must match all. Empty: every request."),
    ] = Field(default_factory=dict[Attribute, str])
    timezone: Annotated[
        _Zone,
        _about(f"IANA time zone whose calendar decides {listed(CALENDAR_PERIODS)}.", LIVE),
    ] = "UTC"


class CostSettings(_Table):
    """Limits, thresholds and prices of token spend."""

    enabled: Annotated[bool, _about("Whether token spend is governed at all.", LIVE)] = False
    session_limit_usd: Annotated[
        _Exact, _about(f"Limit in USD for each session. {ZERO_LIMIT}.", LIVE)
    ] = LIMITS_USD["session_limit_usd"]
    daily_limit_usd: Annotated[
        _Exact, _about(f"Limit in USD for each UTC day. {ZERO_LIMIT}.", LIVE)
    ] = LIMITS_USD["daily_limit_usd"]
    monthly_limit_usd: Annotated[
        _Exact, _about(f"Limit in USD for each UTC month. {ZERO_LIMIT}.", LIVE)
    ] = LIMITS_USD["monthly_limit_usd"]
    warn_at_percent: Annotated[
        _Percent,
        _about("Threshold in percent of a limit from which calls warn, 0 to 100.", LIVE),
    ] = 80
    allow_override: Annotated[bool, _about("Whether a block may be lifted for one call.", LIVE)] = (
        False
    )
    unpriced_models: Annotated[
        Literal["deny", "warn"],
        _about(
            "A call whose model has no price: refuse it, or record its cost as unknown.",
            LIVE,
            NATIVE_ONLY,
        ),
    ] = "deny"
    default_output_tokens: Annotated[
        int,
        Field(ge=1, le=1_000_000),
        _about(
            "Output tokens assumed for a request that states no maximum, 1 to 1000000.",
            LIVE,
            NATIVE_ONLY,
        ),
    ] = 500
    reservation_ttl_seconds: Annotated[
        int,
        Field(ge=1, le=86_400),
        _about(
            "Seconds until the hold of a caller that died is settled, 1 to 86400.",
            LIVE,
            NATIVE_ONLY,
        ),
    ] = 900
    prices: Annotated[
        dict[str, PriceSettings],
        _about("Own prices by model, before the bundled ones. Quote a name with a dot or a slash."),
    ] = Field(default_factory=dict[str, PriceSettings])
    budgets: Annotated[
        list[BudgetSettings],
        _about("Named budgets in addition to the limits above, in order.", NATIVE_ONLY),
    ] = Field(default_factory=list[BudgetSettings])


_COMMANDS = tuple(
    ["git", "npm", "cargo", "ls", "cat", "grep", "find", "echo", "pwd", "wc", "head", "tail"]
)
_SYSTEM = ("etc", "root", "home", "usr", "bin", "sbin", "lib", "opt", "boot", "dev", "proc", "sys")
_FORBIDDEN = (
    *(f"/{name}" for name in (*_SYSTEM, "var", "tmp")),
    *(f"~/.{name}" for name in ("ssh", "gnupg", "aws", "config")),
)


class AutonomySettings(_Table):
    """What an agent may do without asking."""

    level: Annotated[
        Literal["readonly", "supervised", "full"],
        _about(
            "How freely the agent acts: only reads, asks for risky actions, or acts alone.", LIVE
        ),
    ] = "supervised"
    workspace_only: Annotated[bool, _about("Whether the agent stays in its workspace.", LIVE)] = (
        True
    )
    allowed_commands: Annotated[list[str], _about("Commands the agent may run.", LIVE)] = Field(
        default_factory=lambda: list(_COMMANDS)
    )
    forbidden_paths: Annotated[list[str], _about("Paths the agent may not touch.", LIVE)] = Field(
        default_factory=lambda: list(_FORBIDDEN)
    )
    auto_approve: Annotated[list[str], _about("Tools that never need approval.", LIVE)] = Field(
        default_factory=lambda: ["file_read", "memory_recall"]
    )
    always_ask: Annotated[list[str], _about("Tools that always need approval.", LIVE)] = Field(
        default_factory=list[str]
    )
    max_actions_per_hour: Annotated[
        _Count,
        _about(f"Actions in any 3600 seconds, a count and not money. {ZERO_ACTIONS}.", LIVE),
    ] = 20
    require_approval_for_medium_risk: Annotated[
        bool,
        _about("Whether commands of medium risk need approval at level supervised.", LIVE),
    ] = True
    block_high_risk_commands: Annotated[
        bool, _about("Whether commands of high risk are refused.", LIVE)
    ] = True


class MissionSettings(_Table):
    """Bounds of one mission."""

    enabled: Annotated[bool, _about("Whether missions are bounded.")] = False
    max_runtime_ms: Annotated[_Milliseconds, _about("Longest run in milliseconds.")] = 300_000
    max_steps: Annotated[_Count, _about("Most steps, a count.")] = 10
    max_estimated_cost_cents: Annotated[
        _Count, _about(f"Limit in US cents for each mission. {ZERO_LIMIT}.")
    ] = 100


class LedgerSettings(_Table):
    """Where usage is kept."""

    path: Annotated[
        _Text | None,
        _about(
            "Ledger file; a relative path starts at the folder of this file. "
            "Left out: $XDG_STATE_HOME/corvus/ledger.duckdb."
        ),
    ] = None
    url: Annotated[
        _StoreUrl | None, _about("Shared store for budgets across hosts: postgresql://host/name.")
    ] = None
    retention_days: Annotated[
        _Count, _about("Days that usage stays in the ledger file; 0 keeps it without end.")
    ] = 0


class GatewaySettings(_Table):
    """The governed endpoint."""

    host: Annotated[_Text, _about("Address to listen on.")] = "127.0.0.1"
    port: Annotated[
        int,
        Field(ge=0, le=65_535),
        _about("TCP port to listen on, 1 to 65535; 0 takes a free one."),
    ] = 8642
    allowed_hosts: Annotated[
        list[_Text], _about("Host names that requests may name, in addition to the loopback ones.")
    ] = Field(default_factory=list[str])
    allowed_origins: Annotated[
        list[_Text], _about("Browser origins that may call, such as https://ops.example.org.")
    ] = Field(default_factory=list[str])
    max_body_bytes: Annotated[
        int,
        Field(ge=1, le=1_073_741_824),
        _about("Largest request body in bytes, 1 to 1073741824."),
    ] = 33_554_432
    request_timeout_seconds: Annotated[
        int,
        Field(ge=1, le=86_400),
        _about("Seconds without a byte from the upstream until a call is given up, 1 to 86400."),
    ] = 600


class UpstreamSettings(_Table):
    """A provider that the gateway forwards to."""

    base_url: Annotated[
        _HttpUrl,
        _about(
            "Base URL as the provider's own SDK takes it, https://; http:// to this machine only."
        ),
    ]
    api_key_env: Annotated[
        _Variable | None,
        _about(
            "Name of the environment variable that holds the key; never the key. "
            "Left out: no key is sent."
        ),
    ] = None
    kind: Annotated[_Kind, _about("Which API the provider speaks.")]
    pass_through: Annotated[
        bool,
        _about("Send the client's own credentials, as of a subscription, in place of the key."),
    ] = False
    denied_status: Annotated[
        Literal[400, 402, 403, 422],
        Field(json_schema_extra={"minimum": 400, "maximum": 422}),
        _about("HTTP status of a call that a budget refuses: 400, 402, 403 or 422."),
    ] = 402


class ObservabilitySettings(_Table):
    """What corvus reports about itself."""

    log: Annotated[Literal["text", "json", "off"], _about("Form of the log.")] = "text"
    otlp_endpoint: Annotated[
        _HttpUrl | None,
        _about("OpenTelemetry collector, http:// or https://. Left out: no traces."),
    ] = None
    metrics: Annotated[bool, _about("Whether /metrics answers.", LIVE)] = True


class NotifySettings(_Table):
    """A place that notifications are sent to: a webhook, or a service that apprise knows."""

    name: Annotated[
        _Slug, _about("Unique name: lower-case letters, digits, `-`, `_`; at most 64 characters.")
    ]
    url: Annotated[
        _HttpUrl | None,
        _about("URL of a webhook without a secret in it, https://; http:// to this machine only."),
    ] = None
    url_env: Annotated[
        _Variable | None,
        _about("Name of the environment variable that holds the URL of a webhook; never the URL."),
    ] = None
    apprise_env: Annotated[
        _Variable | None,
        _about("Name of the environment variable that holds a URL of apprise; never the URL."),
    ] = None
    secret_env: Annotated[
        _Variable | None,
        _about(
            "Name of the environment variable that holds the secret by which messages to a webhook "
            "are signed; never the secret. Left out: they are not signed."
        ),
    ] = None
    events: Annotated[
        list[_Topic],
        _about(f"What is sent: {'; '.join(f'{topic}, {topic.about}' for topic in Topic)}."),
    ] = Field(default_factory=lambda: [topic.value for topic in DEFAULT_TOPICS])
    budgets: Annotated[
        list[_Text],
        _about("Globs of names: what is about a budget is sent for these alone. Empty: for all."),
    ] = Field(default_factory=list[str])
    format: Annotated[
        Literal["corvus", "slack"],
        _about("Form of a message to a webhook: JSON of corvus, or of Slack's incoming webhooks."),
    ] = "corvus"
    language: Annotated[_Language, _about("Language of the texts in a message.")] = "en"
    allow_http: Annotated[
        bool, _about("Whether the webhook may be at another machine without encryption.")
    ] = False


class GovernanceSettings(_Table):
    """Tables of corvus itself."""

    ledger: Annotated[LedgerSettings, _about("Where usage is kept.")] = Field(
        default_factory=LedgerSettings
    )
    gateway: Annotated[GatewaySettings, _about("The governed endpoint.")] = Field(
        default_factory=GatewaySettings
    )
    upstreams: Annotated[
        dict[str, UpstreamSettings], _about("Providers that the gateway forwards to, by name.")
    ] = Field(default_factory=dict[str, UpstreamSettings])
    observability: Annotated[ObservabilitySettings, _about("What corvus reports about itself.")] = (
        Field(default_factory=ObservabilitySettings)
    )
    notify: Annotated[
        list[NotifySettings], _about("Places that notifications are sent to, in order.")
    ] = Field(default_factory=list[NotifySettings])


class Settings(_Table):
    """All governed tables; every key has a default."""

    cost: Annotated[CostSettings, _about("Token spend.")] = Field(default_factory=CostSettings)
    autonomy: Annotated[AutonomySettings, _about("What an agent may do without asking.")] = Field(
        default_factory=AutonomySettings
    )
    mission: Annotated[MissionSettings, _about("Bounds of one mission.")] = Field(
        default_factory=MissionSettings
    )
    governance: Annotated[GovernanceSettings, _about("Tables of corvus itself.", NATIVE_ONLY)] = (
        Field(default_factory=GovernanceSettings)
    )
