"""The types of values that settings are made of, and how a key is described.

Strict: no conversion between types (CFG-4). A type that needs a function of its own has a
counterpart in ``quick``, which must not wait for pydantic.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    WithJsonSchema,
    WrapValidator,
)
from pydantic_core import PydanticCustomError

from corvus.base.money import MAX_LIMIT_USD
from corvus.config.model.defaults import (
    LARGEST_COUNT,
    MOST_USD_A_USE,
    REFUSE,
    is_distinct,
    is_exact_number,
    is_ladder,
    is_time_zone,
    is_window,
    limit_fault,
)
from corvus.config.toml.values import kind
from corvus.model.archive_url import ARCHIVE_URL
from corvus.model.budget import TAG, Rung
from corvus.model.request import ATTRIBUTES

if TYPE_CHECKING:
    _Rung: TypeAlias = str
else:
    _Rung = Literal[(*(rung.value for rung in Rung), REFUSE)]


def _exact_number(value: object) -> object:
    if not is_exact_number(value):
        raise PydanticCustomError("decimal_type", "a number")
    return value


def _time_zone(value: object) -> object:
    """Refuse a string that names no zone; another type is left to the next check."""
    if isinstance(value, str) and not is_time_zone(value):
        raise PydanticCustomError("time_zone", "an IANA time zone")
    return value


def _window(value: object) -> object:
    """Refuse a string that is no length of time; another type is left to the next check."""
    if isinstance(value, str) and not is_window(value):
        raise PydanticCustomError("window", "a length of time")
    return value


def _globs(value: object, check: Callable[[object], object]) -> object:
    """Check one glob as a list of one; it stays as it was written."""
    if isinstance(value, str):
        check([value])
        return value
    if kind(value) != "array":
        raise PydanticCustomError("globs_type", "a string or a list of strings")
    return check(value)


def _as_written(value: object) -> object:
    return value


def _distinct(value: object) -> object:
    if not is_distinct(value):
        raise PydanticCustomError("distinct", "each item once")
    return value


def _ladder(value: object) -> object:
    if not is_ladder(value):
        raise PydanticCustomError("ladder", "each rung once, and refuse last")
    return value


def _limit(value: object) -> object:
    """Refuse what is no limit in any unit; which unit counts is for the budget to say."""
    if fault := limit_fault(value):
        raise PydanticCustomError(fault, "a limit")  # pyright: ignore[reportArgumentType]
    return value


LIVE, NATIVE_ONLY = "x-live", "x-native-only"
"""Marks of keys, for ``keys``; they are not published.

A live key may be changed by ``PATCH admin/config`` while the gateway runs (API-4). A native-only
one stands in corvus.toml alone: the corvus runtime would refuse a file with it (CFG-2).
"""


def about(text: str, *marks: str) -> Any:
    """Describe a key: what it is, its unit and its bounds; the text goes into the JSON Schema."""
    return Field(description=text, json_schema_extra=dict.fromkeys(marks, True))


_DISTINCT: dict[str, Any] = {"uniqueItems": True}
_NANO = "At most 9 decimal places: one nano-USD. JSON Schema cannot say so without floats."
_ZONE = "An IANA name; which names exist is for corvus check to say."
Amount: TypeAlias = Annotated[
    Decimal,
    Field(strict=False, ge=0, le=MAX_LIMIT_USD, decimal_places=9, allow_inf_nan=False),
    BeforeValidator(_exact_number),
    WithJsonSchema(
        {"type": "number", "minimum": 0, "maximum": int(MAX_LIMIT_USD), "$comment": _NANO}
    ),
]
Fee: TypeAlias = Annotated[
    Decimal,
    Field(strict=False, ge=0, le=MOST_USD_A_USE, decimal_places=9, allow_inf_nan=False),
    BeforeValidator(_exact_number),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": MOST_USD_A_USE, "$comment": _NANO}),
]
"""USD for one use of something that is not counted in tokens."""
Zone: TypeAlias = Annotated[
    str,
    BeforeValidator(_time_zone),
    WithJsonSchema({"type": "string", "minLength": 1, "$comment": _ZONE}),
]
_WINDOW = "From 1m to 366d; JSON Schema cannot compare lengths in two units."
Window: TypeAlias = Annotated[
    str,
    BeforeValidator(_window),
    WithJsonSchema({"type": "string", "pattern": "^[1-9][0-9]{0,5}[mhd]$", "$comment": _WINDOW}),
]
Whole: TypeAlias = Annotated[int, Field(ge=0, le=LARGEST_COUNT)]
LimitOfPart: TypeAlias = Annotated[
    int | Decimal,
    PlainValidator(_limit),
    WithJsonSchema(
        {
            "type": "number",
            "minimum": 0,
            "maximum": LARGEST_COUNT,
            "description": "The limit of such a value, in the unit of the budget's own.",
            "$comment": _NANO,
        }
    ),
]
Attribute: TypeAlias = Annotated[
    str,
    Field(pattern=rf"^(?:{'|'.join(ATTRIBUTES)}|(?s:{re.escape(TAG)}.+))$"),
    WithJsonSchema(
        {
            "type": "string",
            "anyOf": [{"enum": [*ATTRIBUTES]}, {"pattern": rf"^{re.escape(TAG)}[\s\S]"}],
        }
    ),
]
"""The name of an attribute of calls; any tag has one."""
Attributes: TypeAlias = Annotated[
    list[Attribute], Field(min_length=1, json_schema_extra=_DISTINCT), AfterValidator(_distinct)
]
if TYPE_CHECKING:
    Globs: TypeAlias = str | list[str]
else:
    Globs = Annotated[
        Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1)],
        WrapValidator(_globs),
        PlainSerializer(_as_written),
        WithJsonSchema(
            {
                "type": ["string", "array"],
                "$comment": "Which globs are sound is for corvus check to say.",
                "minLength": 1,
                "items": {"type": "string", "minLength": 1},
                "minItems": 1,
            }
        ),
    ]
Model: TypeAlias = Annotated[str, Field(pattern=r"^[^*?]+$")]
_CHEAPER = "Cheaper models, in the order in which they are tried."
Models: TypeAlias = Annotated[
    list[Model],
    Field(min_length=1, description=_CHEAPER, json_schema_extra=_DISTINCT),
    AfterValidator(_distinct),
]
_LAST = "`refuse` may only be the last; JSON Schema cannot say so of a list of any length."
Ladder: TypeAlias = Annotated[
    list[_Rung],
    Field(json_schema_extra={**_DISTINCT, "$comment": _LAST}),
    AfterValidator(_ladder),
]
Percent: TypeAlias = Annotated[int, Field(ge=0, le=100)]
Percents: TypeAlias = Annotated[
    list[Percent], Field(json_schema_extra=_DISTINCT), AfterValidator(_distinct)
]
Count: TypeAlias = Annotated[int, Field(ge=0, le=4_294_967_295)]
Milliseconds: TypeAlias = Annotated[int, Field(ge=0, le=9_223_372_036_854_775_807)]
Text: TypeAlias = Annotated[str, Field(min_length=1)]
FilePath: TypeAlias = Annotated[str, Field(min_length=1, pattern=r"^[^\x00]+$")]
Names: TypeAlias = Annotated[
    list[Text], Field(json_schema_extra=_DISTINCT), AfterValidator(_distinct)
]
Slug: TypeAlias = Annotated[str, Field(pattern=r"^[a-z0-9]+([_-][a-z0-9]+)*$", max_length=64)]
Sha256: TypeAlias = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
HttpUrl: TypeAlias = Annotated[str, Field(pattern=r"^https?://[^/\s]+[^\s]*$")]
StoreUrl: TypeAlias = Annotated[str, Field(pattern=r"^postgres(ql)?://[^\s]+$")]
ArchiveUrl: TypeAlias = Annotated[str, Field(pattern=ARCHIVE_URL)]
Variable: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class StrictTable(BaseModel):
    """A strict table; building is deferred, so that only the validator in use is compiled."""

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, defer_build=True, hide_input_in_errors=True
    )
