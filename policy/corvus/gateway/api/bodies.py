"""What requests of the admin API may say: strict, and nothing unknown (API-2)."""

from __future__ import annotations

from decimal import Decimal
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
    create_model,
    field_validator,
)
from pydantic.fields import FieldInfo

from corvus.config.model.aliases import ALIASES
from corvus.config.model.cost_table import BudgetSettings, CostSettings
from corvus.config.model.fields import LIVE
from corvus.config.model.settings import AutonomySettings

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
    part: _Text | None = None


class GrantOverride(Body):
    """A lift of the next block; who asks is the token's holder, never the body (OVR-5)."""

    scope: Literal["next_request"]
    reason: _Text | None = None
    session_id: _Text | None = None
    project: _Text | None = None
    expires_in_seconds: Annotated[int, Field(ge=1, le=31_622_400)] | None = None


def _live(settings: type[BaseModel]) -> type[Body]:
    """Return a body with the keys of a table that may change while the gateway runs, all optional.

    Types alone are checked here: the rules of the file decide about the value (API-4).
    """
    fields = settings.model_fields.items()
    live = {key: field for key, field in fields if _is_live(field)}
    members: dict[str, Any] = {
        key: (_type_of(field.annotation) | None, None) for key, field in live.items()
    }
    return create_model(f"{settings.__name__}Live", __base__=Body, **members)


def _is_live(field: FieldInfo) -> bool:
    extra: object = field.json_schema_extra
    return isinstance(extra, dict) and LIVE in extra


def _type_of(annotation: Any) -> Any:
    """Return the type of a key without its bounds, and of what a list or a table holds."""
    if annotation is Decimal or Decimal in get_args(annotation):
        return _Amount
    if get_origin(annotation) in {list, dict}:
        return get_origin(annotation)[*map(_type_of, get_args(annotation))]
    if get_origin(annotation) is Literal:
        return str
    if get_origin(annotation) is Annotated or NoneType in get_args(annotation):
        return _type_of(get_args(annotation)[0])
    return annotation


class BudgetPatch(_live(BudgetSettings)):
    """Keys of one item of ``[[cost.budgets]]``."""


def _with(base: type[Body], about: str, **types: Any) -> type[Body]:
    """Return a body with further optional members.

    Args:
        base: The body.
        about: What all of them are.
        **types: Of the members, by name.
    """
    members: dict[str, Any] = {
        name: (kind | None, Field(default=None, description=about)) for name, kind in types.items()
    }
    return create_model(base.__name__, __base__=base, **members)


_DEPRECATED = {
    alias.old[1]: _type_of(AutonomySettings.model_fields[alias.new[1]].annotation)
    for alias in ALIASES
    if alias.old[0] == "autonomy"
}
_FIXED = [
    key
    for key, field in CostSettings.model_fields.items()
    if not _is_live(field) and key != "budgets"
]
_AT_A_RESTART = "Refused: it takes effect at a restart."


class AutonomyPatch(_with(_live(AutonomySettings), "Deprecated.", **_DEPRECATED)):
    """Keys of ``[autonomy]``; a list replaces the one before."""


class CostPatch(_with(_live(CostSettings), _AT_A_RESTART, **dict.fromkeys(_FIXED, JsonValue))):
    """Keys of ``[cost]``; their rules are those of the file, which decides (API-4)."""

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
    mission: dict[str, JsonValue] | None = Field(
        default=None, max_length=20, description=_AT_A_RESTART
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
    subagent: _Text | None = None
    parent_subagent: _Text | None = None
    branch: _Text | None = None
    tags: dict[_Text, _Text] = Field(default_factory=dict[str, str], max_length=50)
    idempotency_key: _Text | None = None
    resume_mission: bool = False
    ttl_seconds: _Ttl | None = None
    input_tokens: _Tokens = 0
    max_output_tokens: _Tokens | None = None
    estimate_usd: _Usd | None = None
    dispatched: bool = True
    rungs: list[Literal["cap", "wait", "downgrade", "ask"]] | None = Field(
        default=None,
        max_length=4,
        description="What the caller can follow in place of a refusal; all by default. Leave out "
        "cap and downgrade where output_cap_tokens and model of the answer are not applied.",
    )


class Decide(Body):
    """What is decided of a parked call; who decides is the token's holder (EVA-14)."""

    decision: Literal["approve", "deny"]
    amount_usd: _Usd | None = Field(
        default=None, description="What the call may cost at most; by default, what it may cost."
    )
    reason: _Text | None = None


class StartMission(Body):
    """A mission that begins, or is joined or resumed (MIS-1, MIS-5).

    A share is of what the session, or the mission that is its parent, has left.
    """

    session_id: _Text | None = None
    mission_id: _Text
    project: _Text | None = None
    limit_usd: _Usd | None = None
    share_percent: Annotated[int, Field(ge=1, le=100)] | None = None
    share_usd: _Usd | None = None
    parent_mission_id: _Text | None = None
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
    input_audio_tokens: _Tokens | None = None
    input_image_tokens: _Tokens | None = None
    input_video_tokens: _Tokens | None = None
    cache_read_audio_tokens: _Tokens | None = None
    cache_read_image_tokens: _Tokens | None = None
    output_audio_tokens: _Tokens | None = None
    output_image_tokens: _Tokens | None = None
    output_video_tokens: _Tokens | None = None
    file_search_requests: _Tokens | None = None
    code_containers: _Tokens | None = None
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
