"""What requests of the admin API may say: strict, and nothing unknown (API-2)."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
    field_validator,
)

_Text = Annotated[str, StringConstraints(min_length=1, max_length=1000)]
_Command = Annotated[str, StringConstraints(min_length=1, max_length=32_768)]
_Folder = Annotated[str, StringConstraints(pattern="^/", max_length=1000)]
_Tokens = Annotated[int, Field(ge=0, le=1_000_000_000)]
_Ttl = Annotated[int, Field(ge=1, le=86_400)]


def _number(value: object) -> object:
    """Take numbers of JSON alone: a text or a truth value is no amount (CFG-4)."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValueError("a number")
    return value


_Amount = Annotated[Decimal, Field(strict=False), BeforeValidator(_number)]
_Usd = Annotated[
    Decimal,
    Field(ge=0, le=9_000_000_000, decimal_places=9, strict=False),
    BeforeValidator(_number),
]


class Body(BaseModel):
    """A JSON object with known members only; a whole number is a number, a text is none."""

    model_config = ConfigDict(extra="forbid", strict=True)

    @field_validator("*")
    @classmethod
    def _no_surrogates(cls, value: object) -> object:
        if isinstance(value, str):
            try:
                value.encode()
            except UnicodeEncodeError:
                raise ValueError("text with a lone surrogate") from None
        return value


class Reset(Body):
    """A new baseline for one scope (RST-1)."""

    scope: _Text
    reason: _Text | None = None
    session_id: _Text | None = None
    mission_id: _Text | None = None
    project: _Text | None = None


class GrantOverride(Body):
    """A lift of the next block; who asks is the token's holder, never the body (OVR-5)."""

    scope: Literal["next_request"]
    reason: _Text | None = None
    session_id: _Text | None = None
    project: _Text | None = None
    expires_in_seconds: Annotated[int, Field(ge=1, le=31_622_400)] | None = None


class BudgetPatch(Body):
    """Keys of one item of ``[[cost.budgets]]``."""

    limit_usd: _Amount | None = None
    warn_at_percent: int | None = None
    period: str | None = None
    timezone: str | None = None


class AutonomyPatch(Body):
    """Keys of ``[autonomy]``; a list replaces the one before."""

    level: str | None = None
    workspace_only: bool | None = None
    allowed_commands: list[str] | None = None
    forbidden_paths: list[str] | None = None
    auto_approve: list[str] | None = None
    always_ask: list[str] | None = None
    max_actions_per_hour: int | None = None
    require_approval_for_medium_risk: bool | None = None
    block_high_risk_commands: bool | None = None


class CostPatch(Body):
    """Keys of ``[cost]``; their rules are those of the file, which decides (API-4)."""

    enabled: bool | None = None
    session_limit_usd: _Amount | None = None
    daily_limit_usd: _Amount | None = None
    monthly_limit_usd: _Amount | None = None
    warn_at_percent: int | None = None
    allow_override: bool | None = None
    unpriced_models: str | None = None
    default_output_tokens: int | None = None
    reservation_ttl_seconds: int | None = None
    budgets: dict[_Text, BudgetPatch] | None = Field(
        default=None, max_length=100, description="By name, budgets that the file has."
    )


class ConfigPatch(Body):
    """A change of the config: all that it names, or nothing."""

    cost: CostPatch | None = None
    autonomy: AutonomyPatch | None = None
    governance: dict[str, JsonValue] | None = Field(
        default=None,
        max_length=20,
        description="Only `observability.metrics`: the rest takes effect at a restart.",
    )


class Reserve(Body):
    """A call that asks for admission."""

    model: _Text
    session_id: _Text | None = None
    mission_id: _Text | None = None
    provider: _Text | None = None
    project: _Text | None = None
    user: _Text | None = None
    agent: _Text | None = None
    tags: dict[_Text, _Text] = Field(default_factory=dict[str, str], max_length=50)
    idempotency_key: _Text | None = None
    resume_mission: bool = False
    ttl_seconds: _Ttl | None = None
    input_tokens: _Tokens = 0
    max_output_tokens: _Tokens | None = None
    estimate_usd: _Usd | None = None
    dispatched: bool = True


class StartMission(Body):
    """A mission that begins, or is joined or resumed (MIS-1, MIS-5)."""

    session_id: _Text | None = None
    mission_id: _Text
    project: _Text | None = None
    limit_usd: _Usd | None = None
    max_steps: Annotated[int, Field(ge=0, le=1_000_000_000)] | None = None
    max_runtime_seconds: Annotated[int, Field(ge=0, le=31_622_400)] | None = None
    resume: bool = False


class OfSession(Body):
    """Which session is meant; a bound token need not say."""

    session_id: _Text | None = None
    project: _Text | None = None


class EndMission(OfSession):
    """How a mission ended; a limit that stopped it outweighs this."""

    outcome: Literal["completed", "failed"] = "completed"


class OfProject(Body):
    """Which project a session is of."""

    project: _Text | None = None


class Act(Body):
    """What an agent is about to do: a command, or the use of another tool."""

    command: _Command | None = None
    tool: _Text | None = None
    paths: Annotated[list[_Text], Field(max_length=100)] = Field(default_factory=list[str])
    reads_only: bool = False
    workspace: _Folder | None = None
    home: _Folder | None = None
    approved: bool = False
    record: bool = True


class Commit(Body):
    """What a call used; without any count, what was held is recorded, marked as estimated."""

    input_tokens: _Tokens | None = None
    output_tokens: _Tokens | None = None
    cache_read_tokens: _Tokens | None = None
    cache_write_5m_tokens: _Tokens | None = None
    cache_write_1h_tokens: _Tokens | None = None
    reasoning_tokens: _Tokens | None = None
    web_search_requests: _Tokens | None = None
    cost_usd: _Usd | None = None
    outcome: Literal["completed", "failed", "cancelled"] = "completed"
    answering_model: _Text | None = None
    provider_request_id: _Text | None = None
    settlement_key: _Text | None = None


class Release(Body):
    """The end of a call of which nothing was spent."""

    settlement_key: _Text | None = None


class Extend(Body):
    """More time, or a larger hold (RES-7)."""

    ttl_seconds: _Ttl | None = None
    hold_usd: _Usd | None = None
